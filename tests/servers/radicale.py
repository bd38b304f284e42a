"""A private Radicale on a free port of the loopback address, over plain HTTP or TLS.

Users come with `new_user()`; each sees only what lies under its own name.
"""

from __future__ import annotations

import json
import secrets
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import trustme

from tests.servers.dav import Dav
from tests.servers.ports import free_ports, listens
from tests.waiting import eventually

# A wrong password need not be slow here.
_CONFIG = """
[server]
hosts = 127.0.0.1:{port}
max_connections = 100
delay_on_error = 0
ssl = {tls}
certificate = {directory}/server.pem
key = {directory}/server.key
[auth]
type = htpasswd
htpasswd_filename = {directory}/users
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {directory}/collections
[web]
type = none
[logging]
level = warning
"""


@dataclass(frozen=True, slots=True)
class Radicale:
    directory: Path
    port: int
    authority: trustme.CA | None = None
    """Who issued its certificate for `localhost`; None where it speaks plain HTTP."""
    passwords: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{'https' if self.authority else 'http'}://localhost:{self.port}"

    @property
    def ca_file(self) -> Path:
        return self.directory / "ca.pem"

    def start(self) -> None:
        """Also again, after `stop`; what was stored is still there."""
        command = [sys.executable, "-m", "radicale", "--config", str(self.directory / "config")]
        with (self.directory / "log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self._running.append(process)
        eventually(lambda: process.poll() is not None or listens(self.port))
        if process.poll() is not None:
            raise RuntimeError(f"Radicale did not start: {(self.directory / 'log').read_text()}")

    def stop(self) -> None:
        process = self._running.pop()
        process.terminate()
        process.wait(30)

    def new_user(self) -> str:
        """A user without calendars."""
        user = f"user{next(self._numbers)}@example.com"
        self.add_user(user, secrets.token_hex(8))
        return user

    def add_user(self, user: str, password: str) -> None:
        self.passwords[user] = password
        self._write_users()

    def change_password(self, user: str) -> None:
        """A new one, known to `passwords` and `owner`."""
        self.add_user(user, secrets.token_hex(8))

    def owner(self, user: str) -> Dav:
        """The user's own calendar program."""
        tls = None
        if self.authority:
            tls = ssl.create_default_context()
            self.authority.configure_trust(tls)
        return Dav(self.url, f"/{user}/", user, self.passwords[user], tls)

    def fill(self, user: str, calendar: str, objects: Mapping[str, bytes]) -> str:
        """A calendar with many objects at once, put into its files as the server keeps them; returns its path."""
        folder = self.directory / "collections" / "collection-root" / user / calendar
        folder.mkdir(parents=True)
        told = {"tag": "VCALENDAR", "D:displayname": calendar, "C:supported-calendar-component-set": "VEVENT"}
        (folder / ".Radicale.props").write_text(json.dumps(told))
        for name, data in objects.items():
            (folder / name).write_bytes(data)
        return f"/{user}/{calendar}/"

    def _write_users(self) -> None:
        """Radicale reads the file anew at each request: it must be whole at any time."""
        new = self.directory / "users.new"
        new.write_text("".join(f"{user}:{password}\n" for user, password in self.passwords.items()))
        new.rename(self.directory / "users")


@contextmanager
def serve(*, tls: bool = False, within: Path | None = None) -> Iterator[Radicale]:
    """`within` is where its directory is made, if not where temporary files go."""
    directory = Path(tempfile.mkdtemp(prefix="syncd-radicale-", dir=within))
    server = Radicale(directory, free_ports(1)[0], trustme.CA() if tls else None)
    try:
        _prepare(server)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _prepare(server: Radicale) -> None:
    directory = server.directory
    (directory / "config").write_text(
        _CONFIG.format(port=server.port, directory=directory, tls=server.authority is not None)
    )
    server._write_users()
    if server.authority:
        certificate = server.authority.issue_cert("localhost", "127.0.0.1")
        server.authority.cert_pem.write_to_path(str(server.ca_file))
        certificate.private_key_pem.write_to_path(str(directory / "server.key"))
        for pem in certificate.cert_chain_pems:
            pem.write_to_path(str(directory / "server.pem"), append=True)
