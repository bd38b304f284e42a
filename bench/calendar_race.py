"""syncd and vdirsyncer in turn on the same calendars: a first sync, a poll that finds nothing, one with changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bench.measure import Cost, Failed, run
from bench.outcomes import Outcomes
from bench.race import FIRST, NOTHING, Run
from bench.radicale import Calendars
from tests.servers.recording_http import Recording, record

CHANGED = "poll, 20 changed"
OBJECTS = 20


class Tool(Protocol):
    """A program that copies or reads calendars."""

    @property
    def name(self) -> str: ...

    def reset(self, users: Sequence[str], url: str) -> None:
        """Forget everything, and be set up for these users' calendars at this address."""
        ...

    def command(self) -> list[str]: ...

    def problems(self, truth: Outcomes, *, unchanged: bool) -> list[str]:
        """Where what it holds now is not what it should be; `unchanged` since it was asked this for the last time."""
        ...


@dataclass(frozen=True, slots=True)
class Track:
    """Where the race takes place."""

    calendars: Calendars
    tools: Sequence[Tool]
    directory: Path

    def counted(self) -> Iterator[Run]:
        """A round in which somebody listens: it warms the server up, and its walls mean nothing."""
        with record(self.calendars.server.port) as recording:
            yield from self._round(0, recording.url, recording)

    def round(self, number: int) -> Iterator[Run]:
        """Every step for every tool; each goes first in every other round."""
        yield from self._round(number, self.calendars.server.url, None)

    def _round(self, number: int, url: str, recording: Recording | None) -> Iterator[Run]:
        order = self.tools if number % 2 else self.tools[::-1]
        for tool in order:
            tool.reset(self.calendars.users, url)
        for step, changes in ((FIRST, 0), (NOTHING, 0), (CHANGED, OBJECTS)):
            with self._changed(changes, number) as truth:
                for tool in order:
                    yield Run(len(self.calendars.users), step, tool.name, self._cost(tool, step, truth, recording))

    @contextmanager
    def _changed(self, objects: int, number: int) -> Iterator[Outcomes]:
        """What the calendars must come to while so many objects are other ones."""
        newer = self.calendars.change(objects, wave=number)
        try:
            yield self.calendars.truth(newer)
        finally:
            self.calendars.put_back(newer)

    def _cost(self, tool: Tool, step: str, truth: Outcomes, recording: Recording | None) -> Cost:
        if recording:
            recording.clear()
        cost = run(tool.command(), self.directory)
        if problems := tool.problems(truth, unchanged=step == NOTHING):
            raise Failed(f"{tool.name} after {step} of the calendars:\n" + "\n".join(problems))
        if not recording:
            return cost
        return replace(cost, received=recording.received, sent=recording.sent, requests=len(recording.exchanges))


def with_traffic(runs: Sequence[Run], counted: Sequence[Run]) -> list[Run]:
    """The measured runs, each with the requests and bytes of its counted sister."""
    traffic = {(run.step, run.tool): run.cost for run in counted}

    def joined(each: Run) -> Run:
        heard = traffic[each.step, each.tool]
        cost = replace(each.cost, received=heard.received, sent=heard.sent, requests=heard.requests)
        return replace(each, cost=cost)

    return [joined(each) for each in runs]
