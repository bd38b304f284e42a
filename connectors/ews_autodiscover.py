"""Where the web services of a mailbox are: as the admin says, or as Autodiscover does, asked for by the address.

Of the ways of Autodiscover only those are gone that a certificate vouches for: `autodiscover.` before the address's
domain, and the domain itself, by SOAP ([MS-OXWSADISC]). Neither DNS SRV records nor the redirection over plain HTTP are
asked, since anybody in between could answer. The password goes to hosts of that domain alone, and to those that the
admin has named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from exchangelib.properties import UserResponse

from connectors.ews_errors import called
from connectors.ews_settings import IS_CLOUD, Settings, is_cloud
from connectors.ews_wire import AutodiscoverWire
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError

HOPS = 10
_PATH = "/autodiscover/autodiscover.svc"
_CURE = "write the server's name as `host` of the mailbox"
_SETTINGS = ["external_ews_url", "internal_ews_url"]


@dataclass(frozen=True, slots=True)
class Place:
    url: str
    host: str
    """Its name, for messages."""


def found(settings: Settings, secret: str) -> Place:
    """Raises the SyncErrors; no connection is made where the admin has named the host."""
    if settings.host:
        return Place(f"https://{settings.host}/EWS/Exchange.asmx", settings.host)
    waiting, asked_for = [*_places(settings.user, settings.autodiscover)], settings.user
    errors: list[SyncError] = []
    for _ in range(HOPS):
        if not waiting:
            raise _nothing(errors, settings)
        url = waiting.pop(0)
        try:
            told = _told(url, asked_for, settings, secret)
        except ReauthNeeded:
            raise  # a password that is refused is not tried at the next place, which may lock the account
        except SyncError as error:
            errors.append(error)
            continue
        if told.redirect_address:
            asked_for = str(told.redirect_address)
            waiting = [_approved(each, url, settings) for each in _places(asked_for, "")]
        elif told.redirect_url:
            waiting = [_approved(str(told.redirect_url), url, settings)]
        else:
            return _place(told, url, settings)
    raise Permanent("Autodiscover leads round in a circle", cure=_CURE)


def _nothing(errors: Sequence[SyncError], settings: Settings) -> SyncError:
    """It may pass, unless all that was asked is not there for good."""
    said = "; ".join(str(error) for error in errors)
    kind = Retryable if any(isinstance(error, Retryable) for error in errors) else Permanent
    return kind(f"Autodiscover tells nothing of {settings.user}: {said}", cure=_CURE)


def _places(address: str, named: str) -> Iterator[str]:
    if named:
        yield named
        return
    domain = address.partition("@")[2]
    yield f"https://autodiscover.{domain}{_PATH}"
    yield f"https://{domain}{_PATH}"


def _told(url: str, address: str, settings: Settings, secret: str) -> UserResponse:
    host = urlsplit(url).netloc
    wire = AutodiscoverWire(url, host, settings, secret)
    try:
        return called(lambda: wire.get_user_settings(user=address, settings=_SETTINGS), settings, host)
    finally:
        wire.close()


def _place(told: UserResponse, url: str, settings: Settings) -> Place:
    if told.error_code not in (None, "NoError"):
        cure = f"check that {settings.user} is a primary address; or write the server's name as `host` of the mailbox"
        raise Permanent(f"{urlsplit(url).netloc} knows no mailbox {settings.user} ({told.error_code})", cure=cure)
    known = told.user_settings or {}
    ews = str(known.get("external_ews_url") or known.get("internal_ews_url") or "")
    if not ews:
        raise Permanent(f"{urlsplit(url).netloc} names no EWS for {settings.user}", cure=_CURE)
    ews = _approved(ews, url, settings)
    return Place(ews, urlsplit(ews).netloc)


def _approved(url: str, seen_at: str, settings: Settings) -> str:
    """The URL, if the password may be sent there; raises Permanent."""
    sender = urlsplit(seen_at).netloc
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Permanent(f"{sender} sends us to what is no address", cure=_CURE) from error
    host = parts.hostname or ""
    if is_cloud(host):
        raise Permanent(f"{settings.user}: {host} {IS_CLOUD}", cure='write kind = "microsoft365" for the mailbox')
    if parts.scheme != "https":
        raise Permanent(f"{sender} sends us to {host} without TLS", cure=_CURE)
    domain = settings.user.partition("@")[2].lower()
    named = urlsplit(settings.autodiscover).hostname
    if host != domain and not host.endswith(f".{domain}") and host != named:
        cure = f'if {host} is the organisation\'s own, write host = "{parts.netloc}" for the mailbox'
        raise Permanent(f"{sender} sends us to {host}, which would get the password, too", cure=cure)
    return url
