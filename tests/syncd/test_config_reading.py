"""How a section of the file becomes a dataclass: strictly, and with all that is wrong said at once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import KINDS
from syncd.config.load import SECTIONS
from syncd.config.reading import Check, Read, at_least, section


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even")
    return value


def _long(values: tuple[int, ...]) -> tuple[int, ...]:
    if len(values) < 2:
        raise ValueError("must be two or more")
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    name: str
    count: Annotated[int, at_least(1, at_most=9)] = 1
    flag: bool = False
    way: Literal["up", "down"] = "up"
    file: Path | None = None
    length: Annotated[int, Read(lambda given: len(str(given))), Check(_even)] = 0
    numbers: Annotated[tuple[Annotated[int, Check(_even)], ...], Check(_long)] = ()

    def __post_init__(self) -> None:
        if self.flag and self.way == "down":
            raise ValueError("flag is for the way up")


def test_what_is_right_is_of_the_types_of_the_fields_and_what_is_absent_is_the_default() -> None:
    table = {"name": "a", "count": 9, "flag": True, "file": "x.pem", "length": "four", "numbers": [2, 4]}
    assert section(Sample, table) == (
        Sample(name="a", count=9, flag=True, file=Path("x.pem"), length=4, numbers=(2, 4)),
        [],
    )
    assert section(Sample, {"name": "a", "another": 1}) == (Sample(name="a"), [])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, 'name: is missing; add name = "anna"'),
        ({"name": 3}, 'name: must be text in quotes, such as name = "anna"'),
        ({"name": date(2026, 11, 25)}, 'name: must be text in quotes, such as name = "anna"'),
        ({"count": True}, "count: must be a whole number without quotes"),
        ({"count": 1.0}, "count: must be a whole number without quotes"),
        ({"count": 0}, "count: must be at least 1"),
        ({"count": 10}, "count: must be at most 9"),
        ({"flag": 1}, "flag: must be true or false, without quotes"),
        ({"way": "left"}, "way: must be 'up' or 'down'"),
        ({"way": ["up"]}, "way: must be 'up' or 'down'"),
        ({"file": 3}, "file: must be a path in quotes"),
        ({"length": "odd"}, "length: must be even"),
        ({"numbers": 2}, "numbers: must be a list in brackets"),
        ({"numbers": [2]}, "numbers: must be two or more"),
        ({"numbers": [2, "4"]}, "numbers[2]: must be a whole number without quotes"),
        ({"numbers": [3]}, "numbers[1]: must be even"),
        ({"flag": True, "way": "down"}, "flag is for the way up"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(table: dict[str, object], said: str) -> None:
    whole = table if said.startswith("name") else {"name": "a", **table}
    assert section(Sample, whole) == (None, [said])


def test_everything_that_is_wrong_is_said_at_once() -> None:
    _, said = section(Sample, {"count": "1", "numbers": [1, 2, "3"]})
    assert [line.partition(":")[0] for line in said] == ["name", "count", "numbers[1]", "numbers[3]"]


SETTINGS: list[type[Any]] = [*SECTIONS.values(), *(kind.settings for kind in KINDS.values())]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.just(datetime(2026, 11, 25, tzinfo=UTC))
)
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=3), scalars, max_size=2)


@given(st.sampled_from(SETTINGS), st.data())
def test_whatever_a_file_has_in_a_section_it_is_read_or_refused(kind: type[Any], data: st.DataObject) -> None:
    names = [each.name for each in fields(kind)]
    table = data.draw(st.dictionaries(st.sampled_from(names), values))
    found, said = section(kind, table)
    assert (found is None) is bool(said)
    assert all(line.strip() for line in said)
