"""Who opens a Google account: its owner's consent, or a service account that the domain lets act for its users.

The secret of the mailbox is the JSON that Google's console gives for either, and tells which of the two it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from google.auth import crypt, jwt

from connectors import google_tokens as endpoint
from connectors.base import Context, Grant
from connectors.google_errors import Owner
from connectors.google_tokens import Issued, Refused
from syncd.errors import Permanent, ReauthNeeded
from syncd.model import Level

MAIL = "https://www.googleapis.com/auth/gmail.readonly"
HEADERS = "https://www.googleapis.com/auth/gmail.metadata"
_WIDER: Mapping[str, frozenset[str]] = {
    MAIL: frozenset({"https://mail.google.com/", "https://www.googleapis.com/auth/gmail.modify"}),
    HEADERS: frozenset({MAIL, "https://mail.google.com/", "https://www.googleapis.com/auth/gmail.modify"}),
}
"""Scope -> those that allow all that it does."""

_MARGIN = timedelta(minutes=2)
"""An access token is not used for so long before its end."""
_ASSERTED = timedelta(hours=1)
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_HOW_TO = "name the JSON of an OAuth client (Desktop app) or of a service account's key, as Google's console gives it"


class Client(NamedTuple):
    """An OAuth client of type Desktop app."""

    id: str
    secret: str
    auth_uri: str
    token_uri: str

    @property
    def project(self) -> str:
        return self.id


class ServiceKey(NamedTuple):
    email: str
    id: str
    """The numeric client id that the domain's admin authorises."""
    token_uri: str
    signer: Any
    """google.auth.crypt.RSASigner"""
    project: str


@lru_cache(maxsize=64)
def credentials(secret: str) -> Client | ServiceKey:
    """What the secret holds; read once for all mailboxes that share it. Raises Permanent."""
    try:
        held = json.loads(secret)
        if held.get("type") == "service_account":
            signer = crypt.RSASigner.from_service_account_info(held)  # type: ignore[no-untyped-call]
            return ServiceKey(
                held["client_email"], held["client_id"], held["token_uri"], signer, held.get("project_id", "")
            )
        client = held["installed"]
        return Client(client["client_id"], client["client_secret"], client["auth_uri"], client["token_uri"])
    except (ValueError, KeyError, TypeError, AttributeError):
        # The error is not chained: it may repeat what the secret holds.
        raise Permanent("the secret of the mailbox is no JSON that opens Google", cure=_HOW_TO) from None


def mail_scope(level: Level) -> str:
    """No more than is needed of the mail."""
    return HEADERS if level <= Level.METADATA else MAIL


def missing(wanted: frozenset[str], granted: frozenset[str]) -> frozenset[str]:
    return frozenset(each for each in wanted if each not in granted and not _WIDER.get(each, frozenset()) & granted)


def short(scopes: frozenset[str]) -> str:
    return ", ".join(sorted(scope.rpartition("/")[2] or scope for scope in scopes))


def _names(scopes: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(short(frozenset({scope})) for scope in scopes))


def _writing(scopes: frozenset[str], sign_in: str) -> list[tuple[str, str]]:
    """What reads only says so in its name."""
    more = sorted(each for each in scopes if "google" in each and not each.endswith((".readonly", ".metadata")))
    if not more:
        return []
    cure = f"remove syncd's access at https://myaccount.google.com/permissions, then: {sign_in}"
    return [(f"it could also write ({', '.join(more)}), which syncd never does", cure)]


@dataclass(slots=True)
class _Access:
    token: str = ""
    until: datetime | None = None

    def good(self, now: datetime) -> bool:
        return bool(self.token) and self.until is not None and now < self.until


class SignIn(Protocol):
    @property
    def project(self) -> str:
        """Whose quota is used."""
        ...

    def access_token(self) -> str: ...

    def renew(self) -> None:
        """The token was refused: the next one must be another."""
        ...

    def grant(self) -> Grant:
        """What was allowed. Raises the SyncErrors."""
        ...


class OwnerSignIn:
    """The consent of the mailbox's owner, kept sealed in the store; the newest refresh token wins."""

    def __init__(
        self,
        client: Client,
        context: Context,
        *,
        user: str,
        scopes: frozenset[str],
        timeout: float,
    ) -> None:
        self._client = client
        self._context = context
        self._user = user
        self._scopes = scopes
        self._ask = _asker(client.token_uri, context.now, timeout)
        self._access = _Access()
        self._granted: frozenset[str] = frozenset()

    @property
    def project(self) -> str:
        return self._client.project

    def access_token(self) -> str:
        if not self._access.good(self._context.now()):
            self._refresh()
        return self._access.token

    def renew(self) -> None:
        self._access = _Access()

    def grant(self) -> Grant:
        self._refresh()
        kept = _Kept.read(self._context.tokens.load())
        warnings, sign_in = [], self._context.sign_in
        if kept.ends_at is not None:
            told = f"the app is in Testing, so this consent ends on {kept.ends_at:%Y-%m-%d}"
            warnings.append((told, f"make the app Internal or publish it ({endpoint.AUDIENCE_PAGE}), then: {sign_in}"))
        return Grant(
            by=self._user, permissions=_names(self._granted), warnings=(*warnings, *_writing(self._granted, sign_in))
        )

    def _refresh(self) -> None:
        kept, owner = _Kept.read(self._context.tokens.load()), Owner(self._user, self._context.sign_in)
        try:
            issued = self._ask(self._form(kept))
        except Refused as refused:
            newer = _Kept.read(self._context.tokens.load())
            if newer.refresh_token == kept.refresh_token:
                ended = kept.ends_at if kept.ends_at and kept.ends_at <= self._context.now() + _MARGIN else None
                raise endpoint.of_user(refused.refusal, owner, ended) from refused
            # Someone signed in, or another process was given a new token, while we asked.
            try:
                issued = self._ask(self._form(kept := newer))
            except Refused as again:
                raise endpoint.of_user(again.refusal, owner, None) from again
        self._take(issued, kept)

    def _take(self, issued: Issued, kept: _Kept) -> None:
        self._granted = issued.scopes or kept.scopes
        if lacking := missing(self._scopes, self._granted):
            raise ReauthNeeded(
                f"{self._user} has not allowed {short(lacking)}: its box was not ticked, or it was not needed then",
                cure=f"{self._context.sign_in} (and leave every box ticked)",
            )
        if issued.refresh_token and issued.refresh_token != kept.refresh_token:
            # Before it is used: the old one may be good for no more.
            self._context.tokens.save(kept.renewed(issued.refresh_token).text())
        self._access = _Access(issued.access_token, self._context.now() + issued.lasts - _MARGIN)

    def _form(self, kept: _Kept) -> Mapping[str, str]:
        if not kept.refresh_token:
            raise ReauthNeeded(f"{self._user} has not signed in yet", cure=self._context.sign_in)
        if kept.client_id != self._client.id:
            words = f"{self._user} signed in to another OAuth client than the secret's"
            raise ReauthNeeded(words, cure=self._context.sign_in)
        return {
            "grant_type": "refresh_token",
            "refresh_token": kept.refresh_token,
            "client_id": self._client.id,
            "client_secret": self._client.secret,
        }


class ServiceSignIn:
    """A service account in a user's name (domain-wide delegation); nothing of it is kept."""

    def __init__(
        self,
        key: ServiceKey,
        now: Callable[[], datetime],
        *,
        user: str,
        scopes: frozenset[str],
        timeout: float,
    ) -> None:
        self._key = key
        self._now = now
        self._user = user
        self._scopes = scopes
        self._ask = _asker(key.token_uri, now, timeout)
        self._access = _Access()

    @property
    def project(self) -> str:
        return self._key.project

    def access_token(self) -> str:
        now = self._now()
        if not self._access.good(now):
            try:
                issued = self._ask({"grant_type": _JWT_BEARER, "assertion": self._assertion(now)})
            except Refused as refused:
                raise endpoint.of_service(
                    refused.refusal, user=self._user, client_id=self._key.id, scopes=self._scopes
                ) from refused
            self._access = _Access(issued.access_token, now + issued.lasts - _MARGIN)
        return self._access.token

    def renew(self) -> None:
        self._access = _Access()

    def grant(self) -> Grant:
        """Delegation is all or nothing: with a token, all that was asked for is allowed."""
        self.access_token()
        return Grant(by=f"the service account {self._key.email}", permissions=_names(self._scopes))

    def _assertion(self, now: datetime) -> str:
        claims = {
            "iss": self._key.email,
            "sub": self._user,
            "scope": " ".join(sorted(self._scopes)),
            "aud": self._key.token_uri,
            "iat": int(now.timestamp()),
            "exp": int((now + _ASSERTED).timestamp()),
        }
        made: bytes = jwt.encode(self._key.signer, claims)  # type: ignore[no-untyped-call]
        return made.decode()


def sign_in(context: Context, *, user: str, scopes: frozenset[str], timeout: float) -> SignIn:
    """Reads the secret; asks Google nothing yet."""
    found = credentials(context.secret())
    if isinstance(found, ServiceKey):
        return ServiceSignIn(found, context.now, user=user, scopes=scopes, timeout=timeout)
    return OwnerSignIn(found, context, user=user, scopes=scopes, timeout=timeout)


def _asker(url: str, now: Callable[[], datetime], timeout: float) -> Callable[[Mapping[str, str]], Issued]:
    return lambda form: endpoint.ask(url, form, now=now(), timeout=timeout)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of a consent, as JSON."""

    refresh_token: str = ""
    client_id: str = ""
    scopes: frozenset[str] = frozenset()
    ends_at: datetime | None = None
    """When it ends, if Google said so: of an app in Testing."""

    @classmethod
    def read(cls, text: str) -> _Kept:
        try:
            held = json.loads(text) if text else {}
            ends_at = held.get("ends_at")
            return cls(
                held.get("refresh_token", ""),
                held.get("client_id", ""),
                frozenset(held.get("scopes", ())),
                datetime.fromisoformat(ends_at) if ends_at else None,
            )
        except (ValueError, TypeError, AttributeError):
            return cls()

    def renewed(self, refresh_token: str) -> _Kept:
        return _Kept(refresh_token, self.client_id, self.scopes, self.ends_at)

    def text(self) -> str:
        held = {
            "refresh_token": self.refresh_token,
            "client_id": self.client_id,
            "scopes": sorted(self.scopes),
            "ends_at": self.ends_at.isoformat() if self.ends_at else None,
        }
        return json.dumps(held)


def kept(issued: Issued, client: Client, now: datetime) -> str:
    """What to keep of a first consent."""
    ends_at = now + issued.grant_lasts if issued.grant_lasts is not None else None
    return _Kept(issued.refresh_token, client.id, issued.scopes, ends_at).text()
