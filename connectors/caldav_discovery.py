"""From the address that the admin wrote to where the calendars are (RFC 6764, 5397, 4791 section 6.2.1).

The address itself is asked first, then /.well-known/caldav of its host, then the host's root. Some servers have no
well-known address (GMX), some no principal (Synology), and a shared calendar is all there is at its own. DNS is not
asked: a provider that has SRV records only is found by its full address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from connectors import caldav_xml as xml
from connectors.caldav_errors import not_dav, refused
from connectors.caldav_session import Session, located
from connectors.caldav_xml import CALDAV, DAV, NotDav, Row
from connectors.http import Response
from syncd.errors import Permanent, ReauthNeeded, SyncError

_PRINCIPAL = f"{DAV}current-user-principal"
_HOME_SET = f"{CALDAV}calendar-home-set"
_ADDRESSES = f"{CALDAV}calendar-user-address-set"
_TYPE = f"{DAV}resourcetype"
_ASKED = xml.propfind([_PRINCIPAL, _HOME_SET, _ADDRESSES, _TYPE])


@dataclass(frozen=True, slots=True)
class Found:
    homes: tuple[str, ...]
    """URLs of collections whose members are calendars."""
    calendars: tuple[str, ...]
    """URLs of calendars that were named themselves."""
    addresses: tuple[str, ...]
    """The owner's own, as the server knows them; some tell none."""


def find(session: Session, address: str) -> Found:
    """Raises what the address itself answered, if nothing else leads further."""
    first: SyncError | None = None
    for url in _places(address):
        response = session.ask("PROPFIND", url, _ASKED, depth=0)
        try:
            return _followed(session, response)
        except _DeadEnd as end:
            first = first or end.why
    raise first or Permanent(f"{address} leads nowhere", cure="check `url` of the mailbox")


class _DeadEnd(Exception):
    """This place leads no further; the next one may."""

    def __init__(self, why: SyncError) -> None:
        super().__init__(str(why))
        self.why = why


def _places(address: str) -> Iterator[str]:
    """Each once."""
    root = urlsplit(address)._replace(path="/", query="", fragment="").geturl()
    yield from dict.fromkeys((address, f"{root}.well-known/caldav", root))


def _followed(session: Session, response: Response) -> Found:
    """From what any place answered; raises _DeadEnd."""
    here, row = response.url, _only_row(response)
    if row.has(_TYPE, f"{CALDAV}calendar"):
        return Found((), (here,), _addresses(row))
    if homes := _homes(session, row, here):
        return Found(homes, (), _addresses(row))
    for href in row.hrefs(_PRINCIPAL):
        principal = session.approved(located(href, here), seen_at=here)
        answer = session.ask("PROPFIND", principal, _ASKED, depth=0)
        told = _only_row(answer)
        if homes := _homes(session, told, answer.url):
            return Found(homes, (), _addresses(told))
    if row.has(_TYPE, f"{DAV}collection") and urlsplit(here).path != "/":
        return Found((here,), (), _addresses(row))
    raise _DeadEnd(
        Permanent(
            f"{urlsplit(here).hostname} does not say where its calendars are",
            cure="write the address of the user's calendars, as the provider names it, into `url` of the mailbox",
        )
    )


def _only_row(response: Response) -> Row:
    what = f"asking {urlsplit(response.url).hostname} for the calendars"
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


def _homes(session: Session, row: Row, here: str) -> tuple[str, ...]:
    """There may be several (RFC 4791 section 6.2.1), and on another host (iCloud)."""
    urls = dict.fromkeys(located(href, here) for href in row.hrefs(_HOME_SET) if href)
    return tuple(session.approved(_as_folder(url), seen_at=here) for url in urls)


def _as_folder(url: str) -> str:
    return url if url.endswith("/") else f"{url}/"


def _addresses(row: Row) -> tuple[str, ...]:
    return _mail_addresses(row.hrefs(_ADDRESSES))


def _mail_addresses(uris: Sequence[str]) -> tuple[str, ...]:
    """Of a set that also holds paths and urn:uuid: (RFC 6638 section 2.4.1)."""
    found = (unquote(uri[len("mailto:") :]).strip() for uri in uris if uri[:7].lower() == "mailto:")
    return tuple(dict.fromkeys(address for address in found if "@" in address))
