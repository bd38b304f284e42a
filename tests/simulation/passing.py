"""What syncd does: passes, late matching, replays, audits; each of them may fail, be stopped, die, or not be alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from connectors.base import Stream
from store.retention import Periods
from store.vault import Vault
from syncd.audit import audit
from syncd.config import Mailbox
from syncd.raising import raise_levels
from syncd.replay import relinked, replay_mailbox
from syncd.sync import Pass
from tests.simulation import inviting, jotting, keeping, mailing, planning, recurring, ruling
from tests.simulation.cast import REPS, of, own
from tests.simulation.servers import Account, Settings
from tests.simulation.story import Step
from tests.simulation.world import MOST_DEATHS, World

Act = Callable[[World, Step], None]


def perform(world: World, step: Step) -> None:
    world.count(step.kind)
    ACTS[step.kind](world, step)


# -------------------------------------------------------------------------------------------------- the passes


def read(world: World, rep: str, *, stop_after: int | None = None) -> int:
    """One pass over every stream of a rep's mailbox; how many batches it saved."""
    batches = 0
    for stream_id, stream in world.streams(rep):
        one = _pass(world, rep, stream_id, stream)
        one.should_stop = partial(_stopped, one, batches, stop_after)
        one.run()
        batches += one.batches
        if one.batches:
            world.deaths[rep] = 0
        if one.should_stop():
            break
    return batches


def _stopped(one: Pass, before: int, stop_after: int | None) -> bool:
    return stop_after is not None and before + one.batches >= stop_after


def _pass(world: World, rep: str, stream_id: int, stream: Stream) -> Pass:
    return Pass(stream, stream_id, world.store, world.policy(rep), now=world.now)


def compare(world: World, rep: str) -> None:
    """The audit of a mailbox, as it is once a day; calendars are read again as far as they are not known."""
    for stream_id, stream in world.streams(rep):
        one = _pass(world, rep, stream_id, stream)
        audit(one)


def _pass_step(world: World, step: Step) -> None:
    rep = of(REPS, step.numbers[0])
    if rep in world.busy:
        return
    audits = step.numbers[1] % 6 == 0
    world.tell(f"{'audit' if audits else 'pass'} of {rep}: {str(step).partition(str(step.numbers[-1]))[2].strip()}")
    work = partial(compare, world, rep) if audits else partial(read, world, rep, stop_after=step.stop_after)
    _alone(world, step, rep, work, jumbled=step.numbers[2] % 4 == 0)


def _alone(world: World, step: Step, rep: str, work: Callable[[], object], *, jumbled: bool = False) -> None:
    """Never two passes over one mailbox at once; what happens at its calls happens meanwhile."""
    line, deaths = world.lines[rep], world.deaths.get(rep, 0)
    tired = deaths >= MOST_DEATHS
    events = [event for event in step.events if not (tired and event == "killed")]
    line.coming = [event if isinstance(event, str) else partial(_meanwhile, world, event) for event in events]
    line.jumbled, line.patient = jumbled, step.numbers[3] % 2 == 0
    world.busy.add(rep)
    before = world.counted.get("killed", 0)
    try:
        world.mortal(step._replace(die_at=None if tired else step.die_at), work)
    finally:
        world.busy.discard(rep)
        line.over()
    if world.counted.get("killed", 0) > before:
        world.deaths[rep] = deaths + 1


def _meanwhile(world: World, step: Step) -> None:
    """The same process does something else, or another one does: it does not die of what the waiting one may die of."""
    outer, world.die_at = world.die_at, None
    try:
        perform(world, step)
    finally:
        world.die_at = outer


# ---------------------------------------------------------------------------------------------- the directory


def catch_up(world: World, step: Step) -> None:
    world.tell("the directory is caught up with")
    world.mortal(step, world.catch_up)


# ------------------------------------------------------------------------------------------------- the rules


def replay(world: World, *reps: str) -> None:
    """Raises nothing that a server can cause, as the command does."""
    vault = Vault(world.store.engine, lambda make: b"")
    now, judged = world.now(), []
    for rep in reps:
        account = Account(tuple(stream for _, stream in world.streams(rep)))
        mailbox = Mailbox(name=rep, owner=own(rep), kind="simulated", settings=Settings(account))
        judged.append(replay_mailbox(mailbox, world.store, vault, world.policy(rep), now, dry_run=False)[1])
    policies = {rep: world.policy(rep) for rep in REPS}
    raise_levels(world.store, policies, Periods(**world.truth.kept.periods), judged, now, dry_run=False)
    relinked(world.store, world.policy(), now, dry_run=False)


def _replay_step(world: World, step: Step) -> None:
    rep = of(REPS, step.numbers[0])
    if rep not in world.busy:
        world.tell(f"replay of {rep}: {str(step).partition(str(step.numbers[-1]))[2].strip()}")
        _alone(world, step, rep, partial(replay, world, rep))


ACTS: dict[str, Act] = {
    "pass": _pass_step,
    "replay": _replay_step,
    "catch_up": catch_up,
    **{act.__name__: act for act in (mailing.deliver, mailing.copy, mailing.move, mailing.delete, mailing.renumber)},
    **{act.__name__: act for act in (mailing.smuggle, mailing.spoil)},
    **{act.__name__: act for act in (planning.meet, planning.move_meeting, planning.call_off, planning.answer)},
    **{act.__name__: act for act in (planning.hide, planning.remove, planning.jump)},
    **{act.__name__: act for act in (recurring.series, recurring.repeat, recurring.cut, inviting.invite)},
    **{act.__name__: act for act in (jotting.jot, jotting.work_on, keeping.retain, keeping.shut)},
    **{
        act.__name__: act
        for act in (ruling.know, ruling.hear, ruling.forget, ruling.merge, ruling.rehouse, ruling.domain)
    },
    **{act.__name__: act for act in (ruling.deal, ruling.rule, ruling.link, ruling.vandal, ruling.erase, ruling.close)},
}
