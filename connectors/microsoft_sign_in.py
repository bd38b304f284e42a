"""How a person agrees that the app may read a mailbox: in a browser on this machine, or by a code typed elsewhere.

What comes of it is kept only when it opens the mailbox that it is for: who signs in with another account by mistake
gives away nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msal

from connectors import microsoft_errors as errors
from connectors.base import Context
from connectors.graph_client import Graph
from connectors.microsoft_login import CONTACTS, Login, asked, person_app, reading, scopes
from connectors.microsoft_settings import Settings
from connectors.oauth import Consent, Person, visit
from syncd.errors import Permanent


@dataclass(slots=True)
class _Held:
    """The tokens of a sign-in that has not proved itself yet."""

    text: str

    def load(self) -> str:
        return self.text

    def save(self, text: str) -> None:
        self.text = text


def sign_in(settings: Settings, context: Context, person: Person) -> Consent:
    """Keeps the tokens only when they open the mailbox."""
    if settings.sign_in == "app":
        cure = 'run syncd check; or write sign_in = "user", to have its owner agree'
        raise Permanent(f"{settings.user} is read by the app itself: nobody has to sign in", cure=cure)
    cache = msal.SerializableTokenCache()
    app = person_app(settings, cache)
    wanted = scopes(settings, (*reading(settings), *([CONTACTS] if context.contacts else [])))
    said = (_by_browser if person.has_browser else _by_code)(app, settings, wanted, person)
    if "access_token" not in said:
        raise errors.refused(said, settings, context)
    held = _Held(cache.serialize())
    login = Login(settings, context._replace(tokens=held))
    graph = Graph(settings, login)
    try:
        graph.get(f"{graph.mailbox}/mailFolders/inbox?$select=id")
        granted = login.granted
    finally:
        graph.close()
    context.tokens.save(held.text)
    return Consent(granted.person or settings.person, tuple(sorted(granted.permissions)))


def _by_code(app: Any, settings: Settings, wanted: list[str], person: Person) -> Mapping[str, Any]:
    flow: dict[str, Any] = asked(settings, lambda: app.initiate_device_flow(wanted))
    if "user_code" not in flow:
        return flow
    person.say(str(flow["message"]))
    said: Mapping[str, Any] = asked(settings, lambda: app.acquire_token_by_device_flow(flow))
    return said


def _by_browser(app: Any, settings: Settings, wanted: list[str], person: Person) -> Mapping[str, Any]:
    flows: list[dict[str, Any]] = []

    def begin(redirect: str) -> str:
        # Entra accepts any port of `http://localhost` where that is registered, and no 127.0.0.1 and no slash.
        back = f"http://localhost:{urlsplit(redirect).port}"
        with warnings.catch_warnings():
            # msal would have the code sent back by POST; loopback takes a GET, and the code is worth nothing without
            # the verifier (PKCE).
            warnings.simplefilter("ignore", UserWarning)
            flows.append(
                app.initiate_auth_code_flow(
                    wanted, redirect_uri=back, prompt="select_account", login_hint=settings.person
                )
            )
        return str(flows[-1]["auth_uri"])

    came = dict(parse_qsl(urlsplit(visit(person, begin)).query))
    said: Mapping[str, Any] = asked(settings, lambda: app.acquire_token_by_auth_code_flow(flows[-1], came))
    return said
