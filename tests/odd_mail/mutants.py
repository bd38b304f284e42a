"""Seeds that were damaged by chance, as transports, programs and disks do it; the same seed gives the same damage."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

_SPECIAL = [
    *(b"\x00", b"\r", b"\n", b"\r\n\r\n", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x1b$B", b"=", b"=?", b"?=", b'"'),
    *(b"(", b"<", b">", b"@", b",", b";", b":", b"--", b"\n ", b"\n--B\n", b"%", b"{", b"&#", b"\\", b"\xa0"),
]
_LARGEST = 300_000
_OWN_ID = b"@odd.example"


def mutants(seeds: Sequence[bytes], count: int, *, seed: int) -> Iterator[bytes]:
    """Three in four get a Message-ID of their own; the others contradict, or are copies of, what they were made of."""
    chance = random.Random(seed)
    for number in range(count):
        raw = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            chance.choice(_WAYS)(raw, chance, seeds)
        if number % 4:
            raw = raw.replace(_OWN_ID, b"%b.%d" % (_OWN_ID, number))
        yield bytes(raw[:_LARGEST])


def _place(raw: bytearray, chance: random.Random) -> int:
    """Half of the time within the first kilobyte, where the headers are."""
    return chance.randrange(min(len(raw), 1000) + 1) if chance.random() < 0.5 else chance.randrange(len(raw) + 1)


def _flip(raw: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    for _ in range(chance.randint(1, 8)):
        if raw:
            raw[min(_place(raw, chance), len(raw) - 1)] ^= 1 << chance.randrange(8)


def _insert(raw: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at = _place(raw, chance)
    raw[at:at] = chance.choice(_SPECIAL) * chance.choice((1, 1, 1, 2, 50))


def _remove(raw: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at = _place(raw, chance)
    del raw[at : at + chance.choice((1, 5, 50, 500))]


def _truncate(raw: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    del raw[_place(raw, chance) :]


def _repeat(raw: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at = _place(raw, chance)
    raw[at:at] = raw[at : at + chance.choice((5, 50, 500))] * chance.choice((1, 3, 30))


def _splice(raw: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    """Go on as another mail does, as a damaged mbox file or a lost packet would have it."""
    other = chance.choice(seeds)
    raw[_place(raw, chance) :] = other[chance.randrange(len(other) + 1) :]


def _shuffle(raw: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    head, blank, body = bytes(raw).partition(b"\n\n")
    lines = head.split(b"\n")
    chance.shuffle(lines)
    raw[:] = b"\n".join(lines) + blank + body


def _graft(raw: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    """The head of this with the body of another."""
    head, blank, _ = bytes(raw).partition(b"\n\n")
    raw[:] = head + blank + chance.choice(seeds).partition(b"\n\n")[2]


_WAYS: Sequence[Callable[[bytearray, random.Random, Sequence[bytes]], None]] = (
    *(_flip, _flip, _insert, _insert, _remove, _truncate, _repeat, _splice, _shuffle, _graft),
)
