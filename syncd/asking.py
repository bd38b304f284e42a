"""What a person asks `syncd why`: an id, an address, or a sentence of people and a day, and the answer to it.

The grammar of a sentence, in any order, each part at most once, and at least one of them:

    WHEN        today | yesterday | [last] Monday ... Sunday | 2026-11-20, each with or without `on`
    from WHO    who wrote it, or organized it
    to WHO      who got it, or was invited
    with WHO    whichever way

WHO is an address, or the name or id of a contact or of one of your own. `last Tuesday` is the one before today. Days
are those of this machine's zone: that of whoever asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from matching import address
from matching.identity import address_hash, message_key
from matching.meeting_identity import series_keys, uid_keys
from store import queries
from store.queries import Explanation, Question, Someone, Viewer
from store.queries.contacts import addresses_of
from store.queries.viewers import colleagues
from store.writer import Store
from syncd.config import Config
from syncd.viewing import circle, nameless

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PART = re.compile(r"(?:^|\s)(from|to|with)(?=\s|$)", re.I)


class NotUnderstood(ValueError):
    """The message says which word, and what could stand in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """As it was written, with the day that it means."""

    day: date | None = None
    sender: str = ""
    recipient: str = ""
    party: str = ""


def parse(text: str, today: date) -> Sentence:
    """Raises NotUnderstood."""
    begin, *rest = _PART.split(text.strip())
    people: dict[str, str] = {}
    days = [_only_day(begin.strip(), today)] if begin.strip() else []
    for word, who in zip(map(str.lower, rest[::2]), rest[1::2], strict=True):
        name, day = _without_day(who.split(), today)
        days += [day] if day else []
        if word in people:
            raise NotUnderstood(f"{word!r} is there twice; ask about one at a time")
        if not name:
            raise NotUnderstood(f"whom after {word!r}? an address, or a name such as: {word} Jane Doe")
        people[word] = name
    if len(days) > 1:
        raise NotUnderstood("two days are named; ask about one at a time")
    if "with" in people and len(people) > 1:
        raise NotUnderstood("'with' is whichever way; write it without 'from' and 'to'")
    named = {"sender": people.get("from", ""), "recipient": people.get("to", ""), "party": people.get("with", "")}
    return Sentence(day=days[0] if days else None, **named)


def _only_day(words: str, today: date) -> date:
    if (day := _day(words, today)) is None:
        better = "write today, yesterday, last Tuesday or 2026-11-20, and people as: from WHO, to WHO, with WHO"
        raise NotUnderstood(f"{words!r} is no day; {better}")
    return day


def _without_day(words: Sequence[str], today: date) -> tuple[str, date | None]:
    """`Jane Doe last Tuesday`: the name, and the day at its end."""
    for length in (3, 2, 1):
        day = _day(" ".join(words[-length:]), today) if len(words) >= length else None
        if day is not None:
            return " ".join(words[:-length]), day
    return " ".join(words), None


def _day(words: str, today: date) -> date | None:
    written = words.lower().removeprefix("on ").strip()
    if written in ("today", "yesterday"):
        return today - timedelta(days=written == "yesterday")
    name = written.removeprefix("last ").strip()
    if name in _DAYS:
        return today - timedelta(days=(today.weekday() - _DAYS.index(name)) % 7 or 7)
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


# ---------------------------------------------------------------------------------------------------- the answer


def answer(
    config: Config, store: Store, words: str, *, viewer: Viewer, now: datetime, zone: tzinfo | None, limit: int
) -> tuple[Explanation, ...]:
    """What is known by that id; else of that address; else what the sentence is about, the newest first.

    `store` must have its key. Raises NotUnderstood.
    """
    mail = message_key(words, store.key)
    keys = [*([mail] if mail else []), *uid_keys(words, store.key)]
    found = queries.why(store.engine, words, viewer=viewer, keys=keys) or _of_series(store, words, viewer)
    if found or not (address.key(words) or _is_sentence(words, now.astimezone(zone).date())):
        return found
    if address.key(words):
        asked = Question(party=_someone(config, store, words))
    else:
        asked = _question(config, store, parse(words, now.astimezone(zone).date()), zone)
    return queries.why_between(store.engine, asked, viewer=viewer, limit=limit)


def _of_series(store: Store, words: str, viewer: Viewer) -> tuple[Explanation, ...]:
    """By the UID of a series, all of its members that were seen."""
    if any(map(str.isspace, words)):
        return ()
    keys = series_keys(words, queries.series_starts(store.engine), store.key)
    return queries.why(store.engine, words, viewer=viewer, keys=keys) if keys else ()


def _is_sentence(words: str, today: date) -> bool:
    """No id has two words."""
    return " " in words or _day(words, today) is not None


def _question(config: Config, store: Store, said: Sentence, zone: tzinfo | None) -> Question:
    sender, recipient, party = (
        _someone(config, store, who) if who else None for who in (said.sender, said.recipient, said.party)
    )
    since = _midnight(said.day, zone) if said.day else None
    until = _midnight(said.day + timedelta(days=1), zone) if said.day else None
    return Question(since=since, until=until, sender=sender, recipient=recipient, party=party)


def _midnight(day: date, zone: tzinfo | None) -> datetime:
    begin = datetime.combine(day, time())
    return begin.replace(tzinfo=zone) if zone else begin.astimezone()


def _someone(config: Config, store: Store, who: str) -> Someone:
    """By an address, or by the name or id of a contact or of one of your own. Raises NotUnderstood."""
    key = address.key(who)
    own = colleagues(store.engine, who, key)
    if key in config.own_addresses or len(own) == 1 or (key and own):
        theirs = circle(config, store, own or (nameless(who),))
        return Someone(theirs.addresses, frozenset(), theirs.mailboxes)
    if key:
        return _known_as(store, {key})
    found = queries.entities(store.engine, who, viewer=queries.ADMIN)
    contacts = [each.id for each in found if each.kind == "contact"]
    if len(contacts) > 1 or len(own) > 1:
        raise NotUnderstood(f"{who!r} means several; say which by an address")
    if not contacts:
        raise NotUnderstood(f"nobody is known as {who!r}; say it by an address")
    return _known_as(store, addresses_of(store.engine, contacts[0]))


def _known_as(store: Store, keys: Iterable[str]) -> Someone:
    return Someone(frozenset(keys), frozenset(address_hash(store.key, key) for key in keys))
