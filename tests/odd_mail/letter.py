"""How an odd mail is written down: what is odd about it, and the usual for the rest."""

from __future__ import annotations

SENDER = "zoe@client.example"
"""The contact whose mail most of them are, so that they are read to the end and stored."""

_USUAL = (
    b"From: Zoe <zoe@client.example>",
    b"To: Rita <rita@example.com>",
    b"Subject: Offer",
    b"Date: Mon, 23 Nov 2026 09:00:00 +0000",
    b"Message-ID: <%b@odd.example>",
)
TEXT = b"Good day,\n\nhere is the offer.\n\nZoe\n"


def letter(name: str, *lines: bytes, body: bytes = TEXT, without: tuple[bytes, ...] = ()) -> bytes:
    """A mail with these header lines, and the usual ones that they do not replace. Lines end in LF only, which a
    server changes to CRLF, unless one has CR in it."""
    given = {_name(line) for line in lines} | {name.lower() for name in without}
    marked = name.replace(" ", "-").encode()
    usual = [line % marked if b"%b" in line else line for line in _USUAL if _name(line) not in given]
    return b"\n".join([*usual, *lines, b"", body])


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].strip().lower()
