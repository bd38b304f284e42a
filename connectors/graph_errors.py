"""What Microsoft Graph refuses, as one of the four errors (https://learn.microsoft.com/graph/errors), with a cure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from connectors.microsoft_settings import Settings
from syncd.errors import CursorExpired, Permanent, ReauthNeeded, Retryable, SyncError

_FORGOTTEN = {"syncstatenotfound", "resyncrequired", "errorsyncstatenotfound", "errorinvalidsyncstatedata"}
"""Codes for a link that means nothing any more; Graph sends them with 400, 404, 409 or 410."""
_ELSEWHERE = {"mailboxnotenabledforrestapi", "errormailboxnotenabledforrestapi", "extensionerror"}
_NOBODY = {"errorinvaliduser", "request_resourcenotfound", "resourcenotfound", "errornonexistentmailbox"}
_LATER = {408, 423, 424, 429, 500, 502, 503, 504, 509}


class Missing(Permanent):
    """The folder or the message is not there."""


class Forbidden(Permanent):
    """The mailbox may not be read, or not this of it."""


class BadQuery(Permanent):
    """Graph does not accept this filter here, or not any more."""


def raised_for(status: int, body: Any, settings: Settings, sign_in: str) -> SyncError:
    """`body` is the decoded JSON of an answer that is none of 2xx; None where there was none. `sign_in` is what
    is typed to sign in again."""
    code, words = code_of(body)
    host = settings.graph.removeprefix("https://")
    said = f"{host} says {status} {code}".rstrip() + (f": {words}" if words else "")
    lowered = code.lower()
    if status in _LATER or (status == 400 and not code):
        # An empty 400 passes: twentyhq/twenty meets it in its handler of Graph's errors.
        return Retryable(said, cure="nothing, if it passes: it is tried again")
    if status == 410 or lowered in _FORGOTTEN:
        return CursorExpired(said)
    if status == 401:
        return _unauthorized(said, settings, sign_in)
    if lowered in _ELSEWHERE:
        cure = 'if it is on a server of your own, use kind = "exchange"; else give the user a licence with a mailbox'
        return Permanent(f"{settings.user} has no mailbox in this cloud ({said})", cure=cure)
    if lowered in _NOBODY:
        return Permanent(f"there is no mailbox {settings.user} ({said})", cure="check `user` of the mailbox")
    if status == 403:
        return _forbidden(said, settings, sign_in)
    if status == 404:
        return Missing(said, cure="nothing, if it was deleted")
    if lowered in {"errorinvalidurlquery", "inefficientfilter"}:
        return BadQuery(said, cure="please report this fault")
    return Permanent(said, cure="please report this fault")


def code_of(body: Any) -> tuple[str, str]:
    """Graph's code and words; both are empty where the body is none of Graph's."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return "", ""
    words = " ".join(str(error.get("message") or "").split())[:200]
    return str(error.get("code") or ""), words


def decoded(body: bytes) -> Any:
    """None for what is no JSON."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def _unauthorized(said: str, settings: Settings, sign_in: str) -> SyncError:
    if settings.sign_in == "user":
        return ReauthNeeded(f"the sign-in of {settings.person} is not accepted any more ({said})", cure=sign_in)
    cure = "check that `authority` and `endpoint` are of the same cloud, and this machine's clock"
    return Permanent(f"the app's token is not accepted ({said})", cure=cure)


def _forbidden(said: str, settings: Settings, sign_in: str) -> SyncError:
    """What an admin has just granted takes an hour or two to be known everywhere."""
    if settings.sign_in == "user":
        whose = f"Exchange admin center > {settings.user} > Delegation > Read and manage: {settings.delegate}"
        cure = f"{whose}; then {sign_in}" if settings.delegate else f"agree to Mail.Read: {sign_in}"
        return Forbidden(f"{settings.person} may not read {settings.user} ({said})", cure=cure)
    cure = (
        f"in Exchange Online PowerShell: Test-ServicePrincipalAuthorization -Identity {settings.client_id} "
        f"-Resource {settings.user}; what is missing is in docs/microsoft.md, and a new grant takes up to two hours"
    )
    return Forbidden(f"the app may not read the mailbox {settings.user} ({said})", cure=cure)
