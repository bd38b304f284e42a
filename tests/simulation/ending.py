"""The faults stop, syncd goes about its business for a while, and then the store is compared with the truth."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from store.erasure import scrub
from store.integrity import problems
from store.occasions import settle
from tests.simulation import mailing, passing, planning
from tests.simulation.always import Wrong
from tests.simulation.cast import REPS
from tests.simulation.meetings import Meeting, outcomes
from tests.simulation.truth import FULL, PRIVATE, SUBJECT, Copy, Mail
from tests.simulation.world import World

_CANARY = re.compile(rb"(?:subj|text|mid)-(?:m\d{3}|\d{4})")
_MOST_PASSES = 40


def check(world: World) -> None:
    """Raises Wrong with all that is."""
    found = [*quieten(world), *_quiet(world), *problems(world.store.engine)]
    found += [*_mails(world), *_meetings(world), *_leaks(world)]
    if found:
        raise Wrong("\n".join(found))


def quieten(world: World) -> Iterator[str]:
    """The faults stop; what is wrong before an audit puts it right."""
    for line in world.lines.values():
        line.over()
    for mail, copy in mailing.copies(world):
        if mailing.uid_of(world, mail, copy) in world.folders[copy.rep, copy.folder].unreadable:
            mailing.mend(world, mail, copy)
    world.clock = world.latest
    _passes(world)
    yield from _lost(world)
    for rep in REPS:
        passing.compare(world, rep)
    _passes(world)
    if world.truth.ruled:
        for rep in REPS:
            passing.replay(world, rep)
        _passes(world)
    settle(world.store.engine, world.now())


def _lost(world: World) -> Iterator[str]:
    """What no pass has seen or logged, although no server lied and nobody had a hand in the store or in the rules."""
    for rep, folder in mailing.PLACES:
        told_truth = (rep, folder) not in world.rewound and not world.lines[rep].lies.get(folder)
        if not told_truth or world.truth.vandalised:
            continue
        query = "SELECT item, verdict FROM sighting WHERE stream_id = :id AND gone_at IS NULL"
        seen = {str(item): verdict for item, verdict in world.rows(query, id=world.stream_ids[rep, folder])}
        for mail, copy in world.truth.held(rep, folder):
            verdict = seen.get(world.folders[rep, folder].item(mailing.uid_of(world, mail, copy)))
            if verdict is None:
                yield f"mail {mail.number} in {rep}/{folder} was seen by no pass"
            wanted = world.truth.verdict(mail, copy).rule
            late = {each.rule for each in copy.possible} <= {"logged", "no_known_contact"} and not copy.spoilt
            taken = f"{mail.at:%F %T}" in world.truth.taken
            if late and not taken and wanted == "logged" and verdict not in (None, "logged"):
                yield f"mail {mail.number} in {rep}/{folder} is {verdict}, although somebody in it is known"


def _passes(world: World) -> None:
    for _ in range(_MOST_PASSES):
        world.catch_up()
        if not sum(passing.read(world, rep) for rep in REPS):
            return
    raise Wrong("the passes come to no end")


def _quiet(world: World) -> Iterator[str]:
    """Where nothing happens, nothing is written."""
    before = world.points
    world.catch_up()
    for rep in REPS:
        passing.read(world, rep)
        passing.compare(world, rep)
    if world.points != before:
        yield f"{world.points - before} writes although nothing happened"


# ------------------------------------------------------------------------------------------------------- mails


def _mails(world: World) -> Iterator[str]:
    logged: dict[int, set[int]] = defaultdict(set)
    """Mail -> the activities that its copies are logged as."""
    for place in mailing.PLACES:
        yield from _sightings(world, *place, logged)
    stored = _by_time(world)
    for mail in world.truth.mails.values():
        yield from _activity(world, mail, stored.pop(f"{mail.at:%F %T}", []), logged[mail.number])
    for at in stored:
        yield f"an activity at {at}, when there was no mail"
    yield from _threads(world)
    yield from _hands(world)


def _sightings(world: World, rep: str, folder: str, logged: dict[int, set[int]]) -> Iterator[str]:
    seen = {
        str(item): (str(verdict), str(rule), own)
        for item, verdict, rule, own in world.rows(
            "SELECT item, verdict, rule, activity_id FROM sighting WHERE stream_id = :id AND gone_at IS NULL",
            id=world.stream_ids[rep, folder],
        )
    }
    for mail, copy in world.truth.held(rep, folder):
        item = str(world.folders[rep, folder].item(mailing.uid_of(world, mail, copy)))
        where = f"mail {mail.number} in {rep}/{folder}"
        if item not in seen:
            yield f"{where} was not seen"
            continue
        verdict, rule, own = seen.pop(item)
        told = verdict if verdict == "logged" else rule if verdict == "skipped" else f"{verdict} ({rule})"
        if own is not None:
            assert isinstance(own, int)
            logged[mail.number].add(own)
        wanted = allowed(world, mail, copy)
        if told not in wanted:
            yield f"{where} is {told}, not {' or '.join(sorted(wanted))}"
    for item in seen if (rep, folder) not in world.rewound else ():
        yield f"{item} in {rep}/{folder} is not there any more"


def allowed(world: World, mail: Mail, copy: Copy) -> set[str]:
    """What may have been decided on the copy."""
    now, truth = world.truth.verdict(mail, copy).rule, world.truth
    possible = {each.rule for each in copy.possible}
    quarantined = {"quarantined (unreadable)"} if copy.spoilt else set()
    if f"{mail.at:%F %T}" in truth.taken:
        return {now, *possible, *quarantined, "erased"}
    if now == "logged":
        return {now, *quarantined}
    if now == "erased":
        return {*possible - {"logged"}, *quarantined}
    by_hand = {"logged"} if "logged" in possible and truth.hands else set()
    return {*({now} if truth.ruled else possible), *by_hand, *quarantined}


def _by_time(world: World) -> dict[str, list[tuple[int, int, str | None, str | None]]]:
    """Time -> activities: id, level, subject and text."""
    found: dict[str, list[tuple[int, int, str | None, str | None]]] = defaultdict(list)
    for at, *row in world.rows("SELECT occurred_at, id, level, subject, text FROM activity WHERE kind = 'email'"):
        found[str(at)[:19]].append(tuple(row))  # type: ignore[arg-type]
    return found


def _activity(
    world: World, mail: Mail, stored: list[tuple[int, int, str | None, str | None]], logged: set[int]
) -> Iterator[str]:
    name = f"mail {mail.number}"
    if len(stored) > 1 or len(logged) > 1:
        yield f"{name} is {len(stored)} activities, and logged as {len(logged)}"
        return
    if not stored:
        if logged:
            yield f"{name} is logged as an activity that is not its own"
        return
    ((own, level, subject, text),) = stored
    if logged and logged != {own}:
        yield f"{name} is logged as another activity than its own"
    possible = {verdict for copy in mail.copies for verdict in copy.possible}
    if "logged" not in {verdict.rule for verdict in possible}:
        yield f"{name} is logged, and never could be"
    if world.truth.erased.intersection(mail.people):
        yield f"{name} is logged, and somebody in it was erased"
    lowest, highest = levels(world, mail)
    if not lowest <= level <= highest:
        yield f"{name} has level {level}, not {lowest} to {highest}"
    if subject != (mailing.subject(mail.number) if level >= SUBJECT else None):
        yield f"{name} has at level {level} the subject {subject}"
    readable = any(
        copy.held and not copy.spoilt and world.truth.verdict(mail, copy).rule == "logged" for copy in mail.copies
    )
    if text != (mailing.body(mail.number) if level >= FULL else None) and (text or readable):
        yield f"{name} has at level {level} the text {text}"
    yield from _links(world, own, name, mail)


def levels(world: World, mail: Mail) -> tuple[int, int]:
    """The least and the most that may be stored of it."""
    held = [world.truth.verdict(mail, copy) for copy in mail.copies if copy.held]
    known = [verdict.level for verdict in held if verdict.rule == "logged"]
    private = [copy for copy in mail.copies if copy.held and world.truth.verdict(mail, copy).rule == "private"]
    ever = [verdict for copy in mail.copies for verdict in copy.possible]
    lowest = min(
        (
            verdict.level if verdict.rule == "logged" else PRIVATE
            for verdict in ever
            if verdict.rule in ("logged", "private")
        ),
        default=PRIVATE,
    )
    if world.truth.ruled or world.truth.closed.intersection(mail.people):
        lowest = PRIVATE
    return lowest, PRIVATE if private or world.truth.closed.intersection(mail.people) else min(known, default=FULL)


def _links(world: World, own: int, name: str, mail: Mail) -> Iterator[str]:
    rows = world.rows("SELECT entity_kind, entity_id, state, origin FROM link WHERE activity_id = :id", id=own)
    by_rule = {(str(kind), str(entity)): str(state) for kind, entity, state, origin in rows if origin == "rule"}
    by_hand = {(str(kind), str(entity)) for kind, entity, _, origin in rows if origin == "person"}
    wanted = world.truth.known.entities(mail.people)
    found = {place for place in by_rule if place[0] != "opportunity"}
    if found != wanted - by_hand:
        yield f"{name} is linked to {_told(found)}, not to {_told(wanted - by_hand)}"
    deals = world.truth.known.open_deals(mail.people, mail.at)
    of = {entity: state for (kind, entity), state in by_rule.items() if kind == "opportunity"}
    if of.keys() != deals:
        yield f"{name} is linked to the deals {_told(of)}, not {_told(deals)}"
    elif len(deals) == 1 and set(of.values()) != {"linked"}:
        yield f"{name} is not linked to its only deal"


def _told(values: object) -> str:
    return str(sorted(values)) if isinstance(values, set | frozenset | dict) else str(values)


def _threads(world: World) -> Iterator[str]:
    """What is held and logged is one thread with what it answers, if that is; and what is never connected is not."""
    threads = {
        str(at)[:19]: own for at, own in world.rows("SELECT occurred_at, thread_id FROM activity WHERE kind = 'email'")
    }
    mails = {mail.number: mail for mail in world.truth.mails.values() if not mail.reuses and mail.id}
    for mail in mails.values():
        parent = mails.get(mail.parent or 0)
        here = threads.get(f"{mail.at:%F %T}")
        if parent is None or here is None or (there := threads.get(f"{parent.at:%F %T}")) is None:
            continue
        if here != there:
            yield f"mail {mail.number} answers mail {parent.number}, and is in another thread"


def _hands(world: World) -> Iterator[str]:
    mails = {f"{mail.at:%F %T}": mail for mail in world.truth.mails.values()}
    for hand in world.truth.hands:
        activity = world.rows("SELECT id FROM activity WHERE public_id = :id", id=hand.public_id)
        if not activity:
            mail = mails.get(hand.at)
            may_go = world.truth.vandalised or mail is None or world.truth.erased.intersection(mail.people)
            if hand.state == "linked" and not may_go:
                yield f"what was linked by hand to {hand.entity} is not there any more"
            continue
        where = "SELECT state, origin FROM link WHERE activity_id = :id AND entity_id = :entity"
        found = world.rows(where, id=activity[0][0], entity=hand.entity)
        if found != [(hand.state, "person")]:
            yield f"what was {hand.state} by hand to {hand.entity} is {found}"


# ---------------------------------------------------------------------------------------------------- meetings


def _meetings(world: World) -> Iterator[str]:
    seen: dict[int, int] = {}
    for meeting in world.meetings.all.values():
        logged: set[int] = set()
        for held in meeting.standing():
            rows = world.rows(
                "SELECT verdict, rule, activity_id FROM sighting"
                " WHERE stream_id = :id AND item = :item AND gone_at IS NULL",
                id=world.stream_ids[held.rep, "Calendar"],
                item=meeting.name,
            )
            name = f"meeting {meeting.number} in {held.rep}'s calendar"
            if len(rows) != 1:
                yield f"{name} was seen {len(rows)} times"
                continue
            ((verdict, rule, own),) = rows
            told = str(verdict) if verdict == "logged" else str(rule) if verdict == "skipped" else f"{verdict} ({rule})"
            wanted = _decidable(world, meeting, held.rep)
            if told not in wanted:
                yield f"{name} is {told}, not {' or '.join(sorted(wanted))}"
            if isinstance(own, int):
                logged.add(own)
        yield from _meeting(world, meeting, logged)
        for own in logged:
            if seen.setdefault(own, meeting.number) != meeting.number:
                yield f"meetings {seen[own]} and {meeting.number} are one activity"


def _decidable(world: World, meeting: Meeting, rep: str) -> set[str]:
    held = meeting.copies[rep]
    now = world.truth.decide(meeting.people, rep, "", private=held.now.private).rule
    listed = {"never_log", "never_log_personal"} & held.possible
    listed |= {"erased"} if world.truth.taken else set()
    if now == "logged":
        return {now, *listed}
    if now == "private":
        return {now, *listed}
    # Of a meeting that was closed nobody knows who took part: an erasure leaves its time, and no name.
    return held.possible - {"logged"} if now == "erased" and not meeting.was_private else held.possible


def _meeting(world: World, meeting: Meeting, logged: set[int]) -> Iterator[str]:
    name = f"meeting {meeting.number}"
    if len(logged) > 1:
        yield f"{name} is {len(logged)} activities"
    for own in logged:
        columns = "SELECT status, occurred_at, level, subject, text FROM activity WHERE id = :id"
        ((status, at, level, subject, text),) = world.rows(columns, id=own)
        private = [held for held in meeting.standing() if _decidable(world, meeting, held.rep) == {"private"}]
        if private and level != PRIVATE:
            yield f"{name} is private in a calendar, and stored at level {level}"
        if subject != (planning.title(meeting.number) if isinstance(level, int) and level >= SUBJECT else None):
            yield f"{name} has at level {level} the title {subject}"
        if text != (planning.agenda(meeting.number) if level == FULL else None):
            yield f"{name} has at level {level} the text {text}"
        doubtful = {held.rep for held in meeting.standing() if _decidable(world, meeting, held.rep) != {"logged"}}
        wanted = outcomes(meeting, world.clock, doubtful)
        found = (str(status), str(at)[:19])
        if found not in {(each.status, f"{each.starts_at:%F %T}") for each in wanted}:
            yield f"{name} is {found}, not {sorted((each.status, f'{each.starts_at:%F %T}') for each in wanted)}"


# ------------------------------------------------------------------------------------------------------- leaks


def _leaks(world: World) -> Iterator[str]:
    """Of what is not stored nothing is in any byte of the file."""
    scrub(world.store.engine)
    held = world.path.read_bytes()
    stored = {
        str(value).encode() for row in world.rows("SELECT subject, text, message_id FROM activity") for value in row
    }
    allowed_ = {value.partition(b"@")[0] for value in stored}
    for canary in sorted({match[0] for match in _CANARY.finditer(held)} - allowed_):
        yield f"{canary.decode()} is in the file"
    known = {address for held_ in world.truth.known.addresses.values() for address in held_}
    for person in sorted(world.truth.erased - known):
        if person.encode() in held:
            yield f"{person} was erased, and is in the file"
