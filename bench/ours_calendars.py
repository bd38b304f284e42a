"""syncd over the invented calendars, and whether it came to what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.agenda import AHEAD, PAST
from bench.installation import Installation
from bench.outcomes import Outcomes
from bench.radicale import Calendars

_MAILBOX = """
[[mailboxes]]
name = "{user}"
owner = "{user}"
kind = "caldav"
url = "{url}/"
user = "{user}"
secret = "file:mail.secret"
backfill = "{past}d"
ahead_days = {ahead}
"""
_MEETINGS = "SELECT status, count(*) FROM activity WHERE kind = 'meeting' GROUP BY 1"
_SEEN = """
SELECT mailbox.name, CASE verdict WHEN 'logged' THEN 'logged' ELSE rule END, count(*)
FROM sighting JOIN stream ON stream.id = stream_id JOIN mailbox ON mailbox.id = mailbox_id
WHERE gone_at IS NULL GROUP BY 1, 2
"""
_TOLD = "SELECT max(sequence), (SELECT max(updated_at) FROM activity) FROM change"
"""What each write of an activity moves."""


@dataclass(frozen=True, slots=True)
class SyncdCalendars:
    installation: Installation
    users: Sequence[str]
    name: str = "syncd"
    feed: list[object] = field(default_factory=list)
    """Where its feed stood after the last run."""

    def reset(self, users: Sequence[str], url: str) -> None:
        """Forget everything, and be set up for these users' calendars at this address."""
        window = {"past": PAST.days, "ahead": AHEAD.days}
        self.installation.reset("".join(_MAILBOX.format(user=user, url=url, **window) for user in users))

    def command(self) -> list[str]:
        return self.installation.once()

    def problems(self, truth: Outcomes, *, unchanged: bool) -> list[str]:
        held = Counter(dict(self.installation.ask(_MEETINGS)))
        seen = Counter({(self.users.index(name), rule): count for name, rule, count in self.installation.ask(_SEEN)})
        found = [
            f"{held[status]} meetings are {status}, not {truth.activities[status]}"
            for status in sorted(held.keys() | truth.activities.keys())
            if held[status] != truth.activities[status]
        ]
        for key in sorted(seen.keys() | truth.sightings.keys()):
            if seen[key] != truth.sightings[key]:
                found.append(f"{self.users[key[0]]} {key[1]}: {seen[key]} sightings, not {truth.sightings[key]}")
        (told,) = self.installation.ask(_TOLD)
        if unchanged and self.feed != [told]:
            found.append("it wrote activities although nothing had changed")
        self.feed[:] = [told]
        return found


def prepared(directory: Path, calendars: Calendars, daemon: str = "") -> SyncdCalendars:
    """One with an empty store and everybody known; `daemon` is lines of the configuration's section of that name."""
    installation = Installation(directory, calendars.people, calendars.password, daemon)
    installation.prepare()
    return SyncdCalendars(installation, calendars.users)
