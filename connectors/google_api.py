"""Google's API client, as syncd uses it: one service object for each API and process, and calls that end in our errors.

A service object holds the whole API's description (0.4 MB) and no state; what belongs to an account is given to each
call. The library's own retries are off: connectors/retry.py is the one place that tries again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from googleapiclient import discovery, discovery_cache
from googleapiclient.errors import Error, HttpError
from googleapiclient.http import BatchHttpRequest

from connectors import google_errors as errors
from connectors.google_http import Http
from connectors.google_quota import Bucket, Quota
from connectors.retry import persistently
from syncd.errors import Permanent, Retryable, SyncError

BATCH = 50
"""Google's advice: "larger batches are likely to trigger rate limiting"."""

Resource = Mapping[str, Any]
"""One of Google's JSON objects."""


class Request(Protocol):
    """googleapiclient.http.HttpRequest, of which only this is used."""

    def execute(self, http: Any = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class Api:
    title: str
    """Its name in Google's console."""
    service: Any
    """googleapiclient.discovery.Resource"""
    batch_url: str
    _collections: dict[str, Any] = field(default_factory=dict)

    def collection(self, path: str) -> Any:
        """The object with the methods of `users.messages`, say. One for all accounts: each would take 0.3 MB."""
        if path not in self._collections:
            found = self.service
            for name in path.split("."):
                found = getattr(found, name)()
            self._collections[path] = found
        return self._collections[path]


class _Nobody:
    """In place of an HTTP client of the service object's own: each call is given its account's, and credentials never
    come from the environment."""

    request = None


@lru_cache(maxsize=32)
def api(name: str, version: str, title: str, endpoint: str) -> Api:
    """Built from the description that the library brings, without a request. `endpoint`, unless empty, stands for
    Google's own address."""
    description = json.loads(discovery_cache.get_static_doc(name, version))
    root = f"{endpoint.rstrip('/')}/" if endpoint else description["rootUrl"]
    options = {"api_endpoint": root + description["servicePath"]}
    service = discovery.build_from_document(description, http=_Nobody(), client_options=options)
    return Api(title, service, root + description["batchPath"])


class Fetched(NamedTuple):
    found: Mapping[str, Resource | SyncError]
    """Key -> the resource, or what Google has against this one alone."""
    stopped: Retryable | None
    """Why some keys are not in `found`."""


@dataclass(slots=True)
class Caller:
    """Makes the calls of one account, within its quota."""

    http: Http
    quota: Quota
    owner: errors.Owner
    now: Callable[[], datetime]

    def call(self, api: Api, request: Request, *, cost: int) -> Resource:
        """One call. Raises the four errors, and of them errors.Missing for a 404 or 410."""

        def once() -> Resource:
            words = self._words(api)
            self.quota.spend(cost)
            found = self._plain(words, request)
            if isinstance(found, SyncError):
                raise found
            return found

        return persistently(once, sleep=self.quota.sleep)

    def at_once(self, cost: int) -> int:
        """How many calls of this cost `fetch` takes."""
        return min(BATCH, self.quota.at_once(cost))

    def fetch(self, api: Api, requests: Mapping[str, Request], *, cost: int) -> Fetched:
        """These calls in one batch. Each part is judged by itself, and those that may pass are tried again without the
        others. Raises what concerns the account, and what concerns all parts."""
        found: dict[str, Resource | SyncError] = {}

        def once() -> None:
            left = {key: each for key, each in requests.items() if isinstance(found.get(key, _UNASKED), Retryable)}
            found.update(self._batch(api, left, cost))
            if failed := [each for each in found.values() if isinstance(each, Retryable)]:
                raise max(failed, key=_wait)  # there is one, too, where not all were asked for

        try:
            persistently(once, sleep=self.quota.sleep)
        except Retryable as error:
            told = {key: each for key, each in found.items() if not _asks_to_wait(each)}
            if all(isinstance(each, Retryable) for each in told.values()):
                raise
            return Fetched(told, error if len(told) < len(requests) else None)
        return Fetched(found, None)

    def _batch(self, api: Api, requests: Mapping[str, Request], cost: int) -> Mapping[str, Resource | SyncError]:
        words = self._words(api)
        self.quota.spend(cost * len(requests))
        found: dict[str, Resource | SyncError] = {}

        def take(key: str, resource: object, error: Exception | None) -> None:
            # Nothing may be raised here: the library would drop the parts that follow.
            if not _is_unauthenticated(error):
                found[key] = words.of(error) if error else words.judged(resource)

        if len(requests) > 1:
            batch = BatchHttpRequest(callback=take, batch_uri=api.batch_url)
            for key, request in requests.items():
                batch.add(request, request_id=key)
            with suppress(errors.Unintelligible):
                words.attempt(lambda: batch.execute(http=self.http))
        # Where a part is left out, or cannot be read, the library ends: the rest is asked for without it. So is what
        # was refused for its token, if that has just ended: only there `Http` sees it, and takes another.
        for key in [each for each in requests if each not in found]:
            if any(isinstance(each, Retryable) or _concerns_all(each) for each in found.values()):
                break
            found[key] = self._plain(words, requests[key])
        _raise_what_concerns_all(found)
        return found

    def _plain(self, words: _Words, request: Request) -> Resource | SyncError:
        try:
            return words.judged(words.attempt(lambda: request.execute(http=self.http)))
        except SyncError as error:
            return error

    def _words(self, api: Api) -> _Words:
        """For one call. Raises TooFast until the time for which Google asked has passed, whatever was refused then."""
        if seconds := self.quota.own.shut_for():
            text = f"{api.title}: Google wants to be left alone for {seconds:.0f} seconds more"
            raise errors.TooFast(text, retry_after=timedelta(seconds=seconds), cure=errors.SLOWER)
        return _Words(api.title, self.owner, self.now(), self.quota.own)


_UNASKED = Retryable("not asked yet", cure=errors.IT_PASSES)


def _asks_to_wait(result: Resource | SyncError) -> bool:
    return isinstance(result, Retryable) and (isinstance(result, errors.TooFast) or result.retry_after is not None)


def _wait(error: Retryable) -> float:
    return error.retry_after.total_seconds() if error.retry_after is not None else 0.0


def _raise_what_concerns_all(found: Mapping[str, Resource | SyncError]) -> None:
    """A refusal of the account is told of each part, and is of none."""
    for each in found.values():
        if isinstance(each, SyncError) and _concerns_all(each):
            raise each


def _concerns_all(result: Resource | SyncError) -> bool:
    of_one = Retryable | errors.Missing | errors.Misunderstood
    return isinstance(result, SyncError) and not isinstance(result, of_one)


def _is_unauthenticated(error: Exception | None) -> bool:
    return isinstance(error, HttpError) and error.resp.status == 401


class _Words(NamedTuple):
    """What turns a foreign exception into one of ours, and notes for how long Google wants to be left alone."""

    title: str
    owner: errors.Owner
    now: datetime
    bucket: Bucket

    def attempt(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except SyncError:
            raise
        except (Error, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
            # The library lets go of whatever its parsers raise on an answer that is cut or no JSON.
            raise self.of(error) from error

    def judged(self, found: object) -> Resource | SyncError:
        """The library gives the text of an answer that is no JSON as if it were what was asked for."""
        return found if isinstance(found, dict) else errors.Unintelligible(self.title, TypeError())

    def of(self, error: Exception) -> SyncError:
        # With another status, or none, no batch came for a batch.
        if isinstance(error, HttpError) and error.resp is not None and error.resp.status >= 300:
            status, headers, body = errors.details(error)
            told = errors.refused(status, headers, body, what=self.title, owner=self.owner, now=self.now)
            if isinstance(told, Retryable) and told.retry_after is not None and not isinstance(told, errors.SpentToday):
                self.bucket.shut(told.retry_after.total_seconds())
            return told
        return errors.Unintelligible(self.title, error)


def pages(fetch: Callable[[Mapping[str, str]], Resource]) -> Iterator[Resource]:
    """Every page of a listing: `fetch` is given what more the request of each takes, for the first one nothing.

    A page may be empty and have a next one all the same (gauteh/lieer issue 24); a token that comes again would be an
    endless loop.
    """
    token, seen = "", set[str]()
    while True:
        try:
            page = fetch({"pageToken": token} if token else {})
        except errors.Misunderstood as error:
            if not token:
                raise
            raise Retryable("Google lost its place in a listing; it is begun anew", cure=errors.IT_PASSES) from error
        yield page
        token = str(page.get("nextPageToken") or "")
        if not token:
            return
        if token in seen:
            raise Permanent("Google's listing goes round in a circle", cure="please report it, if it lasts")
        seen.add(token)
