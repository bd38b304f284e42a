"""The mail of the team: who writes what to whom, which mailboxes hold a copy, and so what a sync must come to.

Everything follows from the seed. A message lies in two to four of the mailboxes: in the sender's Sent, in the INBOX of
each recipient.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bench.cast import OWN_DOMAIN, Cast, Person
from bench.letters import Letter, subject_words
from bench.truth import LOGGED

NEWEST = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)
WINDOW = timedelta(days=170)
INBOX, SENT = "INBOX", "Sent"


@dataclass(frozen=True, slots=True)
class Shape:
    """What makes one corpus another."""

    mailboxes: int
    messages: int
    """In each mailbox."""
    seed: int = 1
    attachments: bool = True

    @property
    def name(self) -> str:
        filler = "" if self.attachments else "-bare"
        return f"{self.mailboxes}x{self.messages}-seed{self.seed}{filler}"


@dataclass(frozen=True, slots=True)
class Posted:
    """A letter, the rule that will decide it, and (index of mailbox, folder) of each copy."""

    letter: Letter
    rule: str
    copies: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class _Thread:
    contact: Person
    subject: str
    ids: tuple[str, ...] = ()


def mail(shape: Shape, people: Cast) -> Iterator[Posted]:
    """Fill every mailbox to exactly `shape.messages`, oldest first."""
    post = _Post(random.Random(f"mail {shape.seed}"), people, "m")
    room = [shape.messages] * shape.mailboxes
    total = shape.mailboxes * shape.messages
    while any(room):
        done = 1 - sum(room) / total
        posted = post.next(_holders(post.chance, room), NEWEST - WINDOW * (1 - done))
        for mailbox, _ in posted.copies:
            room[mailbox] -= 1
        yield posted


def arrivals(people: Cast, mailboxes: Sequence[int], count: int, *, wave: int) -> Iterator[Posted]:
    """New mail for a poll to find: `count` messages, one copy each, dealt out over `mailboxes`."""
    post = _Post(random.Random(f"wave {wave}"), people, f"w{wave}-")
    for number in range(count):
        yield post.next((mailboxes[number % len(mailboxes)],), NEWEST + timedelta(minutes=wave * 500 + number))


def _holders(chance: random.Random, room: Sequence[int]) -> tuple[int, ...]:
    """Two to four mailboxes, those with most room first, so that all of them fill up together."""
    free = sorted((mailbox for mailbox, left in enumerate(room) if left), key=lambda m: (-room[m], chance.random()))
    wanted = chance.choices((2, 3, 4), (50, 30, 20))[0]
    return tuple(sorted(free[:wanted], key=lambda _: chance.random()))


class _Post:
    """Invents one message after another; conversations go on over many of them."""

    def __init__(self, chance: random.Random, people: Cast, mark: str) -> None:
        self.chance = chance
        self._people = people
        self._mark = mark
        self._count = 0
        self._threads: list[_Thread] = []
        self._kinds: dict[Callable[[tuple[int, ...], datetime], Posted], int] = {
            self._from_contact: 17,
            self._to_contact: 18,
            self._internal: 27,
            self._newsletter: 15,
            self._no_reply: 9,
            self._from_stranger: 12,
            self._odd: 2,
        }

    def next(self, holders: tuple[int, ...], sent: datetime) -> Posted:
        """One message that lies in exactly these mailboxes."""
        self._count += 1
        kind = self.chance.choices(list(self._kinds), list(self._kinds.values()))[0]
        return kind(holders, sent.replace(microsecond=0))

    def _letter(self, sender: Person, to: Sequence[Person], sent: datetime, lines: tuple[str, ...] = ()) -> Letter:
        return Letter(
            number=self._count,
            sender=sender,
            to=tuple(to),
            subject=subject_words(self.chance),
            sent=sent,
            message_id=f"{self._mark}{self._count}.{self.chance.getrandbits(64):x}@{sender.address.partition('@')[2]}",
            lines=lines,
        )

    def _reps(self, holders: Sequence[int]) -> list[Person]:
        return [self._people.reps[mailbox] for mailbox in holders]

    def _in_thread(self, letter: Letter, thread: _Thread) -> Letter:
        letter = replace(
            letter,
            subject=f"Re: {thread.subject}" if thread.ids else thread.subject,
            references=thread.ids[-12:],
            quoted=min(8, 2 * len(thread.ids)),
        )
        if letter.message_id is not None:
            thread.ids += (letter.message_id,)
        return letter

    def _thread(self) -> _Thread:
        """Go on with a conversation, or begin one."""
        if self._threads and self.chance.random() < 0.6:
            return self.chance.choice(self._threads[-300:])
        thread = _Thread(self.chance.choice(self._people.contacts), subject_words(self.chance))
        self._threads.append(thread)
        return thread

    def _from_contact(self, holders: tuple[int, ...], sent: datetime) -> Posted:
        thread = self._thread()
        first, *others = self._reps(holders)
        letter = replace(self._letter(thread.contact, [first], sent), cc=tuple(others))
        return Posted(self._in_thread(letter, thread), LOGGED, _received(holders))

    def _to_contact(self, holders: tuple[int, ...], sent: datetime) -> Posted:
        thread = self._thread()
        author, *others = self._reps(holders)
        letter = replace(self._letter(author, [thread.contact], sent), cc=tuple(others))
        return Posted(self._in_thread(letter, thread), LOGGED, _sent(holders))

    def _internal(self, holders: tuple[int, ...], sent: datetime) -> Posted:
        author, *others = self._reps(holders)
        letter = self._letter(author, [self.chance.choice(self._people.colleagues), *others], sent)
        return Posted(replace(letter, quoted=self.chance.randint(0, 4)), "internal_only", _sent(holders))

    def _newsletter(self, holders: tuple[int, ...], sent: datetime) -> Posted:
        number = self.chance.randrange(50)
        host = f"news{number}.example.org"
        lines = (
            f"List-Id: Weekly letter <weekly.{host}>",
            f"List-Unsubscribe: <https://{host}/u/{self.chance.getrandbits(80):x}>,\n\t<mailto:leave@{host}>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "Precedence: bulk",
        )
        author = Person(f"weekly@{host}", f"Weekly letter {number}")
        return Posted(self._letter(author, self._reps(holders), sent, lines=lines), "automated", _received(holders))

    def _no_reply(self, holders: tuple[int, ...], sent: datetime) -> Posted:
        author = Person(f"no-reply@service{self.chance.randrange(80)}.example.org", "Notifications")
        lines = ("Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All")
        return Posted(self._letter(author, self._reps(holders), sent, lines=lines), "automated", _received(holders))

    def _from_stranger(self, holders: tuple[int, ...], sent: datetime) -> Posted:
        author = self.chance.choice(self._people.strangers)
        return Posted(self._letter(author, self._reps(holders), sent), "no_known_contact", _received(holders))

    def _odd(self, holders: tuple[int, ...], sent: datetime) -> Posted:
        """From a contact, with a header that is missing or wrong; it concerns the contact all the same."""
        letter = self._letter(self.chance.choice(self._people.contacts), self._reps(holders), sent)
        odd = self.chance.choice(
            (
                replace(letter, message_id=None),
                replace(letter, dated=False),
                replace(letter, dated=False, lines=("Date: yesterday, after lunch",)),
                replace(letter, subject="Angebot f\udcfcr Montag"),
                replace(letter, subject="=?utf-8?B?not base64?= =?x-unknown?Q?caf=E9?="),
                replace(letter, sender=replace(letter.sender, name='"Abel, Anna (Sales)"')),
                replace(letter, to=(Person("undisclosed-recipients:;", ""),), cc=()),
                replace(letter, lines=("Subject: An earlier subject", "X-Broken\xa0Name: value")),
            )
        )
        return Posted(odd, LOGGED, _received(holders))


def _received(holders: Sequence[int]) -> tuple[tuple[int, str], ...]:
    return tuple((mailbox, INBOX) for mailbox in holders)


def _sent(holders: Sequence[int]) -> tuple[tuple[int, str], ...]:
    """The first of the holders wrote it."""
    return tuple((mailbox, INBOX if place else SENT) for place, mailbox in enumerate(holders))


def user(mailbox: int) -> str:
    """The mailbox's name for the mail server, and its address."""
    return f"rep{mailbox}@{OWN_DOMAIN}"
