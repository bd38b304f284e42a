"""How a server asks who is there, and looks at the answer: Basic (RFC 7617), Digest (RFC 7616), Bearer (RFC 6750)."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from tests.servers.loopback_http import Asked, Told

REALM, NONCE = "calendars", "c0ffee"
BASIC = f'Basic realm="{REALM}"'
DIGEST = f'Digest realm="{REALM}", qop="auth", nonce="{NONCE}", opaque="f00"'
DIGEST_SHA256 = f"{DIGEST}, algorithm=SHA-256"
BEARER = f'Bearer realm="{REALM}"'


@dataclass(slots=True)
class Door:
    user: str = "anna@example.com"
    password: str = "an app password"
    token: str = "an access token"
    challenges: tuple[str, ...] = (BASIC,)
    """What it asks for, a header each; none is a refusal without a question, as some servers do."""
    accepts: str = "Basic"

    def refusal(self, asked: Asked) -> Told | None:
        scheme, _, rest = asked.headers.get("authorization", "").partition(" ")
        if scheme == self.accepts and self._opens(scheme, rest, asked):
            return None
        return Told(401, b"Who are you?\n", tuple(("WWW-Authenticate", each) for each in self.challenges))

    def _opens(self, scheme: str, rest: str, asked: Asked) -> bool:
        if scheme == "Basic":
            return base64.b64decode(rest).decode() == f"{self.user}:{self.password}"
        if scheme == "Bearer":
            return rest == self.token
        return self._digested(dict(_pairs(rest)), asked)

    def _digested(self, given: dict[str, str], asked: Asked) -> bool:
        """RFC 7616 section 3.4.1, with `qop=auth`; the path must be the one that is asked for."""
        if given.get("nonce") != NONCE or given.get("uri") != asked.path or given.get("username") != self.user:
            return False
        algorithm = given.get("algorithm", "MD5")
        who = _hashed(algorithm, f"{self.user}:{REALM}:{self.password}")
        what = _hashed(algorithm, f"{asked.method}:{asked.path}")
        counted = f"{NONCE}:{given.get('nc', '')}:{given.get('cnonce', '')}:auth"
        return given.get("response") == _hashed(algorithm, f"{who}:{counted}:{what}")


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(name, quoted or bare) for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', text)]


def _hashed(algorithm: str, text: str) -> str:
    return hashlib.new(algorithm.replace("-", "").lower(), text.encode(), usedforsecurity=False).hexdigest()
