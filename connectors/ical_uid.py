"""The UID of a meeting as all calendars of all makers agree on it (MS-OXCICAL 2.1.3.1.1.20.26, MS-OXOCAL 2.2.1.27).

Exchange names a meeting by its GlobalObjectID in hexadecimal: 16 fixed bytes, the date of an instance (year big-endian,
month, day), 8 bytes of creation time, 8 zero bytes, the size of what follows (little-endian), and that. Where the
meeting came from elsewhere, what follows is `vCal-Uid`, 01 00 00 00, and the UID that it had there.

Google makes a series of its own of "this and following events", whose UID is that of the series with `_R` and the first
date: the occurrences stay the meetings that they were.
"""

from __future__ import annotations

import re

from connectors.mime_words import clean

_UID_LIMIT = 1000
_FIXED = bytes.fromhex("040000008200E00074C5B7101A82E008")
_FIXED_HEX = _FIXED.hex()
_DATE = slice(16, 20)
_DATA_AT = 40
_FOREIGN = b"vCal-Uid\x01\x00\x00\x00"
_FOLLOWING = re.compile(r"(?:_R\d{8}(?:T\d{6}Z?)?)+(?=@google\.com$)")


def normal_uid(uid: str) -> str:
    """Unwrap a foreign UID from a GlobalObjectID; of a native one take out the date and write it in capitals; of
    Google's take out from where on it follows another.

    Whatever else is returned as it is, without blanks around it. Idempotent.
    """
    uid = clean(uid, _UID_LIMIT)
    while uid[: len(_FIXED_HEX)].lower() == _FIXED_HEX:
        foreign, native = _unwrapped(uid)
        if not foreign:
            return native
        uid = foreign
    return _FOLLOWING.sub("", uid)


def _unwrapped(uid: str) -> tuple[str, str]:
    """Return the foreign UID, if there is one, and the native form; the former is always shorter than `uid`."""
    try:
        data = bytes.fromhex(uid)
    except ValueError:
        return "", uid
    if len(data) < _DATA_AT:
        return "", uid
    rest = data[_DATA_AT:]
    if rest.startswith(_FOREIGN):
        foreign = rest[len(_FOREIGN) :].partition(b"\0")[0].decode("utf-8", "replace")
        if foreign := clean(foreign, _UID_LIMIT):
            return foreign, ""
    return "", (data[: _DATE.start] + bytes(4) + data[_DATE.stop :]).hex().upper()
