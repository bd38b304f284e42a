"""The folders of a mailbox, and which are never read; kept in step by one request a pass.

A folder is known by its well-known name where it has one, whatever language the owner's Outlook calls it in: that name
does not change with the language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.graph_client import Graph, Page, query
from connectors.graph_errors import Missing
from connectors.microsoft_settings import Settings
from connectors.outlook_folders import ROOT, Tree, among
from syncd.errors import CursorExpired, Retryable

_WELL_KNOWN: Mapping[str, tuple[str, str]] = {
    "inbox": ("Inbox", ""),
    "sentitems": ("Sent Items", ""),
    "archive": ("Archive", ""),
    "drafts": ("Drafts", "drafts"),
    "outbox": ("Outbox", "drafts"),
    "scheduled": ("Scheduled", "drafts"),
    "deleteditems": ("Deleted Items", "bin"),
    "recoverableitemsdeletions": ("Recoverable Items", "bin"),
    "junkemail": ("Junk Email", "junk"),
    "conversationhistory": ("Conversation History", "chats"),
    "syncissues": ("Sync Issues", "faults of Outlook"),
    "searchfolders": ("Search Folders", "repeats other folders"),
}
"""Alias -> the name that it has here, and why it is not read."""
_SELECT = "displayName,parentFolderId,childFolderCount,isHidden"
_PAGE = "odata.maxpagesize=200"
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Folder:
    id: str
    name: str
    """Its path, parts joined by `/`."""
    excluded: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What Graph tells of a folder."""

    id: str
    name: str
    parent: str
    children: int
    hidden: bool
    search: bool


@dataclass(slots=True)
class FolderTree:
    graph: Graph
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _aliases: dict[str, str] = field(default_factory=dict)
    """Id -> alias."""
    _link: str = ""

    def folders(self) -> Sequence[Folder]:
        """All of them, whether they are read or not; raises Retryable for a tree that cannot be whole."""
        if self._link:
            try:
                self._follow(self._link)
            except (CursorExpired, Missing):
                self._link = ""
        if not self._link:
            self._load_anew()
        if "inbox" not in self._aliases.values() or _inbox(self._aliases) not in self._kept:
            # A mailbox without an inbox is a fault of the moment: nothing may be concluded from such a list.
            self._link = ""
            raise Retryable(f"{self.graph.settings.user}: Graph lists no inbox", cure="nothing, if it passes")
        return _named(self._kept, self._aliases, self.graph.settings)

    def is_other(self, folder_id: str, id_: str) -> bool:
        """Whether `id_` is a folder of this mailbox, and not this one. What is in no folder that we know is held to be
        here: an id may be written in more than one way, and a wrong no would take all messages for gone."""
        return id_ != folder_id and (id_ in self._kept or id_ in self._aliases)

    def _load_anew(self) -> None:
        try:
            self._load()
        except CursorExpired as error:
            self._link = ""
            words = f"{self.graph.settings.user}: Graph gave a link to the folders and refused it at once"
            raise Retryable(words, cure="nothing, if it passes: it is tried again") from error

    def _load(self) -> None:
        self._kept.clear()
        names = [*_WELL_KNOWN, ROOT]
        parts = self.graph.batch([f"{self.graph.mailbox}/mailFolders/{name}?$select=id" for name in names])
        # An alias whose folder was never made answers 404.
        self._aliases = {str(part.body["id"]): name for name, part in zip(names, parts, strict=True) if part.ok}
        self._follow(f"{self.graph.mailbox}/mailFolders/delta{query(select=_SELECT)}")
        self._descend()

    def _follow(self, link: str) -> None:
        for page in self.graph.pages(link, prefer=(_PAGE,)):
            self._take(page)
            self._link = page.delta or self._link

    def _descend(self) -> None:
        """Nothing says in so many words that the delta of folders goes down to all of them."""
        for _ in range(_DEEPEST):
            known = _children(self._kept.values())
            short = [each for each in self._kept.values() if each.children > known.get(each.id, 0)]
            before = len(self._kept)
            for parent in short:
                path = f"{self.graph.mailbox}/mailFolders/{parent.id}/childFolders"
                for page in self.graph.pages(path + query(select=_SELECT, top="200")):
                    self._take(page)
            if len(self._kept) == before:
                return

    def _take(self, page: Page) -> None:
        for entry in page.value:
            if "@removed" in entry:
                self._kept.pop(str(entry["id"]), None)
                continue
            before = self._kept.get(str(entry["id"]))
            if kept := _merged(before, entry):
                self._kept[kept.id] = kept


def _inbox(aliases: Mapping[str, str]) -> str:
    return next(id_ for id_, alias in aliases.items() if alias == "inbox")


def _merged(before: _Kept | None, entry: Mapping[str, Any]) -> _Kept | None:
    """An entry may hold only what changed."""
    id_ = str(entry["id"])
    known = before or _Kept(id_, "", "", 0, False, False)
    merged = _Kept(
        id_,
        str(entry.get("displayName") or known.name),
        str(entry.get("parentFolderId") or known.parent),
        int(entry.get("childFolderCount") or 0) if "childFolderCount" in entry else known.children,
        bool(entry["isHidden"]) if "isHidden" in entry else known.hidden,
        "mailSearchFolder" in str(entry.get("@odata.type") or "") or known.search,
    )
    return merged if merged.name else None


def _children(kept: Iterable[_Kept]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for each in kept:
        numbers[each.parent] = numbers.get(each.parent, 0) + 1
    return numbers


def _named(kept: Mapping[str, _Kept], aliases: Mapping[str, str], settings: Settings) -> Sequence[Folder]:
    """In the order of their names. Two of one path are told apart by the ends of their ids, and so is what is named as
    the calendars are (graph_calendars)."""
    tree = Tree(kept, aliases, _WELL_KNOWN)
    paths = {id_: tree.path(tree.above(id_)) for id_ in kept if aliases.get(id_) != ROOT}
    folders, taken = [], set()
    for id_, name in sorted(paths.items(), key=lambda item: (item[1].casefold(), item[0])):
        if name.casefold() in taken or name.casefold().partition(" ")[0] == "calendar":
            name = f"{name} ({id_[-12:]})"
        taken.add(name.casefold())
        folders.append(Folder(id_, name, _reason(name, tree.unread(tree.above(id_)), settings)))
    return folders


def _reason(name: str, unread: str, settings: Settings) -> str:
    """`unread`: why it is not read if the admin says nothing."""
    if among([name], settings.exclude):
        return "folder_excluded"
    if settings.include:
        return "" if among([name], settings.include) else "folder_excluded"
    return unread
