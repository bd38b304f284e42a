"""The faults stop, syncd goes about its business for a while, and then the store is compared with the truth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from store.erasure import scrub
from store.integrity import problems
from store.occasions import settle
from tests.simulation import ending_errands, ending_mails, ending_meetings, keeping, mailing, passing
from tests.simulation.always import Wrong
from tests.simulation.cast import REPS
from tests.simulation.truth import PRIVATE, Copy, Mail
from tests.simulation.world import World

_CANARY = re.compile(rb"(?:subj|text|mid)-(?:[mt]\d{3}|\d{4})")
_MOST_PASSES = 40


def check(world: World) -> None:
    """Raises Wrong with all that is."""
    found = [*quieten(world), *_quiet(world), *problems(world.store.engine)]
    attached = ending_mails.Attached([])
    found += [*ending_mails.wrong(world, attached), *ending_meetings.wrong(world, attached)]
    found += [*ending_errands.wrong(world), *_kept(world), *_leaks(world)]
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
        passing.replay(world, *REPS)
        _passes(world)
    keeping.expired(world)
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
            elif verdict != "logged" and _must_be_logged(world, mail, copy):
                yield f"mail {mail.number} in {rep}/{folder} is {verdict}, although somebody in it is known"


def _must_be_logged(world: World, mail: Mail, copy: Copy) -> bool:
    """Nothing but that somebody was not known ever kept it out."""
    known = {"logged", "invitation"}
    always = {each.rule for each in copy.possible} <= {*known, "no_known_contact"} and not copy.spoilt
    gone = f"{mail.at:%F %T}" in world.truth.taken or ending_mails.was_old(world, mail)
    return always and not gone and world.truth.verdict(mail, copy).rule in known


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


def _kept(world: World) -> Iterator[str]:
    """What its owner closed stays closed, what is too old is not kept, and what was so once never comes back."""
    truth, kept = world.truth, world.truth.kept
    columns = "SELECT kind, occurred_at, public_id, level, subject, text FROM activity"
    for kind, at, public_id, level, subject, text in world.rows(columns):
        name, happened = f"the {kind} of {at}", datetime.fromisoformat(str(at)[:19]).replace(tzinfo=UTC)
        if public_id in truth.shut and (level, subject, text) != (PRIVATE, None, None):
            yield f"{name} was closed, and has level {level}: {subject}, {text}"
        if kept.is_over("activities", happened):
            yield f"{name} is too old to be kept"
        for what, value in (("subject", subject), ("text", text)):
            if value is not None and (kept.is_over(what, happened) or public_id in kept.blank[what]):
                yield f"{name} is too old for its {what}: {value}"


def _leaks(world: World) -> Iterator[str]:
    """Of what is not stored nothing is in any byte of the file."""
    scrub(world.store.engine)
    held = world.bytes()
    stored = {
        str(value).encode() for row in world.rows("SELECT subject, text, message_id FROM activity") for value in row
    }
    allowed = {match[0] for value in stored for match in _CANARY.finditer(value)}
    for canary in sorted({match[0] for match in _CANARY.finditer(held)} - allowed):
        yield f"{canary.decode()} is in the file"
    known = {address for held_ in world.truth.known.addresses.values() for address in held_}
    for person in sorted(world.truth.erased - known):
        if person.encode() in held:
            yield f"{person} was erased, and is in the file"
