"""What is kept of what is stored: retention, and what owners close."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial

from store import closing
from store.retention import Periods, expire
from tests.simulation.cast import HOUR, of
from tests.simulation.story import Step
from tests.simulation.threads import connected, lone, nodes
from tests.simulation.truth import Mail
from tests.simulation.world import World
from tests.syncd.mailboxes import START

WHAT = ("text", "subject", "activities")


def retain(world: World, step: Step) -> None:
    """The admin says how long something is kept, and it is seen to at once, as it is each hour."""
    a, b, c, _ = step.numbers
    what, kept = of(WHAT, a), world.truth.kept
    if a % 7 == 0:
        kept.periods.pop(what, None)
        world.tell(f"{what} is kept for ever")
    else:
        since = START + timedelta(minutes=c % 20) if b % 4 else world.clock - c % 48 * HOUR
        kept.periods[what] = world.clock - since
        world.tell(f"{what} is kept for {kept.periods[what]}, so of what came after {since:%F %H:%M}")
    world.mortal(step, partial(expired, world))


def expired(world: World) -> None:
    kept, now = world.truth.kept, world.now()
    kept.run(now)
    expire(world.store.engine, Periods(**kept.periods), now)
    stored = world.rows("SELECT public_id, occurred_at FROM activity")
    for what in kept.blank.keys() & kept.last.keys():
        kept.blank[what] |= {str(public_id) for public_id, at in stored if str(at)[:19] < f"{kept.last[what]:%F %T}"}


def shut(world: World, step: Step) -> None:
    """An owner closes an item, or all of its conversation."""
    a, b, *_ = step.numbers
    columns = "SELECT public_id, kind, occurred_at, thread_id FROM activity ORDER BY kind, occurred_at, identity"
    found = world.rows(columns)
    if not found:
        return
    held = Counter(thread for *_, thread in found)
    talks = [row for row in found if held[row[-1]] > 1]
    public_id, kind, at, _ = map(str, of(tuple(talks or found) if b % 3 == 2 else tuple(found), a))
    whole = kind == "email" and b % 3 > 0
    world.tell(f"{'the conversation of ' if whole else ''}the {kind} of {at} is closed")

    def work() -> None:
        with world.store.transaction() as transaction:
            ids = closing.named(transaction.connection, public_id, thread=whole)
            closing.close_items(transaction.connection, ids, world.now())
            if whole:
                closing.close_threads(transaction.connection, ids, world.now())

    if not world.mortal(step, work):
        work()
    world.truth.shut.add(public_id)
    mail = next((mail for mail in world.truth.mails.values() if f"{mail.at:%F %T}" == at[:19]), None)
    if kind == "email" and mail is not None:
        _shut(world, mail, whole=whole)


def _shut(world: World, mail: Mail, *, whole: bool) -> None:
    truth, own = world.truth, nodes(world.truth, mail)
    truth.maybe_shut |= own
    if not mail.reuses:
        truth.shut_mails.add(mail.number)
        truth.shut_threads |= connected(truth, stored(world), own) if whole else set()


def stored(world: World) -> list[Mail]:
    """The mails that are logged now, and that no other can be taken for."""
    rows = world.rows("SELECT occurred_at FROM activity WHERE kind = 'email'")
    times = {str(at)[:19] for (at,) in rows}
    return lone(mail for mail in world.truth.mails.values() if f"{mail.at:%F %T}" in times)
