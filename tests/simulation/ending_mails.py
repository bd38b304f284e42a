"""What ought to be stored of the mails, at the end of a story."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from tests.simulation import keeping, mailing
from tests.simulation.threads import connected, nodes
from tests.simulation.truth import FULL, PRIVATE, SUBJECT, Copy, Mail
from tests.simulation.world import World

KNOWN = ("logged", "invitation")


class Attached(list[tuple[Mail, Copy, int]]):
    """Mails that belong to meetings, and the activities that they are logged as."""


class _Stored(NamedTuple):
    id: int
    public_id: str
    level: int
    subject: str | None
    text: str | None


def wrong(world: World, attached: Attached) -> Iterator[str]:
    """Puts into `attached` what it finds."""
    logged: dict[int, set[int]] = defaultdict(set)
    """Mail -> the activities that its copies are logged as."""
    for place in mailing.PLACES:
        yield from _sightings(world, *place, logged, attached)
    stored: dict[str, list[_Stored]] = defaultdict(list)
    for at, *row in world.rows(
        "SELECT occurred_at, id, public_id, level, subject, text FROM activity WHERE kind = 'email'"
    ):
        stored[str(at)[:19]].append(_Stored(*row))  # type: ignore[arg-type]
    for mail in world.truth.mails.values():
        yield from _activity(world, mail, stored.pop(f"{mail.at:%F %T}", []), logged[mail.number])
    for at in stored:
        yield f"an activity at {at}, when there was no mail"
    yield from _threads(world)
    yield from _hands(world)


def _sightings(world: World, rep: str, folder: str, logged: dict[int, set[int]], attached: Attached) -> Iterator[str]:
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
        told = rule if verdict in ("logged", "skipped") else f"{verdict} ({rule})"
        if isinstance(own, int):
            if rule == "invitation":
                attached.append((mail, copy, own))
            else:
                logged[mail.number].add(own)
        wanted = allowed(world, mail, copy)
        if told not in wanted:
            yield f"{where} is {told}, not {' or '.join(sorted(wanted))}"
    for item in seen if (rep, folder) not in world.rewound else ():
        yield f"{item} in {rep}/{folder} is not there any more"


def allowed(world: World, mail: Mail, copy: Copy) -> set[str]:
    """What may have been decided on the copy."""
    truth = world.truth
    now, possible = truth.verdict(mail, copy).rule, {each.rule for each in copy.possible}
    also = {"quarantined (unreadable)"} if copy.spoilt else set()
    also |= {"expired"} if was_old(world, mail) else set()
    if f"{mail.at:%F %T}" in truth.taken or (mail.invites and truth.taken):
        return {now, *possible, *also, "erased"}
    if now in KNOWN:
        return {*also, *(each.rule for each in truth.may_be(mail, copy))}
    if now == "erased":
        return {*possible - {*KNOWN}, *also}
    by_hand = possible.intersection(KNOWN) if truth.hands else set()
    return {*({now} if truth.ruled else possible), *by_hand, *also}


def was_old(world: World, mail: Mail) -> bool:
    """It, or the meeting that it belongs to, may have been too old to be kept at some time."""
    times = mail.invites.meeting.times() if mail.invites else ()
    return world.truth.kept.went("activities", mail.at, *times)


def _activity(world: World, mail: Mail, stored: list[_Stored], logged: set[int]) -> Iterator[str]:
    name = f"mail {mail.number}"
    if len(stored) > 1 or len(logged) > 1:
        yield f"{name} is {len(stored)} activities, and logged as {len(logged)}"
        return
    if not stored:
        if logged:
            yield f"{name} is logged as an activity that is not its own"
        return
    ((own, public_id, level, subject, text),) = stored
    if logged and logged != {own}:
        yield f"{name} is logged as another activity than its own"
    possible = {verdict for copy in mail.copies for verdict in copy.possible}
    if "logged" not in {verdict.rule for verdict in possible}:
        yield f"{name} is logged, and never could be"
    if world.truth.erased.intersection(mail.people):
        yield f"{name} is logged, and somebody in it was erased"
    lowest, highest = _levels(world, mail, public_id)
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


def _levels(world: World, mail: Mail, public_id: str) -> tuple[int, int]:
    """The least and the most that may be stored of it."""
    truth = world.truth
    held = [truth.plain(mail, copy) for copy in mail.copies if copy.held]
    most = min([verdict.level for verdict in held if verdict.rule == "logged"], default=FULL)
    if mail.invites:  # which of its copies was taken for a mail, nobody knows
        most = FULL
    most = min(most, truth.kept.most(mail.at))
    ever = {verdict for copy in mail.copies for verdict in copy.possible}
    # A replay goes by what is stored, also of copies that are there no more, and of who is known no more.
    now = [truth.most(mail.people, copy.rep, copy.folder) for copy in mail.copies]
    least = min(truth.kept.least(mail.at), *now, *(each.level for each in ever if each.rule in KNOWN))
    if any(each.rule == "private" for each in ever) or _maybe_shut(world, mail):
        least = PRIVATE
    # A copy that cannot be read closes nothing.
    read = (copy for copy in mail.copies if copy.held and not copy.spoilt)
    private = truth.closed.intersection(mail.people) or any(truth.plain(mail, copy).rule == "private" for copy in read)
    if private or public_id in truth.shut or mail.number in truth.shut_mails or _shut(world, mail):
        return PRIVATE, PRIVATE
    raised = truth.ruled and least > PRIVATE and _is_certain(world, mail)
    return (most if raised else least), most


def _is_certain(world: World, mail: Mail) -> bool:
    """All that was ever known of it is there, so that a replay raises its level to what its copies allow."""
    whole = all(copy.held and not copy.spoilt and allowed(world, mail, copy) == {"logged"} for copy in mail.copies)
    return whole and not mail.invites and not world.truth.vandalised and not world.truth.kept.went("text", mail.at)


def _maybe_shut(world: World, mail: Mail) -> bool:
    truth = world.truth
    return bool(connected(truth, truth.mails.values(), truth.maybe_shut) & nodes(truth, mail))


def _shut(world: World, mail: Mail) -> bool:
    """What it belongs to, as far as that is stored, was closed."""
    truth = world.truth
    if mail.reuses or not truth.shut_threads:
        return False
    return bool(connected(truth, keeping.stored(world), truth.shut_threads) & nodes(truth, mail))


def _links(world: World, own: int, name: str, mail: Mail) -> Iterator[str]:
    rows = world.rows("SELECT entity_kind, entity_id, state, origin FROM link WHERE activity_id = :id", id=own)
    by_rule = {(str(kind), str(entity)): str(state) for kind, entity, state, origin in rows if origin == "rule"}
    by_hand = {(str(kind), str(entity)) for kind, entity, _, origin in rows if origin == "person"}
    wanted = world.truth.known.entities(mail.people)
    found = {place for place in by_rule if place[0] != "opportunity"}
    if found != wanted - by_hand:
        yield f"{name} is linked to {told(found)}, not to {told(wanted - by_hand)}"
    deals = world.truth.known.open_deals(mail.people, mail.at)
    of = {entity: state for (kind, entity), state in by_rule.items() if kind == "opportunity"}
    if of.keys() != deals:
        yield f"{name} is linked to the deals {told(of)}, not {told(deals)}"
    elif len(deals) == 1 and set(of.values()) != {"linked"}:
        yield f"{name} is not linked to its only deal"


def told(values: object) -> str:
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
    truth = world.truth
    mails = {f"{mail.at:%F %T}": mail for mail in truth.mails.values()}
    for hand in truth.hands:
        activity = world.rows("SELECT id FROM activity WHERE public_id = :id", id=hand.public_id)
        if not activity:
            mail = mails.get(hand.at)
            stays = mail and not truth.erased.intersection(mail.people) and not truth.kept.went("activities", mail.at)
            if hand.state == "linked" and stays and not truth.vandalised:
                yield f"what was linked by hand to {hand.entity} is not there any more"
            continue
        where = "SELECT state, origin FROM link WHERE activity_id = :id AND entity_id = :entity"
        found = world.rows(where, id=activity[0][0], entity=hand.entity)
        if found != [(hand.state, "person")]:
            yield f"what was {hand.state} by hand to {hand.entity} is {found}"
