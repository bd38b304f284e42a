"""Signing in to Microsoft by msal: as an app, or as a person who agreed once; and what was really granted.

msal keeps what it got for an app in memory and asks again when it must; for a person it is given one cache for each
mailbox, which goes back to the vault after every change, since refresh tokens are replaced as they are used.
"""

from __future__ import annotations

import json
import re
import ssl
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import msal

from connectors import microsoft_errors as errors
from connectors.base import Context
from connectors.http import Client
from connectors.microsoft_settings import Settings
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError

_SPARE = timedelta(minutes=5)
"""A token is replaced so long before it ends: a pass takes less."""
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)

_http_cache: dict[str, Any] = {}
"""What msal knows of tenants, for all accounts: each would ask for its tenant's description by itself."""


@dataclass(slots=True)
class _Transport:
    """Our HTTP, as msal wants it. It is used once an hour, and by any thread, so each request has its own client.

    What passes (429, 5xx, the network) is raised from here as Retryable, and so msal has nothing to keep of it. It does
    keep a 400 for a minute: what was refused is not asked again sooner, and what has changed is another question.
    """

    authority: str
    ca_file: Path | None
    timeout: float

    def get(self, url: str, *, params: Any = None, headers: Any = None, **_: Any) -> _Answered:
        return self._send("GET", url, params, headers or {}, b"")

    def post(self, url: str, *, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> _Answered:
        form = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self._send("POST", url, params, form, urlencode(data).encode())

    def close(self) -> None:
        """There is nothing to close."""

    def _send(self, method: str, url: str, params: Any, headers: Mapping[str, str], body: bytes) -> _Answered:
        ours = urlsplit(self.authority)
        if urlsplit(url).netloc != ours.netloc:
            raise Permanent(f"{ours.hostname} sends us to {urlsplit(url).hostname}", cure="check `authority`")
        client = Client(methods=("GET", "POST"), home=ours.hostname or "", ca_file=self.ca_file, timeout=self.timeout)
        try:
            with errors.named("authority"):
                answer = client.send(
                    method, f"{url}?{urlencode(params)}" if params else url, headers=headers, body=body
                )
        finally:
            client.close()
        if answer.status >= 500:
            raise Retryable(f"{ours.hostname} is out of order (HTTP {answer.status})", cure="it is tried again")
        return _Answered(answer.status, answer.body.decode("utf-8", "replace"), dict(answer.headers))


@dataclass(slots=True)
class _Answered:
    status_code: int
    text: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Granted:
    """What a token opens. Of an app these are the roles that were consented to in Entra; what Exchange grants an app by
    RBAC is told in no token."""

    permissions: frozenset[str]
    person: str = ""
    object_id: str = ""
    """Of an app: that of its enterprise application, by which Exchange knows it."""


@dataclass(slots=True)
class Login:
    """The sign-in of one account; used by one thread at a time."""

    settings: Settings
    context: Context
    rights: tuple[str, ...] = ()
    """What a person's token is to open (`Contacts.Read`); what the mailbox's settings say when empty."""
    _token: str = ""
    _ends: datetime | None = None
    _granted: Granted = field(default_factory=lambda: Granted(frozenset()))

    def token(self, *, refused: str = "") -> str:
        """A token that lasts for a while. `refused` is one that Graph did not accept: it is not given again."""
        now = self.context.now()
        if self._ends is None or now >= self._ends - _SPARE or self._token == refused:
            ask = self._as_app if self.settings.sign_in == "app" else self._as_person
            self._take(ask(refused), now)
        return self._token

    @property
    def granted(self) -> Granted:
        self.token()
        return self._granted

    def forget(self) -> None:
        self._token, self._ends = "", None

    def _take(self, said: Mapping[str, Any], now: datetime) -> None:
        self._token = str(said["access_token"])
        self._ends = now + timedelta(seconds=int(said.get("expires_in", 3600)))
        claims = _claims(self._token)
        told = str(said.get("scope") or claims.get("scp") or "").split()
        roles = [str(role) for role in claims.get("roles") or ()] if self.settings.sign_in == "app" else []
        names = frozenset(each.rpartition("/")[2] for each in (roles or told)) - {"openid", "profile", ".default"}
        by_person = self.settings.sign_in == "user"
        person = str(claims.get("upn", "")) if by_person else ""
        object_id = "" if by_person else str(claims.get("oid", ""))
        self._granted = Granted(names - {"offline_access", "email"}, person, object_id)

    def _as_app(self, refused: str) -> Mapping[str, Any]:
        app = _app(self.settings, self.context.secret())
        said = self._for_client(app)
        if said.get("access_token") == refused:  # else another mailbox of the same app has renewed it already
            app.remove_tokens_for_client()
            said = self._for_client(app)
        return said

    def _for_client(self, app: Any) -> Mapping[str, Any]:
        wanted = [f"{self.settings.graph}/.default"]
        return self._given(asked(self.settings, lambda: app.acquire_token_for_client(wanted)))

    def _as_person(self, refused: str) -> Mapping[str, Any]:
        """The cache is opened each time, since `syncd auth` may have put another in its place meanwhile."""
        cache = msal.SerializableTokenCache()
        kept = self.context.tokens.load()
        if kept:
            cache.deserialize(kept)
        app = person_app(self.settings, cache)
        account = next(iter(app.get_accounts()), None)
        if account is None:
            raise ReauthNeeded(f"{self.settings.person} has not signed in yet", cure=self.context.sign_in)
        wanted = scopes(self.settings, self.rights or reading(self.settings))
        said = asked(
            self.settings,
            lambda: app.acquire_token_silent_with_error(wanted, account, force_refresh=bool(refused)),
        )
        if cache.has_state_changed:
            self.context.tokens.save(cache.serialize())
        return self._given(said)

    def _given(self, said: Mapping[str, Any] | None) -> Mapping[str, Any]:
        if not said:
            raise ReauthNeeded(f"{self.settings.person} has to sign in once more", cure=self.context.sign_in)
        if "access_token" not in said:
            raise errors.refused(said, self.settings, self.context)
        return said


CONTACTS = "Contacts.Read"
_RIGHTS = {"mail": "Mail.Read", "calendar": "Calendars.Read", "tasks": "Tasks.Read"}


def reading(settings: Settings) -> tuple[str, ...]:
    """The rights that the mailbox's own streams need."""
    return tuple(right for what, right in _RIGHTS.items() if what in settings.read)


def scopes(settings: Settings, rights: tuple[str, ...]) -> list[str]:
    """What a person is asked to agree to: to read, and nothing else."""
    shared = [f"{name}.Shared" for name in rights] if settings.delegate else []
    return [f"{settings.graph}/{name}" for name in (*rights, *shared, "User.Read")]


def person_app(settings: Settings, cache: msal.TokenCache) -> Any:
    """An app that people sign in to: it has no secret, as nothing on a person's machine is one."""
    return asked(
        settings,
        lambda: msal.PublicClientApplication(
            settings.client_id,
            authority=settings.login,
            token_cache=cache,
            http_client=_Transport(settings.authority, settings.ca_file, settings.timeout),
            http_cache=_http_cache,
            # The admin chose the authority: to ask login.microsoftonline.com about it would tell more than it learns.
            instance_discovery=False,
        ),
    )


def _app(settings: Settings, secret: str) -> Any:
    """Shared by all mailboxes of one app, so that a thousand of them need one token an hour."""
    transport = (settings.authority, settings.ca_file, settings.timeout)
    return asked(settings, lambda: _shared_app(settings.login, settings.client_id, secret, *transport))


@lru_cache(maxsize=64)
def _shared_app(login: str, client_id: str, secret: str, authority: str, ca_file: Path | None, timeout: float) -> Any:
    return msal.ConfidentialClientApplication(
        client_id,
        client_credential=_credential(secret),
        authority=login,
        http_client=_Transport(authority, ca_file, timeout),
        http_cache=_http_cache,
        instance_discovery=False,
    )


def _credential(secret: str) -> str | dict[str, str]:
    """A client secret, or a private key and its certificate, both as PEM, in any order."""
    blocks = {found[1].strip(): found[0] for found in reversed([*_PEM.finditer(secret)])}
    if not blocks:
        return secret
    key = next((block for name, block in blocks.items() if name.endswith("PRIVATE KEY")), "")
    certificate = blocks.get("CERTIFICATE", "")
    if not key or not certificate:
        cure = "put both into one file: cat key.pem certificate.pem > app.pem"
        raise Permanent("what `secret` names holds not both a private key and its certificate", cure=cure)
    return {"private_key": key, "public_certificate": certificate}


def certificate_ends(secret: str) -> datetime | None:
    """When the certificate in an app's credential ends; None for a secret, and for a certificate that is no authority's
    own: `openssl req -x509` makes such a one, and of others Python's ssl does not tell it."""
    found = next((block[0] for block in _PEM.finditer(secret) if block[1] == "CERTIFICATE"), "")
    if not found:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=found)
    except ssl.SSLError:
        return None
    told = [each.get("notAfter") for each in context.get_ca_certs()]
    return next((datetime.fromtimestamp(ssl.cert_time_to_seconds(at), UTC) for at in told if isinstance(at, str)), None)


def asked(settings: Settings, call: Callable[[], Any]) -> Any:
    """Call msal; what it raises itself is ValueError, for a tenant that is not there or a key that is none."""
    try:
        return call()
    except SyncError:
        raise
    except ValueError as error:
        if "Discovery" in str(error) or "authority" in str(error):
            raise errors.no_tenant(settings, str(error)) from error
        cure = "it must be the client secret's value, or a private key and its certificate as PEM"
        raise Permanent(f"what `secret` names cannot be used ({type(error).__name__})", cure=cure) from error


def _claims(token: str) -> dict[str, Any]:
    """What a token says of itself, for a person to read; Graph alone decides by it. Empty where it is no JWT."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
