"""How a person agrees that the app may read a mailbox: by a code typed on another machine, or in a browser on this one.

What comes of it is kept only when it opens the mailbox that it is for: who signs in with another account by mistake
gives away nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msal
from msal.oauth2cli.authcode import AuthCodeReceiver

from connectors import microsoft_errors as errors
from connectors.base import Context
from connectors.graph_client import Graph
from connectors.microsoft_login import Granted, Login, asked, person_app, scopes
from connectors.microsoft_settings import Settings
from syncd.errors import Permanent, ReauthNeeded

Say = Callable[[str], None]

PATIENCE = 900.0
"""Seconds that a browser may take; a device code lasts as long as Microsoft says, which is as long."""


@dataclass(slots=True)
class _Held:
    """The tokens of a sign-in that has not proved itself yet."""

    text: str

    def load(self) -> str:
        return self.text

    def save(self, text: str) -> None:
        self.text = text


def sign_in(settings: Settings, context: Context, say: Say, *, browser: bool) -> Granted:
    """Ask the person, by `say`, and keep what comes of it; returns what was really granted. Raises SyncError.

    With `browser` the address that is said must be opened on this machine, or through a tunnel to it.
    """
    if settings.sign_in == "app":
        cure = 'nothing has to be agreed to: run syncd check (or write sign_in = "user" for the mailbox)'
        raise Permanent("this mailbox is read by the app itself", cure=cure)
    cache = msal.SerializableTokenCache()
    app = person_app(settings, cache)
    said = _in_browser(app, settings, say) if browser else _by_code(app, settings, say)
    if "access_token" not in said:
        raise errors.refused(said, settings)
    held = _Held(cache.serialize())
    login = Login(settings, replace(context, tokens=held))
    graph = Graph(settings, login)
    try:
        graph.get(f"{graph.mailbox}/mailFolders/inbox?$select=id")
        granted = login.granted
    finally:
        graph.close()
    context.tokens.save(held.text)
    return granted


def _by_code(app: Any, settings: Settings, say: Say) -> Mapping[str, Any]:
    flow = asked(settings, lambda: app.initiate_device_flow(scopes(settings)))
    if "user_code" not in flow:
        raise errors.refused(flow, settings)
    say(str(flow["message"]))
    said: Mapping[str, Any] = asked(settings, lambda: app.acquire_token_by_device_flow(flow))
    return said


def _in_browser(app: Any, settings: Settings, say: Say) -> Mapping[str, Any]:
    """By a redirect to a port of this machine that is open for as long as it takes (RFC 8252 section 7.3)."""
    with AuthCodeReceiver(port=0) as receiver:
        flow = app.initiate_auth_code_flow(
            scopes(settings),
            redirect_uri=f"http://localhost:{receiver.get_port()}",
            prompt="select_account",
            login_hint=settings.person,
        )
        say(f"Open this address in a browser on this machine, and sign in as {settings.person}:\n{flow['auth_uri']}")
        came = receiver.get_auth_response(timeout=PATIENCE, state=flow["state"])
    if not came:
        raise ReauthNeeded("nobody signed in", cure=errors.SIGN_IN)
    said: Mapping[str, Any] = asked(settings, lambda: app.acquire_token_by_auth_code_flow(flow, came))
    return said
