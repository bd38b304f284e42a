"""One mail as bytes: some 2.5 KB of header fields as they really arrive, bodies with history and attachments."""

from __future__ import annotations

import base64
import quopri
import random
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime

from bench.cast import Person

_VOCABULARY = (
    "offer delivery schedule quantity sample invoice meeting contract pallet harbour margin forecast colour discount "
    "Grüße café naïve Ångström please thank regards tomorrow Tuesday the a of to and with for before after we you they "
    "will can should might review confirm send sign move check call write plan agree"
)
_WORDS = _VOCABULARY.split()
_HEX = "0123456789abcdef"
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a mail says, before it is written out. `lines` are whole header lines beside the usual ones."""

    number: int
    sender: Person
    to: tuple[Person, ...]
    cc: tuple[Person, ...] = ()
    subject: str
    sent: datetime
    message_id: str | None
    references: tuple[str, ...] = ()
    quoted: int = 0
    """Paragraphs of quoted history."""
    lines: tuple[str, ...] = ()
    dated: bool = True


def subject_words(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=chance.randint(2, 7))).capitalize()


class Writer:
    """Writes letters out with text and attachments from pools that are made once, so that 100,000 take seconds."""

    def __init__(self, seed: int, *, attachments: bool) -> None:
        chance = random.Random(f"pools {seed}")
        self._paragraphs = [paragraph(chance) for _ in range(300)]
        self._encoded = [quopri.encodestring(text.encode()).decode("ascii") for text in self._paragraphs]
        self._filler = base64.encodebytes(chance.randbytes(600_000)).decode("ascii")
        self._attachments = attachments

    def write(self, letter: Letter, chance: random.Random) -> bytes:
        """The same letter and the same chance give the same bytes; line ends are bare LF, as Maildir has them."""
        boundary = "".join(chance.choices(_HEX, k=28))
        attached = self._attachments and chance.random() < 0.22
        kind = "mixed" if attached else "alternative"
        head = _header(letter, chance) + f'MIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary="{boundary}"\n\n'
        if not attached:
            return (head + self._alternative(letter, chance, boundary)).encode("utf-8", "surrogateescape")
        inner = boundary[::-1] + "i"
        body = f'--{boundary}\nContent-Type: multipart/alternative; boundary="{inner}"\n\n'
        body += self._alternative(letter, chance, inner) + self._attachment(letter, chance, boundary)
        return (head + body).encode("utf-8", "surrogateescape")

    def _alternative(self, letter: Letter, chance: random.Random, boundary: str) -> str:
        fresh = chance.choices(self._encoded, k=chance.randint(1, 6))
        old = chance.choices(self._paragraphs, k=letter.quoted)
        quoted = quopri.encodestring("".join(f"> {line}\n" for text in old for line in text.splitlines()).encode())
        intro = "On Monday, someone wrote:\n" if old else ""
        plain = "\n".join(fresh) + f"\n-- \n{letter.sender.name}\n\n" + intro + quoted.decode("ascii")
        markup = "".join(
            f'<p class=3D"MsoNormal" style=3D"margin:0cm;font-family:Calibri,sans-serif">=\n{text}</p>\n'
            for text in fresh + chance.choices(self._encoded, k=2 * letter.quoted + 4)
        )
        return (
            f"--{boundary}\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
            f"{plain}\n--{boundary}\nContent-Type: text/html; charset=utf-8\n"
            f"Content-Transfer-Encoding: quoted-printable\n\n<html><body>\n{markup}</body></html>\n--{boundary}--\n"
        )

    def _attachment(self, letter: Letter, chance: random.Random, boundary: str) -> str:
        size = int(min(600_000, max(8_000, chance.lognormvariate(11.35, 0.8)))) // 77 * 77
        name = f"offer-{letter.number}.pdf"
        return (
            f'--{boundary}\nContent-Type: application/pdf; name="{name}"\nContent-Transfer-Encoding: base64\n'
            f'Content-Disposition: attachment; filename="{name}"\n\n{self._filler[:size]}\n--{boundary}--\n'
        )


def paragraph(chance: random.Random) -> str:
    words = chance.choices(_WORDS, k=chance.randint(25, 90))
    return "\n".join(" ".join(words[at : at + 11]) for at in range(0, len(words), 11)) + "\n"


def _header(letter: Letter, chance: random.Random) -> str:
    date = format_datetime(letter.sent)
    lines = [f"Return-Path: <{letter.sender.address}>"]
    lines += [_received(chance, hop, date) for hop in range(4)]
    lines += [_signature(chance, letter.sender.address.partition("@")[2]), _verdicts(chance, letter.sender.address)]
    lines += letter.lines
    lines.append(f"From: {_mailbox(letter.sender)}")
    if letter.to:
        lines.append("To: " + ",\n\t".join(map(_mailbox, letter.to)))
    if letter.cc:
        lines.append("Cc: " + ",\n\t".join(map(_mailbox, letter.cc)))
    lines.append(f"Subject: {_words(letter.subject)}")
    if letter.dated:
        lines.append(f"Date: {date}")
    if letter.message_id is not None:
        lines.append(f"Message-ID: <{letter.message_id}>")
    if letter.references:
        lines.append(f"In-Reply-To: <{letter.references[-1]}>")
        lines.append("References: " + "\n\t".join(f"<{id}>" for id in letter.references))
    lines += [f"X-Mailer: Example Mail 16.{letter.number % 9}", "X-Priority: 3"]
    lines.append(f"Thread-Topic: {_words(letter.subject)}")
    return "\n".join(lines) + "\n"


def _mailbox(person: Person) -> str:
    if not person.name:
        return person.address
    return f"{_words(person.name)} <{person.address}>"


def _words(text: str) -> str:
    """As an encoded word where it must be; bytes that the caller smuggled in (as surrogates) stay raw."""
    if text.isascii() or any("\udc80" <= letter <= "\udcff" for letter in text):
        return text
    return Header(text, "utf-8", maxlinelen=900).encode()


def _received(chance: random.Random, hop: int, date: str) -> str:
    mark = "".join(chance.choices(_HEX, k=24))
    return (
        f"Received: from relay{hop}.example.net (relay{hop}.example.net [192.0.2.{hop + 9}])\n"
        f"\tby mx{hop}.example.org (Postfix) with ESMTPS id {mark}\n"
        f"\t(version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256)\n\tfor <team@example.org>; {date}"
    )


def _signature(chance: random.Random, domain: str) -> str:
    value = "".join(chance.choices(_BASE64, k=344))
    folded = "\n\t ".join(value[at : at + 70] for at in range(0, 344, 70))
    return (
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=s2048;\n"
        "\th=from:to:cc:subject:date:message-id:mime-version:content-type:in-reply-to:references;\n"
        f"\tbh={''.join(chance.choices(_BASE64, k=43))}=;\n\tb={folded}"
    )


def _verdicts(chance: random.Random, sender: str) -> str:
    domain, mark = sender.partition("@")[2], "".join(chance.choices(_BASE64, k=8))
    return (
        "Authentication-Results: mx.example.org;\n"
        f"\tdkim=pass (2048-bit key) header.d={domain} header.b={mark};\n"
        f"\tspf=pass smtp.mailfrom={sender}; dmarc=pass (policy=none)\n"
        f"X-Spam-Status: No, score=-{chance.randint(1, 40) / 10} required=5.0 tests=[BAYES_00=-1.9, DKIM_SIGNED=0.1,\n"
        "\tDKIM_VALID=-0.1, HTML_MESSAGE=0.001, SPF_PASS=-0.001] autolearn=ham"
    )
