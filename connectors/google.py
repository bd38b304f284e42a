"""The Google connector: an account whose mail, calendars and task lists are streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from connectors.base import Context, Grant, Stream
from connectors.gmail import MailSource
from connectors.google_calendar import CalendarSource
from connectors.google_opening import Opening, Source
from connectors.google_quota import QUOTAS, Quotas
from connectors.google_settings import Settings
from connectors.google_tasks import TaskSource
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError
from syncd.model import Batch, Cursor, Item, ItemId

RELIST = 900.0
"""Seconds between two looks at the labels, calendars and task lists."""

SOURCES: Mapping[str, Callable[[Opening], Source]] = {
    "mail": MailSource,
    "calendar": CalendarSource,
    "tasks": TaskSource,
}


class GoogleAccount:
    def __init__(
        self,
        settings: Settings,
        context: Context,
        *,
        clock: Callable[[], float] = time.monotonic,
        quotas: Quotas = QUOTAS,
    ) -> None:
        self._opening = Opening(settings, context, quotas)
        self._clock = clock
        self._sources = [made(self._opening) for name, made in SOURCES.items() if name in settings.read]
        self._streams: dict[str, Sequence[Stream]] = {}
        self._listed_at = 0.0
        self._is_open = False

    def streams(self) -> Sequence[Stream]:
        """Of everything that is to be read. Asks Google at first, and then now and then."""
        if not self._is_open or self._clock() - self._listed_at > RELIST:
            self._is_open = True
            self._listed_at = self._clock()
            try:
                self._streams = {source.name: self._of(source) for source in self._sources}
            except SyncError:
                self._is_open = False
                raise
        return [stream for streams in self._streams.values() for stream in streams]

    def _of(self, source: Source) -> Sequence[Stream]:
        """What the first source fails of is the account's; the calendars' fault must not stop the mail."""
        try:
            return source.streams()
        except SyncError as error:
            if source is self._sources[0]:
                raise
            if isinstance(error, Retryable):
                self._is_open = False  # it is listed at the next pass again
                if known := self._streams.get(source.name):
                    return known
            return [Unavailable(source.name, source.name, _of_one_part(error, source.name))]

    def close(self) -> None:
        """Forget who signed in: the next pass asks again. Connections are the process's."""
        self._is_open = False
        for source in self._sources:
            source.close()

    def grant(self) -> Grant:
        """Of all that is read; what a source other than the first was not granted, its streams tell."""
        first, *others = [self._opening.sign_in(source.scopes) for source in self._sources]
        found = first.grant()
        for who in others:
            with suppress(SyncError):
                permissions = sorted({*found.permissions, *who.grant().permissions})
                found = replace(found, permissions=tuple(permissions))
        return found


def _of_one_part(error: SyncError, name: str) -> SyncError:
    """Else the owner would be asked to sign in for the sake of a box that was left out on purpose."""
    if not isinstance(error, ReauthNeeded):
        return error
    return Permanent(str(error), cure=f"{error.cure}; or leave {name} out of `read`")


@dataclass(frozen=True, slots=True)
class Unavailable:
    """In place of the streams of a source that cannot be listed: it says why when it is read."""

    name: str
    kind: str
    error: SyncError
    excluded: str = ""

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        raise self.error

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        raise self.error

    def inventory(self) -> Iterator[ItemId]:
        raise self.error


def open_account(settings: Settings, context: Context) -> GoogleAccount:
    return GoogleAccount(settings, context)
