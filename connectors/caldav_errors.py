"""What a CalDAV server says, as one of the four errors, in words for the admin."""

from __future__ import annotations

from urllib.parse import urlsplit

from connectors.caldav_settings import Settings
from connectors.http import Response
from connectors.retry import IT_PASSES
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError

_APP_PASSWORDS = {
    "icloud.com": "at account.apple.com, Sign-In and Security, make an app-specific password (a change of the Apple "
    "Account's password ends them all)",
    "fastmail.com": "in Fastmail's Settings, Privacy & Security, make an app password with access to calendars",
    "messagingengine.com": "in Fastmail's Settings, Privacy & Security, make an app password with access to calendars",
    "yahoo.com": "in Yahoo's Account Security make an app password",
    "gmx.net": "in GMX's settings allow CalDAV, and with two-factor sign-in make an app password",
}
"""Providers that take no ordinary password over CalDAV."""

_GONE = (404, 410)
_NOT_HERE = "check `url` of the mailbox: it must be the CalDAV address that the provider names"


def refused(what: str, response: Response) -> SyncError:
    """An answer that is not the one wanted; `what` was, with the calendar or host in it. 401 is not among them."""
    message = f"{what}: HTTP {response.status}"
    if response.status in _GONE:
        return Retryable(message, cure="nothing, if the calendar was deleted; it is gone from the next listing")
    if response.status == 403:
        cure = "let this user read the calendar, or add its name to `exclude` of the mailbox"
        return Permanent(f"{what}: the server forbids it (HTTP 403)", cure=cure)
    if 200 <= response.status < 300:
        return not_dav(what, "it is no list of WebDAV")
    if response.status >= 500:
        return Retryable(message, cure=IT_PASSES)
    return Permanent(message, cure=_NOT_HERE)


def not_dav(what: str, reason: str) -> SyncError:
    """Something answers in the server's place, or in place of the list; which must never read as an empty one."""
    return Retryable(f"{what}: what came back cannot be read: {reason}", cure=_NOT_HERE)


def not_let_in(settings: Settings, url: str, challenge: str) -> SyncError:
    """A 401 that nothing is left to say to."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    message = f"{host} does not let {settings.user or 'this token'} in"
    offered = challenge.lower()
    if settings.auth == "basic" and "digest" in offered and "basic" not in offered:
        return Permanent(f"{message}: it asks for HTTP Digest", cure='write auth = "digest" for the mailbox')
    if settings.auth == "digest" and offered and "digest" not in offered:
        return Permanent(f"{message}: it does not offer HTTP Digest", cure='write auth = "basic" for the mailbox')
    return ReauthNeeded(message, cure=_new_secret(settings, host, parts.path))


def _new_secret(settings: Settings, host: str, path: str) -> str:
    if settings.auth == "bearer":
        return "sign in again, so that `secret` of the mailbox gives a token that is still good"
    there = ", and put it where `secret` of the mailbox points to"
    for domain, words in _APP_PASSWORDS.items():
        if host == domain or host.endswith(f".{domain}"):
            return words + there
    if "/remote.php/" in path:
        return "in Nextcloud's Settings, Security, make an app password" + there
    return (
        "check `user` and put the current password where `secret` of the mailbox points to "
        "(many providers want an app password for CalDAV)"
    )
