"""Microsoft Graph v1.0 as far as a reader of mail goes: stateful, throttling, and as strict as the real one.

It refuses every method that writes, and keeps what was tried. Sources: the Graph reference; json-batching; throttling
limits of Outlook (four requests at once for each app and mailbox); outlook-immutable-id (asked for by each request).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import trustme

from tests.servers import fake_graph_query as queries
from tests.servers.fake_graph_calendar import Agenda
from tests.servers.fake_graph_contacts import Contacts
from tests.servers.fake_graph_delta import Deltas
from tests.servers.fake_graph_http import Answer, Json, Request, serve
from tests.servers.fake_graph_login import FakeLogin, Issued
from tests.servers.fake_graph_mail import ROOT, Folder, Mailbox, mime, opaque
from tests.servers.fake_graph_query import Refused, failure, preferred
from tests.servers.fake_graph_todo import ToDo
from tests.servers.fake_graph_views import Views

CONCURRENT = 4
BATCH = 20
_READERS = {
    "todo": {"Tasks.Read", "Tasks.Read.All", "Tasks.ReadWrite", "Tasks.ReadWrite.All"},
    "calendars": {"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite"},
    "contacts": {"Contacts.Read", "Contacts.ReadWrite"},
    "mail": {"Mail.Read", "Mail.ReadBasic", "Mail.ReadBasic.All", "Mail.ReadWrite"},
}

_DIRECTORY = {"User.ReadBasic.All", "User.Read.All", "Directory.Read.All"}


@dataclass(slots=True)
class FakeGraph:
    login: FakeLogin
    origin: str = ""
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
    inactive: set[str] = field(default_factory=set)
    """Users without a mailbox here: on premises, unlicensed or deleted."""
    scope: set[str] | None = None
    """Mailboxes that RBAC for Applications opens to the app; None where nobody has set it up."""
    denied: set[str] = field(default_factory=set)
    """Mailboxes that an application access policy closes to the app, whatever was consented to in Entra."""
    delegates: set[tuple[str, str]] = field(default_factory=set)
    """Person, and the mailbox of another that the person may open."""
    groups: dict[str, list[str]] = field(default_factory=dict)
    """Id -> addresses; one that is nobody's is a group within it."""
    members_page: int = 999
    agendas: dict[str, Agenda] = field(default_factory=dict)
    """By address; each mailbox has one."""
    todos: dict[str, ToDo] = field(default_factory=dict)
    contacts: dict[str, Contacts] = field(default_factory=dict)
    deltas: Deltas = field(default_factory=Deltas)
    views: Views = field(default_factory=Views)
    links_to: str = ""
    """The origin that links lead to, where it is another than ours."""
    loses_next_links: bool = False
    """Listings of messages have a page, and no link to the next (microsoft-graph-docs issue 2153)."""
    troubles: list[Answer | None] = field(default_factory=list)
    """For the next requests, one each; None lets one through."""
    part_troubles: list[Answer | None] = field(default_factory=list)
    """The same for the parts of batches."""
    hook: Callable[[Request], Answer | None] = lambda request: None
    """Called as each request comes; what it returns is the answer, if it is one."""
    requests: list[Request] = field(default_factory=list)
    answers: list[tuple[str, Json]] = field(default_factory=list)
    """Type of Graph's metadata and body, of all that was given."""
    writes: list[Request] = field(default_factory=list)
    busiest: int = 0
    _in_hand: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def mailbox(self, address: str, name: str = "Anna") -> Mailbox:
        made = Mailbox(address, name, opaque("user", address)[6:42])
        self.mailboxes[address] = made
        self.agendas[address] = Agenda(address)
        self.todos[address] = ToDo(address)
        self.contacts[address] = Contacts(address)
        return made

    def __call__(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            self._in_hand += 1
            self.busiest = max(self.busiest, self._in_hand)
            crowded = self._in_hand > CONCURRENT
            trouble = self.troubles.pop(0) if self.troubles else None
        try:
            trouble = self.hook(request) or trouble
            if crowded:
                return too_many()
            with self._lock:
                return trouble or self._answered(request)
        finally:
            with self._lock:
                self._in_hand -= 1

    def _answered(self, request: Request) -> Answer:
        version, _, rest = urlsplit(request.url).path.strip("/").partition("/")
        try:
            if version != "v1.0":
                raise Refused(400, "BadRequest", "Invalid version.")
            if (request.method, rest) == ("POST", "$batch"):
                return self._batch(request)
            if request.method != "GET":
                self.writes.append(request)
                raise Refused(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
            return self._read(request, [unquote(each) for each in rest.split("/")])
        except Refused as refused:
            return refused.answer()

    # ------------------------------------------------------------------------------------------------------- batch

    def _batch(self, request: Request) -> Answer:
        self._issued(request)
        parts = json.loads(request.body)["requests"]
        if not 0 < len(parts) <= BATCH or len({part["id"] for part in parts}) < len(parts):
            raise Refused(400, "BadRequest", f"Number of batch requests must be between 1 and {BATCH}, ids unique.")
        answers = [self._part(request, part) for part in parts]
        return Answer(200, {"responses": answers[::-1]})  # they come in any order

    def _part(self, request: Request, part: Json) -> Json:
        """Only its own headers count, but for the token."""
        headers = {name.lower(): value for name, value in part.get("headers", {}).items()}
        headers["authorization"] = request.headers["authorization"]
        inner = Request(part["method"], f"/v1.0{part['url']}", headers)
        trouble = self.part_troubles.pop(0) if self.part_troubles else None
        answer = trouble or self._answered(inner)
        return {"id": part["id"], "status": answer.status, "headers": dict(answer.headers), "body": answer.body}

    # ------------------------------------------------------------------------------------------------------- access

    def _issued(self, request: Request) -> Issued:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.login.tokens:
            raise Refused(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        return self.login.tokens[token]

    def _mailbox(self, request: Request, name: str) -> Mailbox:
        issued = self._issued(request)
        name = (issued.user if name == "me" else name).lower()
        if name in self.inactive:
            words = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
            raise Refused(404, "MailboxNotEnabledForRESTAPI", words)
        found = next((each for each in self.mailboxes.values() if name in (each.address, each.user_id)), None)
        if found is None:
            raise Refused(404, "ErrorInvalidUser", f"The requested user '{name}' is invalid.")
        if not self._may(issued, found.address, _kind(request.path)):
            raise Refused(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        return found

    def _may(self, issued: Issued, address: str, what: str) -> bool:
        readers = _READERS[what]
        if issued.user:
            shared = {f"{each}.Shared" for each in readers} & issued.permissions
            return bool(issued.user == address and issued.permissions & readers) or bool(
                shared and (issued.user, address) in self.delegates
            )
        if address in self.denied:
            return False
        if issued.permissions & readers:
            return True
        return what != "todo" and address in (self.scope or ())  # Exchange has no such role for tasks

    # ------------------------------------------------------------------------------------------------------- reading

    def _read(self, request: Request, path: Sequence[str]) -> Answer:
        match path:
            case ["groups", group, "transitiveMembers"]:
                return self._members(request, group)
            case ["me", *rest]:
                return self._of_mailbox(request, self._mailbox(request, "me"), rest)
            case ["users", name, *rest]:
                return self._of_mailbox(request, self._mailbox(request, name), rest)
        raise Refused(400, "BadRequest", f"Resource not found for the segment '{path[0]}'.")

    def _of_mailbox(self, request: Request, mailbox: Mailbox, path: Sequence[str]) -> Answer:
        match path:
            case []:
                return self._given("user", queries.selected(_user(mailbox), request.query))
            case ["mailFolders"]:
                return self._folders(request, mailbox, mailbox.folder(ROOT))
            case ["mailFolders", "delta"]:
                return self._delta(request, mailbox, None)
            case ["mailFolders", name]:
                return self._given("mailFolder", queries.folder(mailbox, _folder(mailbox, name)))
            case ["mailFolders", name, "childFolders"]:
                return self._folders(request, mailbox, _folder(mailbox, name))
            case ["mailFolders", name, "messages"]:
                return self._messages(request, mailbox, _folder(mailbox, name))
            case ["mailFolders", name, "messages", "delta"]:
                return self._delta(request, mailbox, _folder(mailbox, name))
            case ["calendars", *_]:
                return self._given(*self.views.answer(request, self.origin, self.agendas[mailbox.address], path))
            case ["todo", "lists", *rest]:
                return self._given(*self.todos[mailbox.address].answer(request, self.origin, rest))
            case ["contacts" | "contactFolders", *_]:
                return self._given(*self.contacts[mailbox.address].answer(request, self.origin, path))
            case ["messages", id_, *rest]:
                return self._message(request, mailbox, id_, rest)
        raise Refused(400, "BadRequest", f"Resource not found for the segment '{path[-1]}'.")

    def _delta(self, request: Request, mailbox: Mailbox, folder: Folder | None) -> Answer:
        url = f"{self.links_to or self.origin}{request.path}"
        body = self.deltas.answer(url, mailbox, folder, request.query, preferred(request.headers))
        return self._given("message" if folder else "mailFolder", body)

    def _folders(self, request: Request, mailbox: Mailbox, parent: Folder) -> Answer:
        query = request.query
        hidden = query.get("includeHiddenFolders") == "true"
        there = [each for each in mailbox.folders if each.parent is parent and (hidden or not each.hidden)]
        start, size = int(query.get("$skip", 0)), int(query.get("$top", 10))
        entries = [queries.selected(queries.folder(mailbox, each), query) for each in there[start : start + size]]
        return self._given("mailFolder", self._page(request, entries, start, size, len(there)))

    def _messages(self, request: Request, mailbox: Mailbox, folder: Folder) -> Answer:
        query = request.query
        queries.check_order(query)
        size, start = int(query.get("$top", 10)), int(query.get("$skip", 0))
        if not 1 <= size <= 1000:
            raise Refused(400, "ErrorInvalidUrlQuery", "The value of $top must be between 1 and 1000.")
        there = [mail for mail in mailbox.held(folder) if queries.matches(mail, query.get("$filter", ""), delta=False)]
        prefer = preferred(request.headers)
        entries = [queries.message(mailbox, mail, query, prefer) for mail in there[start : start + size]]
        body = self._page(request, entries, start, size, len(there))
        if self.loses_next_links:
            body.pop("@odata.nextLink", None)
        return self._given("message", body)

    def _page(self, request: Request, entries: list[Json], start: int, size: int, total: int) -> Json:
        body: Json = {"value": entries}
        if request.query.get("$count") == "true":
            body["@odata.count"] = total
        if start + size < total:
            bare = "&".join(each for each in urlsplit(request.url).query.split("&") if not each.startswith("%24skip="))
            body["@odata.nextLink"] = f"{self.links_to or self.origin}{request.path}?{bare}&%24skip={start + size}"
        return body

    def _message(self, request: Request, mailbox: Mailbox, id_: str, rest: Sequence[str]) -> Answer:
        if not id_.startswith("AAMk"):
            raise Refused(400, "ErrorInvalidIdMalformed", "Id is malformed.")
        mail = mailbox.by_id(id_)
        if mail is None:
            raise Refused(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        if not rest:
            return self._given("message", queries.message(mailbox, mail, request.query, preferred(request.headers)))
        if rest == ["$value"]:
            return Answer(200, mime(mail), {"Content-Type": "text/plain"})
        if rest == ["attachments"]:
            files = [{**each, "id": opaque(id_, each["name"])} for each in mail.attachments]
            entries = [
                {"@odata.type": "#microsoft.graph.fileAttachment", **queries.selected(each, request.query)}
                for each in files
            ]
            return self._given("attachment", {"value": entries})
        raise Refused(400, "BadRequest", f"Resource not found for the segment '{rest[0]}'.")

    def _members(self, request: Request, group: str) -> Answer:
        issued = self._issued(request)
        if "GroupMember.Read.All" not in issued.permissions:
            words = "Insufficient privileges to complete the operation."
            raise Refused(403, "Authorization_RequestDenied", words)
        if group not in self.groups:
            words = (
                f"Resource '{group}' does not exist or one of its queried reference-property objects are not present."
            )
            raise Refused(404, "Request_ResourceNotFound", words)
        start, size = (
            int(request.query.get("$skiptoken", 0)),
            min(int(request.query.get("$top", 100)), self.members_page),
        )
        addresses = self.groups[group]
        named = bool(_DIRECTORY & issued.permissions)
        body: Json = {"value": [self._member(each, request, named=named) for each in addresses[start : start + size]]}
        if start + size < len(addresses):
            body["@odata.nextLink"] = f"{self.origin}{request.path}?$top={size}&$skiptoken={start + size}"
        return self._given("user", body)

    def _member(self, address: str, request: Request, *, named: bool) -> Json:
        """A person, of whom an app without the right to people is told the id alone; what has no mailbox here is a
        group within the group."""
        if address not in self.mailboxes:
            return {"@odata.type": "#microsoft.graph.group", "id": opaque("group", address)[6:42]}
        person = queries.selected(_user(self.mailboxes[address]), request.query)
        told = person if named else {name: value if name == "id" else None for name, value in person.items()}
        return {"@odata.type": "#microsoft.graph.user", **told}

    def _given(self, kind: str, body: Json) -> Answer:
        self.answers.append((kind, body))
        return Answer(200, {"@odata.context": f"{self.origin}/v1.0/$metadata#{kind}", **body})


def _kind(path: str) -> str:
    if "/contact" in path:
        return "contacts"
    return next((kind for kind in ("calendars", "todo") if f"/{kind}/" in f"{path}/"), "mail")


def _folder(mailbox: Mailbox, name: str) -> Folder:
    found = mailbox.folder_by_id(name)
    if found is None:
        raise Refused(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return found


def _user(mailbox: Mailbox) -> Json:
    return {
        "id": mailbox.user_id,
        "displayName": mailbox.name,
        "mail": mailbox.address,
        "userPrincipalName": mailbox.address,
    }


def too_many(seconds: int | str = 10) -> Answer:
    words = "Application is over its MailboxConcurrency limit."
    return failure(429, "ApplicationThrottled", words, {"Retry-After": str(seconds)})


@dataclass(frozen=True, slots=True)
class Cloud:
    login: FakeLogin
    graph: FakeGraph
    ca_file: Path


@contextmanager
def clouds(authority: trustme.CA, ca_file: Path) -> Iterator[Callable[[], Cloud]]:
    """Both services, each on its own port. Each call gives another Graph there, with nothing in it, and the same
    sign-in, whose tokens go on: for tests that need hundreds."""
    login = FakeLogin()
    graph = FakeGraph(login)

    def another() -> Cloud:
        nonlocal graph
        graph = FakeGraph(login, origin=graph.origin)
        login.requests.clear()
        login.hook = lambda request: None
        return Cloud(login, graph, ca_file)

    with serve(login, authority) as login.origin, serve(lambda request: graph(request), authority) as graph.origin:
        login.audience = graph.origin
        yield another


@contextmanager
def cloud(authority: trustme.CA, ca_file: Path) -> Iterator[Cloud]:
    with clouds(authority, ca_file) as another:
        yield another()
