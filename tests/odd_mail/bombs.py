"""Mails that were made to cost: what other parsers take a gigabyte, a minute, or the depth of the stack for."""

from __future__ import annotations

from collections.abc import Mapping

from tests.odd_mail.letter import letter

_MIXED = b"Content-Type: multipart/mixed; boundary=B"


def _levels(depth: int) -> bytes:
    return b"".join(
        b"--B%d\nContent-Type: multipart/mixed; boundary=B%d\n\n" % (number, number + 1) for number in range(depth)
    )


def bombs() -> Mapping[str, bytes]:
    """Name -> mail."""
    heads = {
        "10 MB in one header line": b"Subject: " + b"x" * 10_000_000,
        "10 MB of recipients": b"To: " + b"rita@example.com, " * 600_000,
        "10 MB of folds": b"Subject:" + b"\n x" * 3_000_000,
        "10,000 recipients": b"To: " + b", ".join(b"a%d@odd.example" % number for number in range(10_000)),
        "100,000 recipients": b"Cc: " + b", ".join(b"a%d@odd.example" % number for number in range(100_000)),
        "10,000 encoded words": b"Subject: " + b"=?utf-8?q?=C3=A4?= " * 10_000,
        "10,000 encoded words in a name": b"From: " + b"=?utf-8?b?w6Q=?=\n " * 10_000 + b"<zoe@client.example>",
        "10,000 brackets": b"To: " + b"(" * 10_000,
        "10,000 quotes": b"To: " + b'"\\"' * 10_000,
        "10,000 parameters": b"Content-Type: text/plain" + b"; a=b" * 10_000,
        "a boundary in 10,000 pieces": b"Content-Type: multipart/mixed"
        + b"".join(b"; boundary*%d=B" % number for number in range(10_000)),
        "100,000 references": b"References: " + b"<a@odd.example> " * 100_000,
        "100,000 headers": b"X-A: b\n" * 100_000 + b"X-A: b",
        "20,000 To headers": b"To: a@odd.example\n" * 20_000 + b"To: rita@example.com",
    }
    multiparts = {
        "100,000 parts": b"--B\n\nx\n" * 100_000 + b"--B--\n",
        "10,000 named parts": b"--B\nContent-Type: image/png; name=%b.png\n\nx\n" % (b"n" * 200) * 10_000 + b"--B--\n",
        "a part of 10,000 parameters": b"--B\nContent-Type: text/plain" + b"; a*0=b" * 10_000 + b"\n\nx\n--B--\n",
        "a file name in 10,000 pieces": b"--B\nContent-Disposition: attachment"
        + b"".join(b";\n filename*%d*=%%C3%%A4" % number for number in range(10_000))
        + b"\n\nx\n--B--\n",
        "a file name of 2 MB": b"--B\nContent-Type: image/png; name=" + b"n" * 2_000_000 + b"\n\nx\n--B--\n",
        "a text behind 5 MB": b"--B\nContent-Type: image/png\n\n" + b"A" * 5_000_000 + b"\n--B\n\nText\n--B--\n",
        "lines that are nearly delimiters": b"--B \x00\n" * 100_000,
    }
    texts = {
        "3 MB of soft breaks": (b"text/plain\nContent-Transfer-Encoding: quoted-printable", b"=\n" * 1_500_000),
        "10 MB of base64": (b"text/plain\nContent-Transfer-Encoding: base64", (b"QUJD" * 19 + b"\n") * 130_000),
        "10 MB in one line": (b"text/plain", b"x" * 10_000_000),
        "10,000 histories": (b"text/plain", b"On Mon, 23 Nov 2026 Rita\n" * 10_000),
        "100,000 quotes": (b"text/plain", b"> x\n" * 100_000),
        "100,000 levels of html": (b"text/html", b"<div>" * 100_000 + b"x"),
        "crossed html": (b"text/html", b"".join(b"<b a=%d>" % number for number in range(20_000)) + b"<p>x</p>" * 9000),
        "a comment without end": (b"text/html", b"<!--" * 60_000),
        "entities without end": (b"text/html", b"&#1" * 80_000),
    }
    nested = {
        "10,000 levels": letter("10,000 levels", b"Content-Type: multipart/mixed; boundary=B0", body=_levels(10_000)),
        "500 levels": letter("500 levels", b"Content-Type: multipart/mixed; boundary=B0", body=_levels(500)),
        "5,000 forwards": letter(
            "5,000 forwards", b"Content-Type: message/rfc822", body=b"Content-Type: message/rfc822\n\n" * 5000
        ),
        "one boundary at all levels": letter(
            "one boundary", _MIXED, body=b"--B\nContent-Type: multipart/mixed; boundary=B\n\n" * 6000
        ),
    }
    return (
        {name: letter(name, line) for name, line in heads.items()}
        | {name: letter(name, _MIXED, body=body) for name, body in multiparts.items()}
        | {name: letter(name, b"Content-Type: " + kind, body=body) for name, (kind, body) in texts.items()}
        | nested
    )
