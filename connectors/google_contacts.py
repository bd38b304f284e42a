"""The contacts of a Google account, by the People API: what the owner saved, and on request whom they only wrote to.

A sync token tells what changed since a listing, if it is used with the same parameters; seven days after the listing it
ends, and all is listed anew (https://developers.google.com/people/v1/contacts#sync). What was changed a moment ago may
take minutes to be told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors import google_errors as errors
from connectors.base import Card, ContactsWanted, Context
from connectors.google_api import Caller, Request, Resource, api, pages
from connectors.google_opening import Opening
from connectors.google_quota import QUOTAS, Quotas
from connectors.google_settings import Settings

_SAVED = "https://www.googleapis.com/auth/contacts.readonly"
_OTHERS = "https://www.googleapis.com/auth/contacts.other.readonly"

_PAGE = 1000
_SAVED_FIELDS = "names,emailAddresses,phoneNumbers,organizations,memberships,metadata"
_OTHERS_FIELDS = "names,emailAddresses,phoneNumbers,metadata"
_SOURCES = {"CONTACT", "OTHER_CONTACT"}


def scopes(wanted: ContactsWanted | None) -> frozenset[str]:
    """What is asked for beyond mail, calendars and tasks."""
    if wanted is None:
        return frozenset()
    return frozenset({_SAVED, _OTHERS} if wanted.others else {_SAVED})


@dataclass(slots=True)
class _Listing:
    """One of the two listings, and what it has told so far."""

    page: Callable[[Mapping[str, str]], Resource]
    """Asks for one page, by what tells them apart: `pageToken`, `syncToken`."""
    named: str
    """The field of a page that holds its people."""
    people: dict[str, Resource] = field(default_factory=dict)
    """By resource name."""
    names: dict[str, str] = field(default_factory=dict)
    """Id -> resource name."""
    token: str = ""

    def current(self) -> Iterable[Resource]:
        try:
            self._read(self.token)
        except (errors.TokenExpired, errors.Missing, errors.Misunderstood):
            if not self.token:
                raise
            self._read("")
        return self.people.values()

    def _read(self, token: str) -> None:
        """All of it, or what is new since the token; nothing is taken over of a listing that broke off."""
        found, names = (dict(self.people), dict(self.names)) if token else ({}, {})
        since = {"syncToken": token} if token else {}
        following = ""
        for page in pages(lambda place: self.page({**since, **place})):
            for person in page.get(self.named) or ():
                _note(found, names, person)
            following = str(page.get("nextSyncToken") or following)
        self.people, self.names, self.token = found, names, following


def _note(found: dict[str, Resource], names: dict[str, str], person: Resource) -> None:
    """A contact that was linked to a profile, or unlinked, has another resource name than before; which ones it had is
    told, but not of all times."""
    name, told = str(person["resourceName"]), person.get("metadata") or {}
    for former in (*(told.get("previousResourceNames") or ()), names.get(_id(person), name)):
        found.pop(str(former), None)
    if told.get("deleted"):
        found.pop(name, None)
    else:
        found[name] = person
        names[_id(person)] = name


class GoogleAddressBook:
    def __init__(self, settings: Settings, context: Context, *, quotas: Quotas = QUOTAS) -> None:
        self._opening = Opening(settings, context, quotas)
        self._wanted = context.contacts or ContactsWanted()
        self._api = api("people", "v1", "People API", settings.endpoint)
        self._caller: Caller | None = None
        self._saved = _Listing(self._page_of_saved, "connections")
        self._others = _Listing(self._page_of_others, "otherContacts")

    def cards(self) -> Sequence[Card]:
        groups = self._groups() if self._wanted.groups else None
        people = [person for person in self._saved.current() if groups is None or groups & set(_groups_of(person))]
        if self._wanted.others:
            people += self._others.current()
        return [_card(person) for person in people]

    def close(self) -> None:
        """Forget who signed in. Connections are the process's."""
        self._caller = None

    def _call(self, request: Request) -> Resource:
        if self._caller is None:
            self._caller = self._opening.caller(scopes(self._wanted), of="people")
        return self._caller.call(self._api, request, cost=1)

    def _page_of_saved(self, place: Mapping[str, str]) -> Resource:
        return self._call(
            self._api.collection("people.connections").list(
                resourceName="people/me",
                personFields=_SAVED_FIELDS,
                sources="READ_SOURCE_TYPE_CONTACT",
                pageSize=_PAGE,
                requestSyncToken=True,
                **place,
            )
        )

    def _page_of_others(self, place: Mapping[str, str]) -> Resource:
        listed = self._api.collection("otherContacts").list
        return self._call(listed(readMask=_OTHERS_FIELDS, pageSize=_PAGE, requestSyncToken=True, **place))

    def _groups(self) -> set[str]:
        """The resource names of the labels that are wanted."""
        groups = self._api.collection("contactGroups")
        wanted = {name.casefold() for name in self._wanted.groups}
        fields = "name,groupType"
        listed = pages(lambda place: self._call(groups.list(pageSize=_PAGE, groupFields=fields, **place)))
        found = [group for each in listed for group in each.get("contactGroups") or ()]
        return {str(group["resourceName"]) for group in found if _is_named(group, wanted)}


def _is_named(group: Resource, wanted: set[str]) -> bool:
    """The system's own (`starred`) have a name for programs, and one for people."""
    return bool(wanted & {str(group.get(name) or "").casefold() for name in ("name", "formattedName")})


def _groups_of(person: Resource) -> Iterator[str]:
    for each in person.get("memberships") or ():
        yield str((each.get("contactGroupMembership") or {}).get("contactGroupResourceName") or "")


def _id(person: Resource) -> str:
    """Of the contact itself, since a resource name changes with what it is linked to."""
    sources = (person.get("metadata") or {}).get("sources") or ()
    own = (str(each["id"]) for each in sources if each.get("type") in _SOURCES and each.get("id"))
    return next(own, str(person["resourceName"]))


def _card(person: Resource) -> Card:
    firms = sorted(person.get("organizations") or (), key=lambda firm: not firm.get("current"))
    return Card(
        id=_id(person),
        name=next(_texts(person, "names", "displayName"), ""),
        addresses=tuple(_texts(person, "emailAddresses", "value")),
        phones=tuple(_phones(person)),
        account=next((str(firm["name"]).strip() for firm in firms if firm.get("name")), ""),
    )


def _texts(person: Resource, name: str, inner: str) -> Iterator[str]:
    return (str(each[inner]).strip() for each in person.get(name) or () if each.get(inner))


def _phones(person: Resource) -> Iterator[str]:
    """In the form that Google made of it (E.164), where it made one."""
    for each in person.get("phoneNumbers") or ():
        if "fax" not in str(each.get("type") or "").lower() and (written := _written(each)):
            yield written


def _written(phone: Mapping[str, Any]) -> str:
    return str(phone.get("canonicalForm") or phone.get("value") or "").strip()


def address_book(settings: Settings, context: Context) -> GoogleAddressBook:
    return GoogleAddressBook(settings, context)
