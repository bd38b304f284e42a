"""Microsoft Graph over our own HTTP: GET, and `$batch` of GETs. Nothing else can leave.

Every request asks for immutable ids, parts of batches as well, since Graph takes each by itself
(https://learn.microsoft.com/graph/outlook-immutable-id). One thread has one account, so there is one request at a time
for a mailbox, where Exchange takes four.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from connectors.graph_errors import code_of, decoded, raised_for
from connectors.http import Client, Response, TooLarge
from connectors.http_errors import GatewayTimeout, wish
from connectors.microsoft_errors import named
from connectors.microsoft_login import Login
from connectors.microsoft_settings import Settings
from connectors.retry import persistently
from syncd.errors import Permanent, Retryable

Json = Mapping[str, Any]

IMMUTABLE = 'IdType="ImmutableId"'
BATCH = 20
"""Parts of one batch (https://learn.microsoft.com/graph/json-batching)."""
MOST_PAGES = 100_000
LIMIT = 32 * 1024 * 1024
"""Octets of one answer."""
TOO_LARGE = 413
_OK = range(200, 300)
_FAILS = {500, 509}
_FEWEST = 10
_SIZE = re.compile(r"(?<=[?&]\$top=)\d+|(?<=odata\.maxpagesize=)\d+")
_PASSES = {424, 429, 500, 502, 503, 504, 509}


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of a batch was answered: the batch's own status says nothing of it."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return self.status in _OK


@dataclass(frozen=True, slots=True)
class Page:
    value: Sequence[Json]
    next: str
    """Where the rest of it is, or empty."""
    delta: str
    """Where to ask for what changes from now on, or empty."""
    count: int | None
    """How many there are in all, if that was asked."""


class Graph:
    def __init__(self, settings: Settings, login: Login) -> None:
        self.settings = settings
        self._login = login
        self._sign_in = login.context.sign_in
        self._origin = urlsplit(settings.graph)
        self._client = Client(
            methods=("GET", "POST"),
            home=self._origin.hostname or "",
            ca_file=settings.ca_file,
            timeout=settings.timeout,
        )

    def close(self) -> None:
        self._client.close()

    @property
    def mailbox(self) -> str:
        """The path of the mailbox; `me` is never used, since it would silently be the mailbox of who signed in."""
        return f"/users/{quote(self.settings.user, safe='@')}"

    def get(self, path: str, *, prefer: Sequence[str] = ()) -> Json:
        """`path` is below `/v1.0`, or a whole link that Graph gave. Raises Missing, BadQuery or CursorExpired too."""
        url = self._ours(path) if "://" in path else f"{self.settings.graph}/v1.0{path}"
        answer = self._got(url, _preferences(prefer))
        body = decoded(answer.body)
        if answer.status not in _OK:
            raise raised_for(answer.status, body, self.settings, self._sign_in)
        if not isinstance(body, dict):
            raise Retryable(f"{self._origin.hostname} sends something that is no JSON", cure="it is tried again")
        return body

    def raw(self, path: str, *, most: int) -> bytes | None:
        """What is no JSON, by its path below `/v1.0`; None where it is not there or larger than `most` octets."""
        try:
            answer = self._signed("GET", f"{self.settings.graph}/v1.0{path}", {"Prefer": IMMUTABLE}, b"", most)
        except TooLarge:
            return None
        if answer.status in (404, 410):
            return None
        if answer.status not in _OK:
            raise raised_for(answer.status, decoded(answer.body), self.settings, self._sign_in)
        return answer.body

    def _got(self, url: str, preferences: str) -> Response:
        """What fails within Exchange is asked for again a little later; what fails on the way was so already."""

        def once() -> Response | Retryable:
            try:
                answer = self._signed("GET", url, {"Prefer": preferences}, b"")
            except Retryable as error:
                return error
            if answer.status in _FAILS:
                host = self._origin.hostname
                words = f"{host} fails (HTTP {answer.status} {code_of(decoded(answer.body))[0]})"
                raise Retryable(
                    words, retry_after=wish(answer.headers), cure="nothing, if it passes: it is tried again"
                )
            return answer

        found = persistently(once)
        if isinstance(found, Retryable):
            raise found
        return found

    def page(self, path: str, *, prefer: Sequence[str] = ()) -> Page:
        """Half as much of it where Graph takes too long for all or all is too large, down to a few entries."""
        try:
            body = self.get(path, prefer=prefer)
        except (GatewayTimeout, TooLarge):
            smaller, others = _halved(path), [*map(_halved, prefer)]
            if (smaller, others) == (path, [*prefer]):
                raise
            return self.page(smaller, prefer=others)
        value = body.get("value")
        if not isinstance(value, list):
            # Nothing may be concluded from a list that is not there: it is not the same as an empty one.
            raise Retryable(f"{self._origin.hostname} sends a page without its list", cure="it is tried again")
        entries = [entry for entry in value if isinstance(entry, dict) and entry.get("id")]
        count = body.get("@odata.count")
        return Page(
            entries,
            next=str(body.get("@odata.nextLink") or ""),
            delta=str(body.get("@odata.deltaLink") or ""),
            count=count if isinstance(count, int) else None,
        )

    def pages(self, path: str, *, prefer: Sequence[str] = ()) -> Iterator[Page]:
        """To the last one. An empty page may have a next one, and it may be long until there is something in it."""
        for _ in range(MOST_PAGES):
            page = self.page(path, prefer=prefer)
            yield page
            if not page.next:
                return
            if page.next == path:
                break
            path = page.next
        raise Retryable(f"{self._origin.hostname} sends the same pages for ever", cure="it is tried again")

    def batch(self, paths: Sequence[str], *, prefer: Sequence[str] = ()) -> Iterator[Part]:
        """One GET for each path below `/v1.0`, in the order asked; the next twenty when these were taken. A part that
        was throttled is asked for again."""
        for start in range(0, len(paths), BATCH):
            numbers, done = range(start, min(start + BATCH, len(paths))), dict[int, Part]()
            self._answer(paths, numbers, prefer, done)
            yield from (done[number] for number in numbers)

    def _answer(self, paths: Sequence[str], numbers: range, prefer: Sequence[str], done: dict[int, Part]) -> None:
        """What is too large together is asked for in halves, and what is so alone is said to be: one giant mail must
        not keep the others from being read."""
        try:
            persistently(partial(self._settle, paths, numbers, prefer, done))
        except TooLarge:
            if len(numbers) == 1:
                done[numbers[0]] = Part(TOO_LARGE, None)
                return
            half = len(numbers) // 2
            for some in (numbers[:half], numbers[half:]):
                self._answer(paths, some, prefer, done)

    def _settle(
        self, paths: Sequence[str], numbers: Sequence[int], prefer: Sequence[str], done: dict[int, Part]
    ) -> None:
        """Put into `done` what it lacks; raises Retryable if some is lacking still, with the longest wait asked."""
        headers = {"Prefer": _preferences(prefer)}
        lacking = [number for number in numbers if number not in done]
        parts = [{"id": str(n), "method": "GET", "url": paths[n], "headers": headers} for n in lacking]
        waits: list[timedelta | None] = []
        for said in self._post(parts):
            number, status = int(said["id"]), int(said["status"])
            if status in _PASSES or (status == 400 and not said.get("body")):
                waits.append(_wish(said.get("headers")))
            else:
                done[number] = Part(status, said.get("body"))
        if any(number not in done for number in numbers):
            longest = max((wait for wait in waits if wait is not None), default=None)
            words = f"{self._origin.hostname} answers only some of what was asked"
            raise Retryable(words, retry_after=longest, cure="nothing, if it passes: it is tried again")

    def _post(self, parts: Sequence[Json]) -> Sequence[Json]:
        body = json.dumps({"requests": parts}).encode()
        headers = {"Content-Type": "application/json", "Prefer": IMMUTABLE}
        answer = self._signed("POST", f"{self.settings.graph}/v1.0/$batch", headers, body)
        said = decoded(answer.body)
        if answer.status not in _OK:
            raise raised_for(answer.status, said, self.settings, self._sign_in)
        answers = said.get("responses") if isinstance(said, dict) else None
        if not isinstance(answers, list):
            raise Retryable(f"{self._origin.hostname} answers a batch with something else", cure="it is tried again")
        if any(answer.get("status") == 401 for answer in answers):
            raise raised_for(401, None, self.settings, self._sign_in)
        return answers

    def _signed(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, most: int | None = None
    ) -> Response:
        """A token that is not accepted is replaced once: it may have been revoked before its time."""
        token, limit = self._login.token(), LIMIT if most is None else most
        answer = self._sent(method, url, headers, body, limit, token)
        if answer.status == 401:
            answer = self._sent(method, url, headers, body, limit, self._login.token(refused=token))
        return answer

    def _sent(self, method: str, url: str, headers: Mapping[str, str], body: bytes, most: int, token: str) -> Response:
        signed = {**headers, "Authorization": f"Bearer {token}", "Accept": "application/json"}
        with named("endpoint"):
            return self._client.send(method, url, headers=signed, body=body, max_bytes=most)

    def _ours(self, link: str) -> str:
        """A link is used as it came, byte for byte; one that leads elsewhere would carry the token there."""
        parts = urlsplit(link)
        if (parts.scheme, parts.netloc) != (self._origin.scheme, self._origin.netloc):
            raise Permanent(f"{self._origin.hostname} sends us to {parts.hostname}", cure="check `endpoint`")
        return link


def _halved(text: str) -> str:
    """A path or preference with half its page size; a link of Graph's own stays as it came."""
    if "://" in text:
        return text
    return _SIZE.sub(lambda size: str(max(int(size[0]) // 2, min(int(size[0]), _FEWEST))), text)


def _preferences(more: Sequence[str]) -> str:
    return ", ".join((IMMUTABLE, *more))


def _wish(headers: Any) -> timedelta | None:
    told = {str(name).lower(): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
    seconds = told.get("retry-after", "")
    return timedelta(seconds=min(int(seconds[:9]), 86_400)) if seconds.isdigit() else None


def query(**options: str) -> str:
    """`select="id"` -> `?$select=id`. Blanks as %20: Graph's delta has refused `+` (docs-contrib issue 1771)."""
    return "?" + "&".join(f"${name}={quote(value, safe=',()$=:/')}" for name, value in options.items())
