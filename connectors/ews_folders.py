"""The folders of a mailbox, what is in them and which are never read; kept in step by one request a pass.

A folder is known by its distinguished id where it has one, whatever language Outlook calls it in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors import ews_xml as xml
from connectors.ews_client import Change, Client
from connectors.ews_settings import Settings
from connectors.ews_xml import Element
from connectors.outlook_folders import ROOT, Tree, among
from syncd.errors import CursorExpired, Retryable

_WELL_KNOWN: Mapping[str, tuple[str, str]] = {
    "inbox": ("Inbox", ""),
    "sentitems": ("Sent Items", ""),
    "drafts": ("Drafts", "drafts"),
    "outbox": ("Outbox", "drafts"),
    "deleteditems": ("Deleted Items", "bin"),
    "junkemail": ("Junk Email", "junk"),
}
"""Distinguished id -> the name that it has here, and why it is not read."""
_CALENDAR, _TASKS = "calendar", "tasks"
_HIDDEN = 0x10F4
_FIELDS = ("folder:DisplayName", "folder:ParentFolderId", "folder:FolderClass", f"{_HIDDEN:#06x} Boolean")


@dataclass(frozen=True, slots=True)
class Folder:
    id: str
    name: str
    """Of mail its path, parts joined by `/`; `calendar` and `tasks` are those that everybody has."""
    kind: str
    """`mail`, `calendar` or `tasks`."""
    excluded: str = ""


class _Kept(NamedTuple):
    """What Exchange tells of a folder."""

    id: str
    name: str
    parent: str
    kind: str
    """`mail`, `calendar`, `tasks`, or empty of what holds something else."""
    hidden: bool
    search: bool


@dataclass(slots=True)
class FolderTree:
    client: Client
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _aliases: dict[str, str] = field(default_factory=dict)
    """Id -> distinguished id."""
    _state: str = ""

    def folders(self) -> Sequence[Folder]:
        """All of mail, calendars and tasks, whether they are read or not; raises Retryable for a tree that cannot be
        whole."""
        if self._state:
            try:
                self._follow()
            except CursorExpired:
                self._state = ""
        if not self._state:
            self._load()
        if "inbox" not in {self._aliases.get(id) for id in self._kept}:
            # A mailbox without an inbox is a fault of the moment: nothing may be concluded from such a list.
            self._state = ""
            raise Retryable(f"{self.client.settings.user}: Exchange lists no inbox", cure="nothing, if it passes")
        return [*_named(self._kept, self._aliases, self.client.settings)]

    def _load(self) -> None:
        self._kept.clear()
        known = self.client.well_known([*_WELL_KNOWN, ROOT, _CALENDAR, _TASKS])
        self._aliases = {id: name for name, id in known.items()}
        self._follow()

    def _follow(self) -> None:
        is_last = False
        while not is_last:
            page = self.client.folders_page(self._state, _FIELDS)
            for change in page.changes:
                self._take(change)
            is_last = page.is_last or page.state == self._state
            self._state = page.state

    def _take(self, change: Change) -> None:
        if change.element is None:
            self._kept.pop(change.id, None)
            return
        told = change.element
        self._kept[change.id] = _Kept(
            change.id,
            xml.value(told, "DisplayName"),
            xml.id_of(told, "ParentFolderId")[0],
            _kind(told),
            xml.kept(told).get(_HIDDEN, "") in ("true", "1"),
            xml.kind(told) == "SearchFolder",
        )


def _kind(told: Element) -> str:
    """What a folder holds, by its element and its class (`IPF.Note`); contacts, journals and settings are nothing."""
    name, kind = xml.kind(told), xml.value(told, "FolderClass").lower()
    if name == "CalendarFolder":
        return "calendar"
    if name == "TasksFolder":
        return "tasks"
    is_mail = name in ("Folder", "SearchFolder") and (not kind or kind.startswith(("ipf.note", "ipf.imap")))
    return "mail" if is_mail else ""


def _named(kept: Mapping[str, _Kept], aliases: Mapping[str, str], settings: Settings) -> Iterator[Folder]:
    """In the order of their ids, well-known ones first: of two with one name the same is always the first."""
    taken: set[str] = set()
    tree = Tree(kept, aliases, _WELL_KNOWN)
    for each in sorted(kept.values(), key=lambda each: (each.id not in aliases, each.id)):
        if not each.kind:
            continue
        above = tree.above(each.id)
        own = tree.path(above)
        name = own if each.kind == "mail" else _of_objects(each, own, aliases)
        if name.casefold() in taken:
            name = f"{name} ({each.id[-12:]})"
        taken.add(name.casefold())
        yield Folder(each.id, name, each.kind, _reason(each, {name, own}, tree.unread(above), settings))


def _of_objects(folder: _Kept, path: str, aliases: Mapping[str, str]) -> str:
    usual = aliases.get(folder.id) in (_CALENDAR, _TASKS)
    return folder.kind if usual else f"{folder.kind} {path}"


def _reason(folder: _Kept, spellings: set[str], unread: str, settings: Settings) -> str:
    """`unread`: why it is not read if the admin says nothing."""
    wanted, unwanted = settings.include, settings.exclude
    if folder.kind == "calendar":
        wanted, unwanted = settings.calendars, settings.exclude_calendars
    elif folder.kind == "tasks":
        wanted = ()
    if among(spellings, unwanted):
        return "folder_excluded"
    if wanted:
        return "" if among(spellings, wanted) else "folder_excluded"
    return unread
