"""How far a folder has been read: the cursor, the server's own marks, and the arithmetic between them. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.imap_scan import Response
from syncd.errors import CursorExpired
from syncd.model import Cursor, ItemId

CHUNK = 500
"""UIDs in one command: 500 of ten digits and a comma each stay under 8,000 octets (RFC 7162 section 4)."""

_STATUS = re.compile(rb'\* STATUS +("(?:[^"\\]|\\.)*"|[^" ]+)', re.IGNORECASE)
_ITEMS = re.compile(rb"\(([^()]*)\)[^()]*\Z")
_CODE = re.compile(rb"\* OK \[(UIDVALIDITY|UIDNEXT) (\d+)\]", re.IGNORECASE)
_EXISTS = re.compile(rb"\* (\d{1,10}) EXISTS\Z", re.IGNORECASE)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class State:
    """What the server says of a folder. HIGHESTMODSEQ is not asked for: it moves with flags, which concern us not."""

    validity: int
    """0 where it is missing or no number: such a server promises nothing of its UIDs, nor does 0 expire a cursor."""
    next: int | None
    """UIDNEXT, which some servers leave out (163.com, Winmail)."""
    messages: int


@dataclass(frozen=True, slots=True)
class Place:
    validity: int
    next: int
    """Every message with a smaller UID has been yielded, or waits in the backfill."""
    messages: int
    """How many the folder held then."""
    below: int | None = None
    """While the backfill lasts: what is left of it has smaller UIDs than this."""

    def cursor(self) -> Cursor:
        fields = {"validity": self.validity, "next": self.next, "messages": self.messages, "below": self.below}
        return Cursor(json.dumps({name: value for name, value in fields.items() if value is not None}))

    def stands_in(self, state: State) -> bool:
        """Whether nothing can have happened: counts alone would miss one in and one out (RFC 3501 2.3.1.1)."""
        same = state.validity in (0, self.validity) and (state.next, state.messages) == (self.next, self.messages)
        return same and self.below is None

    def check(self, state: State, folder: str) -> None:
        """A UIDVALIDITY that differs in either direction is another one."""
        if state.validity not in (0, self.validity):
            raise CursorExpired(f"{folder}: the server gave all messages new ids (UIDVALIDITY {state.validity})")


def place(cursor: Cursor) -> Place:
    """Raises CursorExpired for text that is no cursor of ours."""
    try:
        fields = json.loads(cursor)
        below = fields.get("below")
        numbers = (fields["validity"], fields["next"], fields["messages"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CursorExpired("the stored cursor cannot be read") from error
    if not all(isinstance(number, int) for number in (*numbers, below or 0)):
        raise CursorExpired("the stored cursor cannot be read")
    return Place(*numbers, below)


def statuses(responses: Iterable[Response]) -> dict[bytes, State]:
    """The answers to STATUS commands, by the folder's raw name; a folder of which one tells nothing (163.com says
    `* STATUS x ()`) is not among them."""
    states = {}
    for response in responses:
        head, items = _STATUS.match(response[0]), _ITEMS.search(response[-1])
        if head is None or items is None:
            continue
        words = items[1].upper().split()
        values = dict(zip(words[::2], words[1::2], strict=False))
        messages = _number(values.get(b"MESSAGES"))
        if messages is not None:
            name = response[1] if len(response) > 1 else _unquoted(head[1])
            states[name] = State(_number(values.get(b"UIDVALIDITY")) or 0, _number(values.get(b"UIDNEXT")), messages)
    return states


def _unquoted(name: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", name[1:-1]) if name.startswith(b'"') else name


def examined(responses: Iterable[Response]) -> State:
    """The answer to EXAMINE."""
    codes: dict[bytes, int] = {}
    messages = 0
    for response in responses:
        if code := _CODE.match(response[0]):
            codes[code[1].upper()] = _number(code[2]) or 0
        elif exists := _EXISTS.match(response[0]):
            messages = int(exists[1])
    return State(codes.get(b"UIDVALIDITY", 0), codes.get(b"UIDNEXT") or None, messages)


def _number(text: bytes | None) -> int | None:
    """IMAP's numbers have 32 bits."""
    return int(text) if text is not None and text.isdigit() and len(text) <= 10 else None


def found(responses: Iterable[Response]) -> list[int]:
    """The UIDs of SEARCH responses, ascending: some servers answer on several lines, or with blanks at the end."""
    uids: set[int] = set()
    for response in responses:
        words = response[0].split()
        if len(words) > 2 and words[1].upper() == b"SEARCH":
            uids.update(int(word) for word in words[2:] if word.isdigit() and len(word) <= 10)
    uids.discard(0)
    return sorted(uids)


def chunks(uids: Sequence[int]) -> list[Sequence[int]]:
    return [uids[start : start + CHUNK] for start in range(0, len(uids), CHUNK)]


def uid_set(uids: Iterable[int]) -> bytes:
    """`1:3,7` for 1, 2, 3 and 7."""
    ranges: list[list[int]] = []
    for uid in sorted(uids):
        if ranges and ranges[-1][1] == uid - 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return b",".join(b"%d" % first if first == last else b"%d:%d" % (first, last) for first, last in ranges)


def since_criterion(since: datetime) -> bytes:
    """SEARCH goes by INTERNALDATE's date alone, in whatever zone the server keeps it, so a day is added before."""
    day = since - timedelta(days=1) if since.year > 1 else since
    return b"SINCE %d-%b-%04d" % (day.day, _MONTHS[day.month - 1].encode(), day.year) if day.year >= 1970 else b"ALL"


def item_id(validity: int, uid: int) -> ItemId:
    return ItemId(f"{validity}.{uid}")


def uid_in(id_: ItemId) -> int:
    """The UID of an id that item_id made."""
    return int(id_.partition(".")[2])


def uid_of(id_: ItemId, validity: int) -> int | None:
    """None for an id of another UIDVALIDITY, or of no IMAP folder."""
    epoch, _, uid = id_.partition(".")
    return int(uid) if uid.isdigit() and epoch == str(validity) else None
