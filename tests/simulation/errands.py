"""Tasks and notes, and what ought to be decided on each copy; with none of the program's own code."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tests.simulation.truth import Truth, Verdict


@dataclass(frozen=True)
class Said:
    """What a copy in a list says."""

    done: bool
    """Of a note, that it is no draft."""
    at: datetime
    """When it was done, or written."""
    private: bool = False


@dataclass
class Listed:
    """A copy in a rep's list, and all that it ever said."""

    said: list[Said]
    removed: bool = False
    possible: set[Verdict] = field(default_factory=set)

    @property
    def now(self) -> Said:
        return self.said[-1]


@dataclass
class Errand:
    number: int
    kind: str
    """`task` or `note`"""
    person: str
    """Whom its text names."""
    copies: dict[str, Listed] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"t{self.number:04}"

    def standing(self) -> dict[str, Listed]:
        return {rep: listed for rep, listed in self.copies.items() if not listed.removed}


def heading(errand: Errand) -> str:
    return f"subj-t{errand.number:03}"


def wording(errand: Errand) -> str:
    return f"text-t{errand.number:03}: ask {errand.person}"


def verdict(truth: Truth, errand: Errand, rep: str, said: Said) -> Verdict:
    found = truth.decide((errand.person,), rep, "", private=said.private)
    if found.rule in ("logged", "no_known_contact") and not said.done:
        return Verdict("not_done" if errand.kind == "task" else "draft")
    return found
