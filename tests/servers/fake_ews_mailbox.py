"""What an Exchange server holds for one person: folders and items, with the states of those who follow them.

A state remembers which items, in which version, its holder has been told of: what differs is told, the newest first,
and what came since the first page after all that was there before.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

Value = object
"""Text, a flag, an instant, a person, or a list of them: see fake_ews_items."""
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

ALIASES = {
    "msgfolderroot": ("Top of Information Store", "Folder", "IPF.Note"),
    "inbox": ("Posteingang", "Folder", "IPF.Note"),
    "sentitems": ("Gesendete Elemente", "Folder", "IPF.Note"),
    "drafts": ("Entwürfe", "Folder", "IPF.Note"),
    "deleteditems": ("Gelöschte Elemente", "Folder", "IPF.Note"),
    "junkemail": ("Junk-E-Mail", "Folder", "IPF.Note"),
    "outbox": ("Postausgang", "Folder", "IPF.Note"),
    "calendar": ("Kalender", "CalendarFolder", "IPF.Appointment"),
    "tasks": ("Aufgaben", "TasksFolder", "IPF.Task"),
    "contacts": ("Kontakte", "ContactsFolder", "IPF.Contact"),
}
"""Distinguished id -> what the owner's Outlook calls it, its element and its class."""


def opaque(*parts: object) -> str:
    """An id as Exchange makes them: long, in base64, and another one in capitals."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return "AAMk" + base64.b64encode(digest * 3).decode()


@dataclass(slots=True, eq=False)
class Folder:
    id: str
    name: str
    parent: Folder | None
    kind: str = "Folder"
    folder_class: str = "IPF.Note"
    alias: str = ""
    hidden: bool = False
    version: int = 1


@dataclass(slots=True, eq=False)
class Item:
    id: str
    folder: Folder
    kind: str
    """The element: `Message`, `MeetingRequest`, `CalendarItem`, `Task`."""
    values: dict[str, Value]
    """By FieldURI (`item:Subject`), or by tag (`0x5d01`)."""
    received_at: datetime
    serial: int
    """When it came here, in the order of all that happened."""
    version: int = 1
    is_read: bool = False
    within: str = ""
    """Of a changed occurrence the id of its series: it is in no list."""

    @property
    def change_key(self) -> str:
        return base64.b64encode(f"{self.id[-6:]}.{self.version}".encode()).decode()


@dataclass(frozen=True, slots=True)
class State:
    """What the holder of a state has been told of."""

    folder: str
    began: int
    known: Mapping[str, tuple[int, bool]]
    """Id -> version, and whether it was read."""


@dataclass(frozen=True, slots=True)
class Told:
    what: str
    id: str
    thing: Item | Folder | None


@dataclass(slots=True)
class Mailbox:
    address: str
    folders: list[Folder] = field(default_factory=list)
    items: dict[str, Item] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    serials: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    epoch: int = 1
    repeats: int = 0
    """So many items of which a state knows already are told with it once more, as Exchange may."""

    def __post_init__(self) -> None:
        root = self.add_folder("Root", folder_class="", alias="root", parent=None)
        top = self.add_folder(*ALIASES["msgfolderroot"], alias="msgfolderroot", parent=root)
        for alias, named in ALIASES.items():
            if alias != "msgfolderroot":
                self.add_folder(*named, alias=alias, parent=top)

    # ---------------------------------------------------------------------------------------------- what its owner does

    def add_folder(
        self,
        name: str,
        kind: str = "Folder",
        folder_class: str = "IPF.Note",
        *,
        parent: Folder | None,
        alias: str = "",
        hidden: bool = False,
    ) -> Folder:
        made = Folder(opaque(self.address, "folder", self.epoch, next(self.serials)), name, parent, kind, folder_class)
        made.alias, made.hidden = alias, hidden
        self.folders.append(made)
        return made

    def folder(self, alias: str) -> Folder:
        return next(each for each in self.folders if each.alias == alias)

    def add(
        self,
        folder: str | Folder,
        kind: str,
        values: dict[str, Value],
        *,
        received_at: datetime = NOON,
        within: str = "",
    ) -> Item:
        where = self.folder(folder) if isinstance(folder, str) else folder
        serial = next(self.serials)
        made = Item(opaque(self.address, "item", serial), where, kind, values, received_at, serial, within=within)
        self.items[made.id] = made
        return made

    def change(self, item: Item, **values: Value) -> None:
        """`Subject="..."` is of the field `item:Subject`, whatever comes before its colon."""
        names = {name.partition(":")[2]: name for name in item.values}
        item.values.update({names[name]: value for name, value in values.items()})
        self.touch(item)

    def touch(self, item: Item) -> None:
        item.version += 1
        if item.within:
            self.touch(self.items[item.within])

    def delete(self, item: Item) -> None:
        self.items.pop(item.id, None)

    def move(self, item: Item, folder: Folder) -> Item:
        """It gets another id."""
        self.delete(item)
        return self.add(folder, item.kind, item.values, received_at=item.received_at)

    def forget_states(self) -> None:
        self.states.clear()

    def migrate(self) -> None:
        """The mailbox is restored: every folder and item gets another id, and no state is known."""
        self.epoch += 1
        self.states.clear()
        for folder in self.folders:
            folder.id = opaque(self.address, "folder", self.epoch, folder.name)
        items, self.items = list(self.items.values()), {}
        for item in items:
            item.id = opaque(self.address, "item", self.epoch, item.serial)
            self.items[item.id] = item

    # --------------------------------------------------------------------------------------------------- what is told

    def held(self, folder: Folder) -> list[Item]:
        return [each for each in self.items.values() if each.folder is folder and not each.within]

    def page_of_items(self, folder: Folder, state: str, most: int) -> tuple[Sequence[Told], str, bool]:
        """Raises KeyError for a state that is not known."""
        before = self._state(folder.id, state)
        there = {each.id: each for each in self.held(folder)}
        changed = [Told("Delete", id, None) for id in before.known if id not in there]
        for item in sorted(
            there.values(), key=lambda each: (each.serial > before.began, -each.received_at.timestamp())
        ):
            version, is_read = before.known.get(item.id, (0, False))
            if not version:
                changed.append(Told("Create", item.id, item))
            elif version != item.version:
                changed.append(Told("Update", item.id, item))
            elif is_read != item.is_read:
                changed.append(Told("ReadFlagChange", item.id, item))
        return self._told(before, changed, most)

    def page_of_folders(self, state: str) -> tuple[Sequence[Told], str, bool]:
        before = self._state("hierarchy", state)
        there = {each.id: each for each in self.folders if each.alias not in ("root", "msgfolderroot")}
        changed = [Told("Delete", id, None) for id in before.known if id not in there]
        for folder in there.values():
            version, _ = before.known.get(folder.id, (0, False))
            if version != folder.version:
                changed.append(Told("Update" if version else "Create", folder.id, folder))
        return self._told(before, changed, len(changed))

    def _state(self, folder: str, state: str) -> State:
        if not state:
            return State(folder, next(self.serials), {})
        found = self.states[state]
        if found.folder != folder:
            raise KeyError(state)
        return found

    def _told(self, before: State, changed: list[Told], most: int) -> tuple[Sequence[Told], str, bool]:
        some, known = changed[:most], dict(before.known)
        again = [self.items[id] for id in before.known if id in self.items]
        some += [Told("Update", each.id, each) for each in again[: min(self.repeats, most - len(some))]]
        for each in some:
            if each.thing is None:
                known.pop(each.id)
            else:
                known[each.id] = (each.thing.version, isinstance(each.thing, Item) and each.thing.is_read)
        name = base64.b64encode(f"{opaque(before.folder)}{next(self.serials)}".encode() * 4).decode()
        self.states[name] = State(before.folder, before.began, known)
        return some, name, len(changed) <= most
