"""A level that is raised brings back what it had kept out: the servers are asked again, within the budget of each pass.
What an owner closed, what is private elsewhere, erased or too old stays as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from matching.identity import address_hash
from store import closing, erasure, integrity
from store.known import AGAIN
from store.retention import Periods
from store.writer import Store
from syncd.model import Level, Policy
from syncd.raising import Judged, raise_levels
from tests.store.conftest import backend, engine, postgres_database, sqlite_template, url
from tests.syncd.mailboxes import Killed, message
from tests.syncd.test_replay import Desk, desk
from tests.syncd.worlds import POLICY, World

__all__ = ["backend", "desk", "engine", "postgres_database", "sqlite_template", "url"]

FULL, SUBJECT, METADATA, PRIVATE = Level.FULL, Level.SUBJECT, Level.METADATA, Level.PRIVATE
LOW = replace(POLICY, level=METADATA)
KEPT_FOR_EVER = Periods()


# --------------------------------------------------------------------------------- as the admin does, on real servers


def replayed(desk: Desk, *arguments: str) -> int:
    """Of how many activities more may be stored now."""
    done = desk.office.syncd("replay", "--json", *arguments)
    assert done.code == 0, done.err
    return int(json.loads(done.out)["raised"])


def pending(desk: Desk) -> int:
    """As `syncd status` tells it, both ways."""
    status = desk.office.syncd("status", "--json")
    (box,) = json.loads(status.out)["mailboxes"]
    number = sum(stream["texts_pending"] for stream in box["streams"])
    shown = desk.office.syncd("status").out.splitlines()[1].split()
    assert shown[-2:] == [str(number), "0"]
    return int(number)


def test_the_texts_of_what_was_logged_at_a_lower_level_are_fetched_again(desk: Desk) -> None:
    whole = desk.dump()
    desk.rules('level = "metadata"')
    assert replayed(desk) == 0
    low = desk.dump()
    assert low != whole

    desk.rules('level = "full"')
    assert "Would fetch text of 4 activities" in desk.office.syncd("replay", "--dry-run").out
    assert desk.dump() == low, "a dry run changes nothing"
    assert replayed(desk) == 4
    assert pending(desk) == 4
    assert replayed(desk) == 0, "once"

    desk.once()
    assert desk.dump() == whole
    assert pending(desk) == 0
    assert desk.office.syncd("db", "verify").code == 0


def test_who_is_protected_no_more_is_known_again_and_what_was_closed_or_erased_is_not(desk: Desk) -> None:
    desk.rules('level = "full"\nprotected = ["@bank.example", "@acme.example"]')
    replayed(desk)
    (letter,) = json.loads(desk.office.syncd("why", "<0.jane@acme.example>", "--json").out)
    assert desk.office.syncd("close", letter["activity_id"]).code == 0
    assert desk.office.syncd("erase", "bob@acme.example").code == 0

    desk.rules('level = "full"')
    assert replayed(desk) == 2
    desk.once()
    jane = json.loads(desk.office.syncd("timeline", "jane@acme.example", "--json").out)["activities"]
    assert [(each["subject"], each["level"]) for each in jane] == [("Letter 1", "full"), (None, "private")]
    eva = json.loads(desk.office.syncd("timeline", "eva@bank.example", "--json").out)["activities"]
    assert [(each["subject"], each["text"].strip()) for each in eva] == [("Letter 3", "Good day")]
    assert desk.office.syncd("timeline", "bob@acme.example").code == 2


# ------------------------------------------------------------------------------------------- in memory, a real store


@dataclass
class Past:
    """Mails that were read when the level was lower than it is now."""

    world: World

    def copies(self) -> list[tuple[int, int, str, int]]:
        """Sighting, activity, mailbox, and the level that is stored."""
        query = (
            "SELECT sighting.id, activity_id, mailbox.name, activity.level FROM sighting JOIN stream ON stream.id ="
            " stream_id JOIN mailbox ON mailbox.id = mailbox_id JOIN activity ON activity.id = activity_id"
        )
        return self.world.rows(f"{query} WHERE gone_at IS NULL ORDER BY 1")  # type: ignore[return-value]

    def raised(
        self,
        allowed: Mapping[str, Level],
        policies: Mapping[str, Policy],
        periods: Periods = KEPT_FOR_EVER,
        *,
        dry_run: bool = False,
    ) -> int:
        """As a replay that looked at all that is in the mailboxes of `allowed`."""
        judged = Judged()
        for sighting, activity, box, level in self.copies():
            if box in allowed and allowed[box] > level:
                judged.copies[sighting] = allowed[box]
                judged.candidates.add(activity)
        return raise_levels(self.world.store, policies, periods, [judged], self.world.now(), dry_run=dry_run)

    def stored(self) -> list[tuple[object, ...]]:
        return self.world.rows("SELECT level, subject, text FROM activity ORDER BY occurred_at")

    def due(self) -> object:
        ((number,),) = self.world.rows("SELECT count(*) FROM sighting WHERE due_at IS NOT NULL AND gone_at IS NULL")
        return number


@pytest.fixture
def world(engine: Engine) -> World:
    return World(Store(engine, POLICY.key), None, [])


@pytest.fixture
def past(world: World) -> Past:
    """One mail of Zoe that Rita and Rolf have, and of which no more than who and when was to be stored."""
    for name in ("rita", "rolf"):
        world.folder(name).deliver(message(1))
        world.run(name, LOW)
    made = Past(world)
    assert made.stored() == [(METADATA, None, None)]
    return made


BOTH = {"rita": POLICY, "rolf": POLICY}


@pytest.mark.parametrize(
    ("allowed", "policies", "level"),
    [
        ({"rita": FULL, "rolf": FULL}, BOTH, FULL),
        ({"rita": FULL, "rolf": SUBJECT}, BOTH, SUBJECT),
        ({"rita": FULL, "rolf": METADATA}, {**BOTH, "rolf": LOW}, METADATA),
        # Of a mailbox that was not looked at, what it allows everywhere.
        ({"rita": FULL}, BOTH, FULL),
        ({"rita": FULL}, {**BOTH, "rolf": LOW}, METADATA),
        ({"rita": FULL}, {**BOTH, "rolf": replace(POLICY, folder_levels=(("HR", SUBJECT),))}, SUBJECT),
        ({"rita": FULL}, {**BOTH, "rolf": replace(POLICY, protected=("zoe@client.example",))}, METADATA),
        # It left the configuration: nobody knows what it would allow.
        ({"rita": FULL}, {"rita": POLICY}, METADATA),
    ],
)
def test_of_all_copies_the_most_closed_wins(
    past: Past, allowed: Mapping[str, Level], policies: Mapping[str, Policy], level: Level
) -> None:
    assert past.raised(allowed, policies, dry_run=True) == (level > METADATA)
    assert past.stored() == [(METADATA, None, None)]
    assert past.raised(allowed, policies) == (level > METADATA)
    past.world.run("rita", POLICY)
    subject, text = ("Subject 1" if level >= SUBJECT else None), ("Text 1" if level == FULL else None)
    assert past.stored() == [(level, subject, text)]
    assert len(past.world.stream("rita").texts_read) == (level == FULL), "what may not be stored is not asked for"


def test_a_copy_that_was_moved_counts_where_it_is_now_and_one_that_is_gone_as_its_mailbox_does(past: Past) -> None:
    strict = {**BOTH, "rita": replace(POLICY, folder_levels=(("HR", METADATA),))}
    past.world.folder("rita").delete(1)
    past.world.run("rita", LOW)
    assert past.raised({"rolf": FULL}, strict) == 0, "Rita deleted hers: nobody knows where it was"
    past.world.folder("rita").deliver(message(1))
    past.world.run("rita", LOW)
    assert past.raised({"rita": FULL, "rolf": FULL}, strict) == 1


@pytest.mark.parametrize("how", ["item", "thread", "person"])
def test_what_its_owner_closed_is_not_opened_by_a_raised_level(past: Past, how: str) -> None:
    world = past.world
    ((own,),) = world.rows("SELECT id FROM activity")
    with world.store.transaction() as transaction:
        if how == "person":
            hashes = {address_hash(POLICY.key, "zoe@client.example")}
            closing.close_person(transaction.connection, {"zoe@client.example"}, hashes, world.now())
        else:
            closing.close_items(transaction.connection, [int(str(own))], world.now())
        if how == "thread":
            closing.close_threads(transaction.connection, [int(str(own))], world.now())
    allowed = PRIVATE if how == "person" else FULL
    assert past.raised({"rita": allowed, "rolf": allowed}, BOTH) == 0
    assert past.raised({"rita": FULL}, BOTH) == 0, "nor where another mailbox is not looked at"


def test_what_was_closed_and_taken_out_is_closed_when_it_comes_back(past: Past) -> None:
    world = past.world
    ((own,),) = world.rows("SELECT id FROM activity")
    with world.store.transaction() as transaction:
        closing.close_items(transaction.connection, [int(str(own))], world.now())
        erasure.take_out(transaction.connection, [int(str(own))], "never_log", world.now())
    world.execute("UPDATE sighting SET verdict = 'pending', rule = 'replay'")
    world.run()
    assert past.stored() == [(PRIVATE, None, None)]


def test_what_is_private_in_a_mailbox_stays_so_also_after_it_left_that(past: Past) -> None:
    world = past.world
    world.folder("pia").deliver(message(1)._replace(headers={"sensitivity": "private"}))
    world.run("pia")
    assert past.stored() == [(PRIVATE, None, None)]
    assert past.raised({"rita": FULL, "rolf": FULL}, {**BOTH, "pia": POLICY}) == 0
    world.folder("pia").delete(1)
    world.run("pia")
    assert past.raised({"rita": FULL, "rolf": FULL}, {**BOTH, "pia": POLICY}) == 0


@pytest.mark.parametrize(
    ("kept", "level"),
    [
        (Periods(text=timedelta(days=20)), FULL),
        (Periods(text=timedelta(days=5)), SUBJECT),
        (Periods(text=timedelta(days=1), subject=timedelta(days=5)), METADATA),
    ],
)
def test_what_was_taken_out_by_its_age_does_not_come_back(past: Past, kept: Periods, level: Level) -> None:
    past.world.clock += timedelta(days=10)
    past.raised({"rita": FULL, "rolf": FULL}, BOTH, kept)
    for name in BOTH:
        past.world.run(name)
    assert [row[0] for row in past.stored()] == [level]


def test_of_what_left_its_mailbox_nothing_can_be_had_and_nothing_waits(past: Past) -> None:
    past.raised({"rita": FULL, "rolf": FULL}, BOTH)
    assert past.due() == 2
    for name in BOTH:
        past.world.folder(name).delete(1)
        past.world.run(name)
    assert past.stored() == [(FULL, None, None)]
    assert past.due() == 0
    assert integrity.problems(past.world.store.engine) == ()


def test_what_cannot_be_read_again_is_tried_three_times_and_stays_logged(past: Past) -> None:
    past.raised({"rita": FULL, "rolf": FULL}, BOTH)
    past.world.folder("rita").unreadable.add(1)
    for left in (2, 2, 1):
        past.world.run("rita")
        assert past.due() == left
    assert past.world.verdicts() == {"logged": 2}
    past.world.run("rolf")
    assert past.stored() == [(FULL, "Subject 1", "Text 1")]


def test_a_rule_that_keeps_it_out_meanwhile_leaves_it_as_it_is(past: Past) -> None:
    past.raised({"rita": FULL, "rolf": FULL}, BOTH)
    for name in BOTH:
        past.world.run(name, replace(POLICY, never_log=("@client.example",)))
    assert past.stored() == [(FULL, None, None)]
    assert past.world.stream("rita").texts_read == []
    assert past.due() == 0


def test_a_stricter_level_meanwhile_wins(past: Past) -> None:
    past.raised({"rita": FULL, "rolf": FULL}, BOTH)
    past.world.run("rita", replace(POLICY, level=SUBJECT))
    past.world.run("rolf")
    assert past.stored() == [(SUBJECT, "Subject 1", None)]


def test_it_goes_on_where_it_was_killed(world: World) -> None:
    for number in range(6):
        world.folder().deliver(message(number))
    world.run("rita", LOW)
    past = Past(world)
    past.raised({"rita": FULL}, BOTH)
    world.deadly.add("Subject 3")
    for _ in range(2):
        with pytest.raises(Killed):
            world.run()
    world.deadly.clear()
    world.run()
    assert [row[2] for row in past.stored()] == [f"Text {number}" for number in range(6)]
    assert past.due() == 0


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_many_texts_are_fetched_over_several_passes_and_new_mail_comes_in_between(world: World) -> None:
    many = AGAIN + 5
    for number in range(many):
        world.folder().deliver(message(number))
    world.stream().chunk = 500
    world.run("rita", LOW)
    past = Past(world)
    assert past.raised({"rita": FULL}, BOTH) == many
    world.folder().deliver(message(5000))
    world.run()
    assert past.due() == 5
    assert len(world.stream().texts_read) == AGAIN + 1
    world.run()
    assert past.due() == 0
    assert world.rows("SELECT count(*) FROM activity WHERE text IS NULL") == [(0,)]
