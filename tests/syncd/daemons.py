"""The real daemon in its own process, for an organisation of our own on a private Dovecot, and what it says."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.dovecot import Dovecot
from tests.waiting import eventually

_GENERAL = """
[store]
{store}

[daemon]
interval_min = "1s"
interval_max = "1s"
log_format = "json"
log_level = "debug"
{daemon}

[organisation]
domains = ["example.com"]

[directory]
kind = "csv"
contacts = "contacts.csv"
"""

_IMAP = """
[[mailboxes]]
name = "{name}"
owner = "{user}"
kind = "imap"
host = "{host}"
port = {port}
tls = "{tls}"
ca_file = "{ca_file}"
user = "{user}"
secret = "file:{name}.secret"
{more}
"""


@dataclass
class Setup:
    """A configuration on the disk, with one contact, and the store that it names."""

    directory: Path
    daemon: str = field(default="", kw_only=True)
    """More lines of the [daemon] section."""
    store: str = field(default='url = "sqlite:///syncd.db"', kw_only=True)
    """Lines of the [store] section."""
    mailboxes: dict[str, str] = field(default_factory=dict, kw_only=True)
    """Name -> the user on the server."""
    more: dict[str, str] = field(default_factory=dict, kw_only=True)
    """Name -> more lines of the mailbox's section."""
    database: Path = field(init=False)
    """Where the file of a store on SQLite is to be seen."""

    def __post_init__(self) -> None:
        self.database = self.directory / "syncd.db"
        self.contacts.write_text("id,name,email\nzoe,Zoe,zoe@client.example\n")

    @property
    def contacts(self) -> Path:
        return self.directory / "contacts.csv"

    @property
    def config(self) -> Path:
        return self.directory / "config.toml"

    def secret(self, name: str, password: str) -> None:
        path = self.directory / f"{name}.secret"
        path.touch(mode=0o600)
        path.write_text(password)

    def write(self) -> Path:
        sections = [self.section(name, user) for name, user in self.mailboxes.items()]
        self.config.write_text(_GENERAL.format(store=self.store, daemon=self.daemon) + "".join(sections))
        return self.config

    def section(self, name: str, user: str) -> str:
        """The lines of one mailbox."""
        raise NotImplementedError

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the store holds, read beside the daemon; nothing as long as there is no store."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(query).fetchall()

    def subjects(self) -> list[object]:
        return [subject for (subject,) in self.rows("SELECT subject FROM activity ORDER BY id")]

    def crm_writes(self, statement: str) -> None:
        """The CRM has the tables open as well."""
        with closing(sqlite3.connect(self.database, timeout=10)) as connection, connection:
            connection.execute(statement)

    def state(self, name: str) -> object:
        return self.rows(f"SELECT state FROM mailbox WHERE name = '{name}'")[0][0]


@dataclass
class Office(Setup):
    """Of mailboxes on a mail server."""

    dovecot: Dovecot
    port: int = field(default=0, kw_only=True)
    """Of the mail server, if it is not Dovecot's."""
    tls: str = field(default="starttls", kw_only=True)
    elsewhere: dict[str, tuple[str, int]] = field(default_factory=dict, kw_only=True)
    """Name -> host and port of another server, of the mailboxes that are on one."""

    def mailbox(self, name: str, *, password: str | None = None) -> str:
        self.mailboxes.setdefault(name, self.dovecot.new_user())
        self.secret(name, password or self.dovecot.password)
        return self.mailboxes[name]

    def section(self, name: str, user: str) -> str:
        server, more = self.dovecot, self.more.get(name, "")
        host, port = self.elsewhere.get(name, ("localhost", self.port or server.port))
        return _IMAP.format(name=name, user=user, host=host, port=port, tls=self.tls, ca_file=server.ca_file, more=more)

    def deliver(self, name: str, number: int, *, sender: str = "zoe@client.example") -> None:
        user = self.mailboxes[name]
        text = (
            f"From: Zoe <{sender}>\r\nTo: {user}\r\nSubject: Offer {number}\r\nMessage-ID: <{number}@mail.example>\r\n"
            "Date: Mon, 23 Nov 2026 09:00:00 +0000\r\n\r\nHello\r\n"
        )
        self.dovecot.append(user, [text.encode()])


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    log: Path
    notifications: socket.socket
    _heard: list[str] = field(default_factory=list)

    def events(self, name: str = "", **values: object) -> list[Mapping[str, object]]:
        """What it logged under this name, with these values among its fields."""
        lines = self.log.read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [
            each
            for each in found
            if (not name or each["event"] == name) and all(each.get(key) == value for key, value in values.items())
        ]

    def wait_for(self, name: str, *, times: int = 1, **values: object) -> Mapping[str, object]:
        eventually(lambda: len(self.events(name, **values)) >= times or self.ended())
        assert len(self.events(name, **values)) >= times, self.log.read_text()
        return self.events(name, **values)[-1]

    def ended(self) -> bool:
        return self.process.poll() is not None

    def heard(self) -> list[str]:
        """All that systemd would have been told so far."""
        while True:
            try:
                self._heard.append(self.notifications.recv(4096).decode())
            except BlockingIOError:
                return self._heard

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def peak_megabytes(self) -> int:
        """The most that it ever had in memory (proc(5), VmHWM)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024

    def exit_code(self) -> int:
        return self.process.wait(30)

    def stop(self) -> int:
        self.send(signal.SIGTERM)
        return self.exit_code()


@contextmanager
def started(office: Setup, *, watchdog_seconds: int = 0, within: Sequence[str] = ()) -> Iterator[Running]:
    """Start it, and kill it at the end if it still runs. `within` is a command that runs the one after it."""
    log = office.directory / f"daemon-{len(list(office.directory.glob('daemon-*')))}.log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, log.open("wb") as out:
        path = log.with_suffix(".notify")
        listener.bind(str(path))
        listener.setblocking(False)
        environment = {"NOTIFY_SOCKET": str(path), "PATH": "/usr/bin:/bin", "PYTHONWARNINGS": "error"}
        if watchdog_seconds:
            environment["WATCHDOG_USEC"] = str(watchdog_seconds * 1_000_000)
        command = [*within, str(Path(sys.executable).with_name("syncd")), "run", "--config", str(office.write())]
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT, cwd=office.directory)
        try:
            yield Running(process, log, listener)
        finally:
            process.kill()
            process.wait()
