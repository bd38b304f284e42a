"""What owners do with tasks and notes."""

from __future__ import annotations

from dataclasses import replace

from syncd.model import ItemId, Note, Task
from tests.simulation.cast import HOUR, OUTSIDE, REPS, of, some
from tests.simulation.errands import Errand, Listed, Said, heading, verdict, wording
from tests.simulation.story import Step
from tests.simulation.world import World


def note(world: World) -> None:
    truth = world.truth
    for errand in world.errands:
        for rep, listed in errand.standing().items():
            listed.possible |= truth.verdicts(verdict(truth, errand, rep, listed.now))


def _put(world: World, errand: Errand, rep: str) -> None:
    said, made = errand.copies[rep].now, _written(errand)
    if isinstance(made, Task):
        made = made._replace(done=said.done, done_at=said.at)
    else:
        made = made._replace(draft=not said.done, written_at=said.at)
    made = made._replace(private="CLASS:PRIVATE" if said.private else "")
    world.calendars[rep].put(errand.name, made)


def _written(errand: Errand) -> Task | Note:
    own, uid, subject, text = ItemId(""), f"uid-{errand.name}", heading(errand), wording(errand)
    if errand.kind == "task":
        return Task(id=own, uid=uid, done=False, done_at=None, subject=subject, text=text)
    return Note(id=own, uid=uid, written_at=None, subject=subject, text=text)


def jot(world: World, step: Step) -> None:
    """A task or a note about somebody, in the lists of some."""
    a, b, c, d = step.numbers
    errand = Errand(len(world.errands) + 1, "task" if a % 2 else "note", of(OUTSIDE, b))
    world.errands.append(errand)
    first = Said(done=c % 3 > 0, at=world.clock.replace(microsecond=0) - c % 7 * HOUR)
    reps = some(REPS, 1 + d % 7)[:2]
    world.tell(f"{errand.kind} {errand.number} about {errand.person} is in {', '.join(reps)}'s list")
    for rep in reps:
        errand.copies[rep] = Listed([first])
        _put(world, errand, rep)
    note(world)


def work_on(world: World, step: Step) -> None:
    """One is done, or opened again, made private or not, or deleted."""
    a, b, c, _ = step.numbers
    standing = [errand for errand in world.errands if errand.standing()]
    if not standing:
        return
    errand = standing[a % len(standing)]
    rep, listed = list(errand.standing().items())[b % len(errand.standing())]
    now = listed.now
    if c % 4 == 0:
        world.tell(f"{rep} deletes {errand.kind} {errand.number}")
        listed.removed = True
        world.calendars[rep].delete(errand.name)
        return
    listed.said.append(replace(now, private=not now.private) if c % 4 == 1 else replace(now, done=not now.done))
    world.tell(f"{rep} changes {errand.kind} {errand.number}: done {listed.now.done}, private {listed.now.private}")
    _put(world, errand, rep)
    note(world)
