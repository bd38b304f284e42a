"""What the Microsoft identity platform refuses, as one of the four errors, with what to do and where.

It is decided by OAuth's `error`; the AADSTS numbers are for words only, since Microsoft changes them
(https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.microsoft_settings import Settings
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError

_SIGN_IN = "sign in again"
"""Stands in the causes for the command that does it (Context.sign_in)."""
_REGISTRATION = "Entra admin center > App registrations > this app"
_PASSING = {"temporarily_unavailable", "server_error", "slow_down"}
_PERSON = {
    "invalid_grant",
    "interaction_required",
    "consent_required",
    "login_required",
    "access_denied",
    "authorization_declined",
    "expired_token",
    "bad_verification_code",
}
_PASSING_NUMBERS = {50033, 50196, 90006, 90024, 90033, 90055}

_CAUSES: Mapping[int, tuple[str, str]] = {
    50034: ("the directory knows no such user", "check `user` of the mailbox"),
    51004: ("the directory knows no such user", "check `user` of the mailbox"),
    50012: ("the certificate was not accepted", f"upload it under {_REGISTRATION} > Certificates & secrets"),
    700027: ("the certificate was not accepted", f"upload it under {_REGISTRATION} > Certificates & secrets"),
    7000215: (
        "the client secret is wrong",
        f"put the secret's value (not its id) into what `secret` names; {_REGISTRATION} > Certificates & secrets",
    ),
    7000222: ("the client secret has expired", f"make a new one under {_REGISTRATION} > Certificates & secrets"),
    700016: ("the directory knows no app with this client_id", "check `client_id` and `tenant` of the mailbox"),
    90002: ("there is no such tenant", "check `tenant` of the mailbox: a domain of the organisation or its id"),
    500011: ("this cloud does not know the service", "check that `authority` and `endpoint` are of the same cloud"),
    7000218: (
        "the app is not one that people can sign in to without a secret",
        f"{_REGISTRATION} > Authentication > Allow public client flows: Yes",
    ),
    50011: (
        "the app may not send people back to this machine",
        f"{_REGISTRATION} > Authentication > Mobile and desktop applications: add http://localhost",
    ),
    65001: ("nobody has agreed that the app may read this", _SIGN_IN),
    90094: (
        "an admin must agree first",
        f"{_REGISTRATION} > API permissions > Grant admin consent; then {_SIGN_IN}",
    ),
    50173: ("the sign-in was revoked", _SIGN_IN),
    50132: ("the password was changed", _SIGN_IN),
    50133: ("the password was changed", _SIGN_IN),
    50076: ("a second factor is wanted", _SIGN_IN),
    50079: ("a second factor must be set up", _SIGN_IN),
    53000: ("Conditional Access wants a managed device", "ask who runs Entra > Conditional Access, then sign in again"),
    53003: ("Conditional Access forbids this sign-in", "ask who runs Entra > Conditional Access, then sign in again"),
    70008: ("the sign-in was not used for too long", _SIGN_IN),
    700082: ("the sign-in was not used for too long", _SIGN_IN),
    70043: ("the organisation wants people to sign in more often", _SIGN_IN),
    70018: ("the sign-in was declined", _SIGN_IN),
    70019: ("the code was not used in time", _SIGN_IN),
    700084: ("the app is registered as a web page, whose sign-ins last a day", f"{_REGISTRATION} > Authentication"),
}
_NUMBER = re.compile(r"AADSTS(\d{4,8})")


def refused(said: Mapping[str, Any], settings: Settings, sign_in: str) -> SyncError:
    """Of the dictionary that msal returns in place of a token. `sign_in` is what is typed to sign in again."""
    error = str(said.get("error", ""))
    description = str(said.get("error_description", ""))
    number = _number(said, description)
    cause, cure = _CAUSES.get(number, (_first_sentence(description) or error or "no reason was given", ""))
    cure = cure.replace(_SIGN_IN, sign_in)
    code = f" (AADSTS{number})" if number else ""
    message = f"Microsoft lets {_who(settings)} not sign in: {cause}{code}"
    if error in _PASSING or number in _PASSING_NUMBERS:
        return Retryable(message, cure="nothing, if it passes: it is tried again")
    if error in _PERSON and settings.sign_in == "user":
        return ReauthNeeded(message, cure=cure or sign_in)
    return Permanent(message, cure=cure or f"check the mailbox's settings against {_REGISTRATION} (docs/microsoft.md)")


def no_tenant(settings: Settings, said: str) -> SyncError:
    """msal's ValueError, when the tenant's own description cannot be had."""
    number = _number({}, said)
    cause, cure = _CAUSES.get(number, _CAUSES[90002])
    return Permanent(f"{settings.login} is not there: {cause}", cure=cure)


def _number(said: Mapping[str, Any], description: str) -> int:
    codes = said.get("error_codes")
    if isinstance(codes, list) and codes and isinstance(codes[0], int):
        return codes[0]
    found = _NUMBER.search(description)
    return int(found[1]) if found else 0


def _who(settings: Settings) -> str:
    return settings.person if settings.sign_in == "user" else f"the app {settings.client_id}"


def _first_sentence(description: str) -> str:
    """Without the trace and correlation ids behind it."""
    text = _NUMBER.sub("", description).lstrip(": ").partition("Trace ID")[0]
    return " ".join(text.split())[:200].rstrip(". ")
