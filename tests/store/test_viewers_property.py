"""Whatever is stored and whoever asks: no answer holds a trace of what is hidden, and what is not hidden is there."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from inspect import isfunction, signature
from pkgutil import iter_modules
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

import store.queries
from store.engine import write
from store.erasure import Person
from store.queries import (
    Entity,
    Question,
    Someone,
    Viewer,
    changes,
    entities,
    recent,
    rule_counts,
    status,
    timeline,
    why,
    why_between,
)
from store.queries.export import export
from store.queries.viewers import Circle
from store.schema import metadata
from syncd.model import Level
from tests.store.seeds import Seeds, days

USERS = ("rolf", "siri", "ole")
ANYBODY = Someone(frozenset(), frozenset({b"somebody"}), frozenset(USERS))


@dataclass(frozen=True)
class Planted:
    """One activity, or, where `logged` is false, an item that was skipped."""

    logged: bool
    level: Level
    takes_part: frozenset[str]
    seen_by: frozenset[str]
    author: str
    answers: bool
    """The first one, if that was logged: they are a thread."""

    def concerns(self, users: frozenset[str]) -> bool:
        return bool(users & (self.takes_part | self.seen_by | {self.author}))

    def is_seen(self, viewer: str, team: frozenset[str] | None) -> bool:
        if not self.logged:
            return viewer in self.seen_by
        the_rest = team is None or self.concerns(team)
        return self.concerns(frozenset({viewer})) or (self.level > Level.PRIVATE and the_rest)


people = st.frozensets(st.sampled_from(USERS), max_size=2)
plans = st.lists(
    st.builds(
        Planted,
        logged=st.booleans(),
        level=st.sampled_from(Level),
        takes_part=people,
        seen_by=people,
        author=st.sampled_from(("", *USERS)),
        answers=st.booleans(),
    ),
    min_size=1,
    max_size=5,
)
teams = st.none() | st.frozensets(st.sampled_from(USERS)).map(lambda team: team | {"viewer"})


def circle(users: frozenset[str]) -> Circle:
    return Circle(frozenset(map(address, users)), users, users)


def address(user: str) -> str:
    return f"{user}@seller.example"


def canary(number: int) -> str:
    """In the subject, the text, the names, the addresses and the ids of one item."""
    return f"canary-{number}-"


def plant(seeds: Seeds, plan: list[Planted]) -> None:
    seeds.contact("vera", "vera@kettle.example")
    streams = {user: seeds.stream(seeds.mailbox(user, owner=address(user)), "INBOX") for user in USERS}
    ids: dict[int, int] = {}
    for number, one in enumerate(plan):
        mark = canary(number)
        seen: dict[str, Any] = {"rule": mark, "facts": mark, "key": mark.encode(), "occurred_at": days(1)}
        if not one.logged:
            for user in one.seen_by:
                own = seeds.sighting(streams[user], "skipped", item=f"{mark}{user}", **seen)
                seeds.add("sighting_address", hash=b"somebody", sighting_id=own)
            continue
        who = [("from", f"{mark}@kettle.example"), *(("to", address(user)) for user in one.takes_part)]
        text = mark if one.level == Level.FULL else None
        thread = ids.get(0) if one.answers else None
        told: dict[str, Any] = {"public_id": mark, "subject": mark, "text": text, "author": one.author}
        ids[number] = seeds.activity(
            at=days(1), people=who, links=["contact:vera"], thread=thread, level=one.level, **told
        )
        seeds.changed(ids[number], ids[number])
        for user in one.seen_by:
            seeds.sighting(streams[user], activity=ids[number], item=f"{mark}{user}", **seen)


def answers(engine: Engine, viewer: Viewer, count: int) -> str:
    """All that the read side says to this viewer, of whatever can be asked."""
    contact = Entity("contact", "vera", "Vera")
    asked: list[object] = [
        recent(engine, viewer=viewer, limit=99),
        timeline(engine, contact, viewer=viewer, limit=99),
        changes(engine, viewer=viewer, after=0, limit=99),
        status(engine, viewer=viewer),
        rule_counts(engine, viewer=viewer),
        why_between(engine, Question(party=ANYBODY), viewer=viewer, limit=99),
        why_between(engine, Question(since=days(9)), viewer=viewer, limit=99),
        *export(engine, Person(frozenset(), frozenset({b"somebody"}), frozenset({"vera"})), viewer=viewer),
    ]
    for number in range(count):
        mark = canary(number)
        stranger = f"{mark}@kettle.example"
        asked += why(engine, mark, viewer=viewer, keys=[mark.encode()])
        asked += [each for user in USERS for each in why(engine, f"{mark}{user}", viewer=viewer)]
        asked += entities(engine, stranger, viewer=viewer, address_key=stranger)
        asked += timeline(engine, Entity("address", stranger, ""), viewer=viewer, limit=99)
    return repr(asked)


def test_every_question_that_takes_a_viewer_is_asked_here() -> None:
    """So that none is forgotten that comes later."""
    modules = [import_module(f"store.queries.{each.name}") for each in iter_modules(store.queries.__path__)]
    questions = {
        name
        for module in modules
        for name, one in vars(module).items()
        if isfunction(one) and one.__module__ == module.__name__ and not name.startswith("_")
        if {"engine", "viewer"} <= signature(one).parameters.keys()
    }
    assert len(questions) > 8
    assert questions <= set(answers.__code__.co_names)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans, viewer=st.sampled_from((*USERS, "nobody")), team=teams)
def test_no_answer_holds_a_trace_of_what_is_hidden(
    engine: Engine, plan: list[Planted], viewer: str, team: frozenset[str] | None
) -> None:
    with write(engine) as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name != "trail":
                connection.execute(delete(table))
    plant(Seeds(engine), plan)
    shown = None if team is None else team - {"viewer"} | {viewer}
    told = answers(engine, Viewer(circle(frozenset({viewer})), None if shown is None else circle(shown)), len(plan))
    visible = {number for number, one in enumerate(plan) if one.is_seen(viewer, shown)}
    assert {number for number in range(len(plan)) if canary(number) in told} == visible
