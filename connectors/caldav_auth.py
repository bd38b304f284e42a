"""What goes into the Authorization header: Basic (RFC 7617), Bearer (RFC 6750), or the answer to a Digest challenge
(RFC 7616)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from connectors.caldav_settings import Settings
from syncd.errors import ReauthNeeded

_ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_PAIR = re.compile(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


class SignIn(Protocol):
    def header(self, method: str, url: str) -> str:
        """Empty as long as the server's challenge is not known. Raises what `secret` raises."""
        ...

    def again(self, challenge: str) -> bool:
        """Told by a 401: whether there is something new to answer it with."""
        ...


def sign_in(settings: Settings, secret: Callable[[], str]) -> SignIn:
    if settings.auth == "digest":
        return _Digest(settings.user, secret)
    return _Constant(settings, secret)


class _Constant:
    """Sent without being asked: iCloud offers schemes of its own first, and Yahoo does not say what it wants."""

    def __init__(self, settings: Settings, secret: Callable[[], str]) -> None:
        self._settings = settings
        self._secret = secret
        self._tried = ""

    def header(self, method: str, url: str) -> str:
        self._tried = self._tried or self._secret()
        if self._settings.auth == "basic":
            return "Basic " + base64.b64encode(f"{self._settings.user}:{self._tried}".encode()).decode()
        if not re.fullmatch(r"[\x21-\x7e]+", self._tried):
            raise ReauthNeeded("the secret is no access token", cure="have `secret` of the mailbox give one")
        return f"Bearer {self._tried}"

    def again(self, challenge: str) -> bool:
        """The file may hold a new password by now, and a token may have run out."""
        refused, self._tried = self._tried, ""
        self._tried = self._secret()
        return self._tried != refused


class _Challenge(NamedTuple):
    realm: str
    nonce: str
    opaque: str
    algorithm: str
    quality: str


class _Digest:
    def __init__(self, user: str, secret: Callable[[], str]) -> None:
        self._user = user
        self._secret = secret
        self._challenge: _Challenge | None = None
        self._count = 0

    def header(self, method: str, url: str) -> str:
        challenge = self._challenge
        if challenge is None:
            return ""
        self._count += 1
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        counted, client = f"{self._count:08x}", secrets.token_hex(8)
        proof = self._proof(challenge, f"{method}:{target}", counted, client)
        quoted = {"username": self._user, "realm": challenge.realm, "nonce": challenge.nonce, "uri": target}
        quoted |= {"response": proof} | ({"opaque": challenge.opaque} if challenge.opaque else {})
        bare = {"algorithm": challenge.algorithm}
        if challenge.quality:
            quoted |= {"cnonce": client}
            bare |= {"qop": challenge.quality, "nc": counted}
        pairs = [f'{name}="{_escaped(value)}"' for name, value in quoted.items()]
        return "Digest " + ", ".join(pairs + [f"{name}={value}" for name, value in bare.items()])

    def again(self, challenge: str) -> bool:
        """A first challenge, or a nonce that went stale. The same refused twice is a wrong password."""
        before, self._challenge, self._count = self._challenge, _challenge(challenge), 0
        if self._challenge is None:
            return False
        return before is None or before.nonce != self._challenge.nonce

    def _proof(self, challenge: _Challenge, what: str, counted: str, client: str) -> str:
        def digest(text: str) -> str:
            name = _ALGORITHMS[challenge.algorithm.upper().removesuffix("-SESS")]
            return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

        who = digest(f"{self._user}:{challenge.realm}:{self._secret()}")
        if challenge.algorithm.upper().endswith("-SESS"):
            who = digest(f"{who}:{challenge.nonce}:{client}")
        if not challenge.quality:
            return digest(f"{who}:{challenge.nonce}:{digest(what)}")  # RFC 2069, before there was a qop
        return digest(f"{who}:{challenge.nonce}:{counted}:{client}:{challenge.quality}:{digest(what)}")


def _challenge(header: str) -> _Challenge | None:
    """The strongest Digest challenge of a WWW-Authenticate header, which may hold several schemes."""
    offered = [_read(each) for each in re.split(r"(?:^|,)\s*Digest\s+", header, flags=re.IGNORECASE)[1:]]
    usable = [each for each in offered if each is not None]
    return max(usable, key=lambda each: "SHA" in each.algorithm.upper(), default=None)


def _read(text: str) -> _Challenge | None:
    values: dict[str, str] = {}
    for name, quoted, bare in _PAIR.findall(text):
        values.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or bare)
    algorithm = values.get("algorithm", "MD5")
    qualities = [each.strip() for each in values.get("qop", "").split(",")]
    if "nonce" not in values or algorithm.upper().removesuffix("-SESS") not in _ALGORITHMS:
        return None
    if "auth" not in qualities and "qop" in values:
        return None
    return _Challenge(
        realm=values.get("realm", ""),
        nonce=values["nonce"],
        opaque=values.get("opaque", ""),
        algorithm=algorithm,
        quality="auth" if "auth" in qualities else "",
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
