"""The program as a person runs it: a folder with a configuration, and the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pytest

from syncd.cli.app import app
from syncd.cli.exits import guarded
from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres

PROGRAM = [sys.executable, "-c", "from syncd.cli import main; main()"]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        return json.loads(self.out)


@dataclass
class Office:
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    store: str = 'url = "sqlite:///syncd.db"'

    def __post_init__(self) -> None:
        self.configure()

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    def configure(self, *mailboxes: str, extra: str = "") -> None:
        head = f'[store]\n{self.store}\n[organisation]\ndomains = ["example.com"]\n{extra}\n'
        self.config.write_text(head + "\n".join(mailboxes))

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def syncd(self, *arguments: str) -> Ran:
        """The command, run within this process: for those that neither log nor follow signals."""
        out, err = StringIO(), StringIO()
        before = dict(os.environ)
        os.environ.update(self._environment())
        try:
            with chdir(self.folder), redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
                guarded(lambda: app(list(arguments), prog_name="syncd"))
        finally:
            os.environ.clear()
            os.environ.update(before)
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())

    def process(self, *arguments: str) -> Ran:
        """The same as a process of its own."""
        done = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=self.folder,
            env={**os.environ, **self._environment()},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def _environment(self) -> dict[str, str]:
        return {"SYNCD_CONFIG": str(self.config), "COLUMNS": "200", **self.environment}


@contextmanager
def on_postgresql(postgres: Postgres, folder: Path) -> Iterator[Office]:
    """An office whose store is a database of its own."""
    (folder / "state").mkdir(mode=0o700)
    name = postgres.new_database()
    url = postgres.url(name).replace(f":{postgres.password}@", "@")
    environment = {"DB_PASSWORD": postgres.password, "STATE_DIRECTORY": str(folder / "state")}
    yield Office(folder, environment, f'url = "{url}"\npassword = "env:DB_PASSWORD"')
    postgres.drop(name)


def mailbox(server: Dovecot, user: str, *, name: str = "anna", lines: str = "") -> str:
    """A block of the configuration. The secret is in `anna.secret`, unless `lines` says another."""
    secret = "" if "secret =" in lines else 'secret = "file:anna.secret"\n'
    port = "" if "port =" in lines else f"port = {server.tls_port}\n"
    ca_file = "" if "ca_file =" in lines else f'ca_file = "{server.ca_file}"\n'
    host = "" if "host =" in lines else 'host = "localhost"\n'
    return (
        f'[[mailboxes]]\nname = "{name}"\nowner = "{user}"\nkind = "imap"\nuser = "{user}"\n'
        f"{host}{port}{ca_file}{secret}{lines}\n"
    )


def mail(sender: str, recipient: str, subject: str = "Offer", *, minute: int = 0, message_id: str = "") -> bytes:
    return (
        f"From: {sender}\r\nTo: {recipient}\r\nSubject: {subject}\r\nDate: Mon, 23 Nov 2026 10:{minute:02} +0000\r\n"
        f"Message-ID: <{message_id or f'{minute}.{sender}'}>\r\n\r\nGood day\r\n"
    ).encode()
