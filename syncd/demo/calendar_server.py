"""A CalDAV server on a free loopback port: Radicale in a thread, over files that the demo writes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from wsgiref.simple_server import WSGIServer

from radicale import config
from radicale.app import Application
from radicale.server import RequestHandler

from syncd.demo.server import HOST


class _Listening(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Without asking the resolver for the machine's name, which may take long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]
        self.setup_environ()


@dataclass(frozen=True, slots=True)
class CalendarServer:
    port: int
    root: Path

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/"

    def put(self, user: str, calendar: str, name: str, content: bytes) -> None:
        """Write one object, or another version of it, as the server keeps it; a reader sees the old or the new one."""
        folder = _calendar(self.root, user, calendar)
        new = folder / f".{name}.new"
        new.write_bytes(content)
        new.rename(folder / name)


def prepare(root: Path, users: Iterable[str], calendars: Mapping[str, Iterable[str]], password: str) -> None:
    """Make empty calendars for each user, each for so many kinds of components, and Radicale's own file of users."""
    root.mkdir()
    names = list(users)
    for name in names:
        for calendar, components in calendars.items():
            folder = _calendar(root, name, calendar)
            folder.mkdir(parents=True)
            told = {"tag": "VCALENDAR", "D:displayname": calendar}
            told["C:supported-calendar-component-set"] = ",".join(components)
            (folder / ".Radicale.props").write_text(json.dumps(told))
    (root / "users").touch(mode=0o600)
    (root / "users").write_text("".join(f"{name}:{password}\n" for name in names))


@contextmanager
def serve(root: Path) -> Iterator[CalendarServer]:
    """Serve the calendars under `root` until the block ends. The socket listens before the block begins."""
    with _Listening((HOST, 0), RequestHandler) as server:
        server.set_app(Application(_configuration(root)))
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="demo-caldav")
        thread.start()
        try:
            yield CalendarServer(server.server_port, root)
        finally:
            server.shutdown()
            thread.join()


def _configuration(root: Path) -> config.Configuration:
    found = config.load()
    wanted = {
        "auth": {"type": "htpasswd", "htpasswd_filename": str(root / "users"), "htpasswd_encryption": "plain"},
        "storage": {"filesystem_folder": str(root)},
        "web": {"type": "none"},
    }
    found.update(wanted, "the demo")
    return found


def _calendar(root: Path, user: str, calendar: str) -> Path:
    return root / "collection-root" / user / calendar
