"""The small team's calendars, task lists and notes, as tables: what sells, what does not, what is nobody's business."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from syncd.demo.meetings import Meeting, Note, Task
from syncd.demo.people import ADA, BEN, CLEO, LENA, MEI, ROSA, STRANGER, TOM

INSPECTION = Meeting("inspection", -1, BEN, (TOM,), "Inspection of the Heron", outcomes=("planned",))
"""Keeps being put off while one watches."""

GO_LIVE = Meeting("golive", -4, MEI, (CLEO,), "Go-live of the third clinic", outcomes=("planned",))
"""Comes by mail as well."""

AGENDA: tuple[Meeting | Task | Note, ...] = (
    Meeting(
        "tasting", 43, ADA, (ROSA,), "Weekly tasting",
        weeks=10, dropped=(2,), outcomes=("held",) * 6 + ("planned",) * 3,
    ),
    # In the calendars of two reps, and one activity.
    Meeting("fleet", 6, BEN, (CLEO, TOM), "Fleet review on board", outcomes=("held",)),
    GO_LIVE,
    Meeting("harbour", -2, BEN, (TOM,), "Harbour visit", cancelled=True, outcomes=("cancelled",)),
    Meeting("aisles", 12, ADA, (LENA,), "Aisles, on site", declined=(LENA,), outcomes=("declined",)),
    INSPECTION,
    Meeting("party", 3, ADA, (ROSA,), "A surprise for Ben", private=True, rule="private"),
    Meeting("standup", 29, CLEO, (ADA, BEN), "Stand-up", weeks=5, rule="internal_only"),
    Meeting("interview", 9, CLEO, (STRANGER,), "Interview", rule="no_known_contact"),
    Task("revised", 2, ADA, f"Send {ROSA.address} the revised offer"),
    Task("callback", -2, BEN, f"Call {TOM.address} back", done=False, rule="not_done"),
    Note("visit", 5, CLEO, "Visit to the third clinic", f"{MEI.address} wants the training in May."),
)  # fmt: skip


def rearrangements() -> Iterator[Meeting]:
    """What changes while one watches; without an end."""
    for number in count(1):
        yield replace(INSPECTION, days=INSPECTION.days - number, version=number)
        yield Meeting(f"walk-{number}", -number, CLEO, (MEI, ADA), f"Walk through clinic {number}")
