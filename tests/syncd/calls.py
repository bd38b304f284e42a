"""The meetings of two reps with a contact that most stories of calendars are about."""

from __future__ import annotations

from datetime import datetime, timedelta

from syncd.model import Event
from tests.syncd.calendars import address, meeting
from tests.syncd.mailboxes import START

CARL = "carl@client.example"
RITA, SAM = address("rita"), address("sam")
SOON, PAST = START + timedelta(days=3), START - timedelta(days=3)
DAY = timedelta(days=1)


def call(starts_at: datetime = SOON, **answers: str) -> Event:
    return meeting("call", starts_at, RITA, {SAM: answers.get("sam", ""), CARL: answers.get("carl", "")})


def series(*days: int, **more: int) -> list[Event]:
    weekly = [SOON + day * DAY for day in days]
    return [
        meeting("weekly", at, RITA, {CARL: ""}, original_start=at.strftime("%Y%m%dT%H%M%SZ"))._replace(
            exact=False,
            sequence=more.get("sequence", 0),
        )
        for at in weekly
    ]
