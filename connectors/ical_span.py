"""When a component begins and how long it lasts, whichever way it says so, and wrong as it may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from connectors.ical_read import Component, NotReadable
from connectors.ical_time import Length, Moment, duration, instant, moment
from connectors.ical_zone import Zones

_ZERO = timedelta(0)
_DAY = timedelta(days=1)
_LONGEST = timedelta(days=3660)


class Span(NamedTuple):
    start: Moment
    length: Length
    clock: tzinfo
    """The zone of its wall times: its own, the calendar's of a floating one, UTC of whole days."""
    zone_name: str

    def at(self, wall: datetime) -> tuple[datetime, datetime]:
        """Return the instants of the occurrence that begins at a wall time, and of its end.

        What would begin within the hour that a clock skips begins that much later, and lasts as long.
        """
        starts = instant(wall, self.clock)
        whole = self.length.wall + self.length.exact
        if self.length.wall and starts.astimezone(self.clock).replace(tzinfo=None) == wall:
            ends = instant(wall + self.length.wall, self.clock) + self.length.exact
        else:
            ends = starts + whole
        return starts, ends if ends > starts else starts + whole


def span(component: Component, zones: Zones) -> Span:
    """Read DTSTART with DTEND or DURATION; raise NotReadable."""
    line = component.first("DTSTART")
    if line is None or not line.value.strip():
        raise NotReadable("it has no start (DTSTART)")
    return _span(component, moment(line, line.value, zones), zones)


def span_at(component: Component, start: Moment, zones: Zones) -> Span:
    """The same of a component whose start is known from elsewhere."""
    return _span(component, start, zones)


def _span(component: Component, start: Moment, zones: Zones) -> Span:
    end = _moment(component, "DTEND", zones)
    if component.value("X-MICROSOFT-CDO-ALLDAYEVENT").upper() == "TRUE":
        start, end = _whole_days(start, end)
    length = _length(component, start, end)
    if length.wall + length.exact > _LONGEST:
        raise NotReadable("it lasts more than ten years")
    return Span(start, length, *clock(start, zones))


def clock(start: Moment, zones: Zones) -> tuple[tzinfo, str]:
    """Return the zone in which the wall times of what begins so are to be read, and its name."""
    if start.is_date:
        return UTC, zones.home_name
    return (start.zone, start.zone_name) if start.zone else zones.floating()


def _moment(component: Component, name: str, zones: Zones) -> Moment | None:
    line = component.first(name)
    if line is None:
        return None
    try:
        return moment(line, line.value, zones)
    except NotReadable:
        return None  # then it has no end, which is no reason to have no meeting


def _whole_days(start: Moment, end: Moment | None) -> tuple[Moment, Moment | None]:
    """Exchange writes whole days as midnights of the zone, and marks them."""
    midnight = datetime.min.time()
    if start.wall.time() == midnight and (end is None or end.wall.time() == midnight):
        return Moment(start.wall, True, None), end and Moment(end.wall, True, None)
    return start, end


def _length(component: Component, start: Moment, end: Moment | None) -> Length:
    """DTEND goes before DURATION, where both are there (Zimbra); an end that is not after the start is none."""
    length = Length()
    if end is not None:
        length = length_until(start, end)
    elif given := duration(component.value("DURATION")):
        length = given
    if start.is_date:
        days = (length.wall + length.exact + _DAY - timedelta(microseconds=1)) // _DAY
        return Length(max(days, 1) * _DAY)
    return length


def length_until(start: Moment, end: Moment) -> Length:
    """Within one zone by the clock on the wall, so that a night shift ends at six on every day of the year."""
    if start.is_date != end.is_date:  # the end takes the kind of the start
        end = start._replace(
            wall=end.wall.replace(hour=0, minute=0) if start.is_date else datetime.combine(end.wall, start.wall.time())
        )
    if start.is_date or start.zone == end.zone or start.zone is None or end.zone is None:
        return Length(max(end.wall - start.wall, _ZERO))
    return Length(exact=max(instant(end.wall, end.zone) - instant(start.wall, start.zone), _ZERO))
