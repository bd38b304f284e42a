"""Google's token endpoint: one POST for each kind of grant, and what its refusals mean.

google-auth's own calls are not used: they sleep and try again by themselves, and tell little of what was refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from connectors.google_errors import IT_PASSES, Owner, Unintelligible, wish
from connectors.google_http import CONNECTIONS, Answer
from connectors.retry import persistently
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError

SERVICE = "Google's sign-in"
_TOLERATED = timedelta(minutes=4)
AUDIENCE_PAGE = "https://console.cloud.google.com/auth/audience"


class Issued(NamedTuple):
    """What the endpoint gave."""

    access_token: str
    lasts: timedelta
    scopes: frozenset[str]
    """Empty where it does not say: then it is what was asked for."""
    refresh_token: str
    """Empty where there is no new one."""
    grant_lasts: timedelta | None
    """How long the refresh token lives, if that is limited: seven days of an app in Testing."""


class Refusal(NamedTuple):
    error: str
    description: str
    subtype: str
    clock: timedelta
    """How far this machine's clock is before Google's."""

    @property
    def words(self) -> str:
        return " ".join(filter(None, (self.error, self.description, self.subtype)))[:300]


class Refused(Exception):
    """The endpoint said no. Whoever asked knows what that means for the account; it never leaves the connector."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.words)
        self.refusal = refusal


def ask(url: str, form: Mapping[str, str], *, now: datetime, timeout: float) -> Issued:
    """Raises Refused for an OAuth error, Retryable for all that passes: a network error is not a dead grant."""
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}

    def once() -> Answer:
        answer = CONNECTIONS.request("POST", url, urlencode(form).encode(), headers, timeout)
        if answer.status >= 500 or answer.status in (408, 429):
            wait = wish(answer.headers, "", now)
            raise Retryable(f"{SERVICE} is busy: HTTP status {answer.status}", retry_after=wait, cure=IT_PASSES)
        return answer

    answer = persistently(once)
    try:
        body = json.loads(answer.body)
        return _issued(body) if answer.status == 200 else _refuse(body, answer, now)
    except (ValueError, KeyError, TypeError) as error:
        raise Unintelligible(SERVICE, error) from error


def _issued(body: dict[str, Any]) -> Issued:
    ends = body.get("refresh_token_expires_in")
    return Issued(
        access_token=str(body["access_token"]),
        lasts=timedelta(seconds=int(body.get("expires_in", 3600))),
        scopes=frozenset(str(body.get("scope", "")).split()),
        refresh_token=str(body.get("refresh_token", "")),
        grant_lasts=timedelta(seconds=int(ends)) if ends is not None else None,
    )


def _refuse(body: dict[str, Any], answer: Answer, now: datetime) -> Issued:
    error, description, subtype = (str(body.get(name, "")) for name in ("error", "error_description", "error_subtype"))
    if error in ("", "internal_failure", "temporarily_unavailable", "server_error"):
        raise Retryable(f"{SERVICE}: {error or f'HTTP status {answer.status}'}", cure=IT_PASSES)
    raise Refused(Refusal(error, description, subtype, _ahead(answer, now)))


def _ahead(answer: Answer, now: datetime) -> timedelta:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return timedelta(0)
    return now - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))


# ---------------------------------------------------------------------------------------------- what a refusal means


def of_client(refusal: Refusal) -> SyncError | None:
    """What concerns the app itself, whoever signs in."""
    match refusal.error:
        case "invalid_client" | "deleted_client" | "disabled_client":
            cure = (
                "download the client's JSON again (Google Cloud console > Google Auth Platform > Clients) as `secret`"
            )
            return Permanent(f"Google does not know the OAuth client of the secret: {refusal.words}", cure=cure)
        case "admin_policy_enforced" | "access_denied":
            cure = "let the organisation's admin trust the app (Google Admin console > Security > API controls)"
            return Permanent(f"the organisation's policy forbids the app: {refusal.words}", cure=cure)
        case "invalid_scope":
            return Permanent(f"Google refuses the scopes: {refusal.words}", cure="please report it")
    return None


def of_user(refusal: Refusal, owner: Owner, ended: datetime | None) -> SyncError:
    """`ended` is when the grant was to end, if that is past."""
    if error := of_client(refusal):
        return error
    user, sign_in = owner
    if refusal.error == "unauthorized_client":
        cure = "make an OAuth client of type Desktop app, and name its JSON as `secret`"
        return Permanent(f"Google does not let this client sign users in: {refusal.words}", cure=cure)
    if ended is not None:
        return ReauthNeeded(
            f"{user}'s consent ended on {ended:%Y-%m-%d}: the app is in Testing, where it lasts seven days",
            cure=f"make the app Internal or publish it ({AUDIENCE_PAGE}), then: {sign_in}",
        )
    if refusal.subtype == "invalid_rapt":
        cure = (
            f"{sign_in} now, and let the admin exempt the app (Admin console > Security > Google Cloud session control)"
        )
        return ReauthNeeded(f"the organisation's session control has ended {user}'s consent", cure=cure)
    why = "access was removed, the password was changed, it lay unused for six months, or the app is in Testing"
    return ReauthNeeded(f"Google no longer takes {user}'s consent ({refusal.words}): {why}", cure=sign_in)


def of_service(refusal: Refusal, *, user: str, client_id: str, scopes: frozenset[str]) -> SyncError:
    if "short-lived" in refusal.description or abs(refusal.clock) > _TOLERATED:
        return _wrong_clock(refusal)
    if refusal.error == "unauthorized_client":
        place = "https://admin.google.com/ac/owl/domainwidedelegation"
        cure = f"{place}: let the client id {client_id} have these scopes as well: {','.join(sorted(scopes))}"
        named = ", ".join(sorted(scope.rpartition("/")[2] for scope in scopes))
        return Permanent(f"the domain of {user} has not delegated {named} to the service account", cure=cure)
    if error := of_client(refusal):
        return error
    if "Signature" in refusal.description or "account not found" in refusal.description:
        cure = "make a new key of the service account (IAM & Admin > Service Accounts > Keys), and name it as `secret`"
        return Permanent(f"Google does not know the service account's key: {refusal.description}", cure=cure)
    cure = f"check that {user} is the primary address of a user of the domain, who is not suspended"
    return Permanent(f"the service account cannot act for {user}: {refusal.words}", cure=cure)


def _wrong_clock(refusal: Refusal) -> SyncError:
    off = refusal.clock
    told = f"{abs(off) // timedelta(minutes=1)} minutes {'ahead' if off > timedelta(0) else 'behind'}"
    message = f"this machine's clock is wrong ({told}, by Google's)" if off else "this machine's clock is wrong"
    return Permanent(message, cure="timedatectl set-ntp true")
