"""The People API's contacts in memory: two listings with sync tokens of seven days, labels, and names that change.

https://developers.google.com/people/api/rest/v1/people.connections/list, and what it says of its own quota for the
first page of a full listing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.servers import google_errors as errors
from tests.servers.fake_gmail import Query
from tests.servers.google_errors import Refusal

Person = dict[str, Any]
WEEK = 7 * 86_400.0

_ENDED = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "EXPIRED_SYNC_TOKEN", "domain": "people"}
SYNC_TOKEN_IS_OVER = errors.refusal(
    400,
    "Sync token is expired. Clear local cache and retry call without the sync token.",
    "failedPrecondition",
    "FAILED_PRECONDITION",
    details=[_ENDED],
)
FULL_SYNC_QUOTA = errors.refusal(
    429, "Quota exceeded for quota metric 'FBS Contacts full sync'", "rateLimitExceeded", "RESOURCE_EXHAUSTED"
)
_SAME = {
    "connections": ("personFields", "pageSize", "requestSyncToken", "sources", "sortOrder"),
    "otherContacts": ("readMask", "pageSize", "requestSyncToken", "sources"),
}


@dataclass
class People:
    clock: Any
    kind: str
    """`connections` or `otherContacts`: the field of a page."""
    people: dict[str, Person] = field(default_factory=dict)
    """By resource name; what was deleted stays as a tombstone."""
    changed: dict[str, int] = field(default_factory=dict)
    change: int = 1
    page: int = 1000
    refuses_full: int = 0
    """So many first pages of a full listing are over the quota of their own."""
    parameters: dict[str, list[str]] = field(default_factory=dict)
    """What the listing that gave the last token was asked with."""
    begun: dict[str, float] = field(default_factory=dict)
    """Sync token -> when the full listing that it goes back to was."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # ------------------------------------------------------------------------------------------- what its owner does

    def put(self, name: str, *addresses: str, resource: str = "", **more: Any) -> str:
        """A new contact, or another version of one; returns its resource name. `more` are fields of a Person."""
        number = next(self._numbers)
        resource = resource or f"{'people' if self.kind == 'connections' else 'otherContacts'}/c{7_000_000 + number}"
        known = self.people.get(resource, {}).get("metadata", {})
        kind = "CONTACT" if self.kind == "connections" else "OTHER_CONTACT"
        self._note(
            resource,
            {
                "names": [{"displayName": name, "metadata": {"primary": True}}] if name else [],
                "emailAddresses": [{"value": address} for address in addresses],
                "metadata": {"sources": [{"type": kind, "id": f"{number:x}5ca1ab1e"}], "objectType": "PERSON", **known},
                **more,
            },
        )
        return resource

    def rename(self, resource: str) -> str:
        """It was linked to a profile: the same contact has another resource name."""
        person = self.people.pop(resource)
        del self.changed[resource]
        renamed = f"{resource}9"
        former = [*person["metadata"].get("previousResourceNames", ()), resource]
        self._note(renamed, {**person, "metadata": {**person["metadata"], "previousResourceNames": former}})
        return renamed

    def delete(self, resource: str) -> None:
        """Who it was is still told, and nothing else."""
        self._note(resource, {"metadata": {**self.people[resource]["metadata"], "deleted": True}})

    def _note(self, resource: str, person: Mapping[str, Any]) -> None:
        self.change += 1
        told = {name: value for name, value in person.items() if value}
        self.people[resource] = {"resourceName": resource, "etag": f"%{self.change}", **told}
        self.changed[resource] = self.change

    # -------------------------------------------------------------------------------------------------- the method

    def listing(self, query: Query) -> dict[str, Any] | Refusal:
        token, place = (query.get(name, [""])[0] for name in ("syncToken", "pageToken"))
        shape = {name: query[name] for name in _SAME[self.kind] if name in query}
        if not token and not place:
            if self.refuses_full:
                self.refuses_full -= 1
                return FULL_SYNC_QUOTA
            self.parameters = shape
        if shape != self.parameters:
            return errors.bad_request("All request parameters must match the first call.")
        if token and self.clock() - self.begun.get(token, 0.0) > WEEK:
            return SYNC_TOKEN_IS_OVER
        found = [person for resource, person in self.people.items() if self._is_wanted(resource, token)]
        start = int(place or 0)
        size = min(int(query.get("pageSize", ["100"])[0]), self.page)
        answer: dict[str, Any] = {self.kind: shown} if (shown := found[start : start + size]) else {}
        if start + size < len(found):
            return {**answer, "nextPageToken": str(start + size)}
        if query.get("requestSyncToken") == ["true"]:
            answer["nextSyncToken"] = self._token(token)
        return answer

    def _is_wanted(self, resource: str, token: str) -> bool:
        if token:
            return self.changed[resource] > int(token.partition("-")[0])
        return not self.people[resource]["metadata"].get("deleted")

    def _token(self, former: str) -> str:
        """Its seven days are counted from the full listing, however often it is used."""
        made = f"{self.change}-{next(self._numbers)}"
        self.begun[made] = self.begun[former] if former else self.clock()
        return made


@dataclass
class AddressBook:
    """All the contacts of one user."""

    clock: Any
    saved: People = field(init=False)
    others: People = field(init=False)
    groups: dict[str, str] = field(default_factory=dict)
    """Name -> resource name, of labels."""

    def __post_init__(self) -> None:
        self.saved, self.others = People(self.clock, "connections"), People(self.clock, "otherContacts")

    def membership(self, name: str) -> dict[str, Any]:
        """Of a person with this label, which is made if it is new."""
        resource = self.groups.setdefault(name, f"contactGroups/{len(self.groups) + 1:x}ab")
        told = {"contactGroupId": resource.partition("/")[2], "contactGroupResourceName": resource}
        return {"contactGroupMembership": told}

    def answer(self, method: str, query: Query) -> dict[str, Any] | Refusal:
        match method:
            case "people.people.connections.list":
                return self.saved.listing(query)
            case "people.otherContacts.list":
                return self.others.listing(query)
        assert method == "people.contactGroups.list"
        return {
            "contactGroups": [
                {"resourceName": resource, "name": name, "formattedName": name, "groupType": "USER_CONTACT_GROUP"}
                for name, resource in self.groups.items()
            ]
        }
