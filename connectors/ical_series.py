"""The components of one UID -> its events within the window: RRULE and RDATE, less EXDATE, with what overrides them.

An override stands for the occurrence that its RECURRENCE-ID names, wherever that is now, also where an EXDATE takes
that out. With RANGE=THISANDFUTURE it moves and changes all that follow as well. An override that names no occurrence,
or comes without its series, is an occurrence by itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
_ALL_DAY, _EXACT = Event._fields.index("all_day"), Event._fields.index("exact")
"""An event that is made anew of another's fields costs a third of `_replace`; a series has hundreds."""


class Found(NamedTuple):
    events: tuple[Event, ...] = ()
    next_at: datetime | None = None
    """When the first occurrence after the window begins, of those that a rule works out."""


class _Written(NamedTuple):
    """An occurrence that has a component of its own."""

    place: Place
    component: Component
    when: Span
    following: bool = False
    """RANGE=THISANDFUTURE"""
    problem: str = ""


class _WorkedOut(NamedTuple):
    """An occurrence that follows from a rule or a list of dates."""

    key: str
    starts_at: datetime
    ends_at: datetime
    by: _Segment


class _Segment(NamedTuple):
    """The occurrences from a wall time on: what they are like, and how far they were moved from where they were."""

    since: datetime
    moved: timedelta
    like: _Written


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    id: ItemId
    uid: str
    master: _Written
    dates: Dates
    written: tuple[_Written, ...]
    segments: tuple[_Segment, ...]
    source: Source


def events_of(components: Sequence[Component], *, id: ItemId, uid: str, source: Source) -> Found:
    """Return the events of the components that have one UID; raise NotReadable if there is nothing to be made of it.

    Of two versions of one occurrence the later counts (RFC 5546 section 2.1.5).
    """
    by_age = sorted(components, key=lambda one: version_of(one, source)) if len(components) > 1 else components
    masters = [one for one in by_age if not one.value("RECURRENCE-ID")]
    parts = [one for one in by_age if one.value("RECURRENCE-ID")]
    if not masters:
        return _without_series(parts, id, uid, source)
    try:
        when = span(masters[-1], source.zones)
    except NotReadable as error:
        if not parts:
            raise
        return _without_series(parts, id, uid, source, f"the series cannot be read: {error}")
    master = _Written(Place(when.start.wall, ""), masters[-1], when)
    if parts or is_recurring(masters[-1]):
        return _with_series(master, parts, id, uid, source)
    return Found(tuple(_event(one, id, uid, source) for one in _wanted([master], source)))


def version_of(component: Component, source: Source) -> tuple[int, datetime]:
    return sequence(component), stamped_at(component, source.zones, method=source.method) or _LONG_AGO


def _without_series(parts: Sequence[Component], id: ItemId, uid: str, source: Source, problem: str = "") -> Found:
    """Return occurrences that came alone, as to somebody who was asked to these only."""
    written = _overrides(parts, None, source)
    if not written:
        raise NotReadable("it has a date that cannot be read")
    events = [_event(one, id, uid, source) for one in _wanted(written, source)]
    return Found(tuple(_with_problem(one, problem) for one in events))


def _with_problem(found: Event, problem: str) -> Event:
    return found._replace(problem="; ".join(filter(None, (found.problem, problem)))) if problem else found


# ---------------------------------------------------------------------------------------------- what is written down


def _overrides(parts: Sequence[Component], master: Span | None, source: Source) -> tuple[_Written, ...]:
    """Return one override for each occurrence, the later of two."""
    found: dict[str, _Written] = {}
    for component in parts:
        try:
            override = _override(component, master, source)
        except NotReadable as error:
            source.zones.note(f"a change to one occurrence cannot be read: {error}")
        else:
            found[override.place.key] = override
    return tuple(found.values())


def _override(component: Component, master: Span | None, source: Source) -> _Written:
    """An occurrence without a start of its own, as a cancelled one may be, is where it was."""
    line = component.all("RECURRENCE-ID")[0]
    named = moment(line, line.value, source.zones)
    problem = ""
    try:
        when = span(component, source.zones)
    except NotReadable as error:
        start = master.start._replace(wall=place(named, master, source.zones).wall) if master else named
        when = span_at(component, start, source.zones)
        if master and when.length == Length():
            when = when._replace(length=master.length)
        problem = "" if component.value("STATUS").upper() == "CANCELLED" else str(error)
    following = parameters(line).get("RANGE", "").upper() == "THISANDFUTURE"
    return _Written(place(named, master or when, source.zones), component, when, following, problem)


def _wanted(written: Sequence[_Written], source: Source) -> list[_Written]:
    """Return those that are not over before the window, and those moved out of it.

    What is written down is finite, and a meeting that is put off to next year must be seen to be: the window's end
    bounds only what rules work out.
    """
    return [one for one in written if source.all_written or _is_wanted(one, source)]


def _is_wanted(one: _Written, source: Source) -> bool:
    window, wall = source.window, one.place.wall
    starts_at, ends_at = one.when.at(one.when.start.wall)
    was_within = window.begins.replace(tzinfo=None) <= wall < window.ends.replace(tzinfo=None)
    return window.is_not_past(starts_at, ends_at) or (bool(one.place.key) and was_within)


def _event(one: _Written, id: ItemId, uid: str, source: Source) -> Event:
    key = one.place.key
    own_id = ItemId(f"{id}#{key}") if key else id
    found = event(one.component, id=own_id, uid=uid, original_start=key, when=one.when, source=source)
    return _with_problem(found, one.problem)


def _override_event(one: _Written, series: _Series, master: Event) -> Event:
    """What a cancelled occurrence leaves out, and privacy, are as in its series."""
    found = _event(one, series.id, series.uid, series.source)
    if not one.component.value("CLASS"):
        found = found._replace(private=master.private)
    if found.status == EventStatus.CANCELLED and not found.participants:
        found = found._replace(
            participants=master.participants,
            subject=found.subject or master.subject,
            not_a_meeting=master.not_a_meeting,
        )
    return found


# ---------------------------------------------------------------------------------------------- what is worked out


def _with_series(master: _Written, parts: Sequence[Component], id: ItemId, uid: str, source: Source) -> Found:
    written = _overrides(parts, master.when, source)
    series = _Series(
        id=id,
        uid=uid,
        master=master,
        dates=dates(master.component, master.when, source.zones),
        written=written,
        segments=_segments(master, written),
        source=source,
    )
    worked_out, next_at = _worked_out(series)
    return Found(_events(series, worked_out, _wanted(written, source)), next_at)


def _events(series: _Series, worked_out: Sequence[_WorkedOut], written: Sequence[_Written]) -> tuple[Event, ...]:
    if not worked_out and not written:
        return ()
    master = _event(series.master, series.id, series.uid, series.source)
    likes = {one.place.key: _override_event(one, series, master) for one in series.written if one.following}
    return (
        *(_worked_out_event(one, likes.get(one.by.like.place.key, master), series) for one in worked_out),
        *(likes.get(one.place.key) or _override_event(one, series, master) for one in written),
    )


def _worked_out_event(one: _WorkedOut, like: Event, series: _Series) -> Event:
    settled = settles_at(one.ends_at, one.by.like.when, series.source.zones)
    own = (ItemId(f"{series.id}#{one.key}"), like.uid, one.key, one.starts_at, one.ends_at, settled)
    return Event._make((*own, *like[_ALL_DAY:_EXACT], False, *like[_EXACT + 1 :]))


def _segments(master: _Written, written: Sequence[_Written]) -> tuple[_Segment, ...]:
    found = [_Segment(datetime.min, _ZERO, master)]
    for one in sorted((one for one in written if one.following), key=lambda one: one.place.wall):
        at = one.place.wall
        moved = one.when.start.wall - (_midnight(at) if one.when.start.is_date else at)
        found.append(_Segment(at, moved, one))
    return tuple(found)


def _worked_out(series: _Series) -> tuple[list[_WorkedOut], datetime | None]:
    """Return what the rules give within the window, of all that has no component of its own, and when the next is."""
    window, steps = series.source.window, Steps()
    most = max(abs(one.moved) for one in series.segments)
    longest = max(length.wall + length.exact for length in _lengths(series))
    first = window.begins.replace(tzinfo=None) - most - longest - _SLACK
    last = window.ends.replace(tzinfo=None) + most + _SLACK
    within, later = list[_WorkedOut](), list[datetime]()
    for one in _occurrences(series, first, last, steps):
        if one.starts_at >= window.ends:
            later.append(one.starts_at)
        elif window.has(one.starts_at, one.ends_at):
            within.append(one)
            if len(within) > _MAX_OCCURRENCES:
                raise NotReadable(f"it has more than {_MAX_OCCURRENCES:,} occurrences in the window")
    return within, min(later, default=None) or _next_at(series, last)


def _next_at(series: _Series, last: datetime) -> datetime | None:
    """Return when the first occurrence from a wall time on begins; of a rule that is too dear, the window's end."""
    try:
        return next((one.starts_at for one in _occurrences(series, last, HORIZON, Steps())), None)
    except TooManySteps:
        return series.source.window.ends


def _lengths(series: _Series) -> Iterator[Length]:
    yield from (one.like.when.length for one in series.segments)
    yield from (length for length in series.dates.extra.values() if length is not None)


def _occurrences(series: _Series, first: datetime, last: datetime, steps: Steps) -> Iterator[_WorkedOut]:
    """Yield the occurrences that the series has in [first, last) of its own clock, before anything moved them."""
    since = [one.since for one in series.segments]
    known = {one.place.key for one in series.written} | series.dates.excluded
    for wall in _walls(series, first, last, steps):
        key = original(wall, series.master.when)
        if key in known or wall.date() in series.dates.excluded_days:
            continue
        known.add(key)  # in the hour that a clock skips, two wall times are one instant
        segment = series.segments[bisect_right(since, wall) - 1]
        when, at = segment.like.when, wall + segment.moved
        if (length := series.dates.extra.get(wall)) is not None:
            when = when._replace(length=length)
        yield _WorkedOut(key, *when.at(_midnight(at) if when.start.is_date else at), segment)


def _walls(series: _Series, first: datetime, last: datetime, steps: Steps) -> Iterator[datetime]:
    start, extra = series.master.when.start.wall, series.dates.extra
    listed = sorted(wall for wall in {start, *extra} if first <= wall < last)
    given = [recurrences(rule, start, first, last, steps) for rule in series.dates.rules]
    return (wall for wall, _ in groupby(merge(listed, *given)))


def _midnight(wall: datetime) -> datetime:
    return wall.replace(hour=0, minute=0, second=0)
