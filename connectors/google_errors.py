"""What Google answers in place of data, as one of the four errors, in words for the admin."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError

SLOWER = "nothing, if it passes: it is tried again; if it lasts, lower units_per_minute of the mailbox"
IT_PASSES = "nothing, if it passes: it is tried again; if it lasts, see https://www.google.com/appsstatus/dashboard"
_QUOTA = {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"}
_SCOPE = {"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}
_DISABLED = {"accessNotConfigured", "SERVICE_DISABLED"}
_UNTIL = re.compile(r"Retry after (\d{4}-\d\d-\d\dT[\d:.]+Z)", re.IGNORECASE)
_PAGE = re.compile(r"https://console\.(?:developers|cloud)\.google\.com/\S+")
_LONGEST_WAIT = timedelta(days=1)


class Missing(Permanent):
    """404 or 410: what was asked for is not there. Whoever asks knows what that means."""


class SourceGone(Retryable):
    """What a stream is read from is no longer there, a calendar or a task list: at the next look at the account, the
    stream is not there either."""

    def __init__(self, name: str) -> None:
        cure = "nothing, if its owner took it away: within a quarter of an hour it is not looked for any more"
        super().__init__(f"Google no longer has {name}", cure=cure)


class Forbidden(Permanent):
    """403 without a reason that is known here."""


class TooFast(Retryable):
    """The quota is used up, of the user or of the project."""


class SpentToday(TooFast):
    """The quota of a day; Google did not say when to come back, and a person may have it raised."""


class Misunderstood(Permanent):
    """400: a page token that means nothing any more, or a fault of ours."""


class TokenExpired(Permanent):
    """400 of the People API: the sync token is older than seven days, and all must be listed again."""


class Owner(NamedTuple):
    user: str
    sign_in: str
    """What lets syncd in again (Context.sign_in)."""


def require_owner(answers: str, owner: Owner) -> None:
    """Raises Permanent when another account answers than the one that was asked for."""
    if answers.casefold() != owner.user.casefold():
        raise Permanent(
            f"the mailbox that answers is {answers}, not {owner.user}",
            cure=f'write user = "{answers}" for the mailbox, or sign in as {owner.user}: {owner.sign_in}',
        )


class Said(NamedTuple):
    """The parts of an error body that tell something; Google leaves out any of them now and then."""

    message: str
    reasons: frozenset[str]


def said(body: bytes) -> Said:
    try:
        error = json.loads(body)["error"]
        listed = [*error.get("errors", ()), *error.get("details", ())]
        reasons = {str(each["reason"]) for each in listed if "reason" in each} | {str(error.get("status", ""))}
        return Said(_line(str(error.get("message", ""))), frozenset(reasons))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Said("", frozenset())


def refused(
    status: int, headers: Mapping[str, str], body: bytes, *, what: str, owner: Owner, now: datetime
) -> SyncError:
    """`what` is the API's name in Google's console (`Gmail API`); headers are in lower case."""
    message, reasons = said(body)
    user = owner.user
    text = f"{what}: {message or f'HTTP status {status}'}"
    if status == 429 or (status == 403 and reasons & _QUOTA and "dailyLimitExceeded" not in reasons):
        return TooFast(text, retry_after=wish(headers, message, now), cure=SLOWER)
    if status >= 500 or status == 408:
        return Retryable(text, retry_after=wish(headers, message, now), cure=IT_PASSES)
    if status == 401:
        return ReauthNeeded(f"{what} does not take {user}'s token: {message}", cure=owner.sign_in)
    if status in (404, 410):
        return Missing(text, cure="please report it, if it lasts")
    if status == 403:
        return _forbidden(message, reasons, what, owner, now)
    if "EXPIRED_SYNC_TOKEN" in reasons or "sync token is expired" in message.lower():
        return TokenExpired(text, cure="please report it, if it lasts")
    if "FAILED_PRECONDITION" in reasons or "failedPrecondition" in reasons:
        cure = f"give {user} a licence with Gmail, or remove the mailbox from the configuration"
        return Permanent(f"{user}: {message}", cure=cure)
    return Misunderstood(text, cure="Google and syncd do not understand each other; please report it")


def _forbidden(message: str, reasons: frozenset[str], what: str, owner: Owner, now: datetime) -> SyncError:
    user = owner.user
    if "dailyLimitExceeded" in reasons:
        return SpentToday(f"{what}: {message}", retry_after=_until_tomorrow(now), cure="ask Google for a higher quota")
    if reasons & _DISABLED:
        page = _PAGE.search(message)
        where = page[0] if page else "APIs & Services > Library in the Google Cloud console"
        return Permanent(
            f"the {what} is not enabled in the project that the secret belongs to", cure=f"enable it: {where}"
        )
    if reasons & _SCOPE:
        return ReauthNeeded(
            f"{user}'s token may not use the {what}", cure=f"{owner.sign_in} (and leave every box ticked)"
        )
    if "Metadata scope" in message:
        cure = f"remove syncd's access at https://myaccount.google.com/permissions, then: {owner.sign_in}"
        return ReauthNeeded(f"{user}'s token is one for headers only: {message}", cure=cure)
    if "domainPolicy" in reasons:
        cure = "Google Admin console > Security > API controls: trust the app, or switch Gmail on for this user"
        return Permanent(f"{user}: the domain's policy forbids it: {message}", cure=cure)
    return Forbidden(f"{user}: {message or 'forbidden'}", cure="check `user` of the mailbox, and who signed in for it")


def wish(headers: Mapping[str, str], message: str, now: datetime) -> timedelta | None:
    """When Google wants to be asked again: a header, or only a time in the words."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal() and len(value) < 10:
        return min(timedelta(seconds=int(value)), _LONGEST_WAIT)
    try:
        if value:
            return _from(parsedate_to_datetime(value), now)
        if until := _UNTIL.search(message):
            return _from(datetime.fromisoformat(until[1]), now)
    except ValueError:
        return None
    return None


def _from(until: datetime, now: datetime) -> timedelta:
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(aware - now, timedelta(0)), _LONGEST_WAIT)


def _until_tomorrow(now: datetime) -> timedelta:
    """Daily quotas begin again at midnight Pacific time."""
    here = now.astimezone(ZoneInfo("America/Los_Angeles"))
    midnight = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - here


def _line(text: str) -> str:
    """Google's words, fit for one line of a log."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:400]


class Unintelligible(Retryable):
    """An answer with status 200 that is not what it should be: cut, or a proxy's page."""

    def __init__(self, what: str, error: Exception) -> None:
        super().__init__(f"{what}: the answer cannot be read ({type(error).__name__})", cure=IT_PASSES)


def details(error: Any) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body of a googleapiclient HttpError."""
    return int(error.resp.status), error.resp, error.content
