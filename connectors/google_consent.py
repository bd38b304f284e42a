"""The consent of a Google account's owner: from the address in the browser to the tokens that are kept."""

from __future__ import annotations

from collections.abc import Mapping

from connectors import google_tokens as endpoint
from connectors.base import Context
from connectors.gmail_api import Gmail
from connectors.google import SOURCES
from connectors.google_api import Caller
from connectors.google_calendar import Calendar
from connectors.google_contacts import scopes as contacts
from connectors.google_errors import Owner
from connectors.google_http import Http
from connectors.google_opening import Opening
from connectors.google_quota import QUOTAS
from connectors.google_settings import Settings
from connectors.google_sign_in import Client, ServiceKey, credentials, kept, missing, short
from connectors.google_tokens import Issued, Refused
from connectors.oauth import Challenge, Consent, Person, address, code_in, new_challenge, visit
from syncd.errors import Permanent, ReauthNeeded


def sign_in(settings: Settings, context: Context, person: Person) -> Consent:
    """Keeps the tokens only when all that is needed was allowed, by the mailbox that was meant."""
    client = credentials(context.secret())
    if isinstance(client, ServiceKey):
        raise Permanent(f"a service account opens {settings.user}: nobody has to sign in", cure="syncd check")
    scopes = _scopes(settings, context)
    wanted = frozenset[str]().union(*scopes.values())
    challenge = new_challenge()
    redirects: list[str] = []

    def begin(redirect: str) -> str:
        redirects.append(redirect)
        # `consent` each time: without it a second sign-in brings no refresh token.
        more = {"access_type": "offline", "prompt": "consent", "login_hint": settings.user}
        return address(
            client.auth_uri, client_id=client.id, scopes=sorted(wanted), redirect=redirect, challenge=challenge, **more
        )

    code = code_in(visit(person, begin), challenge)
    issued = _exchanged(client, code, redirects[-1], challenge, settings, context)
    if lacking := missing(next(iter(scopes.values())), issued.scopes):
        raise ReauthNeeded(
            f"{settings.user} has not allowed {short(lacking)}: its box was not ticked, and without it nothing is read",
            cure=f"{context.sign_in} again, and leave every box ticked",
        )
    if not issued.refresh_token:
        cure = f"remove syncd's access at https://myaccount.google.com/permissions, then: {context.sign_in}"
        raise ReauthNeeded(f"Google gave no token of {settings.user} that lasts", cure=cure)
    _require_owner(issued, client, settings, context)
    context.tokens.save(kept(issued, client, context.now()))
    allowed = tuple(short(frozenset({scope})) for scope in sorted(issued.scopes))
    return Consent(settings.user, allowed, _warnings(issued, scopes, context.sign_in))


def _scopes(settings: Settings, context: Context) -> Mapping[str, frozenset[str]]:
    """Of each part that is read; without those of the first one nothing is."""
    opening = Opening(settings, context, QUOTAS)
    read: dict[str, frozenset[str]]
    read = {name: made(opening).scopes for name, made in SOURCES.items() if name in settings.read}
    return {**read, "contacts": contacts(context.contacts)}


def _exchanged(
    client: Client, code: str, redirect: str, challenge: Challenge, settings: Settings, context: Context
) -> Issued:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": challenge.verifier,
        "redirect_uri": redirect,
        "client_id": client.id,
        "client_secret": client.secret,
    }
    try:
        return endpoint.ask(client.token_uri, form, now=context.now(), timeout=settings.timeout)
    except Refused as refused:
        told = endpoint.of_client(refused.refusal)
        cure = "begin again: a code is good once, and for some minutes"
        raise told or ReauthNeeded(f"Google does not take the code: {refused.refusal.words}", cure=cure) from refused


class _Given:
    """The token of the sign-in in hand."""

    def __init__(self, token: str) -> None:
        self._token = token

    def access_token(self) -> str:
        return self._token

    def renew(self) -> None:
        """There is no other."""


def _require_owner(issued: Issued, client: Client, settings: Settings, context: Context) -> None:
    """Of task lists alone Google does not tell whose they are."""
    quota = QUOTAS.of(
        client.project, settings.user,
        per_user=settings.units_per_minute, per_project=settings.project_units_per_minute,
    )  # fmt: skip
    http = Http(_Given(issued.access_token), settings.timeout)
    caller = Caller(http, quota, Owner(settings.user, context.sign_in), context.now)
    if "mail" in settings.read:
        Gmail(caller, settings, searches=False).require_owner()
    elif "calendar" in settings.read:
        calendar = Calendar(caller, settings)
        calendar.require_owner(calendar.entries())


def _warnings(issued: Issued, scopes: Mapping[str, frozenset[str]], sign_in: str) -> tuple[str, ...]:
    warnings = [
        f"{short(lacking)} was not allowed, so no {_UNREAD[part]} is read: {sign_in} again, and leave every box ticked"
        f", or take {part} out of the configuration"
        for part, wanted in scopes.items()
        if (lacking := missing(wanted, issued.scopes))
    ]
    if issued.grant_lasts is not None:
        days = max(1, round(issued.grant_lasts.total_seconds() / 86400))
        warnings.append(
            f"the app is in Testing, so this consent ends in {days} days: make the app Internal, or publish it, at "
            f"{endpoint.AUDIENCE_PAGE}, then: {sign_in}"
        )
    return tuple(warnings)


_UNREAD = {"mail": "mail", "calendar": "calendar", "tasks": "task", "contacts": "contact"}
