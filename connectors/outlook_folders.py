"""The folders of a mailbox of Exchange, as Graph and EWS both have them: a tree with well-known places in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

ROOT = "msgfolderroot"
_DEEPEST = 50


class Kept(Protocol):
    """What the server tells of a folder."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def parent(self) -> str: ...
    @property
    def hidden(self) -> bool: ...
    @property
    def search(self) -> bool: ...


K = TypeVar("K", bound=Kept)


@dataclass(frozen=True, slots=True)
class Tree(Generic[K]):
    kept: Mapping[str, K]
    """By id."""
    aliases: Mapping[str, str]
    """Id -> well-known name, whatever language the owner's Outlook calls it in."""
    well_known: Mapping[str, tuple[str, str]]
    """Well-known name -> the name that it has here, and why it is not read."""

    def above(self, id_: str) -> list[K]:
        """The folder and those it lies in, the innermost first, without the root."""
        found: list[K] = []
        while (each := self.kept.get(id_)) and self.aliases.get(id_) != ROOT and len(found) < _DEEPEST:
            found.append(each)
            if each.parent == id_:
                break
            id_ = each.parent
        return found

    def path(self, above: Sequence[K]) -> str:
        return "/".join(self._name(each) for each in reversed(above))

    def _name(self, folder: K) -> str:
        known = self.well_known.get(self.aliases.get(folder.id, ""))
        return known[0] if known else folder.name.replace("/", "\N{DIVISION SLASH}")

    def unread(self, above: Iterable[K]) -> str:
        """Why it is not read, or empty. What lies in the bin's sub-folders was thrown away with its folder."""
        for each in above:
            if each.search:
                return "repeats other folders"
            if each.hidden:
                return "hidden"
            if reason := self.well_known.get(self.aliases.get(each.id, ""), ("", ""))[1]:
                return reason
        return ""


def among(spellings: Iterable[str], wanted: Sequence[str]) -> bool:
    """Whether the folder, or one that it lies in, is named, in any case."""
    return any(
        path.casefold() == each.casefold() or path.casefold().startswith(f"{each.casefold()}/")
        for path in spellings
        for each in wanted
    )
