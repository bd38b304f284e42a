"""Google's token endpoint in memory: authorization codes with PKCE, refresh tokens, service accounts' assertions."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

HOUR = 3600
WEEK = 7 * 24 * HOUR
HALF_A_YEAR = 182 * 24 * HOUR
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

Form = dict[str, str]


class Access(NamedTuple):
    """What an access token opens."""

    user: str
    scopes: frozenset[str]
    ends_at: float


@dataclass(slots=True)
class Grant:
    """What one user once allowed one client."""

    user: str
    scopes: frozenset[str]
    refusal: tuple[str, str, str] = ("", "", "")
    """(error, error_description, error_subtype) in place of a token."""
    ends_at: float = float("inf")
    used_at: float = float("inf")
    """None that lay unused for six months is taken any more."""

    def holds(self, now: float) -> bool:
        return now < self.ends_at and now - self.used_at < HALF_A_YEAR


class Code(NamedTuple):
    """What a browser is sent back with."""

    challenge: str
    """Of PKCE."""
    redirect: str
    user: str
    scopes: frozenset[str]
    lasts: bool
    """Whether a refresh token was asked for, and is due: the first time, or whenever the user is asked to consent."""


@cache
def private_key(number: int) -> rsa.RSAPrivateKey:
    """One of a few that differ; making one takes a while."""
    return rsa.generate_private_key(65537, 2048)


@dataclass
class ServiceAccount:
    """A service account, what its delegation allows in which domain, and its key."""

    email: str = "reader@syncd-trial.iam.gserviceaccount.com"
    client_id: str = "111222333444555666777"
    allowed: frozenset[str] = frozenset()
    """Scopes that the domain's admin authorised for it."""
    key: rsa.RSAPrivateKey = field(default_factory=lambda: private_key(1))

    def key_file(self, token_uri: str) -> str:
        """The JSON that Google's console gives, once."""
        private = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "syncd-trial",
                "private_key_id": "0123456789abcdef",
                "private_key": private.decode(),
                "client_email": self.email,
                "client_id": self.client_id,
                "token_uri": token_uri,
            },
            indent=2,
        )


def invalid_grant(description: str, subtype: str = "") -> tuple[str, str, str]:
    return "invalid_grant", description, subtype


@dataclass
class OAuth:
    clock: Any
    client_id: str = "123-trial.apps.googleusercontent.com"
    client_secret: str = "GOCSPX-trial"
    service_account: ServiceAccount = field(default_factory=ServiceAccount)
    grants: dict[str, Grant] = field(default_factory=dict)
    """By refresh token."""
    codes: dict[str, Code] = field(default_factory=dict)
    accesses: dict[str, Access] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    """Of the domain, for assertions."""
    testing: bool = False
    """The consent screen is in Testing: grants end after seven days, and say so."""
    lasts_in_testing: int = WEEK
    rotates: bool = False
    """Each refresh gives a new refresh token, and the old one is good for no more."""
    withholds_refresh_token: bool = False
    at_browser: str = ""
    """Who is signed in to Google where the address of a consent is opened, and agrees to it."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def client_file(self, token_uri: str) -> str:
        """The JSON that Google's console gives for a desktop app."""
        installed = {
            "client_id": self.client_id,
            "project_id": "syncd-trial",
            "auth_uri": token_uri.replace("/token", "/auth"),
            "token_uri": token_uri,
            "client_secret": self.client_secret,
            "redirect_uris": ["http://localhost"],
        }
        return json.dumps({"installed": installed})

    def grant(self, user: str, *scopes: str) -> str:
        """A user's consent, given earlier; returns the refresh token."""
        token = f"1//refresh-{next(self._numbers)}"
        self.grants[token] = Grant(user, frozenset(scopes), used_at=self.clock())
        return token

    def consent(self, query: dict[str, list[str]], user: str, ticked: frozenset[str] | None = None) -> str:
        """What the browser does: the user agrees to the address that was opened; returns where it is sent next."""
        assert query["response_type"] == ["code"]
        assert query["code_challenge_method"] == ["S256"]
        scopes = frozenset(query["scope"][0].split()) if ticked is None else ticked
        code, redirect = f"4/code-{next(self._numbers)}", query["redirect_uri"][0]
        is_first = not any(grant.user == user for grant in self.grants.values())
        lasts = query.get("access_type") == ["offline"] and (is_first or query.get("prompt") == ["consent"])
        self.codes[code] = Code(query["code_challenge"][0], redirect, user, scopes, lasts)
        separator = "&" if "?" in redirect else "?"
        return f"{redirect}{separator}state={query['state'][0]}&code={code}&scope={'%20'.join(scopes)}"

    def access(self, token: str) -> Access | None:
        found = self.accesses.get(token)
        return found if found is not None and found.ends_at > self.clock() else None

    # ------------------------------------------------------------------------------------------------ the endpoint

    def token(self, form: Form) -> tuple[int, dict[str, Any]]:
        match form.get("grant_type"):
            case "refresh_token":
                return self._refreshed(form)
            case "authorization_code":
                return self._exchanged(form)
            case grant if grant == _GRANT:
                return self._asserted(form)
        return _refused("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type')}")

    def _client_refusal(self, form: Form) -> tuple[int, dict[str, Any]] | None:
        if form.get("client_id") != self.client_id:
            return _refused("invalid_client", "The OAuth client was not found.", code=401)
        if form.get("client_secret") != self.client_secret:
            return _refused("invalid_client", "Unauthorized", code=401)
        return None

    def _refreshed(self, form: Form) -> tuple[int, dict[str, Any]]:
        if refusal := self._client_refusal(form):
            return refusal
        grant = self.grants.get(form.get("refresh_token", ""))
        if grant is None or not grant.holds(self.clock()):
            return _refused("invalid_grant", "Token has been expired or revoked.")
        if grant.refusal[0]:
            error, description, subtype = grant.refusal
            return _refused(error, description, subtype=subtype)
        grant.used_at = self.clock()
        answer = self._issued(grant.user, grant.scopes)
        if self.rotates:
            del self.grants[form["refresh_token"]]
            answer["refresh_token"] = self.grant(grant.user, *grant.scopes)
        return 200, answer

    def _exchanged(self, form: Form) -> tuple[int, dict[str, Any]]:
        if refusal := self._client_refusal(form):
            return refusal
        code = self.codes.pop(form.get("code", ""), None)
        if code is None:
            return _refused("invalid_grant", "Malformed auth code.")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != code.challenge:
            return _refused("invalid_grant", "Invalid code verifier.")
        if form.get("redirect_uri") != code.redirect:
            return _refused("redirect_uri_mismatch", "Bad Request")
        answer = self._issued(code.user, code.scopes)
        if code.lasts and not self.withholds_refresh_token:
            answer["refresh_token"] = self.grant(code.user, *code.scopes)
            if self.testing:
                answer["refresh_token_expires_in"] = self.lasts_in_testing - 1
                self.grants[answer["refresh_token"]].ends_at = self.clock() + self.lasts_in_testing
        return 200, answer

    def _asserted(self, form: Form) -> tuple[int, dict[str, Any]]:
        account = self.service_account
        head, _, signature = form.get("assertion", "").rpartition(".")
        try:
            account.key.public_key().verify(_decoded(signature), head.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return _refused("invalid_grant", "Invalid JWT Signature.")
        claims = json.loads(_decoded(head.partition(".")[2]))
        if claims["iss"] != account.email:
            return _refused("invalid_grant", "Invalid grant: account not found")
        if not (claims["iat"] - 300 <= self.clock() < claims["exp"] <= claims["iat"] + HOUR):
            return _refused(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your "
                "iat and exp values in the JWT claim.",
            )
        if "sub" not in claims or claims["sub"] not in self.users:
            return _refused("invalid_grant", "Invalid email or User ID")
        wanted = frozenset(claims["scope"].split())
        if not wanted <= account.allowed:
            description = (
                "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any "
                "of the scopes requested."
            )
            return _refused("unauthorized_client", description, code=401)
        answer = self._issued(claims["sub"], wanted)
        del answer["scope"]
        return 200, answer

    def _issued(self, user: str, scopes: frozenset[str]) -> dict[str, Any]:
        token = f"ya29.access-{next(self._numbers)}"
        self.accesses[token] = Access(user, scopes, self.clock() + HOUR)
        return {
            "access_token": token,
            "expires_in": HOUR - 1,
            "scope": " ".join(sorted(scopes)),
            "token_type": "Bearer",
        }


def _refused(error: str, description: str, *, code: int = 400, subtype: str = "") -> tuple[int, dict[str, Any]]:
    body = {"error": error, "error_description": description}
    return code, {**body, "error_subtype": subtype} if subtype else body


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
