"""What ought to be stored of the meetings, at the end of a story."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tests.simulation import planning
from tests.simulation.cast import own as own_of
from tests.simulation.ending_mails import Attached, told
from tests.simulation.meetings import Held, Meeting, Said, outcomes
from tests.simulation.servers import AHEAD
from tests.simulation.truth import FULL, PRIVATE, SUBJECT, Mail
from tests.simulation.world import World


def wrong(world: World, attached: Attached) -> Iterator[str]:
    owners: dict[int, Meeting] = {}
    for meeting in world.meetings.all:
        logged = {own for mail, _, own in attached if mail.invites and mail.invites.meeting is meeting}
        unseen: set[str] = set()
        """Reps in whose calendar it is, and perhaps not read yet."""
        for held in meeting.standing():
            yield from _sighting(world, meeting, held, logged, unseen)
        if meeting.was_single and logged and (others := _left(world, meeting, meeting.name) - logged):
            yield f"meeting {meeting.item} is another one than before it was a series: {others}"
        yield from _meeting(world, meeting, logged or _left(world, meeting, meeting.item), unseen, attached)
        for own in logged:
            if owners.setdefault(own, meeting) is not meeting:
                yield f"meetings {owners[own].item} and {meeting.item} are one activity"


def _sighting(world: World, meeting: Meeting, held: Held, logged: set[int], unseen: set[str]) -> Iterator[str]:
    rows = world.rows(
        "SELECT verdict, rule, activity_id FROM sighting WHERE stream_id = :id AND item = :item AND gone_at IS NULL",
        id=world.stream_ids[held.rep, "Calendar"],
        item=meeting.item,
    )
    name = f"meeting {meeting.item} in {held.rep}'s calendar"
    if not rows and not _is_reached(world, held):
        unseen.add(held.rep)
        return
    if len(rows) != 1:
        yield f"{name} was seen {len(rows)} times"
        return
    ((verdict, rule, own),) = rows
    found = str(rule) if verdict in ("logged", "skipped") else f"{verdict} ({rule})"
    wanted = _decidable(world, meeting, held.rep)
    if found not in wanted:
        yield f"{name} is {found}, not {' or '.join(sorted(wanted))}"
    if isinstance(own, int):
        logged.add(own)


def _left(world: World, meeting: Meeting, item: str) -> set[int]:
    """What it was logged as before it left all calendars."""
    query = "SELECT activity_id FROM sighting WHERE stream_id = :id AND item = :item AND activity_id IS NOT NULL"
    streams = (world.stream_ids[rep, "Calendar"] for rep in meeting.copies)
    return {int(str(own)) for stream in streams for (own,) in world.rows(query, id=stream, item=item)}


def _is_reached(world: World, held: Held) -> bool:
    """What is written down is read whenever it is; what only a rule tells of when the window comes to it, which moves
    on each day."""
    midnight = world.clock.replace(hour=0, minute=0, second=0, microsecond=0)
    return held.written or held.now.starts_at - AHEAD < midnight


def _decidable(world: World, meeting: Meeting, rep: str) -> set[str]:
    held, truth = meeting.copies[rep], world.truth
    now = truth.decide(meeting.people, rep, "", private=held.now.private).rule
    also = {"never_log", "never_log_personal"} & held.possible
    also |= {"erased"} if truth.taken else set()
    also |= {"expired"} if truth.kept.went("activities", *meeting.times()) else set()
    if now in ("logged", "private"):
        return {now, *also}
    # Of a meeting that was closed nobody knows who took part: an erasure leaves its time, and no name.
    return held.possible - {"logged"} | also if now == "erased" and not meeting.was_private else held.possible | also


def _meeting(
    world: World, meeting: Meeting, logged: Collection[int], unseen: set[str], attached: Attached
) -> Iterator[str]:
    name = f"meeting {meeting.item}"
    if len(logged) > 1:
        yield f"{name} is {len(logged)} activities"
    for own in logged:
        columns = "SELECT status, occurred_at, level, subject, text FROM activity WHERE id = :id"
        ((status, at, level, subject, text),) = world.rows(columns, id=own)
        least, most = _levels(world, meeting, unseen, attached)
        if not isinstance(level, int) or not least <= level <= most:
            yield f"{name} has level {level}, not {least} to {most}"
            continue
        if subject != (planning.title(meeting.number) if level >= SUBJECT else None):
            yield f"{name} has at level {level} the title {subject}"
        if text != (planning.agenda(meeting.number) if level == FULL else None):
            yield f"{name} has at level {level} the text {text}"
        doubtful = {held.rep for held in meeting.standing() if _decidable(world, meeting, held.rep) != {"logged"}}
        wanted = outcomes(meeting, world.clock, doubtful | unseen, _by_mail(world, meeting, attached))
        found = (str(status), str(at)[:19])
        if found not in {(each.status, f"{each.starts_at:%F %T}") for each in wanted} | _declined(world, meeting):
            yield f"{name} is {found}, not {sorted((each.status, f'{each.starts_at:%F %T}') for each in wanted)}"
        yield from _links(world, own, meeting)
        yield from _answers(world, own, meeting, attached)


def _levels(world: World, meeting: Meeting, unseen: set[str], attached: Attached) -> tuple[int, int]:
    """The least and the most that may be stored of it."""
    truth = world.truth
    rules = {held.rep: _decidable(world, meeting, held.rep) for held in meeting.standing() if held.rep not in unseen}
    if {"private"} in rules.values():
        return PRIVATE, PRIVATE
    certain = [rep for rep, rule in rules.items() if rule == {"logged"}]
    levels = [truth.decide(meeting.people, rep, "", private=False).level for rep in certain]
    levels += [
        truth.verdict(mail, copy).level
        for mail, copy, _ in attached
        if mail.invites and mail.invites.meeting is meeting and _claims(mail)
    ]
    least = min(meeting.least, truth.kept.least(*meeting.times()))
    if meeting.was_private or truth.closed.intersection(meeting.people) or truth.shut:
        least = PRIVATE
    return least, min(levels, default=FULL)


def _claims(mail: Mail) -> bool:
    """Only the organizer says when it is, and whether it is on."""
    invites = mail.invites
    return invites is not None and invites.method != "REPLY" and mail.people[0] == invites.meeting.organizer


def _by_mail(world: World, meeting: Meeting, attached: Attached) -> list[Said]:
    belonging = {mail.number for mail, _, _ in attached}
    return [
        Said(mail.invites.said, mail.number in belonging)
        for mail in world.truth.mails.values()
        if mail.invites and mail.invites.meeting is meeting and _claims(mail)
        if mail.number in belonging or any(each.rule == "invitation" for copy in mail.copies for each in copy.possible)
    ]


def _declined(world: World, meeting: Meeting) -> set[tuple[str, str]]:
    """What replies by mail may have made of it: each of its known contacts declined."""
    known = {each for each in meeting.people if world.truth.known.holders(each)}
    replies = [mail for mail in world.truth.mails.values() if mail.invites and mail.invites.meeting is meeting]
    declined = {mail.people[0] for mail in replies if mail.invites and mail.invites.said.response == "declined"}
    if not known & declined:
        return set()
    return {("declined", f"{at:%F %T}") for at in meeting.times()}


def _links(world: World, own: int, meeting: Meeting) -> Iterator[str]:
    """Of what was private nobody knows who took part, so that nobody's links can follow the directory."""
    if meeting.was_private:
        return
    rows = world.rows("SELECT entity_kind, entity_id, origin FROM link WHERE activity_id = :id", id=own)
    by_hand = {(str(kind), str(entity)) for kind, entity, origin in rows if origin == "person"}
    found = {(str(kind), str(entity)) for kind, entity, origin in rows if origin == "rule" and kind != "opportunity"}
    wanted = world.truth.known.entities(meeting.people) - by_hand
    if found != wanted:
        yield f"meeting {meeting.item} is linked to {told(found)}, not to {told(wanted)}"


def _answers(world: World, own: int, meeting: Meeting, attached: Attached) -> Iterator[str]:
    """A reply is its sender's answer, unless the organizer's own calendar or the sender's says another."""
    witnesses = {own_of(rep) for rep in meeting.copies}
    if meeting.was_private or meeting.organizer in witnesses:
        return
    replies = [mail for mail, _, id_ in attached if id_ == own and mail.invites and mail.invites.method == "REPLY"]
    for sender in {mail.people[0] for mail in replies} - witnesses:
        sent = [mail.invites for mail in world.truth.mails.values() if mail.people[0] == sender and mail.invites]
        wanted = {invites.said.response for invites in sent if invites.meeting is meeting and invites.said.response}
        rows = world.rows(
            "SELECT response FROM participant WHERE activity_id = :id AND address = :who", id=own, who=sender
        )
        if not rows or not {str(response) for (response,) in rows} <= wanted:
            yield f"{sender} answered meeting {meeting.item}: {told(wanted)}, not {rows}"
