"""Bytes and RFC 2047 encoded-words -> clean text. Never raises, and linear in what it is given.

Nothing here trusts a charset's name: a name is looked up in the list below, never in Python's codec registry, which
also answers to `idna`, `zlib_codec` and the like.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from functools import lru_cache

_ENCODED_WORD_START = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?")
_ONE_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")

# The registered name is the smaller set; the code page is what mail programs mean by it (WHATWG Encoding, section 4.2).
_CODECS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "utf-7": "utf-7",
    "unicode-1-1-utf-7": "utf-7",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "ansi": "cp1252",
    "macintosh": "mac-roman",
    "mac-roman": "mac-roman",
    "mac-cyrillic": "mac-cyrillic",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "euc-cn": "gb18030",
    "hz-gb-2312": "hz",
    "big5": "cp950",
    "big5-hkscs": "big5hkscs",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "ms-kanji": "cp932",
    "windows-31j": "cp932",
    "euc-jp": "euc-jp",
    "iso-2022-jp": "iso2022_jp_ext",
    "iso-2022-kr": "iso2022_kr",
    "euc-kr": "cp949",
    "ks-c-5601-1987": "cp949",
    "ksc5601": "cp949",
    "uhc": "cp949",
}
_ISO_8859 = re.compile(r"iso-?8859-?(\d{1,2})(?:-[ie])?")
_ISO_8859_CODECS = {n: f"iso8859-{n}" for n in range(2, 17) if n != 12} | {1: "cp1252", 9: "cp1254", 11: "cp874"}
_CODE_PAGE = re.compile(r"(?:windows|cp|ibm|dos)-?(\d{3,4})")
_CODE_PAGES = frozenset({437, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869, 874, 932, 936})
_CODE_PAGES |= frozenset({949, 950, *range(1250, 1259)})

# Controls, lone surrogates (PostgreSQL refuses them and NUL), and the characters that turn the reading direction of all
# that follows. Joiners and direction marks stay: emoji and Arabic need them.
_UNWANTED = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff]",
)
# The bytes that these begin with in UTF-8; with the last four, many that are welcome do.
_MAY_BEGIN_UNWANTED = bytes([*range(9), *range(14, 32), 0x7F, 0xC2, 0xE2, 0xED, 0xEF])


def clean(text: str, limit: int) -> str:
    """Return `text` as one line of at most `limit` characters, without controls, blanks collapsed."""
    if not text.isprintable():
        text = _UNWANTED.sub("", text)
    elif "  " not in text:  # then there is no other blank to collapse
        text = text.strip()
        return text if len(text) <= limit else text[:limit].rstrip()
    return " ".join(text.split())[:limit].rstrip()


def clean_lines(text: str) -> str:
    """Return `text` without controls but tabs and those that end lines (for which see `str.splitlines`)."""
    encoded = text.encode("utf-8", "surrogatepass")
    if len(encoded.translate(None, _MAY_BEGIN_UNWANTED)) < len(encoded):  # a tenth of the time of the expression
        text = _UNWANTED.sub("", text)
    return text


@lru_cache(maxsize=256)
def _codec(charset: str) -> str | None:
    """Return Python's codec for a charset's name, or None for what is not on the list."""
    name = charset.strip(" \t\"'").lower().replace("_", "-").removeprefix("x-")
    if match := _ISO_8859.fullmatch(name):
        return _ISO_8859_CODECS.get(int(match[1]))
    if match := _CODE_PAGE.fullmatch(name):
        page = int(match[1])
        return f"cp{page}" if page in _CODE_PAGES else None
    return _CODECS.get(name)


def decode(data: bytes, charset: str) -> str:
    """Decode what is labelled with `charset`; what is unknown or mislabelled, as utf-8 or else cp1252."""
    codec = _codec(charset[:40])
    if codec is None:
        return decode_unlabelled(data, "")
    return data.decode(codec, "replace")


def decode_unlabelled(data: bytes, hint: str) -> str:
    """Decode raw 8-bit text: utf-8 if it is that, else the charset that the rest of the mail is in, else cp1252.

    A last character that was cut short does not make into something else what has others in utf-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        whole = data[: error.start]
        if error.reason == "unexpected end of data" and not whole.isascii():
            return whole.decode("utf-8")
    return data.decode(_codec(hint[:40]) or "cp1252", "replace")


def base64_bytes(data: bytes) -> bytes:
    """Decode base64 that may be cut anywhere or hold foreign characters."""
    letters = data.translate(None, b" \t\r\n")
    for candidate in (letters + b"=" * (-len(letters) % 4), letters[: len(letters) // 4 * 4]):
        try:
            return binascii.a2b_base64(candidate)
        except binascii.Error:  # foreign characters shift the count: cut instead of filling up
            continue
    return b""


def quoted_printable_bytes(data: bytes, *, header: bool) -> bytes:
    """Decode quoted-printable; an escape that was cut short at the end is dropped."""
    tail = data.rfind(b"=", max(0, len(data) - 2))
    return binascii.a2b_qp(data if tail < 0 else data[:tail], header=header)


def decode_words(text: str) -> str:
    """Decode the RFC 2047 encoded-words in `text`, also where they may not be (in quotes, within a word).

    Neighbours of one charset are joined before they are decoded: many mailers split a character over two words.
    """
    if "=?" not in text:
        return text
    if word := _ONE_WORD.fullmatch(text):
        return decode(_payload(word[2], word[3]), _charset(word[1]))
    return careful_words(text)


def careful_words(text: str) -> str:
    """The same of more, or of others, than the one plain word that most subjects and names are: in twice the time."""
    out: list[str] = []
    held, held_charset, position = bytearray(), "", 0
    for start, end, charset, data in _encoded_words(text):
        gap = text[position:start]
        if held and gap.isspace():  # RFC 2047 section 6.2: blanks between two encoded-words are not shown
            gap = ""
        if gap or charset != held_charset:
            out += decode(bytes(held), held_charset), gap
            held.clear()
        held += data
        held_charset, position = charset, end
    out += decode(bytes(held), held_charset), text[position:]
    return "".join(out)


def _encoded_words(text: str) -> Iterator[tuple[int, int, str, bytes]]:
    """Yield (start, end, charset, bytes) of each encoded-word; blanks and `?` within one are common, and let pass."""
    position = 0
    while (start := text.find("=?", position)) >= 0:
        head = _ENCODED_WORD_START.match(text, start)
        if head is None:
            position = start + 2
            continue
        end = text.find("?=", head.end())
        if end < 0:
            return
        position = end + 2
        yield start, position, _charset(head[1]), _payload(head[2], text[head.end() : end])


def _charset(named: str) -> str:
    return named.partition("*")[0].lower()  # RFC 2231 section 5: a language may follow the charset


def _payload(encoding: str, text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return base64_bytes(data) if encoding in "bB" else quoted_printable_bytes(data, header=True)
