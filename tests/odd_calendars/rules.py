"""Rules by chance, on which RFC 5545 and python-dateutil agree; for the others see test_ical_recur."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import strategies as st

from connectors.ical_recur import Steps, recurrences
from connectors.ical_rule import FREQUENCIES, parts_of, rule

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def _subset(values: list[int], most: int = 3) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True).map(
        lambda chosen: ",".join(map(str, chosen))
    )


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Draw the text of a rule; an UNTIL has no Z."""
    frequency = draw(st.sampled_from(FREQUENCIES[:5]))
    parts = {"FREQ": frequency, "INTERVAL": str(draw(st.integers(1, 7)))}
    optional = {
        "BYMONTH": _subset(list(range(1, 13)), 4),
        "BYHOUR": _subset(list(range(24)), 2),
        "BYMINUTE": _subset([0, 15, 30, 59], 2),
        "WKST": st.sampled_from(_WEEKDAYS),
    }
    if frequency != "WEEKLY":
        optional |= {
            "BYMONTHDAY": _subset([1, 2, 13, 28, 29, 30, 31, -1, -2, -31]),
            "BYSETPOS": _subset([1, 2, -1, -2]),
        }
    if frequency == "YEARLY":
        optional |= {"BYYEARDAY": _subset([1, 60, 100, 366, -1, -366])}
    chosen = draw(st.sets(st.sampled_from(sorted(optional)), max_size=3))
    parts |= {name: draw(optional[name]) for name in sorted(chosen)}
    plain = st.lists(st.sampled_from(_WEEKDAYS), min_size=1, max_size=3, unique=True).map(",".join)
    nth = st.tuples(st.sampled_from([1, 2, 4, 5, -1, -2]), st.sampled_from(_WEEKDAYS)).map(
        lambda one: f"{one[0]}{one[1]}"
    )
    if draw(st.booleans()):
        parts["BYDAY"] = draw(plain if frequency not in FREQUENCIES[:2] else plain | nth)
        if frequency == "YEARLY" and parts["BYDAY"].isalpha() and draw(st.booleans()):
            parts["BYWEEKNO"] = draw(_subset([1, 2, 20, 52, 53, -1], 2))
    if draw(st.booleans()):
        parts |= draw(st.sampled_from([{"COUNT": "1"}, {"COUNT": "17"}, {"UNTIL": "20270301T120000"}]))
    return ";".join(f"{name}={value}" for name, value in parts.items())


def starts() -> st.SearchStrategy[datetime]:
    days = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31))
    return days.map(lambda at: at.replace(second=0, microsecond=0))


def goes_on(text: str, start: datetime, moment: datetime) -> bool:
    """Whether the rule would give something soon after a moment, were it not ended by then.

    Where it would not, dateutil may look for the next one to the year 9999, and cannot be stopped.
    """
    endless = ";".join(part for part in text.split(";") if not part.startswith(("COUNT", "UNTIL")))
    soon = moment + timedelta(days=800)
    return next(recurrences(rule(parts_of(endless), None), start, moment, soon, Steps()), None) is not None
