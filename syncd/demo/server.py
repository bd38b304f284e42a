"""An IMAP server on a free loopback port: pymap in a thread, over Maildirs that the demo delivers into."""

from __future__ import annotations

import asyncio
import mailbox
import os
import socket
import threading
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.maildir import Config, Login
from pymap.imap import IMAPServer
from pysasl.hashing import Cleartext

HOST = "127.0.0.1"


class _Settings(Config):
    """pymap's greeting asks the resolver for the machine's name, which may take long and give nothing ASCII."""

    @property
    def greeting(self) -> bytes:
        return b"The demo's server is ready"


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    root: Path

    def deliver(self, user: str, folder: str, mail: bytes, received_at: datetime) -> None:
        """Put one mail into a folder, as a mail transfer agent would."""
        message = mailbox.MaildirMessage(mail)
        message.set_date(received_at.timestamp())
        top = mailbox.Maildir(self.root / user)
        (top if folder == "INBOX" else top.get_folder(folder)).add(message)


def prepare(root: Path, users: Iterable[str], folders: Iterable[str], password: str) -> None:
    """Make an empty Maildir for each user, and pymap's own passwd and shadow files."""
    root.mkdir()
    names = list(users)
    for name in names:
        top = mailbox.Maildir(root / name)
        for folder in folders:
            top.add_folder(folder)
    (root / "pymap-etc-passwd").write_text("".join(f"{name}:x::::{name}:\n" for name in names))
    shadow = root / "pymap-etc-shadow"
    shadow.touch(mode=0o600)
    shadow.write_text("".join(f"{name}:{password}:::::::\n" for name in names))


@contextmanager
def serve(root: Path) -> Iterator[Server]:
    """Serve the Maildirs under `root` until the block ends. The socket listens before the block begins."""
    with socket.create_server((HOST, 0)) as listening:
        loop = asyncio.new_event_loop()
        stop = asyncio.Event()
        thread = threading.Thread(
            target=loop.run_until_complete, args=(_serve(root, listening, stop),), name="demo-imap"
        )
        thread.start()
        try:
            yield Server(listening.getsockname()[1], root)
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()


async def _serve(root: Path, listening: socket.socket, stop: asyncio.Event) -> None:
    config = _Settings.from_args(_arguments(root), hash_context=Cleartext())
    config.apply_context()
    connected = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(Login(config), config))
    server = await asyncio.start_server(connected, sock=listening)
    await stop.wait()
    server.close()
    connections = asyncio.all_tasks() - {asyncio.current_task()}
    for connection in connections:
        connection.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


def _arguments(root: Path) -> Namespace:
    """What pymap's own command line would give it."""
    return Namespace(
        host=None,
        port=0,
        debug=False,
        cert=None,
        key=None,
        tls=False,
        proxy_protocol=None,
        passlib_cfg=None,
        inherited_sockets=None,
        base_dir=os.fspath(root),
        layout="++",
        colon=None,
        concurrency=None,
    )
