"""Contact folders as Graph shows them: v1.0 leaves out the one that everybody has, and a delta is one folder's.

Sources: the Graph reference of contactFolder and contact-delta; microsoft-graph-docs-contrib issue 6327.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.servers import fake_graph_query as queries
from tests.servers.fake_graph_http import Json, Request
from tests.servers.fake_graph_mail import opaque
from tests.servers.fake_graph_query import Refused, preferred
from tests.servers.fake_graph_views import page

BIN = "Deleted Items"
DEFAULT = "Kontakte"
"""What Outlook calls the folder that everybody has depends on its language."""


@dataclass(slots=True, eq=False)
class Contact:
    key: int
    folder: str
    fields: Json


@dataclass(slots=True)
class _Round:
    folder: str
    since: int
    select: str
    waiting: list[Json] | None = None


@dataclass(slots=True)
class Contacts:
    """Of one mailbox."""

    address: str
    folders: dict[str, str] = field(default_factory=lambda: {DEFAULT: ""})
    """Name -> the folder that it lies in."""
    contacts: dict[int, Contact] = field(default_factory=dict)
    binned: dict[int, Contact] = field(default_factory=dict)
    log: list[tuple[int, str, Contact]] = field(default_factory=list)
    """(number, folder, contact), of what happened."""
    replays_moves: bool = False
    """What left a folder and came back between two rounds is told as removed."""
    partial: bool = False
    """What changed is told with what changed only."""
    given: dict[str, _Round] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # ------------------------------------------------------------------------------------------- what its owner does

    def add_folder(self, name: str, within: str = DEFAULT) -> None:
        self.folders[name] = within

    def add(self, name: str, *addresses: str, folder: str = DEFAULT, **fields: Any) -> Contact:
        made = Contact(next(self._numbers), folder, {})
        self.contacts[made.key] = made
        emails = [{"name": name, "address": address} for address in addresses]
        whole: Json = {
            "displayName": name, "givenName": name, "surname": None, "companyName": None, "emailAddresses": emails,
            "businessPhones": [], "homePhones": [], "mobilePhone": None, "categories": [],
        }  # fmt: skip
        self.change(made, **{**whole, **fields})
        return made

    def change(self, contact: Contact, **fields: Any) -> None:
        contact.fields.update(fields)
        self._note(contact.folder, contact, fields)

    def move(self, contact: Contact, to: str) -> None:
        self._note(contact.folder, contact, {})
        contact.folder = to
        self._note(to, contact, contact.fields)

    def remove(self, contact: Contact) -> None:
        """To the bin, as Outlook does it: no folder of contacts, but who knows the id may still have it."""
        self.binned[contact.key] = self.contacts.pop(contact.key)
        self._note(contact.folder, contact, {})
        contact.folder = BIN

    def _note(self, folder: str, contact: Contact, fields: Json) -> None:
        contact.fields["changeKey"] = f"CK{next(self._numbers)}"
        self.log.append((next(self._numbers), folder, Contact(contact.key, folder, dict(fields))))

    def expire(self) -> None:
        self.given.clear()

    # ------------------------------------------------------------------------------------------------------ looking

    def answer(self, request: Request, origin: str, path: Sequence[str]) -> tuple[str, Json]:
        """The type of what is given, and that."""
        match path:
            case ["contacts"]:
                there = [self._shown(each, request) for each in self.contacts.values() if each.folder == DEFAULT]
                return "contact", page(request, origin, there)
            case ["contacts", id_]:
                for each in [*self.contacts.values(), *self.binned.values()]:
                    if self.contact_id(each) == id_:
                        return "contact", self._shown(each, request)
                raise _missing()
            case ["contactFolders"]:
                return "contactFolder", self._within(request, origin, DEFAULT)
            case ["contactFolders", id_, "childFolders"]:
                return "contactFolder", self._within(request, origin, self._named(id_))
            case ["contactFolders", id_, "contacts", "delta"]:
                return "contact", self._delta(request, origin, self._named(id_))
        raise Refused(400, "BadRequest", f"Resource not found for the segment '{path[-1]}'.")

    def _within(self, request: Request, origin: str, parent: str) -> Json:
        entries = [
            {"id": self.folder_id(name), "displayName": name, "parentFolderId": self.folder_id(parent)}
            for name, within in self.folders.items()
            if within == parent
        ]
        return page(request, origin, [queries.selected(each, request.query) for each in entries])

    def _delta(self, request: Request, origin: str, folder: str) -> Json:
        token = request.query.get("$skiptoken") or request.query.get("$deltatoken")
        if not token:
            select = request.query.get("$select", "")
            current = _Round(folder, next(self._numbers), select)
            there = [each for each in self.contacts.values() if each.folder == folder]
            current.waiting = [self._entry(each, select) for each in there]
        elif token in self.given:
            known = self.given[token]
            current = _Round(known.folder, known.since, known.select, known.waiting)
        else:
            raise Refused(410, "SyncStateNotFound", "The sync state generation is not found.")
        if current.waiting is None:
            current.waiting, current.since = self._happened(current), next(self._numbers)
        size = preferred(request.headers).page or 10
        entries, current.waiting = current.waiting[:size], current.waiting[size:] or None
        name, kind = ("@odata.nextLink", "skip") if current.waiting else ("@odata.deltaLink", "delta")
        link = opaque(self.address, "contacts", next(self._numbers))
        self.given[link] = current
        return {"value": entries, name: f"{origin}{request.path}?${kind}token={link}"}

    def _happened(self, current: _Round) -> list[Json]:
        told: dict[int, list[Contact]] = {}
        for number, folder, each in self.log:
            if number >= current.since and folder == current.folder:
                told.setdefault(each.key, []).append(each)
        return [self._event(current, key, notes) for key, notes in told.items()]

    def _event(self, current: _Round, key: int, notes: list[Contact]) -> Json:
        held = self.contacts.get(key)
        left = any(not note.fields for note in notes)
        if held is None or held.folder != current.folder or (left and self.replays_moves):
            reason = "deleted" if held is None else "changed"
            return {"id": self.contact_id(notes[0]), "@removed": {"reason": reason}}
        entry = self._entry(held, current.select)
        if not self.partial:
            return entry
        changed = {name for note in notes for name in note.fields}
        return {name: value for name, value in entry.items() if name in {"id", *changed} or name.startswith("@")}

    def _entry(self, contact: Contact, select: str) -> Json:
        whole: Json = {
            "@odata.etag": f'W/"{contact.fields["changeKey"]}"',
            "id": self.contact_id(contact),
            "parentFolderId": self.folder_id(contact.folder),
            **contact.fields,
        }
        return queries.selected(whole, {"$select": select}) if select else whole

    def _shown(self, contact: Contact, request: Request) -> Json:
        return self._entry(contact, request.query.get("$select", ""))

    def contact_id(self, contact: Contact) -> str:
        return opaque(self.address, "contact", contact.key)

    def folder_id(self, name: str) -> str:
        return opaque(self.address, "contact folder", name)

    def _named(self, id_: str) -> str:
        for name in self.folders:
            if self.folder_id(name) == id_:
                return name
        raise _missing()


def _missing() -> Refused:
    return Refused(404, "ErrorItemNotFound", "The specified object was not found in the store.")
