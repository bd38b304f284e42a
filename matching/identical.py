"""A key for memoising what is made of a large value that never changes."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Identical(Generic[T]):
    """Equal only to one that holds the very same object: hashing a long list for each mail costs more than using it."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identical) and self.value is other.value
