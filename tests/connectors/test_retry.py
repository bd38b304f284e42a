"""Three tries of one call, and no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from connectors.retry import LONGEST, TRIES, persistently
from syncd.errors import Permanent, ReauthNeeded, Retryable


@dataclass
class Failing:
    error: Exception
    times: int
    calls: int = 0
    waits: list[float] = field(default_factory=list)

    def call(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return "done"

    @property
    def sleep(self) -> Callable[[float], None]:
        return self.waits.append


def test_what_works_the_third_time_is_done() -> None:
    failing = Failing(Retryable("reset"), times=TRIES - 1)
    assert persistently(failing.call, sleep=failing.sleep) == "done"
    assert failing.calls == TRIES
    assert all(0 <= wait <= 2 for wait in failing.waits)


def test_after_the_third_time_the_error_itself_goes_through() -> None:
    failing = Failing(Retryable("reset"), times=TRIES)
    with pytest.raises(Retryable, match="reset"):
        persistently(failing.call, sleep=failing.sleep)
    assert failing.calls == TRIES


@pytest.mark.parametrize(
    "error",
    [Permanent("no"), ReauthNeeded("no"), ValueError(), Retryable("no", retry_after=LONGEST + timedelta(seconds=1))],
)
def test_what_a_short_wait_cannot_mend_is_not_tried_again(error: Exception) -> None:
    failing = Failing(error, times=1)
    with pytest.raises(type(error)):
        persistently(failing.call, sleep=failing.sleep)
    assert failing.calls == 1


def test_a_short_wish_of_the_server_is_honoured() -> None:
    failing = Failing(Retryable("busy", retry_after=timedelta(seconds=3)), times=1)
    persistently(failing.call, sleep=failing.sleep)
    assert failing.waits == [3.0]
