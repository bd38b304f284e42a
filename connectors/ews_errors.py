"""What an Exchange server says, or what stands before it, as one of the four errors, in words for the admin.

Codes: ResponseCode of the EWS reference (learn.microsoft.com, "EWS error codes"). exchangelib has a class for each of
them, so that the name of the class is the code; what the network does it raises as codes too.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

import requests
from exchangelib import errors
from exchangelib.protocol import FailFast
from exchangelib.util import is_xml
from spnego.exceptions import SpnegoError

from connectors import http_errors, tls
from connectors.ews_settings import Settings
from connectors.retry import IT_PASSES, persistently
from syncd.errors import CursorExpired, Permanent, ReauthNeeded, Retryable, SyncError

T = TypeVar("T")

Gone = errors.ErrorItemNotFound, errors.ErrorInvalidIdMalformed, errors.ErrorInvalidIdEmpty
"""Of an item that is asked for by its id."""


_STATE_LOST = frozenset({"ErrorInvalidSyncStateData", "ErrorSyncFolderNotFound"})
_BUSY = frozenset(
    {
        "ErrorServerBusy",
        "ErrorTimeoutExpired",
        "ErrorInternalServerTransientError",
        "ErrorMailboxStoreUnavailable",
        "ErrorMailboxMoveInProgress",
        "ErrorMailboxFailover",
        "ErrorConnectionFailed",
        "ErrorConnectionFailedTransientError",
        "ErrorExceededConnectionCount",
        "ErrorTooManyObjectsOpened",
        "ErrorADUnavailable",
        "ErrorADOperation",
        "ErrorInsufficientResources",
        "ErrorNotEnoughMemory",
    }
)
_NO_SUCH_MAILBOX = frozenset(
    {
        "ErrorNonExistentMailbox",
        "ErrorMissingInformationEmailAddress",
        "ErrorInvalidSmtpAddress",
        "ErrorMailboxConfiguration",
    }
)
_NOT_IMPERSONATED = frozenset(
    {"ErrorImpersonateUserDenied", "ErrorImpersonationDenied", "ErrorImpersonationFailed", "ErrorImpersonationRequired"}
)
_DISABLED = frozenset({"ErrorAccountDisabled", "ErrorPasswordExpired", "ErrorPasswordChangeRequired"})
_TOO_OLD = frozenset({"ErrorInvalidServerVersion", "ErrorInvalidSchemaVersionForMailboxVersion"})
_DAMAGED = (SpnegoError, struct.error, ValueError, LookupError, AttributeError)
"""What a challenge of NTLM that is none, or an answer without its parts, does to the libraries."""
_WAYS = ("ntlm", "negotiate", "basic", "bearer", "digest")
_MEANT = {"ntlm": {"ntlm", "negotiate"}, "basic": {"basic"}}
"""`auth` -> the schemes of HTTP by which it is done."""
_TOLD = "SOAP error code"
"""So begins a fault whose code the library does not know."""


class Denied(Permanent):
    """Whoever signs in may not read the mailbox."""


class Judge(FailFast):  # type: ignore[misc]  # exchangelib ships no types
    """What an answer's HTTP status means. The library never waits or tries again by itself with this policy."""

    def __init__(self, settings: Settings, host: str) -> None:
        self.host = host
        self._settings = settings
        self._let_in = False

    def raise_response_errors(self, response: requests.Response) -> None:
        """A status of 500 with XML is a SOAP fault, and is read like any answer."""
        status = response.status_code
        if status == 200 or (status == 500 and is_xml(response.content)):
            self._let_in = True
            return
        http_errors.raise_if_busy(self.host, status, {name.lower(): value for name, value in response.headers.items()})
        if status == 401:
            raise self._refusal(response.headers.get("www-authenticate", ""))
        if status == 403:
            cure = f"Exchange Management Shell: Set-CASMailbox {self._settings.user} -EwsEnabled $true"
            raise Permanent(f"{self.host} refuses EWS to {self._settings.signs_in}", cure=cure)
        if status in (301, 302, 303, 307, 308):
            place = urlsplit(response.headers.get("location", "")).netloc or "a page of its own"
            cure = (
                "write the server's own name as `host` of the mailbox; a sign-in page before it must let /EWS through"
            )
            raise Permanent(f"{self.host} sends us on to {place}", cure=cure)
        if status == 404:
            cure = f"check `host` of the mailbox: https://{self.host}/EWS/Exchange.asmx must answer"
            raise Permanent(f"{self.host} has no EWS", cure=cure)
        raise Retryable(f"{self.host} answers with HTTP {status}", cure=IT_PASSES)

    def _refusal(self, offered: str) -> SyncError:
        """An Exchange that has too much to do answers so, too, now and then (exchangelib's issue 662): one whom it has
        let in before tries once more, on a new connection."""
        if self._let_in:
            self._let_in = False
            return Retryable(f"{self.host} does not know {self._settings.signs_in} any more", cure=IT_PASSES)
        return _other_way(self._settings, self.host, offered) or not_let_in(self._settings, self.host)


def _other_way(settings: Settings, host: str, offered: str) -> Permanent | None:
    """Where the server offers other ways to sign in than the one that is set; `offered` is WWW-Authenticate."""
    ways = [way for way in _WAYS if re.search(rf"(^|,)\s*{way}(\s|,|$)", offered, re.IGNORECASE)]
    if not ways or _MEANT[settings.auth] & {*ways}:
        return None
    other = next((name for name, meant in _MEANT.items() if meant & {*ways}), "")
    allowed = f"have NTLM or Basic allowed for EWS at {host}, or name a server that takes one of them as `host`"
    cure = f'write auth = "{other}" for the mailbox' if other else f"{allowed} of the mailbox"
    return Permanent(f"{host} takes nobody by {settings.auth}, only by {' or '.join(ways)}", cure=cure)


def not_let_in(settings: Settings, host: str) -> ReauthNeeded:
    cure = (
        "check `secret` of the mailbox, and `login` (EXAMPLE\\name or name@example.com); the account may be locked or "
        "expired"
    )
    return ReauthNeeded(f"{host} does not let {settings.signs_in} in by {settings.auth}", cure=cure)


def called(call: Callable[[], T], settings: Settings, host: str) -> T:
    """Call, and again for a short while when the server asks for it; raises one of the four."""
    return persistently(partial(_once, call, settings, host))


def _once(call: Callable[[], T], settings: Settings, host: str) -> T:
    with translated(settings, host):
        return call()


@contextmanager
def translated(settings: Settings, host: str) -> Iterator[None]:
    try:
        yield
    except errors.EWSError as error:
        raise meaning(error, settings, host) from error
    except requests.RequestException as error:
        raise _of_network(error, host) from error
    except _DAMAGED as error:
        raise _not_understood(host) from error


def passes(error: Exception) -> bool:
    """Whether what is said of one item is meant of the server, and the item may well be had later."""
    return type(error).__name__ in _BUSY


def meaning(error: Exception, settings: Settings, host: str) -> SyncError:
    """Of what exchangelib raised."""
    cause = error.__context__
    if isinstance(cause, requests.RequestException):
        return _of_network(cause, host)
    if isinstance(cause, SyncError):
        return cause
    code, said = type(error).__name__, _plain(error)
    if code in _STATE_LOST:
        return CursorExpired(f"{host} does not know the last pass any more ({code})")
    if code == "ErrorFolderNotFound":
        return Retryable(f"a folder of {settings.user} has gone meanwhile", cure="nothing: the next pass sees")
    if code in _BUSY or code == "ErrorInternalServerError":
        wish = _wish(error)
        wait = f", and wants to be left alone for {wish.total_seconds():.0f} seconds" if wish else ""
        return Retryable(f"{host} is busy ({code}){wait}", retry_after=wish, cure=IT_PASSES)
    if code == "UnauthorizedError":
        return not_let_in(settings, host)
    if code in _DISABLED:
        words = f"{host} does not let {settings.signs_in} in ({code})"
        return ReauthNeeded(words, cure="have the account opened, or its password renewed")
    if code in _NO_SUCH_MAILBOX:
        cure = (
            f"Exchange Management Shell: Get-Mailbox {settings.user}; the address must be the primary one of a mailbox "
            "on this server; one in the cloud is of kind microsoft365"
        )
        return Permanent(f"{host} has no mailbox {settings.user} ({code})", cure=cure)
    if code in _NOT_IMPERSONATED or code == "ErrorAccessDenied":
        return denied(settings, code)
    if code == "MalformedResponseError" or (code == "SOAPError" and not said.startswith(_TOLD)):
        return _not_understood(host)
    if code in _TOO_OLD:
        return Permanent(f"{host} is older than Exchange 2013 SP1 ({code})", cure='write kind = "imap" for the mailbox')
    return Retryable(f"{host} answers {code}: {said}", cure="if it lasts, please report this fault")


def _not_understood(host: str) -> Retryable:
    cure = "check `host` of the mailbox: something else may answer in Exchange's place, such as a sign-in page"
    return Retryable(f"{host} gives an answer that cannot be understood", cure=cure)


def denied(settings: Settings, code: str) -> Denied:
    return Denied(f"{settings.signs_in} may not read {settings.user} ({code})", cure=_right(settings))


def _right(settings: Settings) -> str:
    if settings.acts_for == "impersonation":
        return (
            f'Exchange Management Shell: Add-DistributionGroupMember "syncd mailboxes" -Member {settings.user}, if the '
            f"role is there; else New-ManagementRoleAssignment -Name syncd -Role ApplicationImpersonation -User "
            f'{settings.login} -CustomRecipientWriteScope "syncd mailboxes" (docs/exchange.md, also for the group)'
        )
    return (
        f"Exchange Management Shell: Add-MailboxPermission {settings.user} -User {settings.signs_in} "
        "-AccessRights FullAccess"
    )


def _wish(error: Exception) -> timedelta | None:
    """BackOffMilliseconds, which exchangelib keeps as seconds."""
    seconds = getattr(error, "back_off", None)
    return timedelta(seconds=min(float(seconds), 86_400.0)) if seconds else None


def _plain(error: Exception) -> str:
    text = str(error)
    return "".join(letter if letter.isprintable() else " " for letter in text)[:200]


def _of_network(error: requests.RequestException, host: str) -> SyncError:
    """requests wraps what urllib3 wraps of what the socket said."""
    for inner in _chain(error):
        if isinstance(inner, SyncError):
            return inner
        if isinstance(inner, ssl.SSLCertVerificationError):
            return tls.bad_certificate(inner, host)
        if isinstance(inner, socket.gaierror):
            cure = f"check the name {host} in `host` of the mailbox, and that this machine can look names up"
            return Retryable(f"no address was found for {host}: {inner.strerror}", cure=cure)
    if isinstance(error, requests.exceptions.SSLError):
        cure = "check the port in `host` of the mailbox; HTTPS is usually 443"
        return Permanent(f"{host} does not speak TLS", cure=cure)
    cure = f"check `host` of the mailbox and any firewall before {host}"
    return Retryable(f"{host} does not answer", cure=cure)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and all that it holds or that led to it."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [*each.args, each.__cause__, each.__context__, getattr(each, "reason", None)]
