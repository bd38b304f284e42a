"""The connection to an Exchange server, by exchangelib: signed in by NTLM or Basic, over TLS that our own context
verifies, with a bound to what may come back.

Of exchangelib its protocol and services are used, with neither its Account (which keeps every connection of the process
for ever, by the password) nor its models (which read dates by the zone of this machine). One connection for each
account, as each is used by one thread at a time.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any

import requests
from exchangelib import UTC
from exchangelib.account import Identity
from exchangelib.autodiscover import AutodiscoverProtocol
from exchangelib.configuration import Configuration
from exchangelib.credentials import DELEGATE, IMPERSONATION, Credentials
from exchangelib.ewsdatetime import EWSTimeZone
from exchangelib.protocol import BaseProtocol
from exchangelib.version import EXCHANGE_2013_SP1, Version
from requests.adapters import HTTPAdapter

from connectors import tls
from connectors.ews_errors import Judge
from connectors.ews_settings import Settings
from connectors.retry import IT_PASSES
from syncd import __version__
from syncd.errors import Permanent, Retryable

API_VERSION = "Exchange2013_SP1"
"""The oldest schema with all that is asked for. Each later server answers by the schema that it is asked in."""
LARGEST = 64 * 1024 * 1024
LONGEST = 5
"""An answer may take so many times the timeout between two of its bytes."""
_PIECE = 64 * 1024

# Whole requests and answers, with mail in clear and the password in base64, at the level of debugging; and all of it at
# that of an error.
for _name in ("exchangelib", "spnego"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class TooLarge(Permanent):
    """The answer is larger than is taken."""


class _Adapter(HTTPAdapter):
    """TLS by the house's context, whatever the environment says, and answers of a bounded size and time."""

    def __init__(self, settings: Settings) -> None:
        self._context = tls.context(settings.ca_file, alpn="http/1.1")
        self._longest = LONGEST * settings.timeout
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0, pool_block=True)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context has its authorities; requests would add those that it brings."""
        conn.cert_reqs = "CERT_REQUIRED"

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        response: requests.Response = super().send(request, *args, **kwargs)
        if response.status_code != 401:  # of which NTLM needs the socket, to bind its answer to the certificate
            response._content = self._bounded(response)
        return response

    def _bounded(self, response: requests.Response) -> bytes:
        until, whole = time.monotonic() + self._longest, bytearray()
        for piece in response.iter_content(_PIECE):
            whole += piece
            if len(whole) > LARGEST:
                response.close()
                raise TooLarge(f"the server answers with more than {LARGEST // 1024**2} MB", cure=IT_PASSES)
            if time.monotonic() > until:
                response.close()
                cure = "nothing, if it passes; else ask its admin"
                raise Retryable("the server sends its answer too slowly", cure=cure)
        return bytes(whole)


class _OurSessions(BaseProtocol):  # type: ignore[misc]  # exchangelib ships no types
    """Sessions of requests that go by our adapter and know no proxies, .netrc or cookies of others."""

    USERAGENT = f"syncd/{__version__}"
    RETRY_WAIT = 0
    settings: Settings

    def get_session(self) -> requests.Session:
        """One account is used by one thread: a session that is not there was lost, and the library would wait for it
        for ever."""
        if self._session_pool.empty():
            self._session_pool_size = 0
        session: requests.Session = super().get_session()
        return session

    def create_session(self) -> requests.Session:
        session: requests.Session = super().create_session()
        session.trust_env = False
        session.mount("https://", _Adapter(self.settings))
        session.mount(self.service_endpoint, session.get_adapter("https://"))
        return session


class Wire(_OurSessions):
    """To Exchange's web services at one URL."""

    def __init__(self, url: str, settings: Settings, secret: str, judge: Judge) -> None:
        self.settings = settings
        self.TIMEOUT = settings.timeout
        super().__init__(config=_configuration(url, settings, secret, judge))

    @property
    def version(self) -> Version:
        return self.config.version


class AutodiscoverWire(_OurSessions, AutodiscoverProtocol):  # type: ignore[misc]  # exchangelib ships no types
    """To the service that tells where a mailbox is."""

    def __init__(self, url: str, host: str, settings: Settings, secret: str) -> None:
        self.settings = settings
        super().__init__(config=_configuration(url, settings, secret, Judge(settings, host)))
        self.TIMEOUT = min(settings.timeout, 30)


def _configuration(url: str, settings: Settings, secret: str, judge: Judge) -> Configuration:
    return Configuration(
        service_endpoint=url,
        credentials=Credentials(settings.signs_in, secret),
        auth_type="NTLM" if settings.auth == "ntlm" else "basic",
        version=Version(EXCHANGE_2013_SP1, API_VERSION),
        retry_policy=judge,
        max_connections=1,
    )


@dataclass(slots=True)
class Mailbox:
    """What exchangelib's services ask of an account: whose mailbox it is, and in whose name it is read."""

    protocol: Wire
    primary_smtp_address: str
    acts_for: str
    identity: Identity = field(init=False)
    access_type: str = field(init=False)
    default_timezone: EWSTimeZone = UTC
    """In which Exchange tells times; never that of this machine."""
    affinity_cookie: str | None = None

    def __post_init__(self) -> None:
        self.identity = Identity(primary_smtp_address=self.primary_smtp_address)
        self.access_type = IMPERSONATION if self.acts_for == "impersonation" else DELEGATE

    @property
    def version(self) -> Version:
        return self.protocol.version

    @version.setter
    def version(self, value: Version) -> None:
        """What the server says of itself changes nothing: it is asked by one schema."""
