"""The operations of EWS that are asked for, all of them reading: pages of what changed, items, folders.

exchangelib's generator of changes keeps the state of each page to itself until the last one was taken; here a page is
an answer, with its state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from exchangelib import errors
from exchangelib.services.common import EWSAccountService
from exchangelib.util import DummyResponse
from requests import Response

from connectors import ews_xml as xml
from connectors.base import Context
from connectors.ews_autodiscover import Place, found
from connectors.ews_errors import Gone, Judge, called, denied, meaning, passes
from connectors.ews_settings import Settings
from connectors.ews_wire import API_VERSION, Mailbox, TooLarge, Wire
from connectors.ews_xml import Element, M, T, element
from connectors.outlook_folders import ROOT
from syncd.errors import CursorExpired, Permanent, SyncError

MOST_CHANGES = 512
"""EWS takes no larger number."""
TEN = 10
"""Items of one GetItem, as Microsoft advises (How to synchronize items by using EWS)."""


class _Service(EWSAccountService):  # type: ignore[misc]  # exchangelib ships no types
    """One operation. Its answer is taken as it came, one element for each thing that was asked for."""

    element_container_name = None

    def ask(self, payload: Element) -> list[Element | Exception]:
        return list(self._get_elements(payload))

    @classmethod
    def _get_elements_in_container(cls, container: Element) -> list[Element]:
        return [container]

    @classmethod
    def _get_soap_parts(cls, response: Response) -> tuple[Element, Element]:
        """The library would take the answer to pieces of one byte, which is nine tenths of all that a message costs."""
        header, body = super()._get_soap_parts(DummyResponse(content=response.content))
        return header, body

    def _get_soap_messages(self, body: Element) -> list[Element]:
        """The library would take a request that is refused for one to a server that is too old."""
        try:
            messages: list[Element] = super()._get_soap_messages(body)
        except errors.ErrorInvalidRequest as error:
            raise errors.ResponseMessageError(f"ErrorInvalidRequest: {error}") from error
        return messages

    def _api_versions_to_try(self) -> tuple[str, ...]:
        """The library would send what a server does not understand once more by each schema that there ever was."""
        return (API_VERSION,)

    @staticmethod
    def _get_exception(code: str, text: str, msg_xml: Element | None = None, rule_errors: object = None) -> Exception:
        error: Exception = EWSAccountService._get_exception(code, text or "", msg_xml=msg_xml)
        if isinstance(error, errors.ErrorServerBusy) and msg_xml is not None and not error.back_off:
            # The library looks for it in SOAP faults only.
            waits = [each for each in msg_xml.iter(f"{T}Value") if each.get("Name") == "BackOffMilliseconds"]
            error.back_off = int(waits[0].text or 0) / 1000 if waits else None
        return error


class _SyncFolderItems(_Service):
    SERVICE_NAME = "SyncFolderItems"


class _SyncFolderHierarchy(_Service):
    SERVICE_NAME = "SyncFolderHierarchy"


class _FindItem(_Service):
    SERVICE_NAME = "FindItem"


class _GetFolder(_Service):
    SERVICE_NAME = "GetFolder"
    ERRORS_TO_CATCH_IN_RESPONSE = errors.ResponseMessageError


class _GetItem(_Service):
    SERVICE_NAME = "GetItem"
    ERRORS_TO_CATCH_IN_RESPONSE = errors.ResponseMessageError


class Change(NamedTuple):
    """What happened to an item or folder: `Create`, `Update`, `Delete`, `ReadFlagChange`."""

    what: str
    id: str
    element: Element | None
    """With the fields that were asked for; None of what is gone."""


@dataclass(frozen=True, slots=True)
class Page:
    changes: Sequence[Change]
    state: str
    """From which the next page, or what happens later, is told."""
    is_last: bool


class Client:
    """One mailbox on its server."""

    def __init__(self, settings: Settings, context: Context) -> None:
        self.settings = settings
        self._context = context
        self._place: Place | None = None
        self._mailbox: Mailbox | None = None
        self._judge: Judge | None = None

    @property
    def host(self) -> str:
        """What it is called in messages."""
        return self._place.host if self._place else self.settings.host or self.settings.user.partition("@")[2]

    def items_page(self, folder: str, state: str, fields: Sequence[str], most: int = MOST_CHANGES) -> Page:
        """What changed in a folder since a state, the newest first; all of it where that is empty. Raises
        CursorExpired."""
        parts = [xml.shape("m:ItemShape", fields), element("m:SyncFolderId", element("t:FolderId", Id=folder))]
        if state:
            parts.append(element("m:SyncState", text=state))
        parts.append(element("m:MaxChangesReturned", text=str(most)))
        (answer,) = self._ask(_SyncFolderItems, element("m:SyncFolderItems", *parts))
        return _page(answer, "ItemId", "IncludesLastItemInRange")

    def received_since(self, folder: str, since: datetime) -> list[str]:
        """Ids of the newest that were received from then on, a hundred at most."""
        constant = element("t:FieldURIOrConstant", element("t:Constant", Value=f"{since:%Y-%m-%dT%H:%M:%SZ}"))
        received = element("t:FieldURI", FieldURI="item:DateTimeReceived")
        payload = element(
            "m:FindItem",
            xml.shape("m:ItemShape", ()),
            element("m:IndexedPageItemView", MaxEntriesReturned="100", Offset="0", BasePoint="Beginning"),
            element("m:Restriction", element("t:IsGreaterThanOrEqualTo", received, constant)),
            element("m:SortOrder", element("t:FieldOrder", deepcopy(received), Order="Descending")),
            element("m:ParentFolderIds", element("t:FolderId", Id=folder)),
            Traversal="Shallow",
        )
        (answer,) = self._ask(_FindItem, payload)
        if isinstance(answer, Exception):
            raise meaning(answer, self.settings, self.host) from answer
        return [xml.id_of(each)[0] for each in answer.iterfind(f"{M}RootFolder/{T}Items/*")]

    def folders_page(self, state: str, fields: Sequence[str]) -> Page:
        """The same of the folders below the mailbox's root."""
        parts = [xml.shape("m:FolderShape", fields), element("m:SyncFolderId", self._known(ROOT))]
        if state:
            parts.append(element("m:SyncState", text=state))
        (answer,) = self._ask(_SyncFolderHierarchy, element("m:SyncFolderHierarchy", *parts))
        return _page(answer, "FolderId", "IncludesLastFolderInRange")

    def well_known(self, names: Sequence[str]) -> dict[str, str]:
        """The ids of those folders of these names that the mailbox has."""
        ids: dict[str, str] = {}
        for name, answer in zip(names, self._folders(names), strict=True):
            if isinstance(answer, Exception):
                if passes(answer):
                    raise meaning(answer, self.settings, self.host) from answer
                continue
            folders = answer.find(f"{M}Folders")
            if folders is not None and len(folders):
                ids[name] = xml.id_of(folders[0], "FolderId")[0]
        return ids

    def open_other(self, user: str) -> None:
        """Ask for the root folder of another mailbox of this server, by the same right; nothing of it is read. Raises
        Denied where that is refused, else as every call."""
        self._opened()
        other = Client(replace(self.settings, user=user), self._context)
        other._place = self._place
        try:
            (answer,) = other._folders([ROOT])
        finally:
            other.close()
        if isinstance(answer, (*Gone, errors.ErrorFolderNotFound)):  # so it hides what one has no right to
            raise denied(other.settings, type(answer).__name__)
        if isinstance(answer, Exception):
            raise meaning(answer, other.settings, other.host) from answer

    def _folders(self, names: Sequence[str]) -> list[Element | Exception]:
        parts = element("m:FolderIds", *(self._known(name) for name in names))
        return self._ask(_GetFolder, element("m:GetFolder", xml.shape("m:FolderShape", ()), parts))

    def items(self, ids: Sequence[str], fields: Sequence[str], *, text: bool = False) -> Iterator[Element | Exception]:
        """Each item, or what the server says of it, in the order of the ids."""
        for start in range(0, len(ids), TEN):
            some = ids[start : start + TEN]
            try:
                yield from self._items(some, fields, text=text)
            except TooLarge:
                for id in some:
                    yield self._alone(id, fields, text=text)

    def _alone(self, id: str, fields: Sequence[str], *, text: bool) -> Element | Exception:
        try:
            return self._items([id], fields, text=text)[0]
        except TooLarge as error:
            return error

    def _items(self, ids: Sequence[str], fields: Sequence[str], *, text: bool) -> list[Element | Exception]:
        payload = element("m:GetItem", xml.shape("m:ItemShape", fields, text=text), xml.items(ids))
        return [self._item(answer) for answer in self._ask(_GetItem, payload)]

    def _item(self, answer: Element | Exception) -> Element | Exception:
        if isinstance(answer, Exception):
            if passes(answer):
                raise meaning(answer, self.settings, self.host) from answer
            return answer
        found_items = answer.find(f"{M}Items")
        there = [] if found_items is None else list(found_items.iterchildren("{*}*"))
        return there[0] if there else errors.ErrorItemNotFound("an answer without the item")

    def close(self) -> None:
        """Give back the connection; where the server is, is kept."""
        if self._mailbox is not None:
            self._mailbox.protocol.close()
            self._mailbox = None

    def _known(self, name: str) -> Element:
        """With full access rights to the mailbox of another, it must be said whose folder of that name is meant."""
        if self.settings.acts_for != "delegation":
            return element("t:DistinguishedFolderId", Id=name)
        whose = element("t:Mailbox", element("t:EmailAddress", text=self.settings.user))
        return element("t:DistinguishedFolderId", whose, Id=name)

    def _ask(self, service: type[_Service], payload: Element) -> list[Element | Exception]:
        mailbox = self._opened()
        try:
            answers = called(lambda: service(account=mailbox).ask(payload), self.settings, self.host)
        except (TooLarge, CursorExpired):
            raise
        except SyncError:
            self._place = None  # the server may have moved: where it is, is asked again
            self.close()
            raise
        if not answers:
            raise Permanent(f"{self.host} answers {service.SERVICE_NAME} with nothing", cure="please report this fault")
        return answers

    def _opened(self) -> Mailbox:
        if self._mailbox is None:
            secret = self._context.secret()
            if self._place is None:
                self._place = found(self.settings, secret)
            if self._judge is None or self._judge.host != self._place.host:
                self._judge = Judge(self.settings, self._place.host)
            wire = Wire(self._place.url, self.settings, secret, self._judge)
            self._mailbox = Mailbox(wire, self.settings.user, self.settings.acts_for)
        return self._mailbox


def _page(answer: Element | Exception, id_name: str, last: str) -> Page:
    if isinstance(answer, Exception):
        raise answer
    changes = [
        _change(each, id_name) for listed in answer.iterfind(f"{M}Changes") for each in listed.iterchildren("{*}*")
    ]
    is_last = (answer.findtext(f"{M}{last}") or "").strip() != "false"
    return Page(changes, answer.findtext(f"{M}SyncState") or "", is_last)


def _change(told: Element, id_name: str) -> Change:
    """Of what is there the item is told, of what is gone or was read the id alone."""
    if id := xml.id_of(told, id_name)[0]:
        return Change(xml.kind(told), id, None)
    inner = next(told.iterchildren("{*}*"))
    return Change(xml.kind(told), xml.id_of(inner, id_name)[0], inner)
