"""What owners and senders do: mail that comes, moves and goes."""

from __future__ import annotations

from datetime import timedelta

from syncd.model import Invitation, Message
from tests.simulation import planning
from tests.simulation.cast import MAIL, OUTSIDE, REPS, of, own, some
from tests.simulation.story import Step
from tests.simulation.truth import Copy, Invites, Mail
from tests.simulation.world import World
from tests.syncd.mailboxes import START, message

PLACES = tuple((rep, folder) for rep, folders in MAIL.items() for folder in folders)


def subject(number: int) -> str:
    return f"subj-{number:04}"


def body(number: int) -> str:
    return f"text-{number:04}"


def _letter(mail: Mail, world: World, *, private: bool, folder: str) -> Message:
    sender, *to = mail.people
    parent = world.truth.mails[mail.parent].id if mail.parent is not None else None
    made = message(
        mail.number,
        sender=sender,
        to=to,
        message_id=mail.id,
        subject=subject(mail.number),
        in_reply_to=parent,
    )
    headers = {"sensitivity": "Private"} if private else {}
    made = made._replace(text=body(mail.number), headers=headers, folders=(folder,))
    return _with_event(made, mail.invites) if mail.invites else made


def _with_event(made: Message, invites: Invites) -> Message:
    answers = {each: "" for each in invites.meeting.people if each != invites.meeting.organizer}
    sender = made.participants[0].address
    if invites.said.response and sender in answers:
        answers[sender] = invites.said.response
    event = planning.said(invites.meeting, invites.said, answers)
    headers = {**made.headers, "content-type": "multipart/alternative; boundary=x"}
    return made._replace(invitation=Invitation(invites.method, (event,), event.uid), headers=headers)


def deliver(world: World, step: Step) -> None:
    """A new mail, to one place or several."""
    a, b, c, d = step.numbers
    number = len(world.truth.mails) + 1
    rep = of(REPS, a)
    people = (own(rep), *(some(OUTSIDE, b & 0b1111111) or (of(OUTSIDE, b),))[:2])
    if c % 3 == 0:
        people = (people[1], people[0], *people[2:])
    if c % 11 == 10:
        people = (own("rita"), own("sam"))
    mail = Mail(number, people, START + timedelta(minutes=number), id=f"mid-{number:04}@mail.example")
    if number > 1 and d % 2:
        mail.parent = d % (number - 1) + 1
    if d % 10 == 1:
        mail.id = None
    elif number > 1 and d % 10 == 2:
        _reuse(mail, world.truth.mails[d % (number - 1) + 1])
    world.truth.mails[number] = mail
    places = some(tuple(f"{own_rep}/{folder}" for own_rep, folder in PLACES), c % 8)
    world.tell(f"mail {number} of {', '.join(people)} comes to {', '.join(places) or 'nobody yet'}")
    for place in places:
        put(world, mail, *place.split("/"), private=d % 13 == 5 and not mail.reuses)
    world.truth.note()


def _reuse(mail: Mail, other: Mail) -> None:
    """Broken software gives another mail's Message-ID to this one. Of nothing that may be private: both would close."""
    if other.id and not other.invites and not any(copy.private for copy in other.copies):
        mail.id, mail.reuses, other.reuses = other.id, True, True


def put(world: World, mail: Mail, rep: str, folder: str, *, private: bool) -> None:
    mail.copies.append(Copy(rep, folder, private))
    world.folders[rep, folder].deliver(_letter(mail, world, private=private, folder=folder))


def uid_of(world: World, mail: Mail, copy: Copy) -> int:
    held = world.folders[copy.rep, copy.folder].held
    return next(uid for uid, each in held.items() if each.subject == subject(mail.number))


def copies(world: World) -> list[tuple[Mail, Copy]]:
    """All that are held."""
    return [(mail, copy) for mail in world.truth.mails.values() for copy in mail.copies if copy.held]


def copy(world: World, step: Step) -> None:
    """A mail that is somewhere already turns up elsewhere, too; perhaps marked private there."""
    a, b, c, _ = step.numbers
    mails = list(world.truth.mails.values())
    mail, (rep, folder) = mails[a % len(mails)] if mails else None, PLACES[b % len(PLACES)]
    if mail is None or mail.find(rep, folder):
        return
    private = c % 3 == 0 and not mail.reuses
    world.tell(f"mail {mail.number} turns up in {rep}/{folder}{', private' if private else ''}")
    put(world, mail, rep, folder, private=private)
    world.truth.note()


def move(world: World, step: Step) -> None:
    a, *_ = step.numbers
    held = [(mail, each) for mail, each in copies(world) if len(MAIL[each.rep]) > 1]
    if not held:
        return
    mail, each = held[a % len(held)]
    folder = of(MAIL[each.rep], MAIL[each.rep].index(each.folder) + 1)
    if mail.find(each.rep, folder):
        return
    world.tell(f"mail {mail.number} is moved from {each.rep}/{each.folder} to {folder}")
    _drop(world, mail, each)
    put(world, mail, each.rep, folder, private=each.private)
    world.truth.note()


def _drop(world: World, mail: Mail, each: Copy) -> None:
    place, uid = world.folders[each.rep, each.folder], uid_of(world, mail, each)
    place.unreadable.discard(uid)
    place.delete(uid)
    each.held = False
    mail.torn |= each.rep in world.busy


def delete(world: World, step: Step) -> None:
    held = copies(world)
    if held:
        mail, each = held[step.numbers[0] % len(held)]
        world.tell(f"mail {mail.number} is deleted from {each.rep}/{each.folder}")
        _drop(world, mail, each)


def renumber(world: World, step: Step) -> None:
    """All messages of a folder get other UIDs, under a UIDVALIDITY that may be lower than before, and the UIDs name
    other messages now."""
    a, b, *_ = step.numbers
    rep, folder = PLACES[a % len(PLACES)]
    if rep in world.busy:
        return  # a session sees one UIDVALIDITY
    place = world.folders[rep, folder]
    world.count("epochs")
    epoch = 50 + world.counted["epochs"] * (1 if b % 2 else -1)
    world.tell(f"{rep}/{folder} is numbered anew, UIDVALIDITY {place.epoch} becomes {epoch}")
    place.unreadable.clear()
    place.renumber(epoch)
    # Ids of another epoch are no removals: a listing that is not whole just then is believed.
    world.lines[rep].believed.add(folder)


def smuggle(world: World, step: Step) -> None:
    """A server gives a new mail a UID below those that it gave before (GMX, chatmail/core issue 2188)."""
    a, b, *_ = step.numbers
    held = [(mail, each) for mail, each in copies(world) if not each.spoilt and each.rep not in world.busy]
    if not held:
        return
    mail, _each = held[a % len(held)]
    others = [place for place in PLACES if not mail.find(*place) and place[0] not in world.busy]
    if not others:
        return
    rep, folder = others[b % len(others)]
    place = world.folders[rep, folder]
    uid = -len(world.truth.mails) - world.counted.get("smuggled", 0) - 1
    world.count("smuggled")
    world.rewound.add((rep, folder))
    world.tell(f"mail {mail.number} comes to {rep}/{folder} with a UID below all others")
    mail.copies.append(Copy(rep, folder, private=False))
    letter = _letter(mail, world, private=False, folder=folder)
    place.held = {uid: letter._replace(id=place.item(uid)), **place.held}
    world.truth.note()


def spoil(world: World, step: Step) -> None:
    """The server cannot give a mail, for a time; or can again."""
    a, *_ = step.numbers
    held = [(mail, each) for mail, each in copies(world) if each.rep not in world.busy]
    if not held:
        return
    mail, each = held[a % len(held)]
    place, uid = world.folders[each.rep, each.folder], uid_of(world, mail, each)
    if uid in place.unreadable:
        mend(world, mail, each)
    else:
        world.tell(f"mail {mail.number} in {each.rep}/{each.folder} cannot be read")
        each.spoilt = True
        place.unreadable.add(uid)


def mend(world: World, mail: Mail, each: Copy) -> None:
    world.tell(f"mail {mail.number} in {each.rep}/{each.folder} can be read again")
    world.folders[each.rep, each.folder].unreadable.discard(uid_of(world, mail, each))
