"""What the Microsoft identity platform refuses, as one of the four errors, with what to do and where.

It is decided by OAuth's `error`; the AADSTS numbers are for words only, since Microsoft changes them
(https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from connectors.base import Context
from connectors.microsoft_settings import Settings
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError

_AGAIN = "try again"
"""Stands in the causes for the command that does it: a person signs in, and what an app may is checked."""
_REGISTRATION = "Entra admin center > App registrations > this app"
_ENTERPRISE = "Entra admin center > Enterprise applications > this app"
_POLICIES = "ask who runs Entra admin center > Conditional Access"
_PASSING = {"temporarily_unavailable", "server_error", "slow_down"}
_PERSON = {
    "invalid_grant",
    "interaction_required",
    "consent_required",
    "login_required",
    "access_denied",
    "authorization_declined",
    "expired_token",
    "code_expired",
    "bad_verification_code",
}
_PASSING_NUMBERS = {50033, 50087, 50088, 50196, 90006, 90012, 90024, 90033, 90055, 90090}

_WORDS: tuple[tuple[tuple[int, ...], str, str], ...] = (
    # the app, its secret and its certificate
    (
        (700016, 700011),
        "the directory knows no app with this client_id",
        "check `client_id` and `tenant` of the mailbox",
    ),
    ((7000112, 70001), "the app is disabled", f"{_ENTERPRISE} > Properties > Enabled for users to sign in: Yes"),
    (
        (7000215, 70002),
        "the client secret is wrong",
        f"put the secret's value (not its id) into what `secret` names; {_REGISTRATION} > Certificates & secrets",
    ),
    (
        (7000222,),
        "the client secret has expired",
        f"make a new one under {_REGISTRATION} > Certificates & secrets, and put its value into what `secret` names",
    ),
    (
        (50012, 700027, 700030),
        "the certificate was not accepted: it is not the one that was uploaded, or has expired",
        f"upload it under {_REGISTRATION} > Certificates & secrets (docs/microsoft.md makes one)",
    ),
    ((700024, 500133), "this machine's clock is wrong", "set it by a time server: timedatectl set-ntp true"),
    (
        (7000218,),
        "the app is not one that people can sign in to without a secret",
        f"{_REGISTRATION} > Authentication > Allow public client flows: Yes",
    ),
    (
        (50011, 500113, 900971),
        "the app may not send people back to this machine",
        f"{_REGISTRATION} > Authentication > Mobile and desktop applications: add http://localhost",
    ),
    (
        (700084,),
        "the app is registered as a web page, whose sign-ins last a day",
        f"{_REGISTRATION} > Authentication > "
        "Mobile and desktop applications: add http://localhost, and take it out of Single-page application",
    ),
    # the tenant and the cloud
    (
        (90002, 50059, 50128, 90019, 900023),
        "there is no such tenant",
        "check `tenant`: a domain of the organisation or its id; and `authority`, if it is in another cloud",
    ),
    (
        (500011, 50001, 650052, 90038, 1000104),
        "this cloud does not know the service",
        "check that `authority` and `endpoint` are of the same cloud, and of the tenant's (docs/microsoft.md)",
    ),
    ((50194,), "the app is of one organisation only", "write that organisation's domain or id as `tenant`"),
    # who signs in
    ((50034, 51004), "the directory knows no such user", "check `user` (or `delegate`) and `tenant` of the mailbox"),
    (
        (50014, 50020, 90072, 500208),
        "who signed in is of another organisation",
        f"{_AGAIN} with an account of `tenant`, or check `tenant`",
    ),
    (
        (50057,),
        "the account is disabled",
        f"Entra admin center > Users > the user > Account enabled; then {_AGAIN}. If its owner has left, take the "
        "mailbox out of the configuration",
    ),
    (
        (50053,),
        "the account is locked after too many attempts, or the sign-in came from a suspicious address",
        f"wait an hour, or look in Entra admin center > Monitoring > Sign-in logs; then {_AGAIN}",
    ),
    ((50055, 50144), "the password has expired", f"set a new one, then {_AGAIN}"),
    ((50056, 50126), "the user name or the password is wrong", _AGAIN),
    ((50105,), "the app is for some people only", f"{_ENTERPRISE} > Users and groups: add the user; then {_AGAIN}"),
    ((50132, 50133), "the password was changed", _AGAIN),
    ((50173, 50089, 70000), "the sign-in was revoked", _AGAIN),
    ((70008, 700082), "the sign-in was not used for too long", _AGAIN),
    ((70043, 70044), "the organisation wants people to sign in more often", _AGAIN),
    ((54005,), "the sign-in was used already", _AGAIN),
    ((70018, 90120), "the sign-in was declined", _AGAIN),
    ((70019,), "the code was not used in time", _AGAIN),
    # what the organisation demands of a sign-in
    ((50074, 50076, 50078, 50158), "a second factor is wanted", _AGAIN),
    (
        (50072, 50079, 53004, 53010),
        "a second factor must be set up",
        f"set it up at https://aka.ms/mysecurityinfo, then {_AGAIN}",
    ),
    (
        (50005, 50097, 50129, 50131, 50155, 50187, 53000, 53001),
        "Conditional Access wants a device that the organisation manages",
        f"sign in by a browser on such a device, or {_POLICIES}; then {_AGAIN}",
    ),
    ((53002,), "Conditional Access wants an approved app", f"{_POLICIES} to let this one in; then {_AGAIN}"),
    (
        (53003, 530032),
        "Conditional Access forbids this sign-in",
        f"{_POLICIES} (where codes are forbidden, sign in without --no-browser); then {_AGAIN}",
    ),
    ((530035,), "the security defaults forbid this sign-in", f"sign in by a browser, or {_POLICIES}; then {_AGAIN}"),
    (
        (53011, 50135, 530034),
        "the account is held to be at risk",
        f"look in Entra admin center > Protection > Risky users; then {_AGAIN}",
    ),
    # what was agreed to
    ((65001, 90008), "nobody has agreed that the app may read this", _AGAIN),
    ((65004,), "the sign-in was declined: nobody agreed that the app may read this", _AGAIN),
    (
        (90094, 90095, 90093),
        "an admin must agree first",
        f"{_REGISTRATION} > API permissions > Grant admin consent; then {_AGAIN}",
    ),
    (
        (65005, 650053, 650056, 650057, 70011),
        "the app's registration does not name what is asked for",
        f"{_REGISTRATION} > API permissions: add what docs/microsoft.md names; then {_AGAIN}",
    ),
)
_CAUSES = {number: (cause, cure) for numbers, cause, cure in _WORDS for number in numbers}
_WORKLOAD = f"{_POLICIES} for workload identities; then {_AGAIN}"
_OF_APPS = dict.fromkeys((53003, 530032), ("Conditional Access forbids the app to sign in", _WORKLOAD))
"""What an app is told otherwise than a person: nobody sits before it."""
_NAMES = {
    "access_denied": _CAUSES[65004],
    "authorization_declined": _CAUSES[70018],
    "code_expired": _CAUSES[70019],
    "expired_token": _CAUSES[70019],
}
"""Where OAuth's own name says it all, and no number comes with it."""
_SILENT = "no reason was given"
_NUMBER = re.compile(r"AADSTS(\d{4,8})")


def refused(said: Mapping[str, Any], settings: Settings, context: Context) -> SyncError:
    """Of the dictionary that msal returns in place of a token."""
    error = str(said.get("error", ""))
    description = str(said.get("error_description", ""))
    number = _number(said, description)
    by_person = settings.sign_in == "user"
    known = (None if by_person else _OF_APPS.get(number)) or _CAUSES.get(number) or _NAMES.get(error)
    cause, cure = known or (_first_sentence(description) or error or _SILENT, "")
    cure = cure.replace(_AGAIN, context.sign_in if by_person else f"syncd check {shlex.quote(context.mailbox)}")
    code = f" (AADSTS{number})" if number else ""
    message = f"Microsoft does not let {_who(settings)} sign in: {cause}{code}"
    if error in _PASSING or number in _PASSING_NUMBERS:
        return Retryable(message, cure="nothing, if it passes: it is tried again")
    if error in _PERSON and by_person:
        return ReauthNeeded(message, cure=cure or context.sign_in)
    return Permanent(message, cure=cure or f"check the mailbox's settings against {_REGISTRATION} (docs/microsoft.md)")


def no_tenant(settings: Settings, said: str) -> SyncError:
    """msal's ValueError, when the tenant's own description cannot be had."""
    number = _number({}, said)
    cause, cure = _CAUSES.get(number, _CAUSES[90002])
    return Permanent(f"{settings.login} is not there: {cause}", cure=cure)


@contextmanager
def named(setting: str) -> Iterator[None]:
    """In cures of the HTTP client, what it calls `url` has the name that it has in the configuration."""
    try:
        yield
    except SyncError as error:
        error.cure = error.cure.replace("`host` or `url`", "`url`").replace("`url`", f"`{setting}`")
        raise


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
