"""The CalDAV connector: an account whose calendars, task lists and notes are streams."""

from __future__ import annotations

import hashlib
import time
import zoneinfo
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from connectors.base import Context
from connectors.caldav_calendars import Collection, News, all_news, collections
from connectors.caldav_discovery import Found, find
from connectors.caldav_fetch import Fetch
from connectors.caldav_session import Session
from connectors.caldav_settings import Settings
from connectors.caldav_stream import CalendarStream, Memory
from syncd.errors import SyncError
from syncd.model import PARSER_VERSION

__all__ = ["CalDavAccount", "Settings", "open_account"]

RELIST = 900.0
"""Seconds between two looks at the names and zones of the calendars."""

_DAY = timedelta(days=1)


class CalDavAccount:
    def __init__(self, settings: Settings, context: Context, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._context = context
        self._clock = clock
        self._session = Session(settings, context.secret)
        self._found: Found | None = None
        self._collections: list[Collection] = []
        self._listed_at = 0.0
        self._memories: defaultdict[str, Memory] = defaultdict(Memory)

    def streams(self) -> Sequence[CalendarStream]:
        """Every calendar and list, with its news: one request for each home, which is nearly always one.

        It has to be asked for new calendars anyway, and with a ctag in each row it says as much as an empty
        sync-collection of each would: a poll of many calendars in which nothing happened costs a single request.
        """
        try:
            found = self._found = self._found or find(self._session, self._settings.address)
            self._collections = self._current(found)
        except SyncError:
            # The server may have moved: the next time it is looked for from the beginning.
            self._found = None
            raise
        now = self._context.now()
        news = _Asked(lambda by_token: all_news(self._session, found, ctags=not by_token, tokens=by_token))
        return [self._stream(each, found, news, now) for each in self._collections]

    def close(self) -> None:
        self._session.close()

    def _current(self, found: Found) -> list[Collection]:
        if self._collections and self._clock() - self._listed_at < RELIST:
            read = [each.news for each in self._collections if not each.excluded and each.news is not None]
            learning = any(self._memories[each.path].wants_ctag for each in self._collections)
            tokens = learning or not all(each.ctag for each in read)
            news = all_news(self._session, found, ctags=True, tokens=tokens)
            if news.keys() == {each.url for each in self._collections}:
                return [replace(each, news=news[each.url]) for each in self._collections]
        self._listed_at = self._clock()
        return collections(self._session, found, self._settings)

    def _stream(self, collection: Collection, found: Found, news: _Asked, now: datetime) -> CalendarStream:
        begins, ahead = self._context.since(), timedelta(days=self._settings.ahead_days)
        fetch = Fetch(
            session=self._session,
            collection=collection,
            begins=begins,
            ends=now + ahead,
            own_addresses=found.addresses,
            meaning=_meaning(collection.zone, found.addresses, round((now - begins) / _DAY), ahead.days),
        )
        memory = self._memories[collection.path]
        return CalendarStream(collection, self._session, fetch, memory, news=news.of, now=self._context.now)


class _Asked:
    """The news of all calendars, asked for when the first of them needs it."""

    def __init__(self, ask: Callable[[bool], Mapping[str, News]]) -> None:
        self._ask = ask
        self._told: dict[bool, Mapping[str, News]] = {}

    def of(self, collection: Collection, by_token: bool) -> News:
        if collection.news is not None:
            return collection.news
        if by_token not in self._told:
            self._told[by_token] = self._ask(by_token)
        return self._told[by_token].get(collection.url, News())


def open_account(settings: Settings, context: Context) -> CalDavAccount:
    return CalDavAccount(settings, context)


def _meaning(*parts: object) -> str:
    """Short; another one when an unchanged object would be read as something else."""
    whole = repr((PARSER_VERSION, _zones_version(), *parts))
    return hashlib.blake2s(whole.encode(), digest_size=4).hexdigest()


@lru_cache(maxsize=1)
def _zones_version() -> str:
    """Of the rules of all zones: the system's, where zoneinfo finds them first, else the package's."""
    for folder in map(Path, zoneinfo.TZPATH):
        if (told := folder / "tzdata.zi").is_file():
            with told.open() as lines:
                return lines.readline().strip()
    return version("tzdata")
