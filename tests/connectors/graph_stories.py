"""What goes wrong at Graph, told by a seed, for the adversaries of mail, calendars and To Do; and a caller that waits
as long as it was asked to, and no longer, under a clock that only waiting moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from random import Random
from typing import Protocol

import pytest

from connectors.base import Stream
from connectors.microsoft import MicrosoftAccount
from connectors.retry import persistently
from syncd.errors import CursorExpired, Retryable
from syncd.model import Batch, CalendarObject, Cursor, Item, ItemId, Removed
from tests.connectors.contract import ENDLESS
from tests.connectors.graph_worlds import GraphWorld
from tests.servers.fake_graph import too_many
from tests.servers.fake_graph_http import Answer, Request
from tests.servers.fake_graph_query import Refused, failure

SEEDS = range(200)
HOURS = 3600
_PATIENCE = timedelta(minutes=1)
"""Before a new pass, where Graph did not say how long."""
_BETWEEN = 10
"""Requests between two tokens that are revoked: one is not revoked before it was ever used."""
_OOPS = failure(500, "ErrorInternalServerError", "An internal server error occurred.")


class Follower(Protocol):
    """Whoever keeps what a stream tells, and its cursor."""

    cursor: str | None

    def batches(self, stream: Stream) -> Iterator[Batch]:
        """Of a pass from the cursor on, each one saved when it is given."""
        ...


@dataclass
class Trouble:
    """The fake's hook, and the daemon before it: one account, which now and then dies."""

    world: GraphWorld
    dice: Random
    happen: Callable[[], None]
    """Something to the mailbox, by its owner or by others."""
    asked_too_soon: list[str] = field(default_factory=list)
    stopped: bool = False
    _until: timedelta = timedelta(0)
    """How much of a wait that was asked for is left."""
    _closed_until: timedelta = timedelta(0)
    """The same of the sign-in."""
    _account: MicrosoftAccount | None = None
    _revoked: int = 0

    def begin(self, patch: pytest.MonkeyPatch) -> None:
        patch.setitem(
            persistently.__kwdefaults__ or {}, "sleep", lambda seconds: self.sleep(timedelta(seconds=seconds))
        )
        self.world.cloud.graph.hook, self.world.cloud.login.hook = self, self._signed_in

    def stop(self) -> None:
        """Nothing goes wrong any more."""
        graph = self.world.cloud.graph
        self.stopped = True
        graph.part_troubles, graph.deltas.replays = [], False

    def sleep(self, time: timedelta) -> None:
        self.world.now += time
        self._until -= time
        self._closed_until -= time

    # ------------------------------------------------------------------------------------------- what Graph answers

    def __call__(self, request: Request) -> Answer | None:
        if self._until > timedelta(0):
            self.asked_too_soon.append(request.url)
        if self.stopped:
            return None
        self._vary()
        if request.path.endswith("/$batch") and self.dice.random() < 0.2:
            self._spoil_parts(len(json.loads(request.body)["requests"]))
            return None
        return self._instead()

    def _signed_in(self, request: Request) -> Answer | None:
        """The login has its own limits (AADSTS90055)."""
        if self._closed_until > timedelta(0):
            self.asked_too_soon.append(request.url)
        if self.stopped or self.dice.random() < 0.7:
            return None
        seconds = self.dice.choice([2, 2, HOURS])
        self._closed_until = timedelta(seconds=seconds)
        return Answer(429, {"error": "temporarily_unavailable"}, {"Retry-After": str(seconds)})

    def _vary(self) -> None:
        graph, dice = self.world.cloud.graph, self.dice
        for tells in (graph.deltas, graph.views):
            tells.empty_pages, tells.ends_empty = dice.random() < 0.3, dice.random() < 0.3
        graph.deltas.replays, graph.deltas.doubles = dice.random() < 0.1, dice.random() < 0.3

    def _instead(self) -> Answer | None:
        """Now and then another answer than to what was asked."""
        graph, login, dice = self.world.cloud.graph, self.world.cloud.login, self.dice
        match dice.randrange(40):
            case 0:
                return self._throttled(HOURS)
            case 1:
                return self._throttled(dice.randrange(5))
            case 2:
                busy = failure(503, "ErrorMailboxStoreUnavailable", "Temporarily unavailable.", {"Retry-After": "3"})
                return self._asking_for(3, busy)
            case 3:
                return dice.choice([_OOPS, Answer(400), Answer(200, "<html>A proxy says hello</html>")])
            case 4:
                raise ConnectionAbortedError  # the fake hangs up
            case 5:
                gone = Refused(dice.choice([404, 410]), "SyncStateNotFound", "It is not found.")
                graph.deltas.expire(gone)
                graph.views.expire(gone)
            case 6 if self._revoked + _BETWEEN < len(graph.requests):
                self._revoked = len(graph.requests)
                login.tokens.clear()
            case 7 | 8:
                self.happen()
        return None

    def _throttled(self, seconds: int) -> Answer:
        return self._asking_for(seconds, too_many(seconds))

    def _asking_for(self, seconds: int, answer: Answer) -> Answer:
        self._until = max(self._until, timedelta(seconds=seconds))
        return answer

    def _spoil_parts(self, count: int) -> None:
        """Each part of the batch that comes is answered by itself."""
        throttled = [lambda: self._throttled(0), lambda: self._throttled(2), lambda: self._throttled(HOURS)]
        kinds: Sequence[Callable[[], Answer | None]] = [
            *[lambda: None] * 12,
            *throttled[: 3 if self.dice.random() < 0.1 else 2],
            lambda: failure(424, "FailedDependency", "It failed."),
            lambda: _OOPS,
        ]
        self.world.cloud.graph.part_troubles = [self.dice.choice(kinds)() for _ in range(count)]

    # ------------------------------------------------------------------------------------------- what syncd does

    def account(self) -> MicrosoftAccount:
        if self._account is None:
            self._account = self.world.account()
        return self._account

    def restart(self) -> None:
        if self._account is not None:
            self._account.close()
            self._account = None

    def streams(self) -> Sequence[Stream]:
        """Empty where they could not be had; then what Graph asked for is waited for."""
        try:
            return self.account().streams()
        except Retryable as error:
            self._failed(error)
            return ()

    def read(self, name: str, follower: Follower) -> bool:
        """One pass over a stream, as the daemon makes it; returns whether nothing was new."""
        most = self.dice.randrange(1, 4) if self.dice.random() < 0.2 else ENDLESS
        stream = next((each for each in self.streams() if each.name == name), None)
        if stream is None:
            return False
        try:
            saved = sum(1 for _ in islice(follower.batches(stream), most))
        except CursorExpired:
            follower.cursor = None
        except Retryable as error:
            self._failed(error)
        else:
            if most < ENDLESS:
                self.restart()
            return saved == 0
        return False

    def _failed(self, error: Retryable) -> None:
        self.restart()
        self.sleep(_PATIENCE if error.retry_after is None else error.retry_after)

    def settle(self, name: str, follower: Follower) -> None:
        for _ in range(ENDLESS):
            if self.read(name, follower):
                return
        raise AssertionError(f"{name} does not come to rest")


@dataclass
class Keeper:
    """What a caller keeps of a calendar or task list: the objects, whatever is in them."""

    objects: dict[ItemId, CalendarObject] = field(default_factory=dict)
    cursor: str | None = None

    def batches(self, stream: Stream) -> Iterator[Batch]:
        for batch in stream.changes(Cursor(self.cursor) if self.cursor is not None else None):
            self.take(batch.items)
            if batch.versions is not None:
                kept = {id_: found.version for id_, found in self.objects.items()}
                stale = [id_ for id_, version in batch.versions.items() if kept.get(id_) != version]
                self.take(stream.read(stale, text=True))
                self.objects = {id_: found for id_, found in self.objects.items() if id_ in batch.versions}
            self.cursor = batch.cursor
            yield batch

    def take(self, items: Iterator[Item] | Sequence[Item]) -> None:
        for item in items:
            if isinstance(item, CalendarObject):
                self.objects[item.id] = item
            elif isinstance(item, Removed):
                self.objects.pop(item.id, None)
