"""Invitations by mail (RFC 5546): what organizers and guests write to each other of a meeting."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.simulation import mailing
from tests.simulation.cast import of, own, some
from tests.simulation.meetings import Meeting
from tests.simulation.planning import called_off, moved, note, planned
from tests.simulation.story import Step
from tests.simulation.truth import Invites, Mail, is_own
from tests.simulation.world import World
from tests.syncd.mailboxes import START


def invite(world: World, step: Step) -> None:
    """A mail about a meeting, which may be in a calendar or in none, comes to some places."""
    meeting = _about(world, step)
    sender, invites = _said(world, meeting, step)
    places = some(mailing.PLACES, 1 + step.numbers[3] % 7)
    reps = dict.fromkeys(own(rep) for rep, _ in places)
    number = len(world.truth.mails) + 1
    people = (sender, *(each for each in reps if each != sender))
    if len(people) == 1:
        return
    at = START + timedelta(minutes=number)
    mail = Mail(number, people, at, id=f"mid-{number:04}@mail.example", invites=invites)
    world.truth.mails[number] = mail
    meeting.written_of.append(invites.said.starts_at)
    told = f"mail {number}: {invites.method} of meeting {meeting.item}{' (private)' if invites.said.private else ''}"
    world.tell(f"{told} from {sender} comes to {', '.join(map('/'.join, places))}")
    for place in places:
        mailing.put(world, mail, *place, private=False)
    world.truth.note()
    note(world)


def _about(world: World, step: Step) -> Meeting:
    """One that there is, or a new one that no calendar has."""
    a, b, *_ = step.numbers
    known = [meeting for meeting in world.meetings.all if meeting.original is None or meeting.copies]
    if known and b % 3:
        return known[a % len(known)]
    made = planned(world, step)
    world.meetings.all.append(made)
    return made


def _said(world: World, meeting: Meeting, step: Step) -> tuple[str, Invites]:
    """Who writes, and what: of a new meeting an invitation; of others a new time, a cancellation, or an answer."""
    a, b, c, d = step.numbers
    guests = [each for each in meeting.people if each != meeting.organizer]
    if not meeting.times():
        return meeting.organizer, Invites(meeting, "REQUEST", replace(meeting.master, private=c % 5 == 0))
    kind = c % 5
    if kind == 0 and not meeting.master.cancelled:
        moved(world, meeting, meeting.master.starts_at + timedelta(hours=a % 5 + 1))
    if kind in (0, 1) and not meeting.master.cancelled:
        return meeting.organizer, Invites(meeting, "REQUEST", replace(meeting.master, private=d % 7 == 0))
    if kind in (2, 3):
        sender = meeting.organizer if b % 4 else of(tuple(guests), a)
        if sender == meeting.organizer and not meeting.master.cancelled:
            called_off(world, meeting, sequence=meeting.master.sequence + a % 2)
        said = replace(meeting.master, cancelled=True, stamped_at=world.clock)
        return sender, Invites(meeting, "CANCEL", said)
    sender = of(tuple(each for each in guests if not is_own(each)) or tuple(guests), a)
    response = "declined" if a % 3 else "accepted"
    return sender, Invites(meeting, "REPLY", replace(meeting.master, response=response))
