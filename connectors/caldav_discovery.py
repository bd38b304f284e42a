"""From the address that the admin wrote to where the calendars, or the address books, are (RFC 6764, 5397, 4791 section
6.2.1, 6352 section 7.1.1).

The address itself is asked first, then the well-known address of its host, then the host's root. Some servers have no
well-known address (GMX), some no principal (Synology), and a shared calendar is all there is at its own. DNS is not
asked: a provider that has SRV records only is found by its full address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from connectors import caldav_xml as xml
from connectors.caldav_errors import not_dav, refused
from connectors.caldav_session import Session, located
from connectors.caldav_xml import CALDAV, CARDDAV, DAV, NotDav, Row
from connectors.http import Response
from syncd.errors import Permanent, ReauthNeeded, SyncError

_PRINCIPAL = f"{DAV}current-user-principal"
_ADDRESSES = f"{CALDAV}calendar-user-address-set"
_TYPE = f"{DAV}resourcetype"


class Service(NamedTuple):
    """What is looked for."""

    called: str
    well_known: str
    home_set: str
    collection: str
    """What a collection says that it is."""

    @property
    def asked(self) -> bytes:
        return xml.propfind([_PRINCIPAL, self.home_set, _ADDRESSES, _TYPE])


CALENDARS = Service("calendars", "caldav", f"{CALDAV}calendar-home-set", f"{CALDAV}calendar")
ADDRESS_BOOKS = Service("address books", "carddav", f"{CARDDAV}addressbook-home-set", f"{CARDDAV}addressbook")


class Found(NamedTuple):
    homes: tuple[str, ...]
    """URLs of collections whose members are what was looked for."""
    named: tuple[str, ...]
    """URLs of calendars, or address books, that were named themselves."""
    addresses: tuple[str, ...]
    """The owner's own, as the server knows them; some tell none."""


def find(session: Session, address: str, service: Service = CALENDARS) -> Found:
    """Raises what the address itself answered, if nothing else leads further."""
    first: SyncError | None = None
    for url in _places(address, service):
        response = session.ask("PROPFIND", url, service.asked, depth=0)
        try:
            return _followed(session, response, service)
        except _DeadEnd as end:
            first = first or end.why
    raise first or Permanent(f"{address} leads nowhere", cure="check `url` of the mailbox")


class _DeadEnd(Exception):
    """This place leads no further; the next one may."""

    def __init__(self, why: SyncError) -> None:
        super().__init__(str(why))
        self.why = why


def _places(address: str, service: Service) -> Iterator[str]:
    """Each once."""
    root = urlsplit(address)._replace(path="/", query="", fragment="").geturl()
    yield from dict.fromkeys((address, f"{root}.well-known/{service.well_known}", root))


def _followed(session: Session, response: Response, service: Service) -> Found:
    """From what any place answered; raises _DeadEnd."""
    here, row = response.url, _only_row(response, service)
    if row.has(_TYPE, service.collection):
        return Found((), (here,), _addresses(row))
    if homes := _homes(session, row, here, service):
        return Found(homes, (), _addresses(row))
    for href in row.hrefs(_PRINCIPAL):
        principal = session.approved(located(href, here), seen_at=here)
        answer = session.ask("PROPFIND", principal, service.asked, depth=0)
        told = _only_row(answer, service)
        if homes := _homes(session, told, answer.url, service):
            return Found(homes, (), _addresses(told))
    if row.has(_TYPE, f"{DAV}collection") and urlsplit(here).path != "/":
        return Found((here,), (), _addresses(row))
    raise _DeadEnd(
        Permanent(
            f"{urlsplit(here).hostname} does not say where its {service.called} are",
            cure=f"write the address of the user's {service.called}, as the provider names it, as `url` of the mailbox",
        )
    )


def _only_row(response: Response, service: Service) -> Row:
    what = f"asking {urlsplit(response.url).hostname} for the {service.called}"
    if response.status != 207:
        raise _DeadEnd(refused(what, response))
    try:
        rows = xml.multistatus(response.body).rows
    except NotDav as error:
        raise _DeadEnd(not_dav(what, str(error))) from error
    if not rows:
        raise _DeadEnd(not_dav(what, "it is an empty list"))
    principal = rows[0].properties.get(_PRINCIPAL)
    if principal is not None and principal.find(f"{DAV}unauthenticated") is not None:
        # RFC 5397 section 3: a server that lets anybody in, but sees nobody in us.
        raise ReauthNeeded(f"{what}: it does not know who we are", cure="check `user` and `secret` of the mailbox")
    return rows[0]


def _homes(session: Session, row: Row, here: str, service: Service) -> tuple[str, ...]:
    """There may be several (RFC 4791 section 6.2.1), and on another host (iCloud)."""
    urls = dict.fromkeys(located(href, here) for href in row.hrefs(service.home_set) if href)
    return tuple(session.approved(_as_folder(url), seen_at=here) for url in urls)


def _as_folder(url: str) -> str:
    return url if url.endswith("/") else f"{url}/"


def _addresses(row: Row) -> tuple[str, ...]:
    return _mail_addresses(row.hrefs(_ADDRESSES))


def _mail_addresses(uris: Sequence[str]) -> tuple[str, ...]:
    """Of a set that also holds paths and urn:uuid: (RFC 6638 section 2.4.1)."""
    found = (unquote(uri[len("mailto:") :]).strip() for uri in uris if uri[:7].lower() == "mailto:")
    return tuple(dict.fromkeys(address for address in found if "@" in address))
