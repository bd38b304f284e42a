"""How much is stored, by mailbox, folder and people: the most closed wins, and what is not allowed is never there, nor
even asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import Engine

from matching import calendar_rules
from matching.parties import Parties
from matching.rules import allowed
from store import closing, erasure
from store.writer import Store
from syncd.model import Directory, Event, ItemId, Level, Message, Participant, Policy, Role
from tests.servers.dovecot import Dovecot
from tests.store.conftest import backend, engine, postgres_database, sqlite_template, url
from tests.syncd import calendars
from tests.syncd.calls import series
from tests.syncd.doors import Office, mail, mailbox, on_postgresql
from tests.syncd.mailboxes import START, message
from tests.syncd.worlds import POLICY, World

__all__ = ["backend", "engine", "postgres_database", "sqlite_template", "url"]

FULL, SUBJECT, METADATA = Level.FULL, Level.SUBJECT, Level.METADATA
PROTECTED = replace(POLICY, protected=("@client.example",))
CANARIES = ("CANARY-subject", "CANARY-text")


def parties(**rules: tuple[tuple[str, Level], ...]) -> Parties:
    return Parties(Directory(), replace(POLICY, **rules))  # type: ignore[arg-type]


def canary() -> Message:
    return message(1, subject=CANARIES[0])._replace(text=CANARIES[1])


def traces(world: World) -> list[str]:
    return [each for each in CANARIES if each in world.file_text() + world.dump_text()]


@pytest.mark.parametrize(
    ("policy", "stored"),
    [
        (POLICY, list(CANARIES)),
        (replace(POLICY, level=SUBJECT), [CANARIES[0]]),
        (replace(POLICY, level=METADATA), []),
        (PROTECTED, []),
        (replace(POLICY, protected=("zoe@client.example",)), []),
        (replace(POLICY, protected=("@other.example",)), list(CANARIES)),
        (replace(POLICY, folder_levels=(("inbox", METADATA),)), []),
        (replace(POLICY, folder_levels=(("INBOX", SUBJECT), ("Deals", METADATA))), [CANARIES[0]]),
        (replace(POLICY, level=METADATA, folder_levels=(("INBOX", FULL),)), []),
        (replace(POLICY, folder_levels=(("INBOX", SUBJECT),), protected=("zoe@client.example",)), []),
    ],
)
def test_what_may_not_be_stored_is_in_no_table_and_no_byte_of_the_files(
    world: World, policy: Policy, stored: list[str]
) -> None:
    world.folder().deliver(canary())
    world.run(policy=policy)
    assert len(world.subjects()) == 1, "who and when is known"
    assert traces(world) == stored
    read = world.stream().texts_read
    assert len(read) == (1 if CANARIES[1] in stored else 0), "text that may not be stored is not asked for"


@pytest.fixture
def either(engine: Engine) -> World:
    """On SQLite and on PostgreSQL."""
    return World(Store(engine, POLICY.key), None, [])


@pytest.mark.parametrize("first", ["open", "closed"])
def test_of_two_copies_the_most_closed_wins_in_whatever_order(either: World, first: str) -> None:
    world = either
    rules = {"rita": POLICY, "rolf": replace(POLICY, folder_levels=(("INBOX", METADATA),))}
    for name in ("rita", "rolf") if first == "open" else ("rolf", "rita"):
        world.folder(name).deliver(canary())
        world.run(name, rules[name])
    assert world.rows("SELECT level, subject, text FROM activity") == [(0, None, None)]
    world.execute("UPDATE stream SET cursor = NULL")
    world.run("rita", rules["rita"])
    assert world.rows("SELECT level, subject, text FROM activity") == [(0, None, None)]


@pytest.mark.parametrize(
    ("name", "folder", "level"),
    [
        ("HR", "HR", METADATA),
        ("HR", "hr", METADATA),
        ("HR", "HR/2026", METADATA),
        ("HR", "INBOX.HR.2026", METADATA),
        ("INBOX/HR", "HR", METADATA),
        ("HR", "HRV", FULL),
        ("HR/2026", "HR", FULL),
    ],
)
def test_a_folder_stands_for_those_below_it_however_the_server_spells_them(
    name: str, folder: str, level: Level
) -> None:
    assert allowed((), (folder,), parties(folder_levels=((name, METADATA),))) == level


def test_of_several_labels_the_lowest_wins() -> None:
    both = parties(folder_levels=(("a", SUBJECT), ("b", METADATA)))
    assert allowed((), ("a", "b", "c"), both) == METADATA
    assert allowed((), ("a", "c"), both) == SUBJECT


def test_a_meeting_with_a_protected_person_is_known_and_what_it_is_about_is_not() -> None:
    people = (Participant(Role.ORGANIZER, "rita@ourco.example"), Participant(Role.ATTENDEE, "Zoe@client.example"))
    meeting = Event(
        id=ItemId("1"),
        uid="1",
        original_start="",
        starts_at=START,
        ends_at=START,
        settles_at=START,
        participants=people,
    )
    known = Directory(accounts={"client.example": ("client",)})
    decision = calendar_rules.decide(meeting, people, Parties(known, PROTECTED))
    assert (decision.rule, decision.level) == ("logged", Level.PRIVATE)


# ------------------------------------------------------------------------------------- what an owner closes


@pytest.fixture
def made(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    if backend == "sqlite":
        yield Office(tmp_path)
        return
    with on_postgresql(request.getfixturevalue("postgres"), tmp_path) as office:
        yield office


@pytest.fixture
def office(made: Office, dovecot: Dovecot) -> Office:
    """A thread of two mails of Jane, and one of Bob."""
    user = dovecot.new_user()
    first = mail("jane@acme.example", user, "CANARY-one", minute=1, message_id="1@acme.example")
    reply = mail("jane@acme.example", user, "Re: CANARY-one", minute=2, message_id="2@acme.example")
    reply = reply.replace(b"\r\n\r\n", b"\r\nIn-Reply-To: <1@acme.example>\r\n\r\n", 1)
    dovecot.append(user, [first, reply, mail("bob@acme.example", user, "CANARY-bob", minute=3)])
    made.write("anna.secret", dovecot.password)
    made.write("people.csv", "id,name,email\n1,Jane Doe,jane@acme.example\n2,Bob,bob@acme.example\n")
    made.configure(mailbox(dovecot, user), extra='level = "full"')
    made.syncd("contacts", "import", "people.csv")
    assert made.process("once").code == 0
    return made


def stored(office: Office) -> list[str]:
    """What is left of the canaries in the files (of PostgreSQL: in the rows) and in what the doors say."""
    if office.environment:
        assert office.syncd("db", "backup", f"syncd.db.{len(list(office.folder.iterdir()))}").code == 0
    files = b"".join(path.read_bytes() for path in office.folder.glob("syncd.db*")).decode("latin-1")
    doors = "".join(office.syncd("timeline", name, "--json").out for name in ("Jane Doe", "Bob"))
    in_files = [each for each in ("Re: CANARY-one", "CANARY-one", "CANARY-bob", "Good day") if each in files]
    assert in_files == [each for each in ("Re: CANARY-one", "CANARY-one", "CANARY-bob", "Good day") if each in doors]
    return in_files


def activity_of(office: Office, message_id: str) -> str:
    return str(json.loads(office.syncd("why", message_id, "--json").out)[0]["activity_id"])


def test_an_activity_that_is_closed_is_open_to_nobody_and_stays_so(office: Office) -> None:
    done = office.syncd("close", activity_of(office, "<3.bob@acme.example>"))
    assert done.out.startswith("Closed 1 activity")
    assert stored(office) == ["Re: CANARY-one", "CANARY-one", "Good day"]
    assert office.process("once", "--again").code == 0
    assert "CANARY-bob" not in stored(office)


def test_a_thread_is_closed_as_a_whole(office: Office) -> None:
    assert office.syncd("close", activity_of(office, "<2@acme.example>"), "--thread").out.startswith("Closed 2")
    assert stored(office) == ["CANARY-bob", "Good day"]


def test_of_a_person_that_is_closed_what_comes_is_closed_as_well(office: Office, dovecot: Dovecot) -> None:
    assert office.syncd("close", "--contact", "Jane Doe").out.startswith("Closed 2 activities")
    (user,) = re.findall(r'^user = "(.*)"', office.config.read_text(), re.M)
    dovecot.append(user, [mail("Jane+new@acme.example", user, "CANARY-one again", minute=9)])
    assert office.process("once").code == 0
    assert stored(office) == ["CANARY-bob", "Good day"]
    assert len(json.loads(office.syncd("timeline", "Jane Doe", "--json").out)["activities"]) == 3
    (newest, *_) = json.loads(office.syncd("trail", "--json").out)
    assert (newest["deed"]["action"], newest["deed"]["detail"]) == ("close", {"activities": 2})


def test_what_is_to_be_closed_must_be_said(office: Office) -> None:
    assert office.syncd("close").code == 2
    assert office.syncd("close", "no-such-id").code == 2
    assert office.syncd("close", "x", "--contact", "Bob").code == 2
    assert "Example: syncd close" in office.syncd("close", "--help").out


# --------------------------------------------------------------------------------- what comes in a closed conversation


def letter(number: int, answers: int | None = None) -> Message:
    """A canary, which may be the answer to another."""
    parent = None if answers is None else f"{answers}@client.example"
    own = f"{number}@client.example"
    made = message(number, subject=f"{CANARIES[0]} {number}", message_id=own, in_reply_to=parent)
    return made._replace(text=f"{CANARIES[1]} {number}")


def shut(world: World, number: int) -> None:
    """Close the conversation of this letter, as `syncd close --thread` does."""
    ((own,),) = world.rows(f"SELECT public_id FROM activity WHERE message_id = '{number}@client.example'")
    with world.store.transaction() as transaction:
        ids = closing.named(transaction.connection, str(own), thread=True)
        closing.close(transaction.connection, ids, Level.PRIVATE, world.now())
        closing.close_threads(transaction.connection, ids, world.now())


def levels(world: World) -> dict[object, object]:
    return dict(world.rows("SELECT substr(message_id, 1, 1), level FROM activity"))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 50])
@pytest.mark.parametrize("order", list(permutations([2, 3, 4])))
def test_what_comes_in_a_closed_conversation_is_closed_in_whatever_order_it_comes(
    either: World, order: tuple[int, ...], size: int
) -> None:
    """2 answers the closed one, 3 answers 2, 4 answers 3 without naming the others; 5 is another conversation."""
    world = either
    world.folder().deliver(letter(1))
    world.run()
    shut(world, 1)
    answered = {2: 1, 3: 2, 4: 3}
    for number in (*order, 5):
        world.folder().deliver(letter(number, answered.get(number)))
        if size == 1:
            world.run()
    world.run()
    assert levels(world) == {"1": -1, "2": -1, "3": -1, "4": -1, "5": 2}
    told = world.rows("SELECT subject, text FROM activity WHERE subject IS NOT NULL OR text IS NOT NULL")
    assert told == [(f"{CANARIES[0]} 5", f"{CANARIES[1]} 5")]


def test_a_conversation_stays_closed_when_all_that_was_stored_of_it_is_erased(either: World) -> None:
    world = either
    world.folder().deliver(letter(1))
    world.run()
    shut(world, 1)
    with world.store.transaction() as transaction:
        erasure.take_out(transaction.connection, [1], "erased", world.now())
    world.folder().deliver(letter(2, 1))
    world.run()
    assert levels(world) == {"2": -1}


def test_what_a_private_copy_closes_is_not_left_in_the_log_of_the_database(world: World) -> None:
    """While the daemon has the file open, its log keeps what the pages were before."""
    world.folder().deliver(canary())
    world.run()
    world.folder("rolf").deliver(canary()._replace(headers={"sensitivity": "private"}))
    world.run("rolf")
    assert traces(world) == list(CANARIES), "it is there for whoever looks into the files"
    assert erasure.empty_log(world.store.engine)
    assert traces(world) == []


def test_the_log_of_the_database_is_emptied_only_where_nobody_must_wait_for_it(world: World) -> None:
    with world.store.transaction():
        assert not erasure.empty_log(world.store.engine)
    assert erasure.empty_log(world.store.engine)


def test_a_meeting_that_was_closed_stays_so_as_a_series_and_when_it_was_taken_out_and_comes_back(either: World) -> None:
    office = calendars.Office(either)
    first, second = series(0, 7)
    office.calendar("rita").put("s", first._replace(original_start=""))
    office.sync()
    with either.store.transaction() as transaction:
        closing.close_items(transaction.connection, [1], either.now())
    office.calendar("rita").put("s", first, second)
    office.sync()
    kept = "SELECT level, subject, (SELECT count(*) FROM closed_item) FROM activity ORDER BY occurred_at"
    assert either.rows(kept) == [(-1, None, 2), (2, first.subject, 2)]
    with either.store.transaction() as transaction:
        erasure.take_out(transaction.connection, [1, 2], "never_log", either.now())
    either.execute("UPDATE sighting SET verdict = 'pending', rule = 'replay'")
    office.sync()
    assert either.rows(kept) == [(-1, None, 2), (2, first.subject, 2)]
