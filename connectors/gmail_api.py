"""The few methods of Gmail's API that are called, with what each costs and which fields of its answer are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

from connectors.gmail_messages import decoded, received_at
from connectors.google_api import Caller, Fetched, Request, Resource, api, pages
from connectors.google_errors import require_owner
from connectors.google_settings import Settings
from connectors.mime import HEADER_FIELDS
from syncd.errors import SyncError

# https://developers.google.com/workspace/gmail/api/reference/quota
_LIST, _HISTORY, _PROFILE, _LABELS = 5, 2, 1, 1

_PAGE = 500
_MESSAGE = "id,labelIds,internalDate,sizeEstimate,payload"
_CHANGE = "message(id,labelIds)"
_RECORD = (
    f"id,messagesAdded({_CHANGE}),messagesDeleted({_CHANGE}),labelsAdded({_CHANGE},labelIds),"
    f"labelsRemoved({_CHANGE},labelIds)"
)


class Gmail:
    """Of one account. `searches` is whether its token may ask by time: one for headers only may not."""

    def __init__(self, caller: Caller, settings: Settings, *, searches: bool) -> None:
        self.searches = searches
        self.fetches_whole = searches and settings.fetch == "whole"
        self._caller = caller
        self._cost = settings.units_per_message
        self._api = api("gmail", "v1", "Gmail API", settings.endpoint)
        self._users = self._api.collection("users")
        self._messages = self._api.collection("users.messages")
        self._history = self._api.collection("users.history")
        self._labels = self._api.collection("users.labels")

    @property
    def at_once(self) -> int:
        """How many messages are asked for in one batch."""
        return self._caller.at_once(self._cost)

    def profile(self) -> Resource:
        return self._caller.call(self._api, self._users.getProfile(userId="me"), cost=_PROFILE)

    def require_owner(self) -> None:
        """Raises Permanent when another mailbox answers than the one that was asked for."""
        require_owner(str(self.profile().get("emailAddress", "")), self._caller.owner)

    def history_id(self) -> str:
        return str(self.profile()["historyId"])

    def labels(self) -> Resource:
        request = self._labels.list(userId="me", fields="labels(id,name)")
        return self._caller.call(self._api, request, cost=_LABELS)

    def listing(self, *, label: str, since: datetime | None) -> Iterator[str]:
        """Ids of all messages with the label (or of all) that came since; neither spam nor bin."""
        more: dict[str, Any] = {"labelIds": [label]} if label else {}
        if self.searches:
            # Seconds: a date would be midnight in Pacific time.
            after = f"after:{max(0, int(since.timestamp()))} " if since is not None else ""
            more["q"] = f"{after}-in:chats -in:drafts"
        more["fields"] = "nextPageToken,messages/id"
        for each in pages(lambda place: self._listed(self._messages, _LIST, **more, **place)):
            yield from (str(message["id"]) for message in each.get("messages") or ())

    def history(self, start: str) -> Iterator[Resource]:
        """The pages of all that happened after this historyId. Raises Missing when it is too old."""
        more = {"startHistoryId": start, "fields": f"nextPageToken,historyId,history({_RECORD})"}
        return pages(lambda place: self._listed(self._history, _HISTORY, **more, **place))

    def _listed(self, collection: Any, cost: int, **parameters: Any) -> Resource:
        return self._caller.call(self._api, collection.list(userId="me", maxResults=_PAGE, **parameters), cost=cost)

    def messages(self, ids: Sequence[str], *, whole: bool) -> Fetched:
        """Not more than `at_once`: their headers, or, if it may be, their bodies as well; all formats cost the same."""
        if not ids:
            return Fetched({}, None)
        form = {"format": "full"} if whole and self.searches else {"format": "metadata", "metadataHeaders": _HEADERS}
        return self._caller.fetch(self._api, self._gets(ids, fields=_MESSAGE, **form), cost=self._cost)

    def dates(self, ids: Sequence[str]) -> Mapping[str, datetime]:
        """When these came; without those that are gone, or of which Gmail does not say it."""
        found: dict[str, datetime] = {}
        for start in range(0, len(ids), self.at_once):
            some = ids[start : start + self.at_once]
            requests = self._gets(some, format="minimal", fields="id,internalDate")
            fetched = self._caller.fetch(self._api, requests, cost=self._cost)
            if fetched.stopped is not None:
                raise fetched.stopped
            for id, each in fetched.found.items():
                if not isinstance(each, SyncError) and (came := received_at(each)) is not None:
                    found[id] = came
        return found

    def _gets(self, ids: Sequence[str], **parameters: Any) -> dict[str, Request]:
        """A request for each. To build one takes the library a quarter of all the time that a message takes; so one is
        built, and copied."""
        model = self._messages.get(userId="me", id=_ANY, **parameters)
        return {id: _copied(model, id) for id in ids}

    def attachment(self, message_id: str, id: str) -> bytes:
        """Raises Missing when it is gone."""
        request = self._api.collection("users.messages.attachments").get(
            userId="me", messageId=message_id, id=id, fields="data"
        )
        return decoded(str(self._caller.call(self._api, request, cost=self._cost).get("data", "")))


def _copied(model: Any, id: str) -> Request:
    """`model` is a googleapiclient.http.HttpRequest. Its headers are the same for all: Http adds them, once a batch."""
    one = copy(model)
    one.uri = model.uri.replace(_ANY, quote(id, safe=""), 1)
    one.headers = {}
    return cast(Request, one)


_ANY = "ID-OF-A-MESSAGE"
_HEADERS = list(HEADER_FIELDS)
