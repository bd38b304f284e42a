"""What a server or the network says, as one of the four errors, in words for the admin."""

from __future__ import annotations

import re
import socket
import ssl
from datetime import timedelta

from connectors.imap_settings import Settings
from connectors.retry import IT_PASSES
from connectors.tls import bad_certificate
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError

_BACKOFF = re.compile(r"Suggested Backoff Time: (\d{1,12}) milliseconds", re.IGNORECASE)
_CODE = re.compile(r"\[([A-Z][A-Z0-9-]*)[^\]]*\]", re.IGNORECASE)
_BUSY_CODES = {"UNAVAILABLE", "LIMIT", "INUSE", "SERVERBUG", "THROTTLED", "OVERQUOTA"}
_BUSY_WORDS = re.compile(
    r"throttl|too many|simultaneous|try again|temporar|limit|unavailable|busy|lookup failed|internal|time[d ]*out",
    re.IGNORECASE,
)
_GONE_WORDS = re.compile(r"does ?n.t exist|not exist|nonexist|unknown mailbox|no such|not found", re.IGNORECASE)
_DENIED_WORDS = re.compile(r"access denied|permission|not permitted|no access", re.IGNORECASE)
_PASSWORD_WORDS = re.compile(
    r"invalid (?:login|user|password|credential|name)|(?:bad|wrong|incorrect) (?:user|password|login|credential)"
    r"|(?:authenticat(?:e|ion)|login|logon) (?:failed|failure|error)|not authenticated|application-specific password",
    re.IGNORECASE,
)
_DISABLED_WORDS = re.compile(r"imap (?:access )?is (?:disabled|not enabled)|not enabled for imap", re.IGNORECASE)

_PLAIN_PORT = (
    'check `port` of the mailbox; where the server begins in plain text, write tls = "starttls" (usually port 143)'
)


def printable(text: bytes | str) -> str:
    """A server's words, fit for one line of a log."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return "".join(letter if letter.isprintable() else " " for letter in plain)[:300].strip()


def code(text: str) -> str:
    """The response code of RFC 3501 7.1, upper-case, or empty."""
    found = _CODE.match(text)
    return found[1].upper() if found else ""


def busy(text: str) -> timedelta | bool:
    """How long the server wants to be left alone, or whether it says that it is busy at all."""
    if wish := _BACKOFF.search(text):
        return timedelta(milliseconds=min(int(wish[1]), 86_400_000))
    return code(text) in _BUSY_CODES or (not code(text) and bool(_BUSY_WORDS.search(text)))


def refused(what: str, text: str, *, understood: bool) -> SyncError:
    """A tagged NO (or BAD: not `understood`) or a BYE; `what` was wanted, with the host in it."""
    message = f"{what}: {text or 'the server said no'}"
    if wish := busy(text):
        return Retryable(message, retry_after=wish if isinstance(wish, timedelta) else None, cure=IT_PASSES)
    if code(text) == "NONEXISTENT" or _GONE_WORDS.search(text):
        return Retryable(message, cure="nothing, if the folder was deleted; it is gone from the next listing")
    if code(text) == "NOPERM" or _DENIED_WORDS.search(text):
        return Permanent(message, cure="let this user read the folder, or add its name to `exclude` of the mailbox")
    if understood:
        return Retryable(message, cure=IT_PASSES)
    return Permanent(message, cure="this server and syncd do not understand each other; please report it")


def sign_in_refused(text: str, settings: Settings) -> SyncError:
    """Only a server that names the credentials gets ReauthNeeded: the limit of connections of others looks alike."""
    message = f"{settings.host} does not let {settings.user} in: {text or 'it gave no reason'}"
    wish = busy(text)
    if wish and code(text) not in ("AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED"):
        cure = f"{IT_PASSES}, and check `user` of the mailbox"
        return Retryable(message, retry_after=wish if isinstance(wish, timedelta) else None, cure=cure)
    if _DISABLED_WORDS.search(text):
        return Permanent(message, cure=f"switch IMAP on for {settings.user} in the provider's administration")
    if code(text) in ("AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED") or _PASSWORD_WORDS.search(text):
        return ReauthNeeded(message, cure=_new_secret(settings))
    return Retryable(message, cure=_new_secret(settings))


def _new_secret(settings: Settings) -> str:
    if settings.auth == "xoauth2":
        return "sign in again, so that `secret` of the mailbox gives a token that is still good"
    return (
        "check `user` and put the current password where `secret` of the mailbox points to "
        "(many providers want an app password for IMAP)"
    )


def unreachable(error: OSError, settings: Settings) -> SyncError:
    """A connection that could not be made or was cut, as one of ours."""
    host, port = settings.endpoint
    where = f"{host} port {port}"
    match error:
        case socket.gaierror():
            cure = f'check `host = "{host}"` of the mailbox, and that this machine can look names up'
            return Retryable(f"no address was found for {host}: {error.strerror}", cure=cure)
        case ssl.SSLCertVerificationError():
            return bad_certificate(error, host)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return Retryable(f"{where} closed the connection while TLS was being set up", cure=_PLAIN_PORT)
        case ssl.SSLError():
            return Permanent(f"{where} does not speak TLS: {error.reason or error}", cure=_PLAIN_PORT)
        case TimeoutError():
            cure = f"check `host` and `port` of the mailbox and any firewall before {host}"
            # A server that waits for the client to begin TLS says nothing, not even a greeting.
            tls = "" if settings.tls == "implicit" else '; for a port of TLS (usually 993) write tls = "implicit"'
            return Retryable(f"{where} does not answer", cure=cure + tls)
        case ConnectionRefusedError():
            cure = "check `port` of the mailbox (993 with TLS, 143 with STARTTLS), and that the server runs"
            return Retryable(f"{where} refuses connections", cure=cure)
    return Retryable(
        f"{where}: {error.strerror or error}",
        cure=f"check `host` of the mailbox and the network between here and {host}",
    )
