"""The components of one UID -> its events within the window: RRULE and RDATE, less EXDATE, with what overrides them.

An override stands for the occurrence that its RECURRENCE-ID names, wherever that is now, also where an EXDATE takes
that out. With RANGE=THISANDFUTURE it moves and changes all that follow as well. An override that names no occurrence,
or comes without its series, is an occurrence by itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import groupby
from typing import NamedTuple

from connectors.ical_dates import Dates, Place, dates, is_recurring, place
from connectors.ical_event import Source, event, original, settles_at
from connectors.ical_read import Component, NotReadable, parameters
from connectors.ical_recur import HORIZON, Steps, TooManySteps, recurrences
from connectors.ical_span import Span, span, span_at
from connectors.ical_text import sequence, stamped_at
from connectors.ical_time import Length, moment
from syncd.model import Event, EventStatus, ItemId

_MAX_OCCURRENCES = 5_000
_ZERO = timedelta(0)
_SLACK = timedelta(days=2)
"""More than any wall time is away from UTC."""
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class Found(NamedTuple):
    events: tuple[Event, ...]
    next_at: datetime | None = None
    """When the first occurrence after the window begins."""


class _Override(NamedTuple):
    place: Place
    component: Component
    when: Span
    following: bool
    """RANGE=THISANDFUTURE"""
    problem: str


class _Segment(NamedTuple):
    """The occurrences from a wall time on: what they are like, and how far they were moved from where they were."""

    since: datetime
    moved: timedelta
    when: Span
    like: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    id: ItemId
    when: Span
    dates: Dates
    segments: tuple[_Segment, ...]
    overridden: frozenset[str]
    source: Source


def events_of(components: Sequence[Component], *, id: ItemId, uid: str, source: Source) -> Found:
    """Return the events of the components that have one UID; raise NotReadable if there is nothing to be made of it.

    Of two versions of one occurrence the later counts (RFC 5546 section 2.1.5).
    """
    by_age = sorted(components, key=lambda one: version_of(one, source))
    masters = [one for one in by_age if not one.value("RECURRENCE-ID")]
    parts = [one for one in by_age if one.value("RECURRENCE-ID")]
    master, problem = (masters[-1], "") if masters else (None, "")
    when = None
    if master is not None:
        try:
            when = span(master, source.zones)
        except NotReadable as error:
            if not parts:
                raise
            problem = f"the series: {error}"
    if master is None or when is None:
        return _found(_overriding(_overrides(parts, None, source), id, uid, source, None, problem), source)
    if not parts and not is_recurring(master):
        return _found([event(master, id=id, uid=uid, original_start="", when=when, source=source)], source)
    return _series(master, when, parts, id=id, uid=uid, source=source)


def version_of(component: Component, source: Source) -> tuple[int, datetime]:
    return sequence(component), stamped_at(component, source.zones, method=source.method) or _LONG_AGO


def _found(events: Sequence[Event], source: Source, next_at: datetime | None = None) -> Found:
    """Of events that are written down, keep those in the window, and note the first after it."""
    window = source.window
    later = [one.starts_at for one in events if one.starts_at >= window.ends and one.status != EventStatus.CANCELLED]
    return Found(
        tuple(one for one in events if source.all_written or window.has(one.starts_at, one.ends_at)),
        min([*later, *([next_at] if next_at else [])], default=None),
    )


# ---------------------------------------------------------------------------------------------- what is written down


def _overrides(parts: Sequence[Component], series: Span | None, source: Source) -> list[_Override]:
    """Return one override for each occurrence, the later of two."""
    found: dict[str, _Override] = {}
    for component in parts:
        override = _override(component, series, source)
        found[override.place.key] = override
    return list(found.values())


def _override(component: Component, series: Span | None, source: Source) -> _Override:
    """A cancelled occurrence may come without a start of its own: it is where it was."""
    line = component.all("RECURRENCE-ID")[0]
    named = moment(line, line.value, source.zones)
    problem = ""
    try:
        when = span(component, source.zones)
    except NotReadable as error:
        at = place(named, series, source.zones).wall if series else named.wall
        when = span_at(component, series.start._replace(wall=at) if series else named, source.zones)
        if series and not (when.length.wall or when.length.exact):
            when = when._replace(length=series.length)
        problem = "" if component.value("STATUS").upper() == "CANCELLED" else str(error)
    following = parameters(line).get("RANGE", "").upper() == "THISANDFUTURE"
    return _Override(place(named, series or when, source.zones), component, when, following, problem)


def _overriding(
    overrides: Sequence[_Override], id: ItemId, uid: str, source: Source, like: Event | None, problem: str = ""
) -> list[Event]:
    """Return the events of overrides. What a cancelled one leaves out, and privacy, are as in its series."""
    events = []
    for one in overrides:
        key = one.place.key
        found = event(
            one.component,
            id=ItemId(f"{id}#{key}"),
            uid=uid,
            original_start=key,
            when=one.when,
            source=source,
            problem="; ".join(filter(None, (problem, one.problem))),
        )
        if like is not None and not one.component.value("CLASS"):
            found = replace(found, private=like.private)
        if like is not None and found.status == EventStatus.CANCELLED and not found.participants:
            found = replace(
                found,
                participants=like.participants,
                subject=found.subject or like.subject,
                not_a_meeting=like.not_a_meeting,
            )
        events.append(found)
    return events


# ---------------------------------------------------------------------------------------------- what is worked out


def _series(
    master: Component, when: Span, parts: Sequence[Component], *, id: ItemId, uid: str, source: Source
) -> Found:
    overrides = _overrides(parts, when, source)
    like = event(master, id=id, uid=uid, original_start="", when=when, source=source)
    written = _overriding(overrides, id, uid, source, like)
    series = _Series(
        id=id,
        when=when,
        dates=dates(master, when, source.zones),
        segments=_segments(like, when, overrides, written),
        overridden=frozenset(one.place.key for one in overrides),
        source=source,
    )
    events, next_at = _worked_out(series)
    kept = _found(written, source, next_at)
    return Found((*events, *kept.events), kept.next_at)


def _segments(
    like: Event, when: Span, overrides: Sequence[_Override], written: Sequence[Event]
) -> tuple[_Segment, ...]:
    found = [_Segment(datetime.min, _ZERO, when, like)]
    pairs = sorted(zip(overrides, written, strict=True), key=lambda pair: pair[0].place.wall)
    for override, change in pairs:
        if override.following:
            at, now = override.place.wall, override.when
            moved = now.start.wall - at
            if now.start.is_date:
                moved = now.start.wall - at.replace(hour=0, minute=0, second=0)
            found.append(_Segment(at, moved, now, change))
    return tuple(found)


def _worked_out(series: _Series) -> Found:
    """Return what the rules give, of all that is not written down as an override."""
    window, steps = series.source.window, Steps()
    most = max(abs(one.moved) for one in series.segments)
    longest = max(length.wall + length.exact for length in _lengths(series))
    first = window.begins.replace(tzinfo=None) - most - longest - _SLACK
    last = window.ends.replace(tzinfo=None) + most + _SLACK
    events: list[Event] = []
    later: list[datetime] = []
    for one in _occurrences(series, first, last, steps):
        if one.starts_at >= window.ends:
            later.append(one.starts_at)
        elif window.has(one.starts_at, one.ends_at):
            events.append(one)
            if len(events) > _MAX_OCCURRENCES:
                raise NotReadable(f"it has more than {_MAX_OCCURRENCES:,} occurrences in the window")
    return Found(tuple(events), min(later, default=None) or _next_at(series, last))


def _next_at(series: _Series, last: datetime) -> datetime | None:
    """Return when the first occurrence from a wall time on begins; of a rule that is too dear, the window's end."""
    try:
        return next((one.starts_at for one in _occurrences(series, last, HORIZON, Steps())), None)
    except TooManySteps:
        return series.source.window.ends


def _lengths(series: _Series) -> Iterator[Length]:
    yield from (one.when.length for one in series.segments)
    yield from (length for length in series.dates.extra.values() if length is not None)


def _occurrences(series: _Series, first: datetime, last: datetime, steps: Steps) -> Iterator[Event]:
    """Yield the occurrences that the series has in [first, last) of its own clock, before anything moved them."""
    since = [one.since for one in series.segments]
    for wall in _walls(series, first, last, steps):
        key = original(wall, series.when)
        if key in series.overridden or key in series.dates.excluded or wall.date() in series.dates.excluded_days:
            continue
        yield _occurrence(series, series.segments[bisect_right(since, wall) - 1], wall, key)


def _walls(series: _Series, first: datetime, last: datetime, steps: Steps) -> Iterator[datetime]:
    start, extra = series.when.start.wall, series.dates.extra
    listed = sorted(wall for wall in {start, *extra} if first <= wall < last)
    given = [recurrences(rule, start, first, last, steps) for rule in series.dates.rules]
    return (wall for wall, _ in groupby(merge(listed, *given)))


def _occurrence(series: _Series, segment: _Segment, wall: datetime, key: str) -> Event:
    when, at = segment.when, wall + segment.moved
    if when.start.is_date:
        at = at.replace(hour=0, minute=0, second=0)
    if (length := series.dates.extra.get(wall)) is not None:
        when = when._replace(length=length)
    starts_at, ends_at = when.at(at)
    return replace(
        segment.like,
        id=ItemId(f"{series.id}#{key}"),
        original_start=key,
        starts_at=starts_at,
        ends_at=ends_at,
        settles_at=settles_at(ends_at, when, series.source.zones),
        exact=False,
    )
