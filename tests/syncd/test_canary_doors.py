"""Whatever is planted in whose mailbox, and whoever asks: what may not be known is in no answer of any command, no
error, no log and no metric, and what may not be stored in no file. The commands are those of the program's own table.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from syncd.cli.app import app
from syncd.config import load
from syncd.opening import opened, vault
from tests.servers.dovecot import Dovecot
from tests.servers.radicale import Radicale
from tests.syncd.doors import PROGRAM, Office, Ran
from tests.syncd.planting import KINDS, MEETINGS, REPS, VIEWERS, Planted, Trace, traces
from tests.waiting import eventually

TOKEN = "the-token-of-rolf"
TEAM = {"rolf": "north", "nora": "north", "siri": "south"}
PEOPLE = """id,name,email
1,Jane,jane@acme.example
2,Pia,pia@guarded.example
3,Shy,shy@acme.example
4,Nell,nell@never.example
5,Doc,doc@clinic.example
6,Gone,gone@acme.example
"""

HOLDERS = st.sampled_from([("rolf",), ("siri",), REPS])
PLANS = st.fixed_dictionaries(dict.fromkeys((*KINDS, *MEETINGS), HOLDERS))
VISIBILITIES = st.sampled_from(["everyone", "team", "participants"])

NOWHERE = {"demo": "it has a store, mail and people of its own", "run": "the daemon is run as a process"}
"""Commands that this house cannot be asked by."""


@dataclass(frozen=True)
class House:
    """Two colleagues with a mailbox and a calendar each, and one with neither."""

    office: Office
    dovecot: Dovecot
    radicale: Radicale
    addresses: Mapping[str, str]
    planted: Sequence[Planted]

    def settle_in(self, visibility: str, port: int) -> None:
        blocks = []
        for rep in REPS:
            user = self.addresses[rep]
            own = [each for each in self.planted if rep in each.holders]
            for folder in ("HR", "Deals"):
                self.dovecot.create(user, folder)
            for each in own:
                if not each.is_meeting:
                    self.dovecot.append(user, [each.letter(rep, self.addresses)], folder=KINDS[each.kind].folder)
            meetings = {f"{each.number}.ics": each.event(rep, self.addresses) for each in own if each.is_meeting}
            guest = self.radicale.new_user()
            self.radicale.fill(guest, "work", meetings)
            self.office.write(f"{rep}.secret", self.dovecot.password)
            self.office.write(f"{rep}-calendar.secret", self.radicale.passwords[guest])
            blocks += [self._mailbox(rep), self._calendar(rep, guest)]
        lines = (
            'level = "full"\nnever_log = ["@never.example"]\nprotected = ["@guarded.example"]',
            f'visibility = "{visibility}"\n[daemon]\nlog_level = "debug"\nlog_format = "json"',
            f'listen = "127.0.0.1:{port}"',
        )
        self.office.configure(*blocks, extra="\n".join(lines))
        self.office.write("people.csv", PEOPLE)
        rows = [f"{name},{name.title()},{self.addresses[name]},{team}" for name, team in TEAM.items()]
        self.office.write("users.csv", "\n".join(["id,name,email,team", *rows, ""]))
        assert self.office.syncd("contacts", "import", "people.csv").code == 0
        assert self.office.syncd("contacts", "import", "users.csv", "--kind", "users").code == 0
        loaded = load(self.office.config)
        with opened(loaded) as store:
            vault(loaded, store).tokens("rolf").save(TOKEN)

    def _mailbox(self, rep: str) -> str:
        more = 'never_log = ["@clinic.example"]\n' if rep == "rolf" else ""
        return (
            f'[[mailboxes]]\nname = "{rep}"\nowner = "{self.addresses[rep]}"\nkind = "imap"\nhost = "localhost"\n'
            f'user = "{self.addresses[rep]}"\nport = {self.dovecot.tls_port}\nca_file = "{self.dovecot.ca_file}"\n'
            f'secret = "file:{rep}.secret"\nlevels = {{ HR = "metadata", Deals = "subject" }}\n{more}'
        )

    def _calendar(self, rep: str, guest: str) -> str:
        return (
            f'[[mailboxes]]\nname = "{rep}-calendar"\nowner = "{self.addresses[rep]}"\nkind = "caldav"\n'
            f'url = "{self.radicale.url}/"\nuser = "{guest}"\nsecret = "file:{rep}-calendar.secret"\n'
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.office.folder / "syncd.db")) as connection:
            return connection.execute(query).fetchall()

    def daemon(self, port: int) -> str:
        """A pass over everything by the real daemon: its log at its most talkative, and all that it tells over HTTP."""
        with (self.office.folder / "daemon.log").open("w+") as log:
            environment = {**os.environ, "SYNCD_CONFIG": str(self.office.config)}
            process = subprocess.Popen(
                [*PROGRAM, "run"], cwd=self.office.folder, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
            try:
                well = "SELECT count(*) = 4 FROM mailbox WHERE state = 'ok'"
                eventually(lambda: process.poll() is not None or self.rows(well) == [(1,)])
                told = [_get(port, path) for path in ("/health", "/live", "/metrics", "/canary")]
                held = "".join(path.read_bytes().decode("latin-1") for path in self.office.folder.glob("syncd.db*"))
                assert traces(held) <= {trace for one in self.planted for trace in one.passing()}, (
                    "the store and its log"
                )
            finally:
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
            log.seek(0)
            return log.read() + "".join(told)

    def activity(self, one: Planted) -> str:
        """Its public id, or an empty text."""
        found = self.rows(f"SELECT public_id FROM activity WHERE message_id = '{one.message_id}'")
        return found[0][0] if found else ""

    def do_the_deeds(self) -> None:
        """What owners close and the admin erases; then all is read once more."""
        for one in self.planted:
            deed = () if one.is_meeting else KINDS[one.kind].deed
            if deed:
                words = [self.activity(one) if word == "ID" else word for word in deed]
                done = self.office.syncd(*words)
                assert done.code == 0, (one, done)


def _get(port: int, path: str) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as client:
        client.request("GET", path)
        return client.getresponse().read().decode()


# --------------------------------------------------------------------------------------------------- the doors


def leaves(group: TyperGroup, *path: str) -> Iterator[tuple[tuple[str, ...], frozenset[str]]]:
    """Every command, by its words, and its options."""
    context = Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, TyperGroup):
            yield from leaves(command, *path, name)
        else:
            yield (*path, name), frozenset(option for each in command.params for option in each.opts)


def questions(house: House) -> Mapping[str, Sequence[tuple[str, ...]]]:
    """What each command is asked; also what is not there, and what it must refuse."""
    letters = [one for one in house.planted if not one.is_meeting]
    messages = [f"<{one.message_id}>" for one in letters]
    activities = [own for (own,) in house.rows("SELECT public_id FROM activity")]
    items = [item for (item,) in house.rows("SELECT item FROM sighting")][::20]
    addresses = sorted({one.sender for one in letters})
    whys = [
        *messages,
        *activities,
        *items,
        *addresses,
        "meeting17@example.com",
        "2026-11-23",
        "with Jane",
        "no such day",
    ]
    return {
        "init": [(), ("--path", "/proc/nowhere/config.toml")],
        "auth": [("rolf",), ("nobody",)],
        "check": [(), ("--preview",)],
        "once": [("nobody",)],
        "status": [()],
        "audit": [(), ("--all",)],
        "why": [(each,) for each in whys],
        "timeline": [(each,) for each in ("1", "2", "3", "6", "Jane", *addresses, "canary0name")],
        "trail": [(), *((each,) for each in activities[:2])],
        "log": [("call", "--by", "rolf@example.com", "--contact", each) for each in ("canary0name", "6")],
        "link": [(each, "--contact", "canary0name") for each in (activities[0], "no-such-id")],
        "close": [("no-such-id",), ("--contact", "canary0name")],
        "replay": [("--dry-run",), ()],
        "erase": [(each, "--dry-run") for each in addresses] + [("--mailbox", "rolf")],
        "export": [*((each,) for each in addresses), ("--contact", "1"), ("--contact", "canary0name")],
        "contacts import": [("people.csv", "--dry-run"), ("daemon.log", "--dry-run")],
        "contacts refresh": [()],
        "contacts list": [(), ("canary",)],
        "db upgrade": [()],
        "db backup": [("backup.db",), ("backup.db",)],
        "db restore": [("backup.db",), ("daemon.log",)],
        "db rotate-key": [(), ("--to", "file:rolf.secret")],
        "db verify": [()],
    }


class Asked(NamedTuple):
    viewer: str | None
    """None: the admin."""
    door: str
    words: tuple[str, ...]
    options: tuple[str, ...]


def every_question(house: House) -> Iterator[Asked]:
    """Of each command, as the admin and, where it has `--as`, as each colleague; by turns as text and, where it can, as
    JSON."""
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    asked = questions(house)
    doors = {" ".join(words): options for words, options in leaves(command)}
    assert doors.keys() == asked.keys() | NOWHERE.keys(), "say in `questions` what a new command is asked"
    turns = cycle(((), ("--json",)))
    for name, options in doors.items():
        for arguments in asked.get(name, ()):
            for viewer in (None, *VIEWERS) if "--as" in options else (None,):
                as_whom = () if viewer is None else ("--as", house.addresses[viewer])
                form = next(turns) if "--json" in options else ()
                yield Asked(viewer, name, arguments, (*as_whom, *form))


def unsaid(told: Ran, asked: Asked) -> str:
    """What is said, without the words of the question itself, which an error may repeat."""
    text = told.out + told.err
    for word in asked.words:
        text = text.replace(word, "") if traces(word) else text
    return text


def _as_what_never_was(house: House, asked: Asked, told: Ran) -> None:
    """What is hidden is answered as what nobody has seen."""
    never = "<never@mail.example>"
    other = house.office.syncd("why", never, *asked.options)
    assert (told.code, told.out.replace(asked.words[0], never), told.err) == (other.code, other.out, other.err), asked


# ------------------------------------------------------------------------------------------------- the property

_NUMBERS = count(1)


@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.generate],  # a whole house takes seconds: a smaller one is not worth the wait
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(holders=PLANS, visibility=VISIBILITIES)
def test_no_canary_is_anywhere_that_it_should_not_be(
    tmp_path: Path, dovecot: Dovecot, radicale: Radicale, holders: Mapping[str, tuple[str, ...]], visibility: str
) -> None:
    folder = tmp_path / str(next(_NUMBERS))
    folder.mkdir()
    addresses = {**{rep: dovecot.new_user() for rep in REPS}, "nora": "nora@example.com"}
    planted = [Planted(number, kind, holders[kind], visibility) for number, kind in enumerate(holders, 10)]
    house = House(Office(folder), dovecot, radicale, addresses, planted)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    house.settle_in(visibility, port)

    log = house.daemon(port)
    assert traces(log) == set(), "the log, or the metrics"
    assert "@" not in log, "nobody's address"
    house.do_the_deeds()
    assert house.office.process("once", "--again").code == 0

    seen = {viewer: _allowed(planted, viewer) for viewer in (None, *VIEWERS)}
    found: dict[str | None, set[Trace]] = {viewer: set() for viewer in seen}
    texts = [log]
    names = {name: one for one in planted for name in (f"<{one.message_id}>", house.activity(one)) if name}
    for asked in every_question(house):
        told = house.office.syncd(*asked.door.split(), *asked.words, *asked.options)
        said = traces(unsaid(told, asked))
        assert said <= seen[asked.viewer], (asked, told)
        one = names.get(asked.words[0]) if asked.door == "why" else None
        if one and asked.viewer and not one.is_known_to(asked.viewer):
            _as_what_never_was(house, asked, told)
        if asked.viewer not in (None, "rolf"):
            assert "never_log_personal" not in told.out, "that Rolf has a list of his own is his"
        found[asked.viewer] |= said
        texts.append(told.out + told.err)
    assert found == seen, "what is not hidden is there"
    _not_in_files(house, seen[None], texts)


def _allowed(planted: Sequence[Planted], viewer: str | None) -> set[Trace]:
    return {trace for one in planted if one.is_seen_by(viewer) for trace in one.stored()}


def _not_in_files(house: House, stored: set[Trace], texts: Sequence[str]) -> None:
    """In no file beside the store, in the store and its backup not what is not to be stored, and no secret anywhere."""
    secrets = (TOKEN, house.dovecot.password, *house.radicale.passwords.values())
    own = {"config.toml", "people.csv", "users.csv", *(path.name for path in house.office.folder.glob("*.secret"))}
    files = {
        path.name: path.read_bytes().decode("latin-1") for path in house.office.folder.rglob("*") if path.is_file()
    }
    assert {"syncd.db", "backup.db", "daemon.log"} <= files.keys()
    for name, content in files.items():
        holds = stored if name.startswith(("syncd.db", "backup.db")) else set()
        assert traces(content) <= holds, name
        assert name in own or "gone@acme.example" not in content, f"who is erased is in {name}"
        assert name in own or not [each for each in secrets if each in content], name
    assert not [each for each in secrets for text in texts if each in text]
