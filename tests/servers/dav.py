"""What an owner's programs do over CalDAV (RFC 4791) and CardDAV (RFC 6352): real servers are filled with it."""

from __future__ import annotations

import base64
import http.client
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

XML = "application/xml; charset=utf-8"

_MAKE_CALENDAR = """<?xml version="1.0" encoding="utf-8"?>
<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>
<D:displayname>{name}</D:displayname>
<C:supported-calendar-component-set>{components}</C:supported-calendar-component-set>{zone}
</D:prop></D:set></C:mkcalendar>"""


_MAKE_BOOK = """<?xml version="1.0" encoding="utf-8"?>
<D:mkcol xmlns:D="DAV:" xmlns:A="urn:ietf:params:xml:ns:carddav"><D:set><D:prop>
<D:resourcetype><D:collection/><A:addressbook/></D:resourcetype><D:displayname>{name}</D:displayname>
</D:prop></D:set></D:mkcol>"""


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True, slots=True)
class Dav:
    """One user of one server; a new connection for each request."""

    url: str
    """Scheme, host and port."""
    home: str
    """The path under which the user's calendars lie, with a slash at both ends."""
    user: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None

    def request(self, method: str, path: str, body: str | bytes = b"", **headers: str) -> Answer:
        """`content_type="..."` becomes the header Content-Type (else XML), and so on. The path is sent as it is."""
        place = urlsplit(self.url)
        host, port = str(place.hostname), place.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=30, context=self.tls)
            if place.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=30)
        )
        given = {name.replace("_", "-").title(): value for name, value in headers.items()}
        named = {"Content-Type": XML, **given} if body else given
        if self.user:
            named["Authorization"] = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        try:
            connection.request(method, path, body.encode() if isinstance(body, str) else body, named)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def make_calendar(
        self, name: str, *, components: Sequence[str] = ("VEVENT",), title: str | None = None, zone: str = ""
    ) -> str:
        """Returns its path. `title` is its display name, `zone` the text of a VCALENDAR with one VTIMEZONE."""
        path = f"{self.home}{quote(name)}/"
        body = _MAKE_CALENDAR.format(
            name=escape(name if title is None else title),
            components="".join(f'<C:comp name="{component}"/>' for component in components),
            zone=f"<C:calendar-timezone>{escape(zone)}</C:calendar-timezone>" if zone else "",
        )
        self._expect(201, self.request("MKCALENDAR", path, body))
        return path

    def make_address_book(self, name: str) -> str:
        """Returns its path (RFC 5689)."""
        path = f"{self.home}{quote(name)}/"
        self._expect(201, self.request("MKCOL", path, _MAKE_BOOK.format(name=escape(name))))
        return path

    def put(self, path: str, thing: str | bytes, kind: str = "text/calendar") -> str:
        """An object at this path, whether or not there was one; returns its etag."""
        answer = self.request("PUT", path, thing, content_type=f"{kind}; charset=utf-8")
        self._expect((201, 204), answer)
        return answer.headers["ETag"]

    def delete(self, path: str) -> None:
        """An object, or a calendar with all that is in it."""
        self._expect((200, 204), self.request("DELETE", path))

    def get(self, path: str) -> bytes:
        answer = self.request("GET", path)
        self._expect(200, answer)
        return answer.body

    def _expect(self, wanted: int | tuple[int, ...], answer: Answer) -> None:
        allowed = (wanted,) if isinstance(wanted, int) else wanted
        assert answer.status in allowed, (answer.status, answer.body[:1000])
