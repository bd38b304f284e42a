"""Labels: what they are called, and which messages they keep out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connectors.google_api import Resource
from connectors.google_settings import Settings

HIDDEN = frozenset({"SPAM", "TRASH", "DRAFT", "CHAT"})
"""System labels of what is never read."""
_SILENT = frozenset({"UNREAD", "STARRED", "IMPORTANT"})
"""Marks, of which no one thinks as of a folder; so are the categories and colours of stars."""


@dataclass(frozen=True, slots=True)
class Labels:
    names: Mapping[str, str]
    """Id -> name."""
    included: frozenset[str]
    """Ids; a message must have one of them. Empty when every message is read."""
    excluded: Mapping[str, str]
    """Id -> what `exclude` calls it, for the rule that keeps such messages out."""
    selective: bool
    """Whether `include` says anything: it may name labels that this account has not."""

    @property
    def telling(self) -> frozenset[str]:
        """Ids whose coming or going changes whether a message is read, or how it is decided on."""
        return HIDDEN | self.included | self.excluded.keys()

    def shows(self, ids: Iterable[str]) -> bool:
        """Whether a message with these labels is one to be read."""
        held = frozenset(ids)
        return not held & HIDDEN and (not self.selective or bool(held & self.included))

    def folders(self, ids: Iterable[str]) -> tuple[str, ...]:
        """What the message is filed under, with the admin's own words for what is excluded."""
        held = [id for id in ids if id not in _SILENT and not id.startswith("CATEGORY_") and "_STAR" not in id]
        named = [self.names.get(id, id) for id in held]
        return tuple(dict.fromkeys([*named, *(self.excluded[id] for id in held if id in self.excluded)]))


def labels(listed: Resource, settings: Settings) -> Labels:
    """Of the answer of labels.list."""
    names = {str(each["id"]): str(each.get("name", each["id"])) for each in listed.get("labels", ())}
    excluded = {id: word for id, name in names.items() for word in settings.exclude if _is_within(name, word)}
    included = frozenset(id for id, name in names.items() for word in settings.include if _is_within(name, word))
    return Labels(names, included, excluded, selective=bool(settings.include))


def _is_within(name: str, word: str) -> bool:
    """Whether the label is the one that the admin names, or lies below it, in any case: `Clients/Acme` in `clients`."""
    name, word = name.casefold(), word.casefold().rstrip("/")
    return name == word or name.startswith(f"{word}/")
