"""OAuth 2 for an installed app, as Google and Microsoft share it: PKCE (RFC 7636), and the way back from the browser,
which is a port on loopback (RFC 8252 section 7.3) or, on a machine without a browser, the address that a person pastes.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

from syncd.errors import Permanent, ReauthNeeded

PASTED_REDIRECT = "http://127.0.0.1:1/"
"""Where nothing listens: the browser shows an error, and the address that it could not open is what to paste."""
_PATIENCE = 600.0
"""Seconds for a person to sign in."""
_WINDOW = "<!doctype html><meta charset=utf-8><title>syncd</title><p>{}</p><p>You may close this window.</p>"


class Challenge(NamedTuple):
    """What only the program that began a sign-in can know (PKCE), and what its answer must repeat (state)."""

    verifier: str
    state: str

    @property
    def digest(self) -> str:
        hashed = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(hashed).decode().rstrip("=")


def new_challenge() -> Challenge:
    return Challenge(secrets.token_urlsafe(48), secrets.token_urlsafe(24))


def address(
    endpoint: str, *, client_id: str, scopes: Iterable[str], redirect: str, challenge: Challenge, **more: str
) -> str:
    """What the owner opens in a browser."""
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect,
        "scope": " ".join(scopes),
        "state": challenge.state,
        "code_challenge": challenge.digest,
        "code_challenge_method": "S256",
        **more,
    }
    return f"{endpoint}?{urlencode(parameters)}"


def code_in(returned: str, challenge: Challenge) -> str:
    """The code in the address that the browser was sent back to. Raises ReauthNeeded for a no, else Permanent."""
    given = {name: values[0] for name, values in parse_qs(urlsplit(returned.strip()).query).items()}
    if not given:
        cure = "paste the whole address of the page that could not be opened; it begins with http://127.0.0.1"
        raise Permanent("that is not the address that the browser was sent back to", cure=cure)
    if not secrets.compare_digest(given.get("state", "").encode(), challenge.state.encode()):
        raise Permanent("that address belongs to another sign-in", cure="begin again, and use the newest address only")
    if error := given.get("error"):
        told = given.get("error_description", "")
        raise ReauthNeeded(f"the sign-in was refused: {_shown(error)} {_shown(told)}".rstrip(), cure=_refusals(error))
    if not given.get("code"):
        raise Permanent("the address holds no code", cure="begin again")
    return given["code"]


_CURES: Mapping[str, str] = {
    "access_denied": "sign in again and allow it; of an app in Testing only its test users can sign in",
    "admin_policy_enforced": "let the organisation's admin trust the app (Admin console > Security > API controls)",
    "org_internal": "the app is for its own organisation only: sign in with an account of that",
}


def _refusals(error: str) -> str:
    return _CURES.get(error, "sign in again, and ask the organisation's admin if it is refused again")


def _shown(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:200]


Begin = Callable[[str], str]
"""Redirect URI -> the address that the owner is to open."""


class Person(Protocol):
    """Whoever signs in, at this machine or elsewhere."""

    @property
    def has_browser(self) -> bool:
        """Whether it can be opened on this machine, and come back to a port of it."""
        ...

    def open(self, address: str) -> None:
        """Show the address, and open it where there is a browser."""
        ...

    def say(self, text: str) -> None: ...

    def paste(self) -> str:
        """The address at which a browser elsewhere ended."""
        ...


class Consent(NamedTuple):
    """What came of a sign-in, to be told to whoever did it."""

    user: str
    allowed: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def visit(person: Person, begin: Begin) -> str:
    """Have the address opened in a browser; returns the address that the browser was sent back to."""
    if person.has_browser:
        return _by_loopback(begin, person.open)
    person.open(begin(PASTED_REDIRECT))
    return person.paste()


def _by_loopback(begin: Begin, show: Callable[[str], None], patience: float = _PATIENCE) -> str:
    """Listen on a free port of 127.0.0.1 until the browser comes back with the state of this sign-in.

    Whoever else comes is answered, and passed over. Raises Permanent when nobody came within `patience` seconds.
    """
    came: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            expected = self.path.startswith("/?") and f"state={state}" in self.path
            if expected:
                came.append(self.path)
            body = _WINDOW.format("syncd has your answer." if expected else "There is nothing here.").encode()
            self.send_response(200 if expected else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """The path holds the code: it is not to be logged."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        redirect = f"http://127.0.0.1:{server.server_address[1]}/"
        address = begin(redirect)
        state = parse_qs(urlsplit(address).query)["state"][0]
        # Beside it, since some browsers (lynx, say) are shown until they end, and wait for this very answer.
        Thread(target=show, args=(address,), daemon=True).start()
        ends = time.monotonic() + patience
        while not came:
            server.timeout = max(0.0, ends - time.monotonic())
            if not server.timeout:
                raise Permanent("nobody signed in", cure="begin again, or use --no-browser")
            server.handle_request()
        return came[0]
