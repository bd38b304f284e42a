"""What the CRM, the admin and the users do: a directory that changes, rules that change, links by hand, erasures."""

from __future__ import annotations

from datetime import timedelta

from matching import address, identity
from store import closing
from store.trail import Doer
from syncd import erase as erasure
from syncd.model import Link, LinkState
from tests.simulation import jotting
from tests.simulation.cast import DOMAINS, KEY, OUTSIDE, REPS, of
from tests.simulation.planning import note as note_meetings
from tests.simulation.story import Step
from tests.simulation.truth import SUBJECT, Deal, Hand, is_own
from tests.simulation.world import World
from tests.syncd.mailboxes import START

CLERK = Doer("clerk", "cli")


def note(world: World) -> None:
    world.truth.note()
    note_meetings(world)
    jotting.note(world)


# ---------------------------------------------------------------------------------------------------- directory


def somebody(world: World, number: int) -> str:
    """Of those who wrote or were written to, if anybody did; rather of those whose mail a pass has in hand."""
    in_hand = [each for rep in REPS if rep in world.busy for each in world.lines[rep].in_hand if not is_own(each)]
    people = [each for mail in world.truth.mails.values() for each in mail.people if not is_own(each)]
    if in_hand and number % 4:
        return of(tuple(in_hand), number // 4)
    return of((*people, *OUTSIDE[number % 7 :][:1]), number // 7)


def know(world: World, step: Step) -> None:
    a, b, *_ = step.numbers
    person = somebody(world, a)
    if len(world.truth.known.holders(person)) > (b % 5 == 0):
        return
    account = of((*DOMAINS, ""), b)
    world.tell(f"{person} becomes a contact{f' of {account}' if account else ''}")
    world.know(person, account)
    note(world)


def hear(world: World, step: Step) -> None:
    """Somebody becomes known, and syncd hears of it at once."""
    know(world, step)
    world.catch_up()


def _contact(world: World, number: int) -> str:
    return of(tuple(world.truth.known.contacts), number) if world.truth.known.contacts else ""


def forget(world: World, step: Step) -> None:
    known = world.truth.known
    if contact := _contact(world, step.numbers[0]):
        world.tell(f"contact {contact} is removed ({', '.join(known.addresses[contact])})")
        world.execute("DELETE FROM contact WHERE id = :id", id=contact)
        _without(world, contact)


def _without(world: World, contact: str) -> None:
    known = world.truth.known
    del known.contacts[contact], known.addresses[contact]
    for deal in known.deals.values():
        deal.contact = "" if deal.contact == contact else deal.contact
    note(world)


def merge(world: World, step: Step) -> None:
    """Two contacts become one, which has the addresses of both."""
    a, b, *_ = step.numbers
    known = world.truth.known
    one, other = _contact(world, a), _contact(world, b)
    if not one or one == other:
        return
    world.tell(f"contact {other} is merged into {one}")
    moved = known.addresses[other] - known.addresses[one]
    world.truth.fresh = True
    for mail in sorted(moved):
        values = {"one": one, "other": other, "mail": mail}
        where = "WHERE contact_id = :other AND address = :mail"
        world.execute(f"UPDATE contact_address SET contact_id = :one {where}", **values)
    known.addresses[one] |= moved
    world.execute("DELETE FROM contact WHERE id = :id", id=other)
    _without(world, other)


def rehouse(world: World, step: Step) -> None:
    a, b, *_ = step.numbers
    if contact := _contact(world, a):
        account = of((*DOMAINS, ""), b)
        world.tell(f"contact {contact} goes to {account or 'no account'}")
        world.execute("UPDATE contact SET account_id = :account WHERE id = :id", id=contact, account=account or None)
        world.truth.known.contacts[contact] = account
        note(world)


def domain(world: World, step: Step) -> None:
    """An account gets its domain, or loses it."""
    account = of(tuple(DOMAINS), step.numbers[0])
    name, known = DOMAINS[account], world.truth.known.domains
    if name in known:
        world.tell(f"{account} loses its domain")
        world.execute("DELETE FROM account_domain WHERE domain = :name", name=name)
        del known[name]
    else:
        world.tell(f"{account} gets its domain")
        world.truth.fresh = True
        insert = "INSERT INTO account_domain (account_id, domain) VALUES (:account, :name)"
        world.execute(insert, account=account, name=name)
        known[name] = account
    note(world)


def deal(world: World, step: Step) -> None:
    """A deal begins, or one that there is closes at some time."""
    a, b, c, d = step.numbers
    deals = world.truth.known.deals
    if deals and a % 3 == 0:
        name = of(tuple(deals), b)
        closed_at = START + timedelta(minutes=c % 20)
        world.tell(f"deal {name} closes at {closed_at:%H:%M}")
        world.execute("UPDATE opportunity SET closed_at = :at WHERE id = :id", id=name, at=f"{closed_at:%F %T}")
        deals[name].closed_at = closed_at
        return
    name, account = f"d{len(deals) + 1}", of((*DOMAINS, ""), b)
    contact = _contact(world, c) if d % 3 else ""
    world.tell(f"deal {name} begins, with {contact or 'nobody'} of {account or 'no account'}")
    insert = "INSERT INTO opportunity (id, account_id) VALUES (:id, :account)"
    world.execute(insert, id=name, account=account or None)
    if contact:
        world.execute("INSERT INTO opportunity_contact VALUES (:id, :contact)", id=name, contact=contact)
    deals[name] = Deal(account, contact, None, None)


# -------------------------------------------------------------------------------------------------------- rules


def rule(world: World, step: Step) -> None:
    """The admin, or an owner, changes the configuration; a replay may follow."""
    a, b, *_ = step.numbers
    if world.busy:
        return  # a new configuration is for the passes that begin with it
    rules, kind = world.truth.rules, a % 5
    person = somebody(world, b // 2)
    entry = f"@{person.partition('@')[2]}" if b % 2 else person
    if kind == 0:
        rules.never_log = rules.never_log ^ {entry} if a % 2 else set()
        world.tell(f"never_log is {sorted(rules.never_log)}")
    elif kind == 1:
        rep = of(("rita", "sam"), b)
        rules.personal[rep] = rules.personal.get(rep, set()) ^ {entry} if a % 2 else set()
        world.tell(f"never_log of {rep} is {sorted(rules.personal[rep])}")
    elif kind == 2:
        rep = of(("rita", "sam", "tess"), b)
        rules.levels[rep] = b // 3 % 4 - 1
        world.tell(f"the level of {rep} is {rules.levels[rep]}")
    elif kind == 3:
        rules.deals_level = SUBJECT if rules.deals_level is None else None
        world.tell(f"the level of the folder Deals is {rules.deals_level}")
    else:
        rules.protected ^= {entry}
        world.tell(f"protected is {sorted(rules.protected)}")
    world.truth.ruled = True
    note(world)


# ------------------------------------------------------------------------------------------------------ by hand


def link(world: World, step: Step) -> None:
    """A person links an activity to a contact, or unlinks it."""
    a, b, c, _ = step.numbers
    found = world.rows("SELECT public_id FROM activity ORDER BY kind, occurred_at, identity")
    contact = _contact(world, b)
    if not found or not contact:
        return
    public_id, state = str(found[a % len(found)][0]), LinkState.UNLINKED if c % 2 else LinkState.LINKED
    at = world.rows("SELECT kind, occurred_at FROM activity WHERE public_id = :id", id=public_id)
    world.tell(f"the {at[0][0]} of {at[0][1]} is {state} by hand: {contact}")
    world.store.link(public_id, Link("contact", contact, "by hand", state), CLERK, world.now())
    world.truth.hands = [each for each in world.truth.hands if (each.public_id, each.entity) != (public_id, contact)]
    world.truth.hands.append(Hand(public_id, contact, state, str(at[0][1])[:19]))


def vandal(world: World, step: Step) -> None:
    """Somebody deletes a mail's activity behind syncd's back."""
    if world.busy:
        return
    found = world.rows("SELECT id, occurred_at FROM activity WHERE kind = 'email' ORDER BY occurred_at")
    if not found:
        return
    own, at = found[step.numbers[0] % len(found)]
    world.tell(f"the mail of {at} is deleted from the store behind syncd's back")
    world.database.delete(world.store, int(str(own)))
    world.truth.vandalised = True


def erase(world: World, step: Step) -> None:
    """Repeated by whoever asked for it until it is done."""
    person = somebody(world, step.numbers[0])
    world.tell(f"{person} is erased")

    def work() -> None:
        who = erasure.person(world.store, world.policy(), written=person)
        erasure.erase(world.store, who, CLERK, world.now())

    if not world.mortal(step, work):
        work()
    _erased(world, person)


def _erased(world: World, person: str) -> None:
    known = world.truth.known
    world.truth.erased.add(person)
    for contact in known.holders(person):
        known.addresses[contact].discard(person)
        if not known.addresses[contact]:
            del known.contacts[contact], known.addresses[contact]
            gone = [hand for hand in world.truth.hands if hand.entity == contact]
            world.truth.taken |= {hand.at for hand in gone if hand.state == "linked"}
            world.truth.hands = [hand for hand in world.truth.hands if hand.entity != contact]
            for each in known.deals.values():
                each.contact = "" if each.contact == contact else each.contact
    note(world)


def close(world: World, step: Step) -> None:
    """An owner closes all of a person: no more than who and when stays."""
    person = somebody(world, step.numbers[0])
    world.tell(f"all of {person} is closed")
    key = address.key(person)
    with world.store.transaction() as transaction:
        closing.close_person(transaction.connection, {key}, {identity.keyed(KEY, key)}, world.now())
    world.truth.closed.add(person)
    note(world)
