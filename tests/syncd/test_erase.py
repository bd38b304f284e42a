"""Who is erased is nowhere any more, stays erased whatever comes, and nobody else loses a thing; and what is too old
goes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from matching import address
from store import integrity, trail
from store.directory_keys import rekey
from store.engine import read, write
from store.retention import Expired, Periods, expire
from store.trail import Doer
from store.writer import Store
from syncd import config as configuration
from syncd.erase import erase, person, what_would_go
from syncd.errors import ConfigError, Permanent
from syncd.late import catch_up
from syncd.sync import Pass
from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.store.conftest import backend, engine, postgres_database, sqlite_template, url
from tests.store.seeds import NOW, Seeds, days
from tests.syncd.doors import Office, mail, mailbox
from tests.syncd.mailboxes import message
from tests.syncd.worlds import POLICY, World

__all__ = ["backend", "engine", "postgres_database", "sqlite_template", "url"]

ANNA = Doer("anna", "cli")


def erased(world: World, written: str) -> None:
    erase(world.store, person(world.store, POLICY, written=written), ANNA, world.now())


@pytest.fixture
def world_of_two(world: World) -> World:
    """Mails of Zoe, of Carl, of both, and of a stranger; in two mailboxes."""
    stories = (("zoe@client.example",), ("carl@client.example",), ("zoe@client.example", "carl@client.example"))
    for number, to in enumerate([*stories, ("nobody@stranger.example",)]):
        for name in ("rita", "rolf"):
            world.folder(name).deliver(message(number, to=to, subject=f"To {to[0]} {number}"))
    for name in ("rita", "rolf"):
        world.run(name)
    return world


def test_all_that_the_person_took_part_in_goes_and_nothing_else(world_of_two: World) -> None:
    world = world_of_two
    erased(world, "Zoe@client.example")
    assert world.subjects() == ["To carl@client.example 1"]
    assert world.verdicts() == {"logged": 2, "skipped": 6}
    assert world.rows("SELECT count(*) FROM sighting WHERE rule = 'erased'") == [(4,)]
    assert world.rows("SELECT id FROM contact") == [("carl",)]
    assert integrity.problems(world.store.engine) == ()


def test_no_byte_of_the_person_is_left_in_the_file_or_its_log(world_of_two: World) -> None:
    world = world_of_two
    assert "zoe@client.example" in world.file_text()
    erased(world, "zoe@client.example")
    for trace in ("zoe@client.example", "To zoe", "Text 0", "Text 2", "0@mail.example"):
        assert trace not in world.file_text(), trace
    assert "carl@client.example" in world.file_text()


@pytest.mark.parametrize("when", ["again", "new mailbox", "becomes known again", "renumbered"])
def test_who_was_erased_stays_erased(world_of_two: World, when: str) -> None:
    world = world_of_two
    erased(world, "zoe@client.example")
    if when == "again":
        world.execute("UPDATE stream SET cursor = NULL")
    elif when == "new mailbox":
        world.folder("third").deliver(message(0, to=("zoe@client.example",)))
        world.run("third")
    elif when == "becomes known again":
        world.contact("zoe again", "ZOE@client.example", "client")
        rekey(world.store.engine, address.key, address.domain_key)
        catch_up(world.store, POLICY, world.now())
    else:
        world.folder().renumber(2)
    for name in ("rita", "rolf"):
        world.folder(name).deliver(message(50, to=("zoe+shop@client.example",)))
        world.run(name)
    assert world.subjects() == ["To carl@client.example 1"]
    assert "zoe@client.example" not in str(world.rows("SELECT * FROM participant"))


def test_an_erasure_while_mail_of_the_person_is_in_hand_wins(world: World) -> None:
    world.folder().deliver(message(1))
    stream = world.stream()
    world.folder().faults = [None, None, lambda: erased(world, "zoe@client.example")]  # as the text is read
    Pass(stream, 1, world.store, POLICY, now=world.now).run()
    assert world.subjects() == []
    assert world.verdicts() == {"skipped": 1}


def test_what_was_only_skipped_loses_the_hash_by_which_it_could_be_found(world_of_two: World) -> None:
    world = world_of_two
    erased(world, "nobody@stranger.example")
    world.contact("nobody", "nobody@stranger.example")
    catch_up(world.store, POLICY, world.now())
    for name in ("rita", "rolf"):
        world.run(name)
    assert len(world.subjects()) == 3
    assert world.verdicts() == {"logged": 6, "skipped": 2}


def test_a_dry_run_says_the_same_as_the_erasure_and_changes_nothing(world_of_two: World) -> None:
    world = world_of_two
    who = person(world.store, POLICY, written="zoe@client.example")
    before = world.dump_text()
    planned = what_would_go(world.store, who, world.now())
    assert world.dump_text() == before
    assert (planned.activities, planned.also_others, planned.with_text, planned.contacts) == (2, 1, 2, 1)
    done = erase(world.store, who, ANNA, world.now())
    assert (done.activities, done.also_others, done.with_text, done.contacts) == (2, 1, 2, 1)
    (entry,) = trail.entries(world.store.engine, limit=1)
    assert entry.hash == done.trail
    assert entry.deed.target == done.id
    assert "zoe" not in str(entry)
    assert done.scrubbed


def test_a_thread_whose_first_mail_goes_is_still_one_thread(world: World) -> None:
    world.contact("pia", "pia@client.example")
    world.folder().deliver(message(1, to=("zoe@client.example",)))
    for number in (2, 3):
        world.folder().deliver(message(number, to=("pia@client.example",), in_reply_to="1@mail.example"))
    world.run()
    erased(world, "zoe@client.example")
    world.folder().deliver(message(4, to=("pia@client.example",), in_reply_to="1@mail.example"))
    world.run()
    threads = world.rows("SELECT thread_id IS NOT NULL, count(*) FROM v1_activity GROUP BY thread_id")
    assert threads == [(1, 3)]


def test_the_feed_tells_of_each_by_its_id_so_that_others_can_erase_it_too(world_of_two: World) -> None:
    world = world_of_two
    ids = {own for (own,) in world.rows("SELECT public_id FROM activity WHERE subject LIKE 'To zoe%'")}
    erased(world, "zoe@client.example")
    world.folder().deliver(message(9, to=("carl@client.example",)))
    world.run()
    told = world.rows("SELECT activity_id FROM v1_change WHERE kind = 'erased'")
    assert {own for (own,) in told} == ids
    assert world.rows("SELECT count(*) FROM v1_change WHERE kind = 'created' AND activity_id IS NULL") == [(0,)]


# ------------------------------------------------------------------------------------------------ on both databases


@pytest.fixture
def seeded(engine: Engine) -> Seeds:
    seeds = Seeds(engine)
    seeds.account("kettle", "kettle.example")
    seeds.contact("vera", "vera@kettle.example", "vera@home.example", account="kettle")
    seeds.contact("ivo", "ivo@kettle.example", account="kettle")
    inbox = seeds.stream(seeds.mailbox("rita"), "INBOX")
    for at, name in ((5, "vera@kettle.example"), (4, "ivo@kettle.example"), (3, "vera@home.example")):
        contact = name.partition("@")[0]
        people = [("from", name), ("to", "rita@ourco.example")]
        own = seeds.activity(at=days(at), direction="inbound", people=people, links=[f"contact:{contact}"])
        seeds.sighting(inbox, activity=own)
    with write(engine) as connection:
        connection.execute(text("UPDATE activity SET text = 'Dear Rita', subject = 'Hello', level = 2"))
    return seeds


def count(engine: Engine, table: str) -> int:
    with read(engine) as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_contact_is_erased_with_all_addresses_and_an_address_alone(engine: Engine, seeded: Seeds) -> None:
    store = Store(engine, POLICY.key)
    first = erase(store, person(store, POLICY, written="vera@home.example"), ANNA, NOW)
    assert (first.activities, first.contacts, first.erased) == (1, 0, "address")
    assert count(engine, "contact") == 2
    second = erase(store, person(store, POLICY, contact_id="vera"), ANNA, NOW)
    assert (second.activities, second.contacts, second.erased) == (1, 1, "contact")
    assert (count(engine, "contact"), count(engine, "activity"), count(engine, "tombstone")) == (1, 1, 2)
    assert integrity.problems(engine) == ()


def test_what_is_logged_by_hand_of_a_person_goes_and_of_several_only_the_link(engine: Engine, seeded: Seeds) -> None:
    alone = seeded.activity(at=days(2), kind="call", links=["contact:vera"])
    shared = seeded.activity(at=days(1), kind="call", links=["contact:vera", "contact:ivo"])
    store = Store(engine, POLICY.key)
    done = erase(store, person(store, POLICY, contact_id="vera"), ANNA, NOW)
    assert (done.activities, done.unlinked) == (3, 1)
    with read(engine) as connection:
        left = connection.execute(text("SELECT id FROM activity WHERE kind = 'call'")).scalars().all()
        assert left == [shared]
        assert alone not in left


def test_ones_own_people_are_not_erased_by_their_address(engine: Engine, seeded: Seeds) -> None:
    store = Store(engine, POLICY.key)
    with pytest.raises(Permanent, match="one of your own") as caught:
        person(store, POLICY, written="rita@ourco.example")
    assert "--mailbox" in caught.value.cure


@pytest.mark.parametrize(
    ("periods", "done", "left"),
    [
        (Periods(), Expired(0, 0, 0), [("Hello", "Dear Rita", 2)] * 3),
        (
            Periods(text=timedelta(days=3, hours=12)),
            Expired(2, 0, 0),
            [("Hello", "Dear Rita", 2), ("Hello", None, 1), ("Hello", None, 1)],
        ),
        (
            Periods(text=timedelta(days=1), subject=timedelta(days=3, hours=12)),
            Expired(1, 2, 0),
            [("Hello", None, 1), (None, None, 0), (None, None, 0)],
        ),
        (Periods(activities=timedelta(days=4, hours=12)), Expired(0, 0, 1), [("Hello", "Dear Rita", 2)] * 2),
        (Periods(activities=timedelta(days=1)), Expired(0, 0, 3), []),
    ],
)
def test_the_text_goes_first_then_the_subject_then_the_activity(
    engine: Engine, seeded: Seeds, periods: Periods, done: Expired, left: list[tuple[object, ...]]
) -> None:
    assert expire(engine, periods, NOW) == done
    assert not expire(engine, periods, NOW), "once"
    with read(engine) as connection:
        rows = connection.execute(text("SELECT subject, text, level FROM activity ORDER BY occurred_at DESC"))
        assert [tuple(row) for row in rows] == left
    assert integrity.problems(engine) == ()
    noted = {"texts": done.texts, "subjects": done.subjects, "activities": done.activities}
    entries = trail.entries(engine, limit=9)
    assert {each.deed.action for each in entries} <= {"retain"}
    assert [dict(each.deed.detail) for each in reversed(entries)] == [
        {what: noted[what]} for what in ("activities", "subjects", "texts") if noted[what]
    ]


def test_what_lost_its_text_by_age_does_not_get_it_back_when_it_is_read_again(world: World) -> None:
    world.folder().deliver(message(1))
    world.run()
    expire(world.store.engine, Periods(text=timedelta(days=1)), world.now() + timedelta(days=30))
    world.execute("UPDATE stream SET cursor = NULL")
    world.folder("rolf").deliver(message(1))
    for name in ("rita", "rolf"):
        world.run(name)
    assert world.rows("SELECT subject, text FROM activity") == [("Subject 1", None)]
    assert "Text 1" not in world.file_text()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('text = "30d"\nactivities = "20d"', "kept longer"),
        ('activities = "100d"', 'backfill = "100d" or less'),
    ],
)
def test_a_retention_that_makes_no_sense_is_refused(tmp_path: Path, lines: str, said: str) -> None:
    office = Office(tmp_path)
    settings = {
        "name": "a",
        "owner": "a@example.com",
        "kind": "imap",
        "host": "h.example",
        "user": "a",
        "secret": "env:A",
    }
    box = "\n".join(f'{name} = "{value}"' for name, value in settings.items())
    office.configure(f"[[mailboxes]]\n{box}", extra=f"[retention]\n{lines}")
    with pytest.raises(ConfigError, match=said):
        configuration.load(office.config)


# ---------------------------------------------------------------------------------------------------- the commands


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path: Path, dovecot: Dovecot) -> Iterator[Office]:
    if request.param == "sqlite":
        yield _read(Office(tmp_path), dovecot)
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.new_database()
    address_of = postgres.url(name).replace(f":{postgres.password}@", "@")
    environment = {"DB_PASSWORD": postgres.password, "STATE_DIRECTORY": str(tmp_path / "state")}
    yield _read(Office(tmp_path, environment, f'url = "{address_of}"\npassword = "env:DB_PASSWORD"'), dovecot)
    postgres.drop(name)


def _read(office: Office, dovecot: Dovecot) -> Office:
    user = dovecot.new_user()
    senders = ("jane@acme.example", "jane@acme.example", "bob@acme.example", "who@stranger.example")
    dovecot.append(user, [mail(sender, user, minute=minute) for minute, sender in enumerate(senders)])
    office.write("anna.secret", dovecot.password)
    office.write(
        "people.csv", "id,name,email,phone\n1,Jane Doe,jane@acme.example,+49 30 1234567\n2,Bob,bob@acme.example\n"
    )
    office.configure(mailbox(dovecot, user), extra='level = "full"')
    office.syncd("contacts", "import", "people.csv", "--region", "DE")
    assert office.process("once").code == 0
    return office


def test_export_hands_out_all_of_a_person_and_erase_takes_it_away(office: Office) -> None:
    done = office.syncd("export", "--contact", "Jane Doe", "--out", "jane.jsonl")
    assert done.code == 0, done.err
    path = office.folder / "jane.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["type"] for row in rows] == ["contact", "activity", "activity"]
    assert rows[0]["addresses"] == ["jane@acme.example"]
    assert rows[1]["text"] == "Good day"
    assert {each["address"] for each in rows[1]["participants"]} >= {"jane@acme.example"}
    assert office.syncd("export", "--contact", "Jane Doe", "--out", "jane.jsonl").code == 1, "never over a file"

    planned = office.syncd("erase", "jane@acme.example", "--dry-run")
    assert "Would erase: 2 activities, 2 of them with a text" in planned.out
    receipt = json.loads(office.syncd("erase", "jane@acme.example", "--json").out)
    assert (receipt["activities"], receipt["contacts"]) == (2, 1)
    assert office.syncd("trail", receipt["id"]).code == 0
    assert office.syncd("db", "verify").code == 0

    again = office.process("once", "--again")
    assert again.code == 0, again.err
    assert office.syncd("timeline", "jane@acme.example").code == 2
    assert "skipped, erased" in office.syncd("why", "<0.jane@acme.example>").out
    assert "logged" in office.syncd("why", "<2.bob@acme.example>").out
    assert office.syncd("export", "jane@acme.example").out == ""


def test_a_mailbox_is_erased_once_it_left_the_configuration(office: Office) -> None:
    refused = office.syncd("erase", "--mailbox", "anna")
    assert refused.code == 1
    assert "would be read again" in refused.err
    office.configure(extra='level = "full"')
    office.process("once")

    assert "Would erase: 3 activities" in office.syncd("erase", "--mailbox", "anna", "--dry-run").out
    done = json.loads(office.syncd("erase", "--mailbox", "anna", "--json").out)
    assert done["activities"] == 3
    assert office.syncd("db", "verify").code == 0
    assert office.syncd("erase", "--mailbox", "anna").code == 1


def test_nothing_of_who_was_erased_is_in_the_files(tmp_path: Path, dovecot: Dovecot) -> None:
    office = _read(Office(tmp_path), dovecot)
    assert office.syncd("erase", "jane@acme.example").code == 0
    found = b"".join(path.read_bytes() for path in tmp_path.glob("syncd.db*"))
    for trace in (b"jane@acme.example", b"Jane Doe", b"301234567"):
        assert trace not in found, trace
    with closing(sqlite3.connect(tmp_path / "syncd.db")) as store:
        assert store.execute("SELECT count(*) FROM tombstone").fetchone() == (1,)


@pytest.mark.parametrize("command", ["erase", "export"])
def test_whom_must_be_said_and_the_help_has_an_example(tmp_path: Path, command: str) -> None:
    office = Office(tmp_path)
    assert office.syncd(command).code == 2
    assert office.syncd(command, "a@b.example", "--contact", "1").code == 2
    assert f"Example: syncd {command}" in office.syncd(command, "--help").out
