"""What systemd is told (sd_notify(3)): one datagram for each message, and nothing where nobody listens."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Notifier:
    address: str
    """NOTIFY_SOCKET; '' tells nobody."""
    watchdog: timedelta | None
    """How long systemd waits for a sign of life before it kills us; None when it does not."""

    def ready(self) -> None:
        self._send("READY=1")

    def reloading(self) -> None:
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        if self.watchdog is not None:
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        self._send(f"STATUS={' '.join(text.split())}")

    def _send(self, message: str) -> None:
        if not self.address:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as listener:
            listener.setblocking(False)
            try:
                listener.sendto(message.encode(), address)
            except OSError:
                # Whoever started us is gone, or does not read: no reason to stop syncing.
                return


def notifier(environ: Mapping[str, str]) -> Notifier:
    """Read what systemd set for this process; a child that inherited the watchdog's variables is not meant by them."""
    address = environ.get("NOTIFY_SOCKET", "")
    microseconds = environ.get("WATCHDOG_USEC", "")
    meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    watchdog = timedelta(microseconds=int(microseconds)) if meant and microseconds.isdigit() else None
    return Notifier(address if address[:1] in {"/", "@"} else "", watchdog)
