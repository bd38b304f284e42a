"""What a history tells: which messages came or left, each once, by its last state. No I/O.

Records repeat, and their order is not relied on: they are sorted by their ids, which grow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from connectors.gmail_labels import Labels
from connectors.google_api import Resource

_KINDS = ("messagesAdded", "labelsAdded", "labelsRemoved", "messagesDeleted")


class Told(NamedTuple):
    touched: Mapping[str, bool]
    """Message id -> whether it is to be read; else it has left."""
    history: str
    """The mailbox's historyId when this was asked for."""


def changes_in(pages: Iterable[Resource], labels: Labels) -> Told:
    """Of all pages."""
    history = ""
    records: list[dict[str, Any]] = []
    for page in pages:
        history = max(history, str(page.get("historyId", "")), key=_number)
        records += page.get("history") or ()
    touched: dict[str, bool] = {}
    erased: set[str] = set()
    for record in sorted(records, key=lambda each: _number(str(each.get("id", "")))):
        for kind in _KINDS:
            for change in record.get(kind) or ():
                _take(kind, change, labels, touched, erased)
    return Told(touched, history)


def labels_in(pages: Iterable[Resource]) -> set[str]:
    """Ids of all labels that came or went."""
    records = [record for page in pages for record in page.get("history") or ()]
    changes = [change for record in records for kind in _KINDS for change in record.get(kind) or ()]
    return {str(label) for change in changes for label in change.get("labelIds") or ()}


def _take(kind: str, change: dict[str, Any], labels: Labels, touched: dict[str, bool], erased: set[str]) -> None:
    stub = change.get("message") or {}
    id = str(stub.get("id", ""))
    if not id or id in erased:
        return  # ids are never used again
    if kind == "messagesDeleted":
        erased.add(id)
        touched[id] = False
    elif kind == "messagesAdded" or labels.telling & set(change.get("labelIds") or ()) or id in touched:
        # The stub has the labels that resulted, so what was moved to the bin need not be asked for; one without any may
        # be of a message without any, or have left them out ("will typically only have id and threadId").
        touched[id] = labels.shows(stub["labelIds"]) if stub.get("labelIds") else True


def _number(history_id: str) -> int:
    return int(history_id) if history_id.isdecimal() else 0
