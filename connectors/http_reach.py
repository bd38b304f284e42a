"""Which addresses may be connected to: no server sends us further inside the network than it is itself."""

from __future__ import annotations

import socket
from collections.abc import Iterable

import httpcore2

from connectors.places import Place, place
from syncd.errors import Permanent


class Guarded(httpcore2.SyncBackend):
    """Looks a name up, checks every address, and connects to one that it checked: no second look-up can change it."""

    def __init__(self, home: str) -> None:
        """`home` may be anywhere; other hosts only as far out as it is, or further. Without one all may."""
        super().__init__()
        self._home = home.lower()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            addresses = _addresses(host, port)
            if self._home and host.lower() != self._home:
                innermost = min(place(address) for address in _addresses(self._home, port))
                self._refuse(host, addresses, innermost)
        except OSError as error:
            raise httpcore2.ConnectError(error) from error
        *others, last = addresses
        for address in others:
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue  # the next of its addresses may be one that this machine has a way to
        return super().connect_tcp(last, port, timeout, local_address, socket_options)

    def _refuse(self, host: str, addresses: Iterable[str], innermost: Place) -> None:
        if any(place(address) < innermost for address in addresses):
            raise Permanent(
                f"{self._home} sends us to {host}, which lies further inside the network than {self._home} itself",
                cure=f"if that is meant, write the address at {host} as `url` of the mailbox",
            )


def _addresses(host: str, port: int) -> list[str]:
    """In the system's order, each once. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
