"""Odd header blocks: charsets and lies about them, encoded-words, addresses, dates, ids, and no headers at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.odd_mail.letter import SENDER, TEXT, letter

_ENCODINGS = [
    *("utf-8", "latin-1", "cp1252", "iso8859-2", "iso8859-15", "koi8-r", "cp1251", "iso8859-7", "cp1255", "cp1256"),
    *("shift_jis", "euc_jp", "iso2022_jp", "gb2312", "gb18030", "big5", "euc_kr", "iso2022_kr", "tis-620", "cp437"),
    *("mac_roman", "utf-7", "utf-16", "hz"),
]
_WORDS = {
    **dict.fromkeys(("koi8-r", "cp1251"), "Предложение"),
    **dict.fromkeys(("shift_jis", "euc_jp", "iso2022_jp"), "見積書のご送付"),
    **dict.fromkeys(("gb2312", "gb18030", "hz"), "关于报价"),
    **dict.fromkeys(("big5",), "關於報價"),
    **dict.fromkeys(("euc_kr", "iso2022_kr"), "견적서"),
    **{
        "iso8859-7": "Προσφορά",
        "cp1255": "הצעה",
        "cp1256": "عرض",
        "tis-620": "ใบเสนอราคา",
        "iso8859-2": "Nabídka žlutá",
    },
}
_LIES = [
    *("us-ascii", "utf-8", "iso-8859-1", "x-unknown", "undefined", "unknown-8bit", "", '""', "utf8mb4", "utf-8-sig"),
    *("ANSI_X3.4-1968", "unicode-1-1-utf-7", "iso-8859-8-i", "windows-1252http-equivContent-Type", "_iso-2022-jp$ESC"),
    *("../../etc/passwd", "idna", "punycode", "zlib_codec", "rot13", "base64", "mbcs", "unicode_escape", "%s%n"),
    *("x" * 5000, "\x00", "utf-8;", "=?utf-8?q?utf-8?=", "utf\u00a08"),
]

_SUBJECTS = [
    b"",
    b" ",
    b"\t\n \n\t",
    b"=?utf-8?Q?=C3?= =?utf-8?Q?=A4?=",
    b"=?utf-8?B?w6Q=?==?utf-8?B?w6Q=?=",
    b"=?utf-8?B?w?= =?utf-8?B?6Q?=",
    b"=?utf-8?b?w6Q?= =?UTF-8?B?====?= =?utf-8?b??= =?utf-8?q??=",
    b"=?iso-2022-jp?B?GyRCOCtAUT1xGyhC?=\n =?iso-2022-jp?B?GyRCJE4bKEI=?=",
    b"=?iso-2022-jp?B?GyRCOCtA?=\n =?iso-2022-jp?B?UT1xGyhC?=",
    b"=?utf-8*de?Q?gr=C3=BCn?=",
    b"=?utf-8?q?with spaces in it?= and after",
    b"=?utf-8?q?line=0D=0AX-Injected:_yes?=",
    b"=?utf-8?q?=00=01=1B[31m=7F?=",
    b"=?utf-8?q?=ED=A0=80=ED=B0=80?= =?utf-8?q?=F8=88=80=80=80?=",
    b"=?utf-7?q?+AOQ-?= =?utf-16?b?/v8A5A==?= =?hz?q?~{<:~}?=",
    b"=?nonsense?q?abc?= =?utf-8?x?abc?= =?utf-8?q?abc =?",
    b"=?utf-8?q?=C3=A4?=no blank=?utf-8?q?=C3=B6?=",
    b"=?=?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?==?=",
    b'"=?utf-8?q?quoted?="',
    b"Re: AW: Antw: RE[2]: Fwd: (fwd) [list] [list] SV: \xef\xbc\x9a Offer",
    b"[Fwd: [Fwd: [Fwd: Offer]]] (fwd) (fwd)",
    b"Re:" * 200,
    b"a" * 70_000,
    b"folded\n\tby\n    many\n \n \n kinds",
    b"\xe2\x80\xaeright to left\xe2\x80\xac \xe2\x80\x8bzero\xef\xbb\xbf width \xcd\x8f",
    b"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa9 \xed\xa0\xbd\xed\xb8\x80",
    b"{{7*7}} <script>alert(1)</script> =cmd|' /C calc'!A0 ';DROP TABLE activity;-- %s %(x)s {0}",
    b"Offer\r continued\x0b\x0c\x1c\x85",
    b"Retrieval using the IMAP4 protocol failed for the following message: 7",
]

_SENDERS = [
    b"zoe@client.example",
    b"<zoe@client.example>",
    b"Zoe zoe@client.example",
    b"zoe@client.example (Zoe (the second) Client)",
    b'"Client, Zoe" <ZOE@Client.Example>',
    b'"Zoe \\"Z\\" Client" <zoe@client.example>',
    b"Zoe <zoe @ client . example>",
    b"Zoe <@relay.example,@other.example:zoe@client.example>",
    b"zoe+offers@client.example",
    b"zoe@client.example.",
    b"'zoe@client.example' <zoe@client.example>",
    b"Zoe <mailto:zoe@client.example>",
    b"Zoe [zoe@client.example]",
    b"Zoe <zoe@client.example> <zoe@client.example>",
    b"Zoe <<zoe@client.example>>",
    b"Zoe <zoe@client.example",
    b"Zoe zoe@client.example>",
    b'"Zoe <zoe@client.example>',
    b'"ceo@example.com" <zoe@client.example>',
    b"zoe@client.example, ann@client.example",
    b"zoe@client.example)ceo@example.com",
    b"=?utf-8?q?Zo=C3=AB?= <zoe@client.example>",
    b"=?utf-8?q?Zo=C3=AB_=3Czoe=40client.example=3E?=",
    b'"=?utf-8?q?Zo=C3=AB?=" <=?utf-8?q?zoe?=@client.example>',
    b"Zo\xeb Cl\xefent <zoe@client.example>",
    b"Zo\xc3\xab <zo\xc3\xab@client.example>",
    b"Zoe <zoe@xn--bcher-kva.example>",
    b"Zoe <zoe@b\xc3\xbccher.example>",
    b'"very.(),:;<>[]\\".VERY.\\"zoe@\\\\ \\"very\\".unusual"@client.example',
    b"Zoe <zoe@[192.0.2.1]>",
    b"Zoe <zoe@[IPv6:2001:db8::1]>",
    b"relay!client!zoe",
    b"/G=Zoe/S=Client/O=client/ADMD=400net/C=de/@gateway.example",
    b"Zoe",
    b"<>",
    b"",
    b"MAILER-DAEMON",
    b"MAILER-DAEMON@example.com (Mail Delivery System)",
    b"undisclosed-recipients:;",
    b"Team: zoe@client.example, ann@client.example;",
    b"zoe@client.example\x00@evil.example",
    b"zoe@" + b"a" * 300 + b".example",
    b"z" * 3000 + b"@client.example",
    b"z@" + b"a." * 2000 + b"example",
    b"(" * 400 + b"zoe@client.example",
    b"zoe@client@example",
    b"@client.example",
    b"zoe@",
    b"rita@example.com",
]

_RECIPIENTS = [
    b"",
    b"undisclosed-recipients:;",
    b"Undisclosed recipients: ;",
    b"recipient list not shown: ;",
    b"A: a@x.example, B: b@x.example;, c@x.example;;",
    b'Team: Rita <rita@example.com>, "X, Y" <x@example.net>;, zoe@client.example',
    b"a@x.example b@x.example c@x.example",
    b"a@x.example; b@x.example; c@x.example;",
    b",,, ,rita@example.com,, ,",
    b"Rita\n <rita@example.com>\n ,\n\tZoe\n\t<zoe@client.example>",
    b"Rita <rita@example.com",
    b'"Rita <rita@example.com>, Zoe <zoe@client.example>',
    b"rita@example.com" + b", x@example.net" * 600,
    b"rita",
    b"rita@localhost, root@[127.0.0.1], postmaster",
    b"Rita <rita@example.com>(comment, with, commas),(zoe@client.example)",
    b"=?utf-8?q?Rita=2C_Example=2C_a=40b=2Ec?= <rita@example.com>",
    b"=?utf-8?B?UtGtdGE=?=\n =?utf-8?B?IGFuZCBhbGw=?= <rita@example.com>",
    b"\\\\server\\rita, IMCEAEX-_O=EXAMPLE_OU=X_cn=rita@example.com",
]

_DATES = [
    b"Mon, 23 Nov 2026 09:00:00 +0000",
    b"23 Nov 26 09:00 GMT",
    b"Mon, 23 Nov 2026 09:00:00 +0000 (Coordinated Universal Time (UTC))",
    b"Monday, 23-Nov-98 09:00:00 EST",
    b"Mon Nov 23 09:00:00 1998",
    b"Mon Nov 23 09:00:00 PST 1998",
    b"Mon, 23 Nov 98 9:0:0 PDT",
    b"Mon, 23 Nov 101 09:00:00 +0100",
    b"Mon, 23 Nov 19100 09:00:00 +0100",
    b"1998-11-23T09:00:00Z",
    b"1998-11-23 09:00:00.123456 +01:00",
    b"11/23/1998 9:00 AM",
    b"23.11.1998 09:00",
    b"Mo, 23 Nov 2026 09:00:00 +0100",
    b"Montag, 23. November 2026 09:00",
    b"lun., 23 nov. 2026 09:00:00 +0100",
    b"\xd0\x9f\xd0\xbd, 23 \xd0\xbd\xd0\xbe\xd1\x8f 2026",
    b"2026\xe5\xb9\xb411\xe6\x9c\x8823\xe6\x97\xa5",
    b"=?utf-8?q?Mon=2C_23_Nov_2026_09=3A00=3A00_+0000?=",
    b"Mon, 23 Nov 2026 25:61:61 +0000",
    b"Mon, 23 Nov 2026 23:59:60 +0000",
    b"Mon, 31 Feb 2026 09:00:00 +0000",
    b"Mon, 0 Nov 2026 09:00:00 +0000",
    b"Mon, 23 Nov 2026 09:00:00 +9999",
    b"Mon, 23 Nov 2026 09:00:00 -2400",
    b"Mon, 23 Nov 2026 09:00:00 GMT+0100",
    b'Mon, 23 Nov 2026 09:00:00 "GMT"',
    b"Mon, 23 Nov 2026 09:00:00",
    b"Mon, 23 Nov 2026",
    b"Thu, 01 Jan 1970 00:00:00 +0000",
    b"Fri, 13 Dec 1901 20:45:52 +0000",
    b"Tue, 19 Jan 2038 03:14:08 +0000",
    b"Fri, 01 Jan 99999 00:00:00 +0000",
    b"Mon, 23 Nov 0000 09:00:00 +0000",
    b"Sun, 23 Nov 9999 23:59:59 -2359",
    b"Sat, 01 Jan 0001 00:00:00 +2359",
    b"now",
    b"0",
    b"-1",
    b"1e400",
    b"9" * 4000,
    b"Mon, " * 2000,
    b"",
    b"\x00",
]

_IDS = [
    b"",
    b"<>",
    b"<@>",
    b"no-brackets@odd.example",
    b"no brackets at all",
    b"<a b c@odd.example>",
    b"<folded.\n within@odd.example>",
    b"<one@odd.example> <two@odd.example>",
    b'<"quoted"@odd.example>',
    b"<<double@odd.example>>",
    b"<open@odd.example",
    b"none",
    b"<NULL>",
    b"<\xe4\xf6\xfc@odd.example>",
    b"<nul\x00nul@odd.example>",
    b"<" + b"l" * 5000 + b"@odd.example>",
    b"<=?utf-8?q?encoded?=@odd.example>",
    b"[1.2.3@odd.example]",
    b"<rot.123>, <rot.456>",
]

_REFERENCES = [
    b"In-Reply-To: Your message of Mon, 23 Nov 1998 <offer.1@odd.example>",
    b"In-Reply-To: Zoe's message",
    b"In-Reply-To: <>",
    b"References:" + b"\n <offer.1@odd.example>" * 500,
    b"References: " + b"".join(b"<%d@odd.example>" % number for number in range(500)),
    b"References: <offer.1@odd.example><offer.2@odd.example>,<offer.3@odd.example>;",
    b"References: offer.1@odd.example offer.2@odd.example",
    b"References: <in-reply-to-itself@odd.example>",
    b"References: <" + b"x" * 40_000,
    b"Thread-Index: AdD///8=\nThread-Topic: Offer\nIn-Reply-To: \x00<a@b>\x00",
]

_LINES = [
    (b"Sensitivity: Personal",),
    (b"Auto-Submitted: auto-replied (vacation)", b"X-Auto-Response-Suppress: All"),
    (b"Precedence: bulk", b"List-Id: <weekly.odd.example>", b"List-Unsubscribe: <mailto:x@odd.example>"),
    (b"Subject: one", b"Subject: two", b"subject : three"),
    (b"From: zoe@client.example", b"From: someone.else@odd.example"),
    (b"To: rita@example.com", b"To: anna@example.com", b"TO: zoe@client.example", b"tO:"),
    (b"Date: Mon, 23 Nov 2026 09:00:00 +0000", b"Date: Mon, 23 Nov 1998 09:00:00 +0000"),
    (b"Message-ID: <one@odd.example>", b"Message-Id: <two@odd.example>"),
    (b"Content-Type: text/html", b"Content-Type: text/plain"),
    (b"This line has no colon", b"Neither has this"),
    (b" a continuation of nothing",),
    (b": no name", b"=:", b"\xc3\xa4: no name of a header", b"X Y: blank in the name", b"X-Empty:"),
    (b">From zoe Mon Nov 23 09:00:00 1998", b"From zoe Mon Nov 23 09:00:00 1998"),
    (b"X-Nul: \x00\x00\x00", b"X-Controls: \x01\x02\x03\x1b]0;title\x07"),
    (b"X-Lone-CR: a\rb", b"X-Two-CR: a\r\r"),
    (b"Sender: zoe@client.example", b"Reply-To: \xff\xfe, <zoe@client.example>"),
    (b"Bcc: zoe@client.example", b"Resent-From: x@odd.example", b"Resent-Date: yesterday"),
    (b"Return-Path: <>", b"X-Failed-Recipients: zoe@client.example"),
    (b"X-Long: " + b"x" * 200_000,),
    tuple(b"X-Header-%d: %d" % (number, number) for number in range(3000)),
    tuple(b"Received: from a by b; Mon, 23 Nov 2026 09:00:00 +0000" for _ in range(500)),
]

_WHOLE = {
    "nothing": b"",
    "one byte": b"x",
    "one line end": b"\n",
    "blank lines": b"\n\n\n\n\n",
    "no header": b"\nOnly a text.\n",
    "no header and no line": b"Only a text, and no end of a line",
    "no blank line": b"From: zoe@client.example\nSubject: Offer\nThe text begins at once.\n",
    "no end of a line": b"From: zoe@client.example",
    "mbox line": b"From zoe Mon Nov 23 09:00:00 1998\nFrom: zoe@client.example\n\nText\n",
    "byte order mark": b"\xef\xbb\xbfFrom: zoe@client.example\nSubject: Offer\n\nText\n",
    "utf-16": "From: zoe@client.example\r\nSubject: Offer\r\n\r\nText\r\n".encode("utf-16"),
    "old mac": b"From: zoe@client.example\rSubject: Offer\r\rText\r",
    "mixed line ends": b"From: zoe@client.example\r\nSubject: Offer\n\r\n\rText\r\r\n\n",
    "nuls": b"\x00" * 3000,
    "random bytes": bytes(range(256)) * 12,
    "a picture": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01",
    "only folds": b"\n ".join([b""] * 500),
    "html page": b"<!DOCTYPE html>\n<html><body>From: zoe@client.example</body></html>\n",
    "shell of a mail": b"From:\nTo:\nCc:\nSubject:\nDate:\nMessage-ID:\nContent-Type:\n\n",
}


def seeds() -> Mapping[str, bytes]:
    """Name -> mail."""
    return dict(_charsets()) | dict(_tables()) | _WHOLE


def _tables() -> Iterator[tuple[str, bytes]]:
    tables: dict[str, tuple[bytes, Sequence[bytes]]] = {
        "subject": (b"Subject: ", _SUBJECTS),
        "sender": (b"From: ", _SENDERS),
        "to": (b"To: ", _RECIPIENTS),
        "cc": (b"Cc: ", _RECIPIENTS),
        "date": (b"Date: ", _DATES),
        "id": (b"Message-ID: ", _IDS),
        "references": (b"", _REFERENCES),
    }
    for kind, (field, values) in tables.items():
        for number, value in enumerate(values):
            name = f"{kind} {number}"
            yield name, letter(name, field + value)
    for number, lines in enumerate(_LINES):
        yield f"lines {number}", letter(f"lines {number}", *lines)
    for missing in (b"From", b"To", b"Subject", b"Date", b"Message-ID"):
        yield f"no {missing.decode()}", letter("missing", without=(missing,))


def _charsets() -> Iterator[tuple[str, bytes]]:
    """Raw 8-bit in headers and text: with its charset told, not told, and told wrongly."""
    for encoding in _ENCODINGS:
        words = _WORDS.get(encoding, "Angebot fur" if encoding in ("hz", "utf-7") else "Résumé").encode(encoding)
        head = b"Subject: " + words, b"From: " + words + b" <" + SENDER.encode() + b">"
        text = words + b"\n\n" + TEXT
        told = f"Content-Type: text/plain; charset={encoding}".encode()
        yield f"raw {encoding}", letter(f"raw {encoding}", *head, body=text)
        yield f"told {encoding}", letter(f"told {encoding}", *head, told, body=text)
    for number, lie in enumerate(_LIES):
        spelt = lie.encode("utf-8")
        field = b"Content-Type: text/plain; charset=" + spelt
        word = b"Subject: =?" + spelt + b"?q?Angebot_f=FCr?= =?" + spelt + b"?b?w6Q=?= r\xe4w"
        yield f"lie {number}", letter(f"lie {number}", field, word, body=b"Gr\xfc\xdfe \xe2\x82\xac \x81\x8d\n" + TEXT)
