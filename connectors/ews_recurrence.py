"""`t:Recurrence` -> RRULE ([MS-OXWSCDATA] 2.2.4: the patterns and ranges; RFC 5545 section 3.3.10)."""

from __future__ import annotations

from connectors import ews_xml as xml
from connectors.ews_xml import Element

_DAYS = {
    "Sunday": "SU",
    "Monday": "MO",
    "Tuesday": "TU",
    "Wednesday": "WE",
    "Thursday": "TH",
    "Friday": "FR",
    "Saturday": "SA",
    "Day": "SU,MO,TU,WE,TH,FR,SA",
    "Weekday": "MO,TU,WE,TH,FR",
    "WeekendDay": "SU,SA",
}
_PLACES = {"First": 1, "Second": 2, "Third": 3, "Fourth": 4, "Last": -1}
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def rule(recurrence: Element) -> str:
    """The value of an RRULE; empty for a pattern that is not known. Raises ValueError or KeyError for one that makes no
    sense."""
    parts: list[str] = []
    for each in recurrence.iterchildren("{*}*"):
        parts += _part(each)
    return ";".join(parts) if parts and parts[0].startswith("FREQ=") else ""


def _part(each: Element) -> list[str]:
    interval = f"INTERVAL={int(xml.value(each, 'Interval') or 1)}"
    match xml.kind(each):
        case "DailyRecurrence":
            return ["FREQ=DAILY", interval]
        case "WeeklyRecurrence":
            start = _DAYS[xml.value(each, "FirstDayOfWeek") or "Sunday"]
            return ["FREQ=WEEKLY", interval, f"BYDAY={_weekdays(each)}", f"WKST={start}"]
        case "AbsoluteMonthlyRecurrence":
            return ["FREQ=MONTHLY", interval, *_month_day(each)]
        case "RelativeMonthlyRecurrence":
            return ["FREQ=MONTHLY", interval, *_nth(each)]
        case "AbsoluteYearlyRecurrence":
            return ["FREQ=YEARLY", _month(each), *_month_day(each)]
        case "RelativeYearlyRecurrence":
            return ["FREQ=YEARLY", _month(each), *_nth(each)]
        case "EndDateRecurrence":
            # A day, of which all counts, on the clock of the series.
            return [f"UNTIL={xml.value(each, 'EndDate')[:10].replace('-', '')}"]
        case "NumberedRecurrence":
            return [f"COUNT={int(xml.value(each, 'NumberOfOccurrences'))}"]
    return []


def _weekdays(each: Element) -> str:
    return ",".join(_DAYS[day] for day in xml.value(each, "DaysOfWeek").split())


def _nth(each: Element) -> list[str]:
    return [f"BYDAY={_weekdays(each)}", f"BYSETPOS={_PLACES[xml.value(each, 'DayOfWeekIndex')]}"]


def _month(each: Element) -> str:
    return f"BYMONTH={_MONTHS.index(xml.value(each, 'Month')) + 1}"


def _month_day(each: Element) -> list[str]:
    """Where a month has no 31st, Outlook takes its last day; a rule with the 31st alone would pass it over."""
    day = int(xml.value(each, "DayOfMonth"))
    if day <= 28:
        return [f"BYMONTHDAY={day}"]
    return [f"BYMONTHDAY={','.join(str(each) for each in range(28, day + 1))}", "BYSETPOS=-1"]
