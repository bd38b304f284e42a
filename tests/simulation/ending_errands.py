"""What ought to be stored of tasks and notes, at the end of a story."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.errands import Errand, Listed, heading, verdict, wording
from tests.simulation.truth import FULL, PRIVATE, SUBJECT
from tests.simulation.world import World


def wrong(world: World) -> Iterator[str]:
    for errand in world.errands:
        logged: set[int] = set()
        for rep, listed in errand.standing().items():
            yield from _sighting(world, errand, rep, listed, logged)
        if len(logged) > 1:
            yield f"{errand.kind} {errand.number} is {len(logged)} activities"
        for own in logged:
            yield from _activity(world, errand, own)


def _sighting(world: World, errand: Errand, rep: str, listed: Listed, logged: set[int]) -> Iterator[str]:
    rows = world.rows(
        "SELECT verdict, rule, activity_id FROM sighting WHERE stream_id = :id AND item = :item AND gone_at IS NULL",
        id=world.stream_ids[rep, "Calendar"],
        item=errand.name,
    )
    name = f"{errand.kind} {errand.number} in {rep}'s list"
    if len(rows) != 1:
        yield f"{name} was seen {len(rows)} times"
        return
    ((state, rule, own),) = rows
    found = str(rule) if state in ("logged", "skipped") else f"{state} ({rule})"
    wanted = decidable(world, errand, rep, listed)
    if found not in wanted:
        yield f"{name} is {found}, not {' or '.join(sorted(wanted))}"
    if isinstance(own, int):
        logged.add(own)


def decidable(world: World, errand: Errand, rep: str, listed: Listed) -> set[str]:
    truth = world.truth
    now, possible = verdict(truth, errand, rep, listed.now).rule, {each.rule for each in listed.possible}
    also = {"never_log", "never_log_personal"} & possible
    also |= {"erased"} if truth.taken else set()
    also |= {"expired"} if truth.kept.went("activities", *(said.at for said in listed.said)) else set()
    if now in ("logged", "private"):
        return {now, *also}
    # What was logged stays so if it is opened again, or nobody in it is known any more.
    return possible - {"logged"} | also if now == "erased" and "private" not in possible else possible | also


def _activity(world: World, errand: Errand, own: int) -> Iterator[str]:
    name, truth = f"{errand.kind} {errand.number}", world.truth
    columns = "SELECT kind, status, occurred_at, level, subject, text FROM activity WHERE id = :id"
    ((kind, status, at, level, subject, text),) = world.rows(columns, id=own)
    assert isinstance(level, int)
    standing = errand.standing()
    if kind != errand.kind:
        yield f"{name} is a {kind}"
    said = [each for listed in errand.copies.values() for each in (listed.said if listed.removed else [listed.now])]
    if errand.kind == "task" and status not in {"done" if each.done else "open" for each in said}:
        yield f"{name} is {status}"
    if str(at)[:19] not in {f"{each.at:%F %T}" for each in said}:
        yield f"{name} is of {at}"
    certain = [rep for rep, listed in standing.items() if decidable(world, errand, rep, listed) == {"logged"}]
    private = [rep for rep, listed in standing.items() if decidable(world, errand, rep, listed) == {"private"}]
    levels = [truth.decide((errand.person,), rep, "", private=False).level for rep in certain]
    most = PRIVATE if private else min(levels, default=FULL)
    if level > most:
        yield f"{name} has level {level}, not {most}"
    if subject != (heading(errand) if level >= SUBJECT else None):
        yield f"{name} has at level {level} the title {subject}"
    if text != (wording(errand) if level == FULL else None):
        yield f"{name} has at level {level} the text {text}"
