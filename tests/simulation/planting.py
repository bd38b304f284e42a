"""Faults of the program itself, each a change of one function of it, which the stories must find."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

Bug: TypeAlias = Callable[[], AbstractContextManager[Any]]

BUGS: dict[str, Bug] = {}


def bug(make: Bug) -> Bug:
    """Named after its function, in words."""
    BUGS[make.__name__.replace("_", " ")] = make
    return make
