"""The demo's own directory: mail and calendars with their servers, a configuration as an admin would write it."""

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
from syncd.demo import calendar_server, crm, mails
from syncd.demo.agenda import AGENDA
from syncd.demo.calendar_server import CalendarServer
from syncd.demo.mails import Mail
from syncd.demo.meetings import CALENDARS, Meeting, Note, Task, entries
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

_CALENDARS = """
[[mailboxes]]
name = "{name}-calendar"
owner = "{address}"
kind = "caldav"
url = "{url}"
user = "{address}"
secret = "file:{secret}"
aliases = {aliases}
"""


@dataclass(frozen=True, slots=True)
class Stage:
    root: Path
    server: Server
    calendars: CalendarServer

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    def deliver(self, item: Mail | Meeting | Task | Note) -> None:
        """As it comes to each of the team: a new mail, a new meeting, or a new version of one."""
        now = datetime.now(UTC)
        if isinstance(item, Mail):
            for copy in mails.copies(item, now):
                self.server.deliver(copy.user, copy.folder, copy.content, copy.received_at)
        else:
            for entry in entries(item, now):
                self.calendars.put(entry.user, entry.calendar, entry.name, entry.content)


@contextmanager
def staged(root: Path) -> Iterator[Stage]:
    """Everything that the daemon needs, on the machine itself and under `root`, until the block ends."""
    password = secrets.token_urlsafe()
    users = [person.address for person in TEAM]
    prepare(root / "mail", users, mails.FOLDERS, password)
    calendar_server.prepare(root / "calendars", users, CALENDARS, password)
    with serve(root / "mail") as server, calendar_server.serve(root / "calendars") as calendars:
        stage = Stage(root, server, calendars)
        (root / _SECRET).touch(mode=0o600)
        (root / _SECRET).write_text(password)
        stage.config.write_text(_configuration(stage))
        for item in (*STORY, *AGENDA):
            stage.deliver(item)
        _fill_directory(stage)
        yield stage


def _fill_directory(stage: Stage) -> None:
    now = datetime.now(UTC)
    with opened(load(stage.config)) as store:
        directory.apply(store.engine, crm.directory(now), source="demo", dry_run=False, now=now, prune=True)


def _configuration(stage: Stage) -> str:
    lawyers = LAWYER.address.partition("@")[2]
    general = _GENERAL.format(store=STORE, domain=DOMAIN, lawyer=f"@{lawyers}", max_recipients=_MAX_RECIPIENTS)
    mailboxes = [_mailbox(person, stage.server.port) + _calendars(person, stage.calendars.url) for person in TEAM]
    return general + "".join(mailboxes)


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


def _calendars(person: Person, url: str) -> str:
    return _CALENDARS.format(
        name=person.address.partition("@")[0],
        address=person.address,
        url=url,
        secret=_SECRET,
        aliases=json.dumps(ALIASES.get(person, ())),
    )
