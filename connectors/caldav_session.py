"""Requests to one account's server: signed in, redirected hop by hop, never to a host that may not have the secret."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote_from_bytes, unquote_to_bytes, urljoin, urlsplit

from connectors.caldav_auth import sign_in
from connectors.caldav_errors import not_dav, not_let_in, refused
from connectors.caldav_settings import Settings
from connectors.caldav_xml import Multistatus, NotDav, multistatus
from connectors.http import Client, Response
from syncd.errors import Permanent

METHODS = ("OPTIONS", "GET", "PROPFIND", "REPORT")
"""Nothing else ever leaves, so that nothing can be written."""

MAX_HOPS = 5
_REDIRECTS = (301, 302, 303, 307, 308)

_FAMILIES = (("icloud.com",), ("fastmail.com", "messagingengine.com"))
"""Domains of one provider each, whose discovery leads from one host to another."""

_SAFE = "!$&'()*+,;=:@-._~"
"""What stands for itself in a part of a path (RFC 3986 section 3.3)."""
_SPELLED = re.compile(r"(?:/[A-Za-z0-9!$&'()*+,;=:@._~-]+)+/?")
"""As it would be spelled anyway, and as nearly all are."""


class Session:
    """The connection of one account, and what was learnt of where its server has moved to."""

    def __init__(self, settings: Settings, secret: Callable[[], str]) -> None:
        self._settings = settings
        self._home = urlsplit(settings.address)
        self._signed = sign_in(settings, secret)
        self._client = Client(
            methods=METHODS,
            home=self._home.hostname or "",
            ca_file=settings.ca_file,
            timeout=settings.timeout,
        )

    def ask(
        self, method: str, url: str, body: bytes = b"", *, depth: int | None = None, max_bytes: int = 64 << 20
    ) -> Response:
        """Any answer but 401 and a redirect; its `url` is where it came from in the end."""
        for _ in range(MAX_HOPS):
            response = self._signed_in(method, url, body, depth, max_bytes)
            target = response.headers.get("location", "")
            if response.status not in _REDIRECTS or not target:
                return response
            url = self.approved(urljoin(url, target), seen_at=url)
        raise Permanent(f"{self._home.hostname} redirects again and again", cure="check `url` of the mailbox")

    def multistatus(self, what: str, method: str, url: str, body: bytes, *, depth: int) -> tuple[Multistatus, str]:
        """The list, and the URL that it came from; anything else is raised. `what` is wanted, for the message."""
        response = self.ask(method, url, body, depth=depth)
        return self.listed(what, response), response.url

    def listed(self, what: str, response: Response) -> Multistatus:
        """Raises one of the four errors if it is none, or has nothing in it, which no server may mean."""
        if response.status != 207:
            raise refused(what, response)
        try:
            return multistatus(response.body)
        except NotDav as error:
            raise not_dav(what, str(error)) from error

    def approved(self, url: str, *, seen_at: str) -> str:
        """The URL, if the secret may be sent there; raises Permanent."""
        parts, here = urlsplit(url), urlsplit(seen_at)
        if here.scheme == "https" and parts.scheme != "https":
            raise Permanent(
                f"{here.hostname} sends us to {parts.hostname} without TLS",
                cure=f"write {_https(url)} as `url` of the mailbox",
            )
        if not self._is_trusted(url):
            raise Permanent(
                f"{here.hostname} sends us to {parts.netloc}, which would get the password, too",
                cure=f'if {parts.hostname} is the provider\'s own, write trusted_hosts = ["{parts.hostname}"] '
                "for the mailbox",
            )
        return url

    def close(self) -> None:
        self._client.close()

    def _signed_in(self, method: str, url: str, body: bytes, depth: int | None, max_bytes: int) -> Response:
        response = self._send(method, url, body, depth, max_bytes)
        if response.status != 401:
            return response
        challenge = response.headers.get("www-authenticate", "")
        if self._signed.again(challenge):
            response = self._send(method, url, body, depth, max_bytes)
        if response.status == 401:
            raise not_let_in(self._settings, url, challenge)
        return response

    def _send(self, method: str, url: str, body: bytes, depth: int | None, max_bytes: int) -> Response:
        headers = {"Authorization": self._signed.header(method, url)}
        if depth is not None:
            headers["Depth"] = str(depth)
        if body:
            headers["Content-Type"] = "application/xml; charset=utf-8"
        sent = {name: value for name, value in headers.items() if value}
        return self._client.send(method, url, headers=sent, body=body, max_bytes=max_bytes)

    def _is_trusted(self, url: str) -> bool:
        parts = urlsplit(url)
        host, home = parts.hostname or "", self._home.hostname or ""
        if any(_is_within(host, trusted.lower()) for trusted in self._settings.trusted_hosts):
            return True
        if origin(url) == origin(self._settings.address):
            return True
        # Another port may be another person's server.
        if parts.scheme != "https" or (parts.port or 443) not in (443, self._home.port or 443):
            return False
        family = next((each for each in _FAMILIES if any(_is_within(home, domain) for domain in each)), ())
        return any(_is_within(host, domain) for domain in (home, *family))


def origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def path(href: str) -> str:
    """The path of an href, spelled in one way only: as it is asked for, and as ids compare.

    Servers write `@` or `%40`, absolute or relative, and what they will have it back as. A slash within a part stays
    `%2F`, and `%2540` is no `%40`.
    """
    whole = href.strip()
    if _SPELLED.fullmatch(whole):
        return whole
    folder, _, name = whole.rpartition("/")
    if whole[:1] == "/" and whole[:2] != "//" and _SPELLED.fullmatch(f"/{name}"):
        return f"{_spelled(folder)}/{name}"
    return _spelled(whole)


@lru_cache(maxsize=256)  # the names in a calendar are plain as a rule, and the folder of all of them is the same
def _spelled(href: str) -> str:
    raw = urlsplit(href).path if "://" in href[:10] or href.startswith("//") else href
    return "/".join(quote_from_bytes(unquote_to_bytes(part), safe=_SAFE) for part in raw.split("/"))


def located(href: str, base: str) -> str:
    """The URL of an href that was found at `base`."""
    joined = urlsplit(urljoin(base, href.strip()))
    return joined._replace(path=path(joined.path), query="", fragment="").geturl()


def _is_within(host: str, domain: str) -> bool:
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _https(url: str) -> str:
    return urlsplit(url)._replace(scheme="https").geturl()
