"""The Microsoft identity platform, as far as msal goes: discovery, the grants, and refusals in its own words.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (device code and authorization
code beside it), reference-error-codes for the AADSTS numbers.
"""

from __future__ import annotations

import itertools
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from tests.servers.fake_graph_http import Answer, Request

TENANT = "6f1b0c7e-0000-4000-8000-00000000c0de"
CLIENT = "a1d3e5f7-0000-4000-8000-0000000000aa"
SECRET = "Q~client-secret~Q"
ENTERPRISE = "e5b1c7d9-0000-4000-8000-0000000000ee"
"""The object id of the enterprise application: of the app as this tenant has it."""
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Issued:
    """What an access token opens."""

    user: str
    """Empty for an app's own token."""
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    error: str
    number: int
    words: str
    suberror: str = ""


@dataclass(slots=True)
class FakeLogin:
    origin: str = ""
    audience: str = ""
    """The origin of the Graph whose tokens these are."""
    secrets: set[str] = field(default_factory=lambda: {SECRET})
    certificates: list[bytes] = field(default_factory=list)
    roles: frozenset[str] = frozenset({"Calendars.Read", "Mail.Read"})
    """What an admin consented to for the app itself, in Entra."""
    consented: frozenset[str] = frozenset({"Calendars.Read", "Mail.Read", "User.Read"})
    user: str = "anna@example.com"
    """Who sits at the browser."""
    declines: bool = False
    """Whether they press Cancel."""
    lifetime: int = 3600
    rotates: bool = True
    pending: int = 0
    """How often a device code is answered with authorization_pending first."""
    refusals: list[Refusal] = field(default_factory=list)
    """For the next requests of tokens, one each."""
    always: Refusal | None = None
    hook: Callable[[Request], Answer | None] = lambda request: None
    """Called as each request comes; what it returns is the answer, if it is one."""
    tokens: dict[str, Issued] = field(default_factory=dict)
    refreshes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Refresh token -> user and scopes."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        if answer := self.hook(request):
            return answer
        tenant, _, rest = request.path.strip("/").partition("/")
        match request.method, rest:
            case "GET", "discovery/instance":
                return Answer(
                    200, {"tenant_discovery_endpoint": self._at(tenant, "v2.0/.well-known/openid-configuration")}
                )
            case "GET", "v2.0/.well-known/openid-configuration":
                return self._discovery(tenant)
            case "POST", "oauth2/v2.0/devicecode":
                return self._device_code(request)
            case "GET", "oauth2/v2.0/authorize":
                return self._authorize(request)
            case "POST", "oauth2/v2.0/token":
                return self._token(request)
        return Answer(404, "no such page")

    @property
    def token_requests(self) -> list[dict[str, str]]:
        return [each.form for each in self.requests if each.path.endswith("/oauth2/v2.0/token")]

    def sign_out(self) -> None:
        """What a changed password or an admin's revocation does: no token means anything any more."""
        self.tokens.clear()
        self.refreshes.clear()

    def _at(self, tenant: str, rest: str) -> str:
        return f"{self.origin}/{tenant}/{rest}"

    def _discovery(self, tenant: str) -> Answer:
        if tenant not in (TENANT, "organizations", "common", "example.com"):
            words = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
            return _refused(Refusal(400, "invalid_tenant", 90002, words))
        return Answer(
            200,
            {
                "issuer": f"{self.origin}/{TENANT}/v2.0",
                "token_endpoint": self._at(tenant, "oauth2/v2.0/token"),
                "authorization_endpoint": self._at(tenant, "oauth2/v2.0/authorize"),
                "device_authorization_endpoint": self._at(tenant, "oauth2/v2.0/devicecode"),
                "jwks_uri": self._at(tenant, "discovery/v2.0/keys"),
                "response_types_supported": ["code", "id_token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "tenant_region_scope": "EU",
            },
        )

    # ------------------------------------------------------------------------------------------------------- people

    def _device_code(self, request: Request) -> Answer:
        code = f"device-{next(self._numbers)}"
        self.codes[code] = request.form
        return Answer(
            200,
            {
                "user_code": "A1B2C3D4E",
                "device_code": code,
                "verification_uri": "https://microsoft.com/devicelogin",
                "expires_in": 900,
                "interval": 0,
                "message": "To sign in, open https://microsoft.com/devicelogin and enter the code A1B2C3D4E.",
            },
        )

    def _authorize(self, request: Request) -> Answer:
        """The person agrees at once or cancels, and is sent back to the loopback address."""
        asked = request.query
        if self.declines:
            words = quote("AADSTS65004: User declined to consent to access the app.")
            back = (
                f"{asked['redirect_uri']}?error=access_denied&error_description={words}&state={quote(asked['state'])}"
            )
            return Answer(302, "", {"Location": back})
        code = f"code-{next(self._numbers)}"
        self.codes[code] = asked
        back = f"{asked['redirect_uri']}?code={code}&state={quote(asked['state'])}"
        return Answer(302, "", {"Location": back})

    # ------------------------------------------------------------------------------------------------------- tokens

    def _token(self, request: Request) -> Answer:
        form = request.form
        if refusal := self.refusals.pop(0) if self.refusals else self.always:
            return _refused(refusal)
        if form.get("client_id", CLIENT) != CLIENT:
            words = f"Application with identifier '{form['client_id']}' was not found in the directory 'Example'."
            return _refused(Refusal(400, "unauthorized_client", 700016, words))
        match form.get("grant_type"):
            case "client_credentials":
                return self._app_only(form)
            case "refresh_token":
                return self._refreshed(form)
            case "authorization_code":
                return self._redeemed(form)
            case kind if kind == _DEVICE:
                return self._by_device(form)
        return _refused(Refusal(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant."))

    def _app_only(self, form: dict[str, str]) -> Answer:
        if "client_assertion" in form:
            if form.get("client_assertion_type") != _ASSERTION or not self._signed(form["client_assertion"]):
                words = "Client assertion failed signature validation."
                return _refused(Refusal(401, "invalid_client", 700027, words))
        elif form.get("client_secret") not in self.secrets:
            words = "Invalid client secret provided. Ensure the secret being sent is the value, not the secret ID."
            return _refused(Refusal(401, "invalid_client", 7000215, words))
        if not form["scope"].endswith("/.default"):
            words = "The provided value for the input parameter 'scope' is not valid."
            return _refused(Refusal(400, "invalid_scope", 1002012, words))
        claims = {"roles": sorted(self.roles), "idtyp": "app", "oid": ENTERPRISE}
        return Answer(200, self._bearer(Issued("", self.roles), claims))

    def _signed(self, assertion: str) -> bool:
        head, payload, signature = assertion.split(".")
        digest = _decoded(json.loads(_decoded(head))["x5t#S256"].encode().decode())
        for pem in self.certificates:
            certificate = load_pem_x509_certificate(pem)
            key = certificate.public_key()
            if certificate.fingerprint(SHA256()) == digest and isinstance(key, RSAPublicKey):
                padding = PSS(mgf=MGF1(SHA256()), salt_length=PSS.DIGEST_LENGTH)
                key.verify(_decoded(signature), f"{head}.{payload}".encode(), padding, SHA256())
                return True
        return False

    def _refreshed(self, form: dict[str, str]) -> Answer:
        known = self.refreshes.get(form.get("refresh_token", ""))
        if known is None:
            words = "The provided grant has expired due to it being revoked, a fresh auth token is needed."
            return _refused(Refusal(400, "invalid_grant", 50173, words, "bad_token"))
        answer = self._of_person(known[0], form["scope"])
        if self.rotates and answer.status == 200:
            del self.refreshes[form["refresh_token"]]
        return answer

    def _redeemed(self, form: dict[str, str]) -> Answer:
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None:
            return _refused(Refusal(400, "invalid_grant", 54005, "OAuth2 Authorization code was already redeemed."))
        challenge = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if challenge != asked.get("code_challenge") or form.get("redirect_uri") != asked["redirect_uri"]:
            return _refused(
                Refusal(400, "invalid_grant", 501481, "The Code_Verifier does not match the code_challenge.")
            )
        return self._of_person(self.user, asked["scope"], asked.get("nonce", ""))

    def _by_device(self, form: dict[str, str]) -> Answer:
        if self.pending:
            self.pending -= 1
            words = "OAuth 2.0 device flow error. Authorization is pending. Continue polling."
            return _refused(Refusal(400, "authorization_pending", 70016, words))
        asked = self.codes.pop(form.get("device_code", ""), None)
        if asked is None:
            return _refused(Refusal(400, "expired_token", 70019, "Verification code expired."))
        return self._of_person(self.user, asked["scope"])

    def _of_person(self, user: str, scope: str, nonce: str = "") -> Answer:
        wanted = {each.rpartition("/")[2] for each in scope.split()} - {"openid", "profile", "offline_access"}
        granted = frozenset(wanted & self.consented)
        if not granted:
            words = "The user or administrator has not consented to use the application."
            return _refused(Refusal(400, "invalid_grant", 65001, words, "consent_required"))
        told = f"{' '.join(f'{self.audience}/{each}' for each in sorted(granted))} openid profile offline_access"
        refresh = f"0.refresh-{next(self._numbers)}"
        self.refreshes[refresh] = (user, scope)
        claims = {"scp": " ".join(sorted(granted)), "idtyp": "user", "upn": user}
        object_id = sha256(user.encode()).hexdigest()[:32]
        identity = {
            "aud": CLIENT,
            "iss": f"{self.origin}/{TENANT}/v2.0",
            "exp": int(time.time()) + self.lifetime,
            "iat": int(time.time()),
            "sub": object_id,
            "oid": object_id,
            "tid": TENANT,
            "preferred_username": user,
            **({"nonce": nonce} if nonce else {}),
        }
        return Answer(
            200,
            {
                **self._bearer(Issued(user, granted), claims),
                "scope": told,
                "refresh_token": refresh,
                "id_token": _unsigned(identity),
                "client_info": _encoded(json.dumps({"uid": object_id, "utid": TENANT}).encode()),
            },
        )

    def _bearer(self, issued: Issued, claims: dict[str, Any]) -> dict[str, Any]:
        token = _unsigned({"aud": self.audience, "tid": TENANT, "jti": next(self._numbers), **claims})
        self.tokens[token] = issued
        return {
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "ext_expires_in": self.lifetime,
            "access_token": token,
        }


def _refused(refusal: Refusal) -> Answer:
    body: dict[str, Any] = {
        "error": refusal.error,
        "error_description": f"AADSTS{refusal.number}: {refusal.words} Trace ID: 0b6c Correlation ID: 3a1d",
        "error_codes": [refusal.number],
        "timestamp": "2026-11-25 10:00:00Z",
        "trace_id": "0b6c0000-0000-4000-8000-000000000000",
        "correlation_id": "3a1d0000-0000-4000-8000-000000000000",
        "error_uri": f"https://login.microsoftonline.com/error?code={refusal.number}",
    }
    if refusal.suberror:
        body["suberror"] = refusal.suberror
    return Answer(refusal.status, body)


def _unsigned(claims: dict[str, Any]) -> str:
    """A JWT whose signature nobody looks at: clients must not."""
    head = _encoded(json.dumps({"typ": "JWT", "alg": "RS256"}).encode())
    return f"{head}.{_encoded(json.dumps(claims).encode())}.c2lnbmF0dXJl"


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
