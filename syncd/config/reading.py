"""One section of the file -> a frozen dataclass, by the types of its fields: all that is wrong with it is said at once.

pydantic would do as much, and took a sixth of each start of `syncd once` (38 of 240 ms).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from syncd.config import words

T = TypeVar("T")


class Read(NamedTuple):
    """Beside a type: how it is made of what TOML has. Raises ValueError with the words for the admin."""

    made_by: Callable[[object], Any]


class Check(NamedTuple):
    """Beside a type: what it must pass, which may also change it. Raises ValueError with the words for the admin."""

    passed_by: Callable[[Any], Any]


def at_least(least: int, *, at_most: int) -> Check:
    def check(value: int) -> int:
        if value < least:
            raise ValueError(f"must be at least {least}")
        if value > at_most:
            raise ValueError(f"must be at most {at_most}")
        return value

    return Check(check)


def section(kind: type[T], table: Mapping[str, object]) -> tuple[T | None, list[str]]:
    """The dataclass, or what is wrong: a line for each setting, `port: must be a whole number without quotes`.

    Names that are none of its fields are passed over.
    """
    wrong: list[str] = []
    hints = _hints(kind)  # type: ignore[arg-type]  # mypy holds a type[T] to be unhashable
    given: dict[str, Any] = {}
    for each in fields(kind):  # type: ignore[arg-type]
        if each.name in table:
            given[each.name] = _value(table[each.name], hints[each.name], each.name, wrong)
        elif _is_needed(each):
            wrong.append(f"{each.name}: {words.missing(each.name)}")
    if wrong:
        return None, wrong
    try:
        return kind(**given), []
    except ValueError as error:  # settings that do not fit together
        return None, [str(error)]


def _is_needed(field: Field[Any]) -> bool:
    return field.init and field.default is MISSING and field.default_factory is MISSING


@cache
def _hints(kind: type[Any]) -> Mapping[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _value(given: object, hint: Any, place: str, wrong: list[str]) -> Any:
    """What the type makes of it; of no use where something was added to `wrong`. `place` is `aliases[2]`, say."""
    origin, of = get_origin(hint), get_args(hint)
    try:
        if origin is Annotated:
            return _marked(given, *of, place=place, wrong=wrong)
        if origin in (Union, UnionType):  # with None, which TOML does not have
            return _value(given, next(each for each in of if each is not NoneType), place, wrong)
        if origin is tuple and isinstance(given, list):
            return tuple([_value(one, of[0], f"{place}[{number}]", wrong) for number, one in enumerate(given, 1)])
        if origin is Literal:
            return _chosen(given, of)
        return _plain(given, origin or hint, place)
    except ValueError as error:
        wrong.append(f"{place}: {error}")


def _marked(given: object, kind: Any, *marks: Read | Check, place: str, wrong: list[str]) -> Any:
    before = len(wrong)
    made_by = next((mark.made_by for mark in marks if isinstance(mark, Read)), None)
    value = made_by(given) if made_by else _value(given, kind, place, wrong)
    for mark in marks:
        if isinstance(mark, Check) and len(wrong) == before:
            value = mark.passed_by(value)
    return value


def _chosen(given: object, choices: tuple[object, ...]) -> object:
    if given not in choices:
        raise ValueError(words.one_of(choices))
    return given


def _plain(given: object, kind: Any, place: str) -> object:
    if kind is Path and isinstance(given, str):
        return Path(given)
    if kind is object or type(given) is kind:  # true is no number
        return given
    raise ValueError(words.other_type(kind, place))
