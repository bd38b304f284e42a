"""docs/OPERATIONS.md, held to what the program has."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.health import Metrics, Snapshot
from syncd.states import State

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "OPERATIONS.md").read_text()


def events() -> set[str]:
    """Every event that the program logs, as the words are in its source."""
    source = "\n".join(path.read_text() for path in (ROOT / "syncd").glob("*.py"))
    calls = re.findall(r'log\.(?:info|warning|error|exception)\(\s*"(\w+)"', source)
    return {*calls, *re.findall(r'"(pass_\w+|mailbox_state_changed|library_warned)"', source)}


@pytest.mark.parametrize("state", State)
def test_the_page_says_what_to_do_in_every_state(state: State) -> None:
    assert f"\n| `{state}` |" in PAGE


def test_the_page_explains_every_event_of_the_log_and_no_other() -> None:
    section = PAGE.partition("## Logs")[2].partition("\n## ")[0]
    explained = {name for line in section.splitlines() for name in re.findall(r"`(\w+)`", line.split(" | ")[0])}
    assert events() <= explained
    assert explained - events() <= {"log_format"}


def test_the_page_lists_every_metric() -> None:
    now = Snapshot(states={}, stalled=False, lag=timedelta(0), missing=0)
    names = re.findall(r"# TYPE (\w+)", Metrics().exposition(now).decode())
    for name in names:
        assert f"| `{name}` |" in PAGE or name.endswith("_created")
