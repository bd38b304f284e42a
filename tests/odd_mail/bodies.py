"""Odd bodies: broken MIME, what programs attach and wrap, reports of programs, and text of every kind."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

from tests.odd_mail.letter import TEXT, letter

_MIXED = b"Content-Type: multipart/mixed; boundary=B"
_PLAIN = b"--B\nContent-Type: text/plain; charset=utf-8\n\nThe text.\n"
_HTML = b"--B\nContent-Type: text/html; charset=utf-8\n\n<p>The <b>text</b>.</p>\n"
_END = b"--B--\n"


def _part(*lines: bytes, content: bytes = b"AAAA\n") -> bytes:
    return b"\n".join([b"--B", *lines, b"", content])


def _file(name: bytes) -> bytes:
    """A mail with an attachment whose name is written like this."""
    return _PLAIN + _part(b"Content-Type: application/pdf", b"Content-Disposition: attachment; " + name) + _END


_NAMES = [
    b"filename=plain.pdf",
    b'filename="../../../etc/passwd"',
    b'filename="a\\"b\\\\c.pdf"',
    b"filename=no quotes at all.pdf",
    b'filename="=?utf-8?q?Angebot_f=C3=BCr?=.pdf"',
    b"filename==?utf-8?b?QW5nZWJvdA==?=",
    b"filename*=utf-8''Angebot%20f%C3%BCr.pdf",
    b"filename*=utf-8'de'Angebot%ZZ%2",
    b"filename*=''x; filename*0=a; filename*1=b",
    b"filename*0*=iso-8859-1''%E4; filename*1*=%F6; filename*3=left-out",
    b"filename*0=a; filename*0=b; filename*00=c; filename*x=d; filename*99999999999=e",
    b"filename*1=only-the-second",
    b";".join(b"\n filename*%d*=%%C3%%A4" % number for number in range(800)),
    b"filename*=x-unknown'a'b'c'd",
    b'filename="Angebot f\xfcr.pdf"',
    b'filename="nul\x00nul.pdf"',
    b'filename="' + b"n" * 4000 + b'.pdf"',
    b"filename=",
    b'filename="unclosed',
    b"filename=\x1b[31m\xe2\x80\xaefdp.exe",
    b"; ;;size=x; creation-date=y;",
]

_TYPES = [
    b"Content-Type:",
    b"Content-Type: text",
    b"Content-Type: /",
    b"Content-Type: plain; charset",
    b"Content-Type: text/plain;;; charset=;=;x",
    b'Content-Type: text/plain; charset="utf-8" "latin-1"',
    b"Content-Type: TEXT/PLAIN (comment); CHARSET=(x)utf-8(y)",
    b"Content-Type: text/html",
    b"Content-Type: text/enriched",
    b"Content-Type: text/calendar; method=REQUEST",
    b"Content-Type: text/x-unknown",
    b"Content-Type: application/octet-stream; name=offer.doc",
    b"Content-Type: application/ms-tnef; name=winmail.dat",
    b"Content-Type: image/png; name=scan.png",
    b"Content-Type: message/rfc822",
    b"Content-Type: message/partial; number=1; total=2; id=x",
    b'Content-Type: message/external-body; access-type=URL; URL="file:///etc/passwd"',
    b"Content-Type: message/delivery-status",
    b"Content-Type: multipart/mixed",
    b"Content-Type: multipart/mixed; boundary=",
    b'Content-Type: multipart/mixed; boundary=""',
    b"Content-Type: multipart/mixed; boundary=nowhere",
    b"Content-Type: multipart/alternative; boundary=B; boundary=C",
    b'Content-Type: multipart/mixed; boundary="B\n "',
    b"Content-Type: multipart/mixed; boundary=" + b"B" * 3000,
    b"Content-Type: multipart/mixed; boundary=-- ",
    b"Content-Type: multipart/mixed; boundary*0=B; boundary*1=",
    b'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=B',
    b"Content-Type: multipart/encrypted; boundary=B",
    b"Content-Type: multipart/digest; boundary=B",
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=B",
    b"Content-Type: multipart/x-mixed-replace; boundary=B",
    b"Content-Type: \x00\xff; \x00=\xff",
    b"Content-Type: " + b"x" * 3000 + b"/" + b"y" * 3000,
]

_TRANSFER = [
    *(b"", b"base64", b"BASE64 ", b"quoted-printable", b"8bit", b"binary", b"x-uuencode", b"7bit, base64", b"\xff"),
]
_CODED = {
    "base64": base64.encodebytes(TEXT * 20),
    "base64 cut": base64.b64encode(TEXT)[:-3],
    "base64 with rubbish": b"R29v!ZCB\x00kYX\n\n-- \nk\xe4=s\n====\nR29v",
    "quoted-printable": b"Gr=C3=BC=C3=9Fe =\n und=20\t\nmehr=3D=\n",
    "quoted-printable broken": b"=G =1 == =\x00 =e4=E\n=",
    "uuencode": b"begin 644 offer.doc\n#0V%T\n`\nend\n\nAnd some text after it.\n",
    "uuencode without end": TEXT + b"begin 644 offer.doc\n" + b"M" + b"0" * 60 + b"\n",
    "yenc": b"=ybegin line=128 size=4 name=x\n\x80\x81\x82\x83\n=yend size=4\n",
    "binhex": b'(This file must be converted with BinHex 4.0)\n:$f*TEQKPH#jdCA0d,R0TG!"6593e4N"!!!!"!!!!:\n',
}

_STRUCTURES = {
    "empty multipart": b"",
    "only the end": _END,
    "no end": _PLAIN,
    "no blank line in a part": b"--B\nContent-Type: text/plain\nThe text at once.\n" + _END,
    "parts without heads": b"--B\n\nOne\n--B\n\nTwo\n" + _END,
    "text before and after": b"Preamble\n" * 50 + _PLAIN + _END + b"Epilogue\n" * 50,
    "delimiters within lines": b"x--B\n--Bx\n --B\n--B \t\n\nThe text.\n--B--x\n",
    "html first": _HTML + _PLAIN + _END,
    "two texts": _PLAIN + _PLAIN + _END,
    "only html": _HTML + _END,
    "a prefix of another boundary": (
        b"--B\nContent-Type: multipart/alternative; boundary=BB\n\n--BB\n\nThe text.\n--BB--\n" + _END
    ),
    "the same boundary within": b"--B\nContent-Type: multipart/alternative; boundary=B\n\n" + _PLAIN + _END + _END,
    "a base64 multipart": _part(
        b"Content-Type: multipart/mixed; boundary=C", b"Content-Transfer-Encoding: base64", content=b"LS1DCg=="
    ),
    "a forward": _part(b"Content-Type: message/rfc822", content=letter("forwarded")) + _END,
    "a forward in base64": _part(
        b"Content-Type: message/rfc822",
        b"Content-Transfer-Encoding: base64",
        content=base64.encodebytes(letter("forwarded")),
    )
    + _END,
    "a picture within html": _HTML + _part(b"Content-Type: image/png", b"Content-ID: <1>") + _END,
    "text as attachment": _part(b"Content-Type: text/plain", b"Content-Disposition: attachment", content=TEXT) + _END,
    "many heads in a part": _part(*[b"X-%d: y" % number for number in range(2000)], content=TEXT) + _END,
    "300 attachments": _PLAIN + _part(b"Content-Type: image/png; name=a.png") * 300 + _END,
    "60 levels": b"".join(
        b"--%b\nContent-Type: multipart/mixed; boundary=%bB\n\n" % (own, own)
        for own in (b"B" * depth for depth in range(1, 60))
    ),
    "60 forwards": b"--B\nContent-Type: message/rfc822\n\n" + b"Content-Type: message/rfc822\n\n" * 60,
    "winmail.dat": _PLAIN
    + _part(b"Content-Type: application/ms-tnef; name=winmail.dat", content=b"eJ8+IgEQAQaQCAAEAAAAAAAB")
    + _END,
    "signed": _PLAIN + _part(b"Content-Type: application/pkcs7-signature; name=smime.p7s") + _END,
    "an invitation": _PLAIN
    + _part(b"Content-Type: text/calendar; method=REQUEST", content=b"BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    + _END,
    "a report of failure": _PLAIN
    + _part(
        b"Content-Type: message/delivery-status",
        content=b"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; zoe@client.example\nAction: failed\n",
    )
    + _part(b"Content-Type: text/rfc822-headers", content=b"From: rita@example.com\n")
    + _END,
    "a receipt": _PLAIN
    + _part(b"Content-Type: message/disposition-notification", content=b"Disposition: automatic-action; displayed\n")
    + _END,
    "a complaint": _PLAIN + _part(b"Content-Type: message/feedback-report", content=b"Feedback-Type: abuse\n") + _END,
}

_TEXTS = {
    "empty": b"",
    "blank": b" \n\t\n\xa0\n",
    "only a signature": b"-- \nZoe\n",
    "only quotes": b"> yes\n> no\n>> maybe\n" * 30,
    "a dot alone": b"one\n.\n..\ntwo\n",
    "from lines": b"From here on\n>From there\n",
    "answers between": b"> Can you?\nYes.\n> When?\nOn Monday.\n" * 10,
    "above the history": b"Yes.\n\nOn Mon, 23 Nov 2026 at 09:00, Rita <rita@example.com> wrote:\n> Can you?\n",
    "outlook": b"Yes.\n\n-----Original Message-----\nFrom: Rita\nSent: Monday\nTo: Zoe\nSubject: Offer\n\nCan you?\n",
    "outlook in german": b"Ja.\n\n" + b"_" * 32 + b"\nVon: Rita\nGesendet: Montag\nAn: Zoe\nBetreff: X\n",
    "chinese history": "好的\n\n在 2026年11月23日\uff0cRita <rita@example.com> 写道\uff1a\n> 可以吗\n".encode(),
    "half a history": b"On Mon, 23 Nov 2026 at 09:00,\nRita\n<rita@example.com>\n\nwrote:\n",
    "flowed": b"One line that \ngoes on \n and >\n>> on \n-- \nZoe\n",
    "pgp": b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n=abcd\n-----END PGP MESSAGE-----\n",
    "nuls": b"a\x00b\x00\n\x00" * 300,
    "controls": b"\x1b[2J\x1b]0;x\x07\x08\x7f\x9b31m\r\rtext\x0c\n",
    "8 bit of every kind": bytes(range(128, 256)) * 40,
    "surrogates": b"\xed\xa0\x80\xed\xb0\x80 \xf4\x90\x80\x80 \xc0\x80\n",
    "one long line": b"word " * 40_000,
    "one long word": b"w" * 200_000,
    "many empty lines": b"\n" * 50_000,
    "deep quotes": b"".join(b">" * depth + b" text\n" for depth in range(300)),
}
_PAGES = {
    "page": b"<html><head><style>p{}</style><title>x</title></head><body><p>One<br>two</p><!-- no --></body></html>",
    "page without end": b"<html><body><table><tr><td>One<td>Two<table><tr><td",
    "page of outlook": b"<p class=MsoNormal>Yes<o:p></o:p></p><div style='border-top:solid'>From: Rita</div>",
    "page of gmail": b"<div dir=ltr>Yes</div><div class=gmail_quote><blockquote>No</blockquote></div>",
    "page with script": b"<script>alert('</scr'+'ipt>')</script><img src=x onerror=y><svg/onload=z><p>Text",
    "page with entities": b"&lt;&amp;&nbsp;&#0;&#x110000;&#xD800;&#99999999999999;&bogus;&amp",
    "page with charset": b"<meta http-equiv=Content-Type content='text/html; charset=koi8-r'><p>\xf0\xd2\xc9",
    "page as xml": b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><html><p>&a;</p></html>",
    "page of styles": b"<style>" + b"p { color: red }\n" * 3000 + b"</style><p>Text",
    "page of tags": b"<div><b><i>" * 3000 + b"Text",
}


def seeds() -> Mapping[str, bytes]:
    """Name -> mail."""
    return dict(_all())


def _all() -> Iterator[tuple[str, bytes]]:
    for number, written in enumerate(_NAMES):
        yield f"file {number}", letter(f"file {number}", _MIXED, body=_file(written))
    for number, line in enumerate(_TYPES):
        yield f"type {number}", letter(f"type {number}", line, body=_PLAIN + _END)
        yield f"part {number}", letter(f"part {number}", _MIXED, body=_part(line, content=TEXT) + _END)
    for number, transfer in enumerate(_TRANSFER):
        for name, content in _CODED.items():
            lines = (b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: " + transfer)
            yield f"{name} as {number}", letter(f"{name} as {number}", *lines, body=content)
    for kind in ("mixed", "alternative"):
        for name, body in _STRUCTURES.items():
            told = f"{name} in {kind}"
            yield told, letter(told, f"Content-Type: multipart/{kind}; boundary=B".encode(), body=body)
    for name, text in _TEXTS.items():
        yield name, letter(name, body=text)
    for name, page in _PAGES.items():
        yield name, letter(name, b"Content-Type: text/html; charset=utf-8", body=page)
