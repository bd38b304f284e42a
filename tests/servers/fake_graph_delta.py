"""The delta functions: a first round over what there is, later ones over what happened, and links that say nothing.

https://learn.microsoft.com/graph/delta-query-messages and delta-query-overview. Known traps are kept: a filtered first
round ends after 5,000 messages, a page may be empty and have a next one, an entry may hold one property only, and under
immutable ids what left a folder and came back between two rounds is told as having left (docs-contrib issue 72).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.servers import fake_graph_query as queries
from tests.servers.fake_graph_http import Json
from tests.servers.fake_graph_mail import Folder, Happened, Mail, Mailbox, opaque
from tests.servers.fake_graph_query import Preferred, Refused

FILTERED = 5000
DEFAULT_PAGE = 10


@dataclass(slots=True)
class _Round:
    mailbox: Mailbox
    folder: Folder | None
    """None for the round over the folders themselves."""
    query: Mapping[str, str]
    since: int
    """Of what happens from here on the next round tells."""
    waiting: list[Any] | None = None
    """What this round has yet to tell; None where it has not begun."""
    padded: bool = False


@dataclass(slots=True)
class Deltas:
    empty_pages: bool = False
    """Every round begins with an empty page."""
    ends_empty: bool = False
    """What is told is followed by an empty page."""
    replays: bool = False
    """Every round tells again what the one before it told."""
    doubles: bool = False
    """What was moved here is told twice in one round, as is known of the archive (microsoft-graph-docs issue 3611)."""
    expired: Refused | None = None
    """What every link that was given is answered with."""
    largest: int = 1000
    given: dict[str, _Round] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def answer(
        self, url: str, mailbox: Mailbox, folder: Folder | None, query: dict[str, str], prefer: Preferred
    ) -> Json:
        """`url` is the address asked, without its query."""
        token = query.get("$skiptoken") or query.get("$deltatoken")
        current = self._opened(token) if token else self._first(mailbox, folder, query)
        if current.waiting is None:
            current = self._later(current)
        size = min(prefer.page or DEFAULT_PAGE, self.largest)
        if self.empty_pages and not current.padded:
            current.padded = True
            return {"value": [], "@odata.nextLink": self._link(url, "$skiptoken", current)}
        waiting = current.waiting or []
        entries = [entry for each in waiting[:size] for entry in self._told(current, each, prefer)]
        current.waiting = waiting[size:]
        if current.waiting or (self.ends_empty and entries):
            return {"value": entries, "@odata.nextLink": self._link(url, "$skiptoken", current)}
        following = _Round(current.mailbox, current.folder, current.query, current.since)
        return {"value": entries, "@odata.deltaLink": self._link(url, "$deltatoken", following)}

    def expire(self, refused: Refused) -> None:
        """All links that were given until now mean nothing any more."""
        self.expired = refused
        self.given.clear()

    def _opened(self, token: str) -> _Round:
        known = self.given.get(token)
        if known is None:
            words = "The sync state generation is not found; perform a full synchronization."
            raise self.expired or Refused(410, "SyncStateNotFound", words)
        return _Round(
            known.mailbox, known.folder, known.query, known.since, known.waiting and [*known.waiting], known.padded
        )

    def _link(self, url: str, name: str, current: _Round) -> str:
        token = opaque("token", next(self._numbers))
        self.given[token] = current
        return f"{url}?{name}={token}"

    def _first(self, mailbox: Mailbox, folder: Folder | None, query: dict[str, str]) -> _Round:
        since = mailbox.now()
        if folder is None:
            there: Sequence[Any] = [each for each in mailbox.folders if each.parent is not None]
        else:
            if "$search" in query or "$skip" in query:
                raise Refused(
                    400, "ErrorInvalidUrlQuery", "The following parameters are not supported with change tracking."
                )
            queries.check_order(query)
            text = query.get("$filter", "")
            there = [mail for mail in mailbox.held(folder) if queries.matches(mail, text, delta=True)]
            there = there[:FILTERED] if text else there
        return _Round(mailbox, folder, query, since, list(there))

    def _later(self, current: _Round) -> _Round:
        """What happened since, one entry for each message however often it happened."""
        mailbox, since = current.mailbox, current.since
        happened: list[Any]
        if current.folder is None:
            happened = [(each, what) for number, each, what in mailbox.folder_log if number >= since]
        else:
            by_mail: dict[int, list[Happened]] = {}
            for each in mailbox.happened(current.folder, since):
                by_mail.setdefault(each.mail.key, []).append(each)
            happened = list(by_mail.values())
            if self.doubles:
                happened += [events for events in happened if any(map(_moved_here, events))]
        following = since if self.replays and happened else mailbox.now()
        return _Round(mailbox, current.folder, current.query, following, happened)

    def _told(self, current: _Round, each: Any, prefer: Preferred) -> list[Json]:
        mailbox, query = current.mailbox, current.query
        match each:
            case Mail():
                there = each.key in mailbox.mails and each.folder is current.folder
                return [queries.message(mailbox, each, query, prefer)] if there else []
            case Folder():
                return [queries.selected(queries.folder(mailbox, each), query)]
            case (Folder() as folder, "deleted"):
                return [{"id": mailbox.folder_id(folder), "@removed": {"reason": "deleted"}}]
            case (Folder() as folder, _):
                return [queries.selected(queries.folder(mailbox, folder), query)] if folder in mailbox.folders else []
        return self._of_message(current, each, prefer)

    def _of_message(self, current: _Round, events: Sequence[Happened], prefer: Preferred) -> list[Json]:
        mailbox, mail = current.mailbox, events[0].mail
        id_ = mailbox.mail_id(mail, immutable=prefer.immutable)
        what = [event.what for event in events]
        if what[-1] == "deleted":
            return [_removed(id_, "deleted")]
        if what[-1] == "left" or (what[0] == "left" and prefer.immutable):
            return [_removed(id_, "changed")]
        if set(what) == {"flagged"}:
            return [{"@odata.type": "#microsoft.graph.message", "id": id_, "isRead": mail.fields["isRead"]}]
        if mail.key not in mailbox.mails:
            return []
        return [queries.message(mailbox, mail, current.query, prefer)]


def _moved_here(event: Happened) -> bool:
    return event.what == "added" and event.mail.moves > 0


def _removed(id_: str, reason: str) -> Json:
    return {"@odata.type": "#microsoft.graph.message", "id": id_, "@removed": {"reason": reason}}
