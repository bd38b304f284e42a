"""Google's APIs on loopback, with state: what google-api-python-client reaches when it is given this address.

Paths, parameters, scopes and what an answer may hold are taken from the discovery documents; every answer that goes out
is judged by them as well, and a test looks at `judged`. The data are in fake_gmail and its like.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers import google_documents as documents
from tests.servers import google_errors as errors
from tests.servers.fake_gmail import Mailbox, Query
from tests.servers.fake_google_calendar import Calendar, TaskList
from tests.servers.fake_google_oauth import Access, OAuth
from tests.servers.fake_google_people import AddressBook
from tests.servers.google_documents import Method
from tests.servers.google_errors import Refusal

BATCH_ADVISED, BATCH_LIMIT = 50, 100
METADATA = "https://www.googleapis.com/auth/gmail.metadata"


class Call(NamedTuple):
    """One request to a method, alone or within a batch."""

    method: str
    """`gmail.users.messages.get`"""
    user: str
    path: dict[str, str]
    query: Query
    at: float


@dataclass(frozen=True, slots=True)
class Cut:
    """In place of an answer: the connection ends, after so many octets of the answer."""

    after: int = 0


Fault = Refusal | Cut | bytes
"""Octets are a body with status 200 that is no JSON."""


@dataclass(slots=True)
class Waiting:
    """Whom the fake asked to wait, until when, by user and API; and who did not."""

    until: dict[tuple[str, str], float] = field(default_factory=dict)
    asked: dict[tuple[str, str], float] = field(default_factory=dict)
    """The same, while the answer that says so is made: the parts of one batch came together."""
    broken: list[Call] = field(default_factory=list)


@dataclass
class Clock:
    """The time that the fake and what is tested on it agree on; a sleep is a step."""

    now: float

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class WallClock(Clock):
    """This machine's time, for what runs for a while by itself."""

    def __call__(self) -> float:
        return time.time()


@dataclass
class FakeGoogle:
    clock: Clock
    url: str = ""
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
    calendars: dict[str, dict[str, Calendar]] = field(default_factory=dict)
    """By user and id."""
    task_lists: dict[str, dict[str, TaskList]] = field(default_factory=dict)
    address_books: dict[str, AddressBook] = field(default_factory=dict)
    directory: list[dict[str, Any]] = field(default_factory=list)
    """What the Admin SDK knows of the users of example.com, the only domain."""
    admins: set[str] = field(default_factory=set)
    disabled: set[str] = field(default_factory=set)
    """APIs that the project has not enabled (`gmail`)."""
    no_mail: set[str] = field(default_factory=set)
    """Users without the mail service."""
    calls: list[Call] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """(HTTP method, path) of all that came over the wire, the parts of batches too."""
    batches: list[int] = field(default_factory=list)
    """Of how many parts each was."""
    forms: list[dict[str, str]] = field(default_factory=list)
    """What came to the token endpoint."""
    plan: Callable[[Call], Fault | None] = lambda call: None
    """Asked at each call: what goes wrong now."""
    token_fault: Fault | None = None
    waiting: Waiting = field(default_factory=Waiting)
    judged: list[str] = field(default_factory=list)
    """What the discovery documents have against the answers that went out."""
    drops_from_batches: set[str] = field(default_factory=set)
    """Message ids whose part of a batch's answer is left out."""
    misnames_parts: bool = False
    """The parts of a batch's answer do not say which they are."""

    def __post_init__(self) -> None:
        self.oauth = OAuth(self.clock)
        self.lock = threading.RLock()

    def mailbox(self, address: str) -> Mailbox:
        if address not in self.mailboxes:
            self.mailboxes[address] = Mailbox(address, self.clock)
            self.oauth.users.add(address)
        return self.mailboxes[address]

    def calendar(self, user: str, id: str = "") -> Calendar:
        """The user's own without an id; made when it is first asked for."""
        self.oauth.users.add(user)
        held = self.calendars.setdefault(user, {})
        return held.setdefault(id or user, Calendar(id or user, self.clock, user))

    def task_list(self, user: str, id: str = "list1") -> TaskList:
        self.oauth.users.add(user)
        return self.task_lists.setdefault(user, {}).setdefault(id, TaskList(id, self.clock))

    def address_book(self, user: str) -> AddressBook:
        self.oauth.users.add(user)
        return self.address_books.setdefault(user, AddressBook(self.clock))

    def fail_next(self, *faults: Fault | None, method: str = "") -> None:
        """Plan these for the next calls (of this method), one each; None lets one pass."""
        waiting = list(faults)

        def plan(call: Call) -> Fault | None:
            return waiting.pop(0) if waiting and call.method.startswith(method) else None

        self.plan = plan

    def of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def written(self) -> list[tuple[str, str]]:
        """What came that was more than a question: Google is asked by GET, and for tokens and batches by POST."""
        return [(verb, path) for verb, path in self.requests if verb != "GET" and not _asks(path)]

    # ------------------------------------------------------------------------------------------------ one request

    def answer(self, verb: str, target: str, token: str) -> Refusal | dict[str, Any] | Cut | bytes:
        parts = urlsplit(target)
        method, path = _routed(verb, parts.path)
        if method is None:
            return errors.NOT_FOUND
        query = parse_qs(parts.query, keep_blank_values=True)
        access = self.oauth.access(token)
        if access is None:
            return errors.UNAUTHENTICATED
        call = Call(method.id, access.user, path, query, self.clock())
        self.calls.append(call)
        if refusal := self._refusal(method, query, access):
            return refusal
        if fault := self._fault(call):
            return fault
        answer = self._called(call, metadata_only=METADATA in access.scopes)
        if not isinstance(answer, Refusal):
            self.judged += documents.problems(method.id, answer)
            if "fields" in query:
                answer = _selected(answer, query["fields"][0])
        return answer

    def _refusal(self, method: Method, query: Query, access: Access) -> Refusal | None:
        if method.api in self.disabled:
            return errors.not_enabled(method.api)
        if not access.scopes & method.scopes:
            return errors.scope_insufficient(method.api)
        if strange := query.keys() - method.parameters.keys():
            return errors.bad_request(f'Invalid JSON payload received. Unknown name "{min(strange)}"')
        for name, values in query.items():
            allowed = method.parameters[name].get("enum")
            if allowed and not set(values) <= set(allowed):
                return errors.bad_request(f"Invalid value at '{name}'")
        return None

    def _fault(self, call: Call) -> Fault | None:
        whom = (call.user, call.method.partition(".")[0])
        if call.at < self.waiting.until.get(whom, 0) - 0.001:  # a date holds no less than microseconds
            self.waiting.broken.append(call)
        fault = self.plan(call)
        if isinstance(fault, Refusal):
            asked = self.waiting.asked
            asked[whom] = max(asked.get(whom, 0), _until(fault, self.clock()))
        return fault

    def answered(self) -> None:
        """The answer is on its way: from now on who was asked to wait knows it."""
        self.waiting.until |= self.waiting.asked

    def _called(self, call: Call, *, metadata_only: bool) -> dict[str, Any] | Refusal:
        match call.method.partition(".")[0]:
            case "directory":
                return self._users(call)
            case "calendar":
                return self._calendars(call)
            case "tasks":
                return self._tasks(call)
            case "people":
                return self.address_book(call.user).answer(call.method, call.query)
        return self._mail(call, metadata_only=metadata_only)

    def _mail(self, call: Call, *, metadata_only: bool) -> dict[str, Any] | Refusal:
        user = call.path["userId"]
        if user not in ("me", call.user):
            return errors.delegation_denied(user)
        if call.user in self.no_mail:
            return errors.MAIL_NOT_ENABLED
        mailbox = self.mailbox(call.user)
        match call.method.removeprefix("gmail.users."):
            case "getProfile":
                return mailbox.profile()
            case "labels.list":
                return mailbox.label_list()
            case "messages.list":
                return mailbox.listing(call.query, metadata_only=metadata_only)
            case "messages.get":
                return mailbox.get(call.path["id"], call.query, metadata_only=metadata_only)
            case "messages.attachments.get":
                return mailbox.attachment(call.path["messageId"], call.path["id"])
            case "history.list":
                return mailbox.history(call.query)
        return errors.NOT_FOUND  # a method that syncd has no need of

    def _calendars(self, call: Call) -> dict[str, Any] | Refusal:
        held = self.calendars.get(call.user, {})
        if call.method == "calendar.calendarList.list":
            return {"kind": "calendar#calendarList", "items": [each.entry() for each in held.values()]}
        id = call.path["calendarId"]
        calendar = held.get(call.user if id == "primary" else id)
        if calendar is None:
            return errors.refusal(404, "Not Found", "notFound", "NOT_FOUND")
        if call.method == "calendar.events.list":
            return calendar.listing(call.query)
        assert call.method == "calendar.events.get"
        return calendar.get(call.path["eventId"])

    def _tasks(self, call: Call) -> dict[str, Any] | Refusal:
        held = self.task_lists.get(call.user, {})
        if call.method == "tasks.tasklists.list":
            lists = [{"kind": "tasks#taskList", "id": each.id, "title": each.title} for each in held.values()]
            return {"kind": "tasks#taskLists", "items": lists}
        tasks = held.get(call.path["tasklist"])
        if tasks is None:
            return errors.refusal(404, "Not found.", "notFound", "NOT_FOUND")
        return tasks.listing(call.query) if call.method == "tasks.tasks.list" else tasks.get(call.path["task"])

    def _users(self, call: Call) -> dict[str, Any] | Refusal:
        """Admin SDK: the users of a domain, whom only an admin may list."""
        if call.query["domain"] != ["example.com"]:
            return errors.refusal(404, "Domain not found.", "notFound", "NOT_FOUND")
        if call.user not in self.admins:
            return errors.refusal(403, "Not Authorized to access this resource/api", "forbidden", "PERMISSION_DENIED")
        start = int(call.query.get("pageToken", ["0"])[0])
        size = int(call.query.get("maxResults", ["100"])[0])
        answer: dict[str, Any] = {"kind": "admin#directory#users", "etag": '"trial"'}
        if page := self.directory[start : start + size]:
            answer["users"] = page
        if start + size < len(self.directory):
            answer["nextPageToken"] = str(start + size)
        return answer

    # -------------------------------------------------------------------------------------------------- a batch

    def batch(self, content_type: str, body: bytes, token: str) -> tuple[str, bytes] | Fault:
        """multipart/mixed in and out; the outer Authorization stands for each part without its own, and is not looked
        at by itself. Only Gmail is asked in batches."""
        access = self.oauth.access(token)
        if access is not None and (fault := self._fault(Call("gmail.batch", access.user, {}, {}, self.clock()))):
            return fault
        parsed = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
        parts = parsed.get_payload()
        assert isinstance(parts, list)
        self.batches.append(len(parts))
        if len(parts) > BATCH_LIMIT:
            return errors.bad_request(f"The batch request exceeds the limit of {BATCH_LIMIT} calls.")
        out = bytearray()
        for number, part in enumerate(parts):
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            line, _, head = payload.partition(b"\n")
            verb, target, _ = line.decode().split(" ", 2)
            self.requests.append((verb, urlsplit(target).path))
            inner = BytesParser().parsebytes(head)
            own = str(inner.get("Authorization", "")).removeprefix("Bearer ")
            if number >= BATCH_ADVISED:
                answer: Refusal | dict[str, Any] | Cut | bytes = errors.too_fast(code=429)
            elif target.partition("?")[0].rpartition("/")[2] in self.drops_from_batches:
                continue
            else:
                answer = self.answer(verb, target, own or token)
            if isinstance(answer, Cut):
                answer = errors.BACKEND  # one part of an answer cannot be cut off
            status, content, extra = encoded(answer)
            content_id = "" if self.misnames_parts else str(part["Content-ID"]).strip().replace("<", "<response-", 1)
            out += b"--batch_trial\r\nContent-Type: application/http\r\nContent-ID: %b\r\n\r\n" % content_id.encode()
            out += b"HTTP/1.1 %d Whatever\r\n%bContent-Type: application/json; charset=UTF-8\r\n" % (status, extra)
            out += b"Content-Length: %d\r\n\r\n%b\r\n" % (len(content), content)
        return "multipart/mixed; boundary=batch_trial", bytes(out) + b"--batch_trial--\r\n"


def _asks(path: str) -> bool:
    return path == "/token" or path.startswith("/batch")


def _until(refusal: Refusal, now: float) -> float:
    """When the client may ask again: by the header, which holds seconds or a date, or by the words alone."""
    after = refusal.retry_after
    if after:
        return now + float(after) if after.isdecimal() else parsedate_to_datetime(after).timestamp()
    told = re.search(r"Retry after (\S+Z)", str(refusal.body))
    return datetime.fromisoformat(told[1]).timestamp() if told else now


def _routed(verb: str, path: str) -> tuple[Method | None, dict[str, str]]:
    for method in documents.methods().values():
        if method.http_method == verb and (match := method.path.fullmatch(path)):
            return method, {name: unquote(value) for name, value in match.groupdict().items()}
    return None, {}


def encoded(answer: Refusal | dict[str, Any] | bytes) -> tuple[int, bytes, bytes]:
    """Status, body, and further header lines."""
    if isinstance(answer, bytes):
        return 200, answer, b""
    if isinstance(answer, Refusal):
        extra = f"Retry-After: {answer.retry_after}\r\n".encode() if answer.retry_after else b""
        return answer.status, json.dumps(answer.body).encode(), extra
    return 200, json.dumps(answer).encode(), b""


def _selected(answer: Any, wanted: str) -> Any:
    """A partial response: `fields=nextPageToken,history(id,messagesAdded/message(id,labelIds))`."""
    if isinstance(answer, list):
        return [_selected(each, wanted) for each in answer]
    if not isinstance(answer, dict):
        return answer
    picked: dict[str, Any] = {}
    for name, inner in _selectors(wanted):
        for key in answer if name == "*" else [name] if name in answer else []:
            picked[key] = _selected(answer[key], inner) if inner else answer[key]
    return picked


@lru_cache(maxsize=100)
def _selectors(text: str) -> Sequence[tuple[str, str]]:
    return list(_parsed(text))


def _parsed(text: str) -> Iterator[tuple[str, str]]:
    depth, begin = 0, 0
    for position, letter in enumerate(text + ","):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            one, begin = text[begin:position].strip(), position + 1
            name = one.partition("(")[0].partition("/")[0]
            rest = one[len(name) :]
            yield name, rest[1:-1] if rest.startswith("(") else rest[1:]
