"""How much is stored, by mailbox, folder and people: the most closed wins, and what is not allowed is never there, nor
even asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from matching import calendar_rules
from matching.parties import Parties
from matching.rules import allowed
from syncd.model import Directory, Event, ItemId, Level, Message, Participant, Policy, Role
from tests.syncd.mailboxes import START, message
from tests.syncd.worlds import POLICY, World

FULL, SUBJECT, METADATA = Level.FULL, Level.SUBJECT, Level.METADATA
PROTECTED = replace(POLICY, protected=("@client.example",))
CANARIES = ("CANARY-subject", "CANARY-text")


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


@pytest.mark.parametrize("first", ["open", "closed"])
def test_of_two_copies_the_most_closed_wins_in_whatever_order(world: World, first: str) -> None:
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
    assert allowed((), (folder,), replace(POLICY, folder_levels=((name, METADATA),))) == level


def test_of_several_labels_the_lowest_wins() -> None:
    policy = replace(POLICY, folder_levels=(("a", SUBJECT), ("b", METADATA)))
    assert allowed((), ("a", "b", "c"), policy) == METADATA
    assert allowed((), ("a", "c"), policy) == SUBJECT


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
    parties = Parties(Directory(accounts={"client.example": ("client",)}), PROTECTED)
    decision = calendar_rules.decide(meeting, people, parties)
    assert (decision.rule, decision.level) == ("logged", METADATA)
