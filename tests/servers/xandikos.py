"""A private Xandikos, the second real server: calendars as git repositories, with tokens and answers of its own.

It knows no passwords: as its manual asks, a proxy in front of it does (tests.servers.recording_http).
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.servers.dav import Dav
from tests.servers.ports import free_ports, listens
from tests.servers.recording_http import Recording, record
from tests.waiting import eventually


@dataclass(frozen=True, slots=True)
class Xandikos:
    gate: Recording
    """What the clients talk to."""
    passwords: dict[str, str]
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def url(self) -> str:
        return self.gate.url

    def new_user(self) -> str:
        """A user without calendars."""
        user = f"user{next(self._numbers)}"
        self.change_password(user)
        self.owner(user).request("PROPFIND", f"/{user}/", depth="0")  # that makes the principal
        return user

    def change_password(self, user: str) -> None:
        """A new one, known to `passwords` and `owner`."""
        self.passwords[user] = secrets.token_hex(8)

    def owner(self, user: str) -> Dav:
        """The user's own calendar program."""
        return Dav(self.url, f"/{user}/calendars/", user, self.passwords[user])


@contextmanager
def serve() -> Iterator[Xandikos]:
    directory = Path(tempfile.mkdtemp(prefix="syncd-xandikos-"))
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "xandikos", "multi-user", "--no-detect-systemd", "--listen-address", "127.0.0.1"]
    command += ["--port", str(port), "--trust-x-remote-user-from", "127.0.0.1", "--directory", str(directory / "data")]
    try:
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            eventually(lambda: process.poll() is not None or listens(port))
            if process.poll() is not None:
                raise RuntimeError(f"Xandikos did not start: {(directory / 'log').read_text()}")
            passwords: dict[str, str] = {}
            with record(port, passwords=passwords) as gate:
                yield Xandikos(gate, passwords)
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
