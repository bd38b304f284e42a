"""The consent of a Google account's owner: from the address in the browser to the tokens that are kept."""

from __future__ import annotations

from connectors import google_tokens as endpoint
from connectors.base import Context
from connectors.gmail_api import Gmail
from connectors.google import SOURCES
from connectors.google_api import Caller
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
    needed, wanted = _scopes(settings, context)
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
    if lacking := missing(needed, issued.scopes):
        raise ReauthNeeded(
            f"{short(lacking)} was not allowed, so syncd could read nothing", cure="sign in again, and tick every box"
        )
    if not issued.refresh_token:
        cure = "remove syncd's access at https://myaccount.google.com/permissions, and sign in again"
        raise ReauthNeeded("Google gave no token that lasts", cure=cure)
    if "mail" in settings.read:
        _require_owner(issued, client, settings, context)
    context.tokens.save(kept(issued, client, context.now()))
    return Consent(
        settings.user, tuple(short(frozenset({scope})) for scope in sorted(issued.scopes)), _warnings(issued, wanted)
    )


def _scopes(settings: Settings, context: Context) -> tuple[frozenset[str], frozenset[str]]:
    """Those without which nothing is read, and all that are asked for."""
    opening = Opening(settings, context, QUOTAS)
    scopes = [made(opening).scopes for name, made in SOURCES.items() if name in settings.read]
    return scopes[0], frozenset().union(*scopes, contacts(context.contacts))


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
    quota = QUOTAS.of(
        client.project, settings.user,
        per_user=settings.units_per_minute, per_project=settings.project_units_per_minute,
    )  # fmt: skip
    http = Http(_Given(issued.access_token), settings.timeout)
    Gmail(
        Caller(http, quota, Owner(settings.user, context.sign_in), context.now), settings, searches=False
    ).require_owner()


def _warnings(issued: Issued, wanted: frozenset[str]) -> tuple[str, ...]:
    warnings = []
    if lacking := missing(wanted, issued.scopes):
        warnings.append(
            f"{short(lacking)} was not allowed: tick its box at another sign-in, or leave it out of the configuration"
        )
    if issued.grant_lasts is not None:
        days = max(1, round(issued.grant_lasts.total_seconds() / 86400))
        warnings.append(
            f"the app is in Testing, so this consent ends in {days} days: make the app Internal, or publish it, at "
            f"{endpoint.AUDIENCE_PAGE}, and sign in again"
        )
    return tuple(warnings)
