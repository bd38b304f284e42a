"""The contacts of a mailbox at Microsoft 365, by Graph: folder by folder, as its delta is
(https://learn.microsoft.com/graph/api/contact-delta).

The folder that everybody has is missing in v1.0's list of folders (microsoft-graph-docs-contrib issue 6327): the
contacts in it tell its id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from connectors.base import Card, ContactsWanted, Context
from connectors.graph_client import Graph, Json, query
from connectors.graph_errors import Forbidden, Missing
from connectors.graph_message import line
from connectors.microsoft_login import CONTACTS, Login
from connectors.microsoft_settings import Settings
from syncd.errors import CursorExpired, Permanent, ReauthNeeded, Retryable, SyncError

_PAGE = 500
_SELECT = (
    "parentFolderId,displayName,givenName,surname,companyName,emailAddresses,businessPhones,homePhones,mobilePhone,"
    "categories"
)
_DEPTH = 20
"""Of folders within folders; Outlook allows more than anybody has."""


@dataclass(slots=True)
class _Folder:
    """One folder, and what its delta has told so far."""

    link: str = ""
    contacts: dict[str, Json] = field(default_factory=dict)
    """By id."""


class GraphAddressBook:
    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._wanted = context.contacts or ContactsWanted()
        self._login = Login(settings, context, rights=(CONTACTS,))
        self._graph = Graph(settings, self._login)
        self._folders: dict[str, _Folder] = {}

    def cards(self) -> Sequence[Card]:
        try:
            folders = self._listed()
            read = {id_: self._followed(id_) for id_ in folders}
        except Missing as error:
            raise Retryable(f"a folder of contacts has gone meanwhile: {error}", cure=_LATER) from error
        except Forbidden as error:
            raise Permanent(self._words(error), cure=self._cure) from error
        except ReauthNeeded as error:
            raise ReauthNeeded(self._words(error), cure=error.cure) from error
        self._folders = read
        entries = {id_: entry for name in self._wanted_in(folders) for id_, entry in name}
        return [_card(id_, entry) for id_, entry in entries.items()]

    def close(self) -> None:
        self._graph.close()
        self._login.forget()

    def _words(self, error: SyncError) -> str:
        return f"the contacts of {self._settings.user} cannot be read: {error}"

    @property
    def _cure(self) -> str:
        if self._settings.sign_in == "user":
            return f"agree to {CONTACTS}: {self._login.context.sign_in}"
        return f"grant the app {CONTACTS}, as it was granted Mail.Read (docs/microsoft.md)"

    def _wanted_in(self, folders: Mapping[str, str]) -> Iterator[Iterator[tuple[str, Json]]]:
        """Of each folder those that are wanted for the folder's sake, or for their own categories."""
        groups = {name.casefold() for name in self._wanted.groups}
        for id_, name in folders.items():
            is_wanted = not groups or name.casefold() in groups
            held = self._folders[id_].contacts.items()
            yield ((own, entry) for own, entry in held if is_wanted or groups & set(_categories(entry)))

    # ------------------------------------------------------------------------------------------------- the folders

    def _listed(self) -> dict[str, str]:
        """Id -> name; that of the folder that everybody has is `Contacts`, whatever the language of Outlook."""
        top = f"{self._graph.mailbox}/contacts{query(select='parentFolderId', top='1')}"
        found = {str(entry["parentFolderId"]): "Contacts" for entry in self._graph.page(top).value}
        places = [f"{self._graph.mailbox}/contactFolders"]
        for _ in range(_DEPTH):
            entries = [entry for place in places for entry in self._below(place)]
            for entry in entries:
                found.setdefault(str(entry["id"]), line(entry.get("displayName")))
            places = [f"{self._graph.mailbox}/contactFolders/{quote(entry['id'])}/childFolders" for entry in entries]
        return found

    def _below(self, place: str) -> list[Json]:
        pages = self._graph.pages(place + query(select="displayName", top="100"))
        return [entry for page in pages for entry in page.value]

    # ---------------------------------------------------------------------------------------------- one folder

    def _followed(self, id_: str) -> _Folder:
        known = self._folders.get(id_, _Folder())
        path = f"{self._graph.mailbox}/contactFolders/{quote(id_)}/contacts/delta{query(select=_SELECT)}"
        try:
            return self._told(id_, known.link or path, dict(known.contacts))
        except CursorExpired:
            return self._told(id_, path, {})

    def _told(self, id_: str, path: str, contacts: dict[str, Json]) -> _Folder:
        """An entry has at least what changed of a contact, and not always the rest."""
        link, removed = "", list[str]()
        for page in self._graph.pages(path, prefer=(f"odata.maxpagesize={_PAGE}",)):
            for entry in page.value:
                own = str(entry["id"])
                if "@removed" in entry:
                    removed.append(own)
                else:
                    contacts[own] = {**contacts.get(own, {}), **entry}
            link = page.delta
        if not link:
            raise Retryable("Graph gave no link to go on from", cure=_LATER)
        self._confirm(id_, removed, contacts)
        return _Folder(link, contacts)

    def _confirm(self, id_: str, removed: Sequence[str], contacts: dict[str, Json]) -> None:
        """What was moved away and back may be told as removed, under immutable ids (docs-contrib issue 72). What lies
        in the bin can still be had, and has left."""
        paths = [f"{self._graph.mailbox}/contacts/{quote(own)}{query(select=_SELECT)}" for own in removed]
        for own, part in zip(removed, self._graph.batch(paths), strict=True):
            if part.ok and isinstance(part.body, Mapping) and part.body.get("parentFolderId") == id_:
                contacts[own] = part.body
            else:
                contacts.pop(own, None)


_LATER = "nothing, if it passes: it is tried again"


def _categories(entry: Json) -> Iterator[str]:
    return (str(each).casefold() for each in entry.get("categories") or ())


def _card(id_: str, entry: Json) -> Card:
    phones = [*_listed(entry.get("businessPhones")), *_listed(entry.get("homePhones")), entry.get("mobilePhone")]
    full = f"{line(entry.get('givenName'))} {line(entry.get('surname'))}".strip()
    return Card(
        id=id_,
        name=line(entry.get("displayName")) or full,
        addresses=tuple(
            line(each.get("address")) for each in _listed(entry.get("emailAddresses")) if each.get("address")
        ),
        phones=tuple(line(phone) for phone in phones if phone),
        account=line(entry.get("companyName")).strip(),
    )


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def address_book(settings: Settings, context: Context) -> GraphAddressBook:
    return GraphAddressBook(settings, context)
