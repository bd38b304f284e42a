"""The schedule: each name once at a time, late runs not lost, and an end that locks nothing up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from syncd.schedule import Alive, Schedule
from tests.waiting import eventually

HOUR = timedelta(hours=1)
NOW = timedelta(0)


@pytest.fixture
def schedule() -> Iterator[Schedule]:
    schedule = Schedule(4, longest=HOUR)
    schedule.start()
    yield schedule
    schedule.stop()
    assert schedule.idle(timedelta(seconds=30))


class Work:
    """Counts its runs, which last until `gate` opens; each asks for the next one after `wait`."""

    def __init__(self, wait: timedelta = HOUR, *, held: bool = False) -> None:
        self.wait = wait
        self.runs = 0
        self.at_once = 0
        self.most_at_once = 0
        self.gate = Event()
        if not held:
            self.gate.set()

    def __call__(self, alive: Alive) -> timedelta:
        self.runs += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        assert self.gate.wait(30)
        alive()
        self.at_once -= 1
        return self.wait


def test_work_runs_again_after_the_wait_that_it_asked_for(schedule: Schedule) -> None:
    busy, quiet = Work(timedelta(milliseconds=10)), Work(HOUR)
    schedule.put("busy", busy, first=NOW)
    schedule.put("quiet", quiet, first=NOW)
    eventually(lambda: busy.runs >= 5)
    assert quiet.runs == 1


def test_the_first_run_comes_when_it_was_asked_for(schedule: Schedule) -> None:
    work = Work()
    schedule.put("later", work, first=timedelta(minutes=30))
    due = schedule.next_run("later")
    assert due is not None
    assert timedelta(minutes=29) < due - datetime.now(UTC) <= timedelta(minutes=30)
    schedule.hasten("later")
    eventually(lambda: work.runs == 1)


def test_more_work_than_workers_is_late_but_never_dropped(schedule: Schedule) -> None:
    works = [Work(held=True) for _ in range(40)]
    for number, work in enumerate(works):
        schedule.put(str(number), work, first=NOW)
    eventually(lambda: sum(work.runs for work in works) == 4)
    soon = datetime.now(UTC) + HOUR / 2
    eventually(lambda: all(due > soon for due in _due(schedule, len(works))))
    schedule.follow_the_clock()  # what waits for a worker was not put off by a clock
    assert all(due > soon for due in _due(schedule, len(works)))
    for work in works:
        work.gate.set()
    eventually(lambda: all(work.runs == 1 for work in works))


def _due(schedule: Schedule, number: int) -> list[datetime]:
    return [due for each in range(number) if (due := schedule.next_run(str(each)))]


def test_work_that_is_replaced_while_it_runs_ends_first_and_its_successor_follows_at_once(schedule: Schedule) -> None:
    old, new = Work(held=True), Work()
    schedule.put("anna", old, first=NOW)
    eventually(lambda: old.runs == 1)
    schedule.put("anna", new, first=NOW)
    schedule.hasten("anna")
    assert new.runs == 0
    old.gate.set()
    eventually(lambda: new.runs >= 1)
    assert old.runs == 1


def test_what_is_wanted_while_it_runs_runs_once_more_right_after(schedule: Schedule) -> None:
    work = Work(held=True)
    schedule.put("anna", work, first=NOW)
    eventually(lambda: work.runs == 1)
    schedule.hasten("anna")
    schedule.hasten("anna")
    work.gate.set()
    eventually(lambda: work.runs >= 2)
    eventually(lambda: _is_later(schedule.next_run("anna")))
    assert work.most_at_once == 1


def _is_later(due: datetime | None) -> bool:
    return due is not None and due - datetime.now(UTC) > HOUR / 2


def test_what_takes_the_place_of_running_work_comes_no_sooner_than_it_may(schedule: Schedule) -> None:
    old, new = Work(timedelta(0), held=True), Work()
    schedule.put("anna", old, first=NOW)
    eventually(lambda: old.runs == 1)
    schedule.put("anna", new, first=HOUR)
    old.gate.set()
    assert schedule.idle(timedelta(seconds=30))
    assert _is_later(schedule.next_run("anna"))
    assert new.runs == 0


def test_what_was_removed_runs_no_more_and_asking_for_it_is_no_error(schedule: Schedule) -> None:
    work, other = Work(held=True), Work()
    schedule.put("anna", work, first=NOW)
    eventually(lambda: work.runs == 1)
    schedule.remove("anna")
    schedule.remove("anna")
    schedule.hasten("anna")
    work.gate.set()
    schedule.put("other", other, first=NOW)
    eventually(lambda: other.runs == 1)
    assert work.runs == 1
    assert schedule.next_run("anna") is None


def test_an_error_in_work_ends_neither_it_nor_the_rest(schedule: Schedule) -> None:
    def broken(alive: Alive) -> timedelta:
        raise ZeroDivisionError

    other = Work()
    schedule.put("broken", broken, first=NOW)
    schedule.put("other", other, first=NOW)
    eventually(lambda: other.runs == 1)
    assert schedule.next_run("broken") is not None


def test_stopping_begins_nothing_new_and_waits_for_what_runs() -> None:
    schedule = Schedule(1, longest=HOUR)
    schedule.start()
    running, queued = Work(timedelta(0), held=True), Work()
    schedule.put("running", running, first=NOW)
    eventually(lambda: running.runs == 1)
    schedule.put("queued", queued, first=NOW)
    schedule.stop()
    assert not schedule.idle(NOW)
    running.gate.set()
    assert schedule.idle(timedelta(seconds=30))
    assert (running.runs, queued.runs) == (1, 0)


def test_what_is_to_come_in_two_hours_comes_then_though_the_clock_was_set_back_meanwhile() -> None:
    seconds = [0.0]
    schedule = Schedule(2, longest=HOUR, clock=lambda: seconds[0])
    schedule.start()
    work = Work()
    schedule.put("anna", work, first=2 * HOUR)
    seconds[0] += 2 * 3600
    schedule.follow_the_clock()
    eventually(lambda: work.runs == 1)
    schedule.stop()


def test_it_is_stalled_when_all_that_could_work_makes_no_progress() -> None:
    hours = [0]
    schedule = Schedule(2, longest=HOUR, clock=lambda: time.monotonic() + hours[0] * 3600)
    schedule.start()
    stuck = [Work(held=True), Work(held=True)]
    for number, work in enumerate(stuck):
        schedule.put(str(number), work, first=NOW)
    eventually(lambda: all(work.runs for work in stuck))
    assert not schedule.stalled()
    hours[0] = 1
    eventually(lambda: schedule.stalled())
    for work in stuck:
        work.gate.set()
    eventually(lambda: not schedule.stalled())
    schedule.stop()
