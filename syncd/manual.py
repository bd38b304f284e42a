"""What a person logs by hand, made whole: what it came to when nobody said, and what must be said."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from matching.address import key
from store.queries import Entity
from syncd.model import Direction, Entry, Link


class Kind(StrEnum):
    CALL = "call"
    NOTE = "note"
    TASK = "task"
    MEETING = "meeting"


# What the store's views give a meaning to; any other word is kept as it is.
_OUTCOMES = ("planned", "held", "done", "cancelled", "declined", "no_show")
_OF_CALLS = ("no_answer", "left_message", "voicemail", "busy", "missed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the person said; empty is nothing."""

    kind: Kind
    by: str
    about: Sequence[Entity]
    begins: datetime
    lasts: timedelta | None
    direction: Direction | None
    outcome: str
    subject: str
    text: str


def entry(said: Said, now: datetime) -> Entry:
    """Raises ValueError, in words for the person."""
    if not said.about:
        raise ValueError("say whom it concerns: --contact, --account or --deal")
    if not key(said.by):
        raise ValueError(f"--by must be a colleague's address, such as anna@example.com, not {said.by!r}")
    if said.direction and said.kind != Kind.CALL:
        raise ValueError("--direction is for calls")
    if said.lasts and said.kind not in (Kind.CALL, Kind.MEETING):
        raise ValueError("--duration is for calls and meetings")
    if said.kind in (Kind.NOTE, Kind.TASK) and not (said.subject.strip() or said.text.strip()):
        raise ValueError(f"say what the {said.kind} is: --subject or --text")
    return Entry(
        kind=said.kind,
        occurred_at=said.begins,
        ended_at=said.begins + said.lasts if said.lasts else None,
        subject=said.subject or said.kind.capitalize(),
        text=said.text,
        direction=said.direction or (Direction.OUTBOUND if said.kind == Kind.CALL else None),
        outcome=_spelled(said.outcome) or _outcome(said, now),
        author=said.by,
        links=tuple(Link(each.kind, each.id, "logged by hand") for each in dict.fromkeys(said.about)),
    )


def _spelled(outcome: str) -> str:
    """`No answer` is no_answer. A slip of the pen in one of those words would count as a call that was taken."""
    word = "_".join(re.findall(r"\w+", outcome.casefold().replace("_", " ")))
    near = difflib.get_close_matches(word, _OUTCOMES + _OF_CALLS, n=1, cutoff=0.8)
    if near and near[0] != word:
        raise ValueError(f"--outcome {outcome}: did you mean {near[0]}?")
    return word


def _outcome(said: Said, now: datetime) -> str:
    match said.kind:
        case Kind.MEETING:
            return "planned" if said.begins > now else "held"
        case Kind.TASK:
            return "planned" if said.begins > now else "done"
    return ""
