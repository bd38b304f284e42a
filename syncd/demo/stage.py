"""The demo's own directory: the Maildirs and their server, a configuration as an admin would write it, its secret."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from store import directory
from syncd.config import load
from syncd.demo import crm, mails
from syncd.demo.people import ALIASES, DOCTOR, DOMAIN, LAWYER, TEAM, Person
from syncd.demo.server import HOST, Server, prepare, serve
from syncd.demo.story import STORY
from syncd.opening import opened

STORE = "syncd.db"
_SECRET = "mailboxes.secret"
_MAX_RECIPIENTS = 20

_GENERAL = """\
[store]
url = "sqlite:///{store}"

[daemon]
interval_min = "1s"
interval_max = "3s"

[organisation]
domains = ["{domain}"]
never_log = ["{lawyer}"]
max_recipients = {max_recipients}
"""

_MAILBOX = """
[[mailboxes]]
name = "{name}"
owner = "{address}"
kind = "imap"
host = "{host}"
port = {port}
tls = "none"
user = "{address}"
secret = "file:{secret}"
exclude = ["{excluded}"]
aliases = {aliases}
never_log = {never_log}
"""


@dataclass(frozen=True, slots=True)
class Stage:
    root: Path
    server: Server

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    def deliver(self, mail: mails.Mail) -> None:
        for copy in mails.copies(mail, datetime.now(UTC)):
            self.server.deliver(copy.user, copy.folder, copy.content, copy.received_at)


@contextmanager
def staged(root: Path) -> Iterator[Stage]:
    """Everything that the daemon needs, on the machine itself and under `root`, until the block ends."""
    password = secrets.token_urlsafe()
    prepare(root / "mail", [person.address for person in TEAM], mails.FOLDERS, password)
    with serve(root / "mail") as server:
        stage = Stage(root, server)
        (root / _SECRET).touch(mode=0o600)
        (root / _SECRET).write_text(password)
        stage.config.write_text(_configuration(server.port))
        for mail in STORY:
            stage.deliver(mail)
        _fill_directory(stage)
        yield stage


def _fill_directory(stage: Stage) -> None:
    now = datetime.now(UTC)
    with opened(load(stage.config)) as store:
        directory.apply(store.engine, crm.directory(now), source="demo", dry_run=False, now=now, prune=True)


def _configuration(port: int) -> str:
    lawyers = LAWYER.address.partition("@")[2]
    general = _GENERAL.format(store=STORE, domain=DOMAIN, lawyer=f"@{lawyers}", max_recipients=_MAX_RECIPIENTS)
    return general + "".join(_mailbox(person, port) for person in TEAM)


def _mailbox(person: Person, port: int) -> str:
    return _MAILBOX.format(
        name=person.address.partition("@")[0],
        address=person.address,
        host=HOST,
        port=port,
        secret=_SECRET,
        excluded=mails.FAMILY,
        aliases=json.dumps(ALIASES.get(person, ())),
        never_log=json.dumps([DOCTOR.address] if person is TEAM[0] else []),
    )
