"""Exchange Web Services as far as a reader goes: stateful, busy when it is told to be, and as strict as the real one.

HTTPS and SOAP over it, with Basic and NTLM; it refuses every operation that writes, and keeps what was tried. Sources:
the EWS reference of learn.microsoft.com, [MS-OXWSADISC] for Autodiscover, and the messages.xsd of Exchange 2016.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import spnego
import trustme
from lxml import etree
from spnego.exceptions import SpnegoError

from tests.servers import fake_ews_items as written
from tests.servers.fake_ews_mailbox import Folder, Item, Mailbox, Told
from tests.servers.fake_ews_soap import NS, Fault, discovered, envelope, fault, message, synced
from tests.servers.fake_ews_view import view
from tests.servers.loopback_http import Asked, serve
from tests.servers.loopback_http import Told as Answer

EWS, AUTODISCOVER = "/EWS/Exchange.asmx", "/autodiscover/autodiscover.svc"
MOST_IN_GET = 100
MOST_IN_VIEW = 1000
VERSIONS = ("Exchange2007_SP1", "Exchange2010_SP2", "Exchange2013", "Exchange2013_SP1", "Exchange2016")


@dataclass(frozen=True, slots=True)
class Request:
    """An operation that was asked for."""

    name: str
    payload: Any
    user: str
    """Who signed in."""
    mailbox: Mailbox
    impersonated: str
    version: str

    @property
    def fields(self) -> set[str]:
        return _fields(self.payload)


@dataclass(slots=True)
class FakeEws:
    passwords: dict[str, str] = field(default_factory=dict)
    """Of those who may sign in, `anna@example.com` or `EXAMPLE\\syncd`."""
    on_passwords: Callable[[dict[str, str]], object] = lambda passwords: None
    """Called with those that are valid from now on."""
    scheme: str = "ntlm"
    broken_challenge: bool = False
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
    impersonators: set[str] = field(default_factory=set)
    scopes: dict[str, set[str]] = field(default_factory=dict)
    """An impersonator -> the mailboxes that the management scope of the role holds; without one, all."""
    delegates: set[tuple[str, str]] = field(default_factory=set)
    """Who signs in, and the mailbox of another that they have full access to."""
    newest: str = "Exchange2016"
    ca_file: Path = Path()
    port: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    """What Autodiscover tells of everybody."""
    redirects: list[tuple[str, str]] = field(default_factory=list)
    """What Autodiscover answers before that: (`RedirectAddress` or `RedirectUrl`, where to)."""
    troubles: list[Fault | Answer | None] = field(default_factory=list)
    """For the next operations, one each; None lets one through."""
    lost: dict[str, Fault] = field(default_factory=dict)
    """Id of an item -> what GetItem answers for it."""
    hook: Callable[[Request], Answer | None] = lambda request: None
    """Called as each operation comes; what it returns is the answer."""
    requests: list[Request] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    _handshakes: dict[int, Any] = field(default_factory=dict)
    _signed_in: dict[int, str] = field(default_factory=dict)

    def may_sign_in(self, name: str, password: str = "a password") -> None:
        """`anna@example.com` or `EXAMPLE\\syncd`."""
        self.passwords[name] = password
        self.on_passwords(self.passwords)

    def mailbox(self, address: str, password: str = "a password") -> Mailbox:
        self.may_sign_in(address, password)
        self.mailboxes[address] = Mailbox(address)
        return self.mailboxes[address]

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        return f"https://{self.host}{EWS}"

    # ------------------------------------------------------------------------------------------------------ signing in

    def __call__(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        user = self._user(asked)
        if isinstance(user, Answer):
            return user
        if asked.path.lower() == AUTODISCOVER:
            return self._autodiscover(asked)
        if asked.path.lower() != EWS.lower() or asked.method != "POST":
            return Answer(404, b"Not here.\n")
        try:
            return self._operation(asked, user)
        except Fault as failure:
            return self._given(500, fault(failure))

    def _user(self, asked: Asked) -> str | Answer:
        given, _, token = asked.headers.get("authorization", "").partition(" ")
        if given.lower() == "basic" and self.scheme == "basic":
            name, _, password = base64.b64decode(token).decode().partition(":")
            return name if self.passwords.get(name) == password else self._refusal()
        if given.lower() in ("ntlm", "negotiate") and self.scheme == "ntlm":
            return self._ntlm(asked.port, base64.b64decode(token))
        if not given and asked.port in self._signed_in:
            return self._signed_in[asked.port]  # NTLM signs in the connection
        return self._refusal()

    def _ntlm(self, port: int, token: bytes) -> str | Answer:
        """Answers by the accounts of the file that NTLM_USER_FILE names."""
        self._signed_in.pop(port, None)
        if port not in self._handshakes:
            self._handshakes[port] = spnego.server(hostname="localhost", service="HTTP", protocol="ntlm")
            challenge = b"NTLMSSP" if self.broken_challenge else self._handshakes[port].step(token)
            return Answer(401, b"", (("WWW-Authenticate", f"NTLM {base64.b64encode(challenge).decode()}"),))
        handshake = self._handshakes.pop(port)
        try:
            handshake.step(token)
        except SpnegoError:
            return self._refusal()
        self._signed_in[port] = str(handshake.client_principal).lstrip("\\")
        return self._signed_in[port]

    def _refusal(self) -> Answer:
        """As an Exchange out of the box: with NTLM also Kerberos is offered."""
        schemes = ("Negotiate", "NTLM") if self.scheme == "ntlm" else ('Basic realm="localhost"',)
        return Answer(401, b"", tuple(("WWW-Authenticate", each) for each in schemes))

    # ------------------------------------------------------------------------------------------------------- operations

    def _operation(self, asked: Asked, user: str) -> Answer:
        asked_for = etree.fromstring(asked.body)
        version = _attribute(asked_for, "s:Header/t:RequestServerVersion", "Version")
        if version not in VERSIONS[: VERSIONS.index(self.newest) + 1]:
            raise Fault("ErrorInvalidServerVersion", "The specified server version is invalid.")
        whose = _text(asked_for, "s:Header/t:ExchangeImpersonation/t:ConnectingSID/t:PrimarySmtpAddress")
        payload = asked_for.find("s:Body", NS)[0]
        name = etree.QName(payload).localname
        if name not in ("SyncFolderItems", "SyncFolderHierarchy", "GetFolder", "GetItem", "FindItem"):
            self.writes.append(name)
            raise Fault("ErrorAccessDenied")
        try:
            mailbox = self._opened(user, whose, payload)
        except Fault as refusal:
            if whose:  # which is judged before the operation
                raise
            return self._given(200, envelope(name, _refused(name, payload, refusal)))
        request = Request(name, payload, user, mailbox, whose, version)
        self.requests.append(request)
        trouble = self.troubles.pop(0) if self.troubles else None
        if isinstance(trouble, Answer):
            return trouble
        if trouble is not None:
            raise trouble
        if instead := self.hook(request):
            return instead
        return self._given(200, envelope(name, "".join(self._messages(request))))

    def _opened(self, user: str, impersonated: str, payload: Any) -> Mailbox:
        named = _text(payload, ".//t:DistinguishedFolderId/t:Mailbox/t:EmailAddress")
        address = impersonated or named or self._by_id(payload) or user
        if impersonated and user not in self.impersonators:
            raise Fault("ErrorImpersonateUserDenied", "The account does not have permission to impersonate the user.")
        if address not in self.mailboxes:
            raise Fault("ErrorNonExistentMailbox", "No mailbox with such guid.")
        if impersonated not in self.scopes.get(user, {impersonated}):
            raise Fault("ErrorImpersonateUserDenied", "The account does not have permission to impersonate the user.")
        if not impersonated and address != user and (user, address) not in self.delegates:
            raise Fault("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        return self.mailboxes[address]

    def _by_id(self, payload: Any) -> str:
        """An id tells the mailbox that it is of."""
        ids = {each.get("Id") for each in payload.iter() if each.get("Id")}
        holders = (
            address
            for address, mailbox in self.mailboxes.items()
            if ids & {*mailbox.items, *(each.id for each in mailbox.folders)}
        )
        return next(holders, "")

    def _messages(self, request: Request) -> Iterator[str]:
        match request.name:
            case "SyncFolderItems":
                yield message("SyncFolderItems", lambda: self._sync_items(request))
            case "SyncFolderHierarchy":
                yield message("SyncFolderHierarchy", lambda: self._sync_folders(request))
            case "GetFolder":
                for each in request.payload.find("m:FolderIds", NS):
                    yield message("GetFolder", partial(self._folder, request, each))
            case "GetItem":
                ids = request.payload.findall("m:ItemIds/t:ItemId", NS)
                if not 0 < len(ids) <= MOST_IN_GET:
                    raise Fault("ErrorInvalidRequest")
                for each in ids:
                    yield message("GetItem", partial(self._item, request, each.get("Id")))
            case "FindItem":
                yield message("FindItem", lambda: self._find(request))

    def _sync_items(self, request: Request) -> str:
        folder = _folder_of(request.mailbox, request.payload.find("m:SyncFolderId", NS)[0], "ErrorSyncFolderNotFound")
        most = int(_text(request.payload, "m:MaxChangesReturned"))
        if not 0 < most <= 512:
            raise Fault("ErrorInvalidSyncStateData" if most < 0 else "ErrorInvalidRequest")
        try:
            told, state, is_last = request.mailbox.page_of_items(folder, _text(request.payload, "m:SyncState"), most)
        except KeyError:
            raise Fault(
                "ErrorInvalidSyncStateData", "Synchronization state data is corrupt or otherwise invalid."
            ) from None
        fields = request.fields - {"item:Body", "item:Attachments", "item:InternetMessageHeaders"}
        changes = "".join(_change(each, fields, "ItemId") for each in told)
        return synced(state, "IncludesLastItemInRange", is_last, changes)

    def _sync_folders(self, request: Request) -> str:
        try:
            told, state, is_last = request.mailbox.page_of_folders(_text(request.payload, "m:SyncState"))
        except KeyError:
            raise Fault("ErrorInvalidSyncStateData") from None
        fields = request.fields
        return synced(
            state, "IncludesLastFolderInRange", is_last, "".join(_change(each, fields, "FolderId") for each in told)
        )

    def _folder(self, request: Request, asked: Any) -> str:
        found = _folder_of(request.mailbox, asked, "ErrorFolderNotFound")
        return f"<m:Folders>{written.folder(found, request.fields)}</m:Folders>"

    def _item(self, request: Request, id: str) -> str:
        if id in self.lost:
            raise self.lost[id]
        if not id.startswith("AAMk"):
            raise Fault("ErrorInvalidIdMalformed", "Id is malformed.")
        if id not in request.mailbox.items:
            raise Fault("ErrorItemNotFound", "The specified object was not found in the store.")
        return f"<m:Items>{written.item(request.mailbox.items[id], request.fields)}</m:Items>"

    def _find(self, request: Request) -> str:
        """A view of a calendar; or by what was received from an instant on, the newest first."""
        folder = _folder_of(request.mailbox, request.payload.find("m:ParentFolderIds", NS)[0], "ErrorFolderNotFound")
        if (wanted := request.payload.find("m:CalendarView", NS)) is not None:
            begins, ends = (datetime.fromisoformat(wanted.get(name)) for name in ("StartDate", "EndDate"))
            shown = view(request.mailbox, folder, begins, ends)
            return _found(shown, request.fields, 0, int(wanted.get("MaxEntriesReturned", MOST_IN_VIEW)), paged=False)
        since = _attribute(request.payload, "m:Restriction//t:Constant", "Value")
        there = [each for each in request.mailbox.held(folder) if written.instant(each.received_at) >= since]
        there.sort(key=lambda each: each.received_at, reverse=True)
        paged = request.payload.find("m:IndexedPageItemView", NS)
        start, most = int(paged.get("Offset")), int(paged.get("MaxEntriesReturned"))
        return _found(there, request.fields, start, most, paged=True)

    def _given(self, status: int, body: str) -> Answer:
        self.answers.append(body.encode())
        return Answer(status, body.encode(), (("Content-Type", "text/xml; charset=utf-8"),))

    # ----------------------------------------------------------------------------------------------------- Autodiscover

    def _autodiscover(self, asked: Asked) -> Answer:
        kind, where = self.redirects.pop(0) if self.redirects else ("NoError", "")
        address = _text(etree.fromstring(asked.body), ".//a:Mailbox")
        if kind == "NoError" and address not in self.mailboxes:
            kind = "InvalidUser"
        return Answer(200, discovered(kind, where, self.settings if kind == "NoError" else {}).encode())


def _found(there: Sequence[Item], fields: set[str], start: int, most: int, *, paged: bool) -> str:
    some = "".join(written.item(each, fields) for each in there[start : start + most])
    place = f'IndexedPagingOffset="{min(start + most, len(there))}" ' if paged else ""
    is_last = str(start + most >= len(there)).lower()
    attributes = f'{place}TotalItemsInView="{len(there)}" IncludesLastItemInRange="{is_last}"'
    return f"<m:RootFolder {attributes}><t:Items>{some}</t:Items></m:RootFolder>"


def _refused(name: str, payload: Any, refusal: Fault) -> str:
    """A message for each thing that was asked for."""

    def refuse() -> str:
        raise refusal

    asked = payload.find({"GetItem": "m:ItemIds", "GetFolder": "m:FolderIds"}.get(name, "m:Nothing"), NS)
    return message(name, refuse) * (1 if asked is None else len(asked))


def _folder_of(mailbox: Mailbox, asked: Any, missing: str) -> Folder:
    id = asked.get("Id")
    if etree.QName(asked).localname == "DistinguishedFolderId":
        found = next((each for each in mailbox.folders if each.alias == id), None)
    else:
        found = next((each for each in mailbox.folders if each.id == id), None)
    if found is None:
        raise Fault(missing, "The specified folder could not be found in the store.")
    return found


def _fields(payload: Any) -> set[str]:
    found = {each.get("FieldURI") for each in payload.iterfind(".//t:AdditionalProperties/t:FieldURI", NS)}
    tags = payload.iterfind(".//t:AdditionalProperties/t:ExtendedFieldURI", NS)
    return found | {f"{int(each.get('PropertyTag'), 16):#06x}" for each in tags}


def _text(of: Any, path: str) -> str:
    return of.findtext(path, "", NS) or ""


def _attribute(of: Any, path: str, name: str) -> str:
    found = of.find(path, NS)
    return "" if found is None else found.get(name, "")


def _change(told: Told, fields: set[str], id_name: str) -> str:
    match told.thing:
        case None:
            inner = f'<t:{id_name} Id="{told.id}" ChangeKey="x"/>'
        case Item() if told.what == "ReadFlagChange":
            inner = f'<t:ItemId Id="{told.id}" ChangeKey="x"/><t:IsRead>{str(told.thing.is_read).lower()}</t:IsRead>'
        case Item():
            inner = written.item(told.thing, fields)
        case Folder():
            inner = written.folder(told.thing, fields)
    return f"<t:{told.what}>{inner}</t:{told.what}>"


@dataclass(slots=True)
class Host:
    """Where one fake after the other is to be found, as its certificate and threads cost more than most tests."""

    ca_file: Path
    port: int = 0
    fake: FakeEws = field(default_factory=FakeEws)

    def __call__(self, asked: Asked) -> Answer:
        return self.fake(asked)

    def anew(self) -> FakeEws:
        """A fake without a past."""
        self.fake = FakeEws(ca_file=self.ca_file, port=self.port)
        self.fake.settings = {"ExternalEwsUrl": self.fake.url}
        return self.fake


@contextmanager
def hosting(authority: trustme.CA, folder: Path) -> Iterator[Host]:
    """On a port of its own. `folder` gets the authority's certificate."""
    host = Host(folder / "exchange-ca.pem")
    authority.cert_pem.write_to_path(str(host.ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with serve(host, tls=context) as host.port:
        yield host


def accounts(passwords: dict[str, str]) -> str:
    """As NTLM_USER_FILE has them, `DOMAIN:user:password`."""
    names = [(name.rpartition("\\"), password) for name, password in passwords.items()]
    return "".join(f"{domain}:{user}:{password}\n" for (domain, _, user), password in names)
