"""What makes two copies one mail, when it happened, and which mails are one conversation.

Everything that leaves here is a keyed hash, so that a copy whose subject may not be stored can still be compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b

from matching import address, parties
from syncd.model import Identity, Message, Role

# RFC 5322 section 2.1.1: no line is longer.
_LONGEST_ID = 998
# What broken software writes for "nothing"; as an id it would join everything.
_NO_ID = frozenset({"", "none", "null", "nil", "undefined", "unknown", "n/a"})
_QUOTED_LOCAL = re.compile(r'^"((?:[^"\\]|\\.)*)"@')
_ESCAPED = re.compile(r"\\(.)")

# The first day of 1970 is what a dead clock says.
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
_CLOCK_ERROR = timedelta(days=1)
_COPIES_APART = timedelta(days=2)

_LATEST_REFERENCES = 20
_NAMED = frozenset({Role.TO, Role.CC})

# RFC 5256 section 2.1 knows `re`, `fw` and `fwd`. Mail programs translate them (here caseless; escaped where a letter
# looks like a Latin one), number them (`Re[2]:`, `Re^2:`), put a blank (French) or a wide colon (Chinese) after them.
_REPLY = (
    "re|r|aw|antw|antwort|sv|vs|res|rif|odp|ynt|atb|bls|vá|\u043e\u0442\u0432|\u03b1\u03c0|\u03c3\u03c7\u03b5\u03c4"
    "|回复|回覆|答复|答覆|返信|회신|답장|رد|תגובה"
)
_FORWARD = (
    "fwd?|i|wg|vb|vl|doorst|tr|enc|rv|pd|ilt|i̇lt|trs|továbbítás|\u043f\u0435\u0440\u0435\u0441\u043b|\u03c0\u03c1\u03b8"
    "|转发|轉寄|轉發|転送|전달|إعادة توجيه|הועבר"
)
_BLOB = r"\[[^\[\]]*\]\s*"
_LEADER = re.compile(rf"(?:{_BLOB})*(?:{_REPLY}|{_FORWARD})(?:\^\d+)?\s*(?:{_BLOB})?[:\uff1a]\s*")
_LEADING_BLOB = re.compile(rf"\A{_BLOB}(?=.)")
_TRAILER = re.compile(r"(?:\s*\(fwd\))+\s*$")
# Whatever is added has one of these.
_ADDED = re.compile(r"[\[(:\uff1a]")
_FORWARDED_WHOLE = re.compile(r"\[fwd:\s*(.*)\]$")
_LONGEST_SUBJECT = 998


def keyed(key: bytes, text: str) -> bytes:
    """The keyed hash by which something is recognised without being stored; of an address, hash its address key."""
    hasher = _hasher(key).copy()
    # A lone surrogate must hash like anything else.
    hasher.update(text.encode("utf-8", "surrogatepass"))
    return hasher.digest()


@lru_cache(maxsize=32768)
def address_hash(key: bytes, address_key: str) -> bytes:
    """`keyed`, remembered: the same few thousand people write most of the mail."""
    return keyed(key, address_key)


@lru_cache(maxsize=4096)
def _subject_hash(key: bytes, base: str) -> bytes:
    return keyed(key, f"subject\0{base}")


def message_key(message_id: str | None, key: bytes) -> bytes | None:
    """The identity that a Message-ID gives, by which a mail is found again; None where it says nothing."""
    normal = _normal_id(message_id)
    return keyed(key, f"message-id\0{normal}") if normal else None


def identify(message: Message, key: bytes) -> Identity:
    """The identity of a mail: by its Message-ID, else by its fingerprint.

    The fingerprint never holds the bcc recipients (only the sender's copy names them) nor anything that two mailboxes
    see differently, unless there is no Date: then what is left is too little to merge by, and its own receipt counts.
    """
    participants = message.participants
    sender = _comparable(parties.author(participants))
    subject = base_subject(message.subject)
    recipients = sorted({_comparable(each.address) for each in participants if each.role in _NAMED})
    sent_at = message.sent_at
    if sent_at and sent_at.microsecond:
        sent_at = sent_at.replace(microsecond=0)
    when = sent_at.timestamp() if sent_at else f"{message.received_at} {message.size}"
    fingerprint = keyed(key, "\0".join(("fingerprint", sender, str(when), subject, *recipients)))
    return Identity(
        message_key(message.message_id, key) or fingerprint,
        fingerprint,
        address_hash(key, sender) if sender else b"",
        _subject_hash(key, subject) if subject else b"",
        sent_at,
    )


def corroborates(a: Identity, b: Identity) -> bool:
    """Whether two mails of one key are copies of one mail: two of sender, base subject and Date must agree.

    A list rewrites From or tags the subject but keeps the Date; broken software reuses a Message-ID days later or
    for another subject. What is missing agrees with nothing, but copies that are alike in all three are one.
    """
    if (a.sender, a.subject, a.sent_at) == (b.sender, b.subject, b.sent_at):
        return True
    if a.sent_at and b.sent_at and abs(a.sent_at - b.sent_at) > _COPIES_APART:
        return False
    agreements = (
        bool(a.sender) and a.sender == b.sender,
        bool(a.subject) and a.subject == b.subject,
        a.sent_at is not None and a.sent_at == b.sent_at,
    )
    return sum(agreements) >= 2


def occurred_at(message: Message, *, fallback: datetime) -> datetime:
    """When the mail was written: its Date header while that is credible, else its receipt, else `fallback` (now).

    The Date is the same in every copy, whichever mailbox is read first, and survives migrations that stamp all mail
    with the day of the move. It is not believed when it lies more than a day after the receipt (forged, or a clock
    that runs ahead) or before e-mail.
    """
    limit = (message.received_at or fallback) + _CLOCK_ERROR
    if message.sent_at and _EARLIEST <= message.sent_at <= limit:
        return message.sent_at
    return message.received_at or fallback


def thread_keys(message: Message, key: bytes) -> tuple[bytes, ...]:
    """The nodes of the conversation graph that this mail joins; never empty, the mail's own node first.

    Mails that share a node are one thread, and so are all that are connected through others: the threads are the
    connected components, whatever the order the mails come in and whichever of them were never seen.

    An id is two nodes. The plain one joins a mail to what it answers (In-Reply-To), even under another subject. The
    one of id and base subject joins a mail to all it refers to. Hence References alone join only what also has the
    same base subject: mail programs recycle old ones and spammers forge them (RFC 5256 section 2.2 would join them).
    """
    subject = base_subject(message.subject)
    own = _normal_id(message.message_id)
    parent = _normal_id(message.in_reply_to)
    # Mostly the last of the references is the parent again.
    others = [_normal_id(each) for each in _capped(message.references) if each != message.in_reply_to]
    plain = [f"thread\0{each}" for each in (own, parent) if each]
    with_subject = [f"thread\0{each}\0{subject}" for each in (own, parent, *others) if each]
    nodes = tuple([keyed(key, node) for node in dict.fromkeys(plain + with_subject)])
    return nodes or (identify(message, key).fingerprint,)


def base_subject(subject: str) -> str:
    """The subject without what replying and forwarding add (RFC 5256 section 2.1), caseless; its own base subject."""
    # Cut before it is remembered, so that no hostile mail fills the memory.
    return _base_subject(subject[:_LONGEST_SUBJECT])


@lru_cache(maxsize=4096)
def _base_subject(subject: str) -> str:
    text = " ".join(subject.split()).casefold()
    while _ADDED.search(text) and (shorter := _stripped(text)) != text:
        text = shorter
    return text


def _stripped(text: str) -> str:
    if "(fwd)" in text:
        text = _TRAILER.sub("", text)
    leader = _LEADER.match(text) or _LEADING_BLOB.match(text)
    text = text[leader.end() :] if leader else text
    whole = _FORWARDED_WHOLE.match(text)
    return whole[1] if whole else text


def _normal_id(message_id: str | None) -> str:
    """Without blanks, folds and angle brackets, needless quotes undone (RFC 5256 section 2.1); case matters."""
    if not message_id:
        return ""
    bare = "".join(message_id.split()).strip("<>")[:_LONGEST_ID]
    if bare.startswith('"') and (quoted := _QUOTED_LOCAL.match(bare)):
        bare = _ESCAPED.sub(r"\1", quoted[1]) + bare[quoted.end() - 1 :]
    return "" if bare.lower() in _NO_ID else bare


def _capped(references: tuple[str, ...]) -> Iterable[str]:
    """The first, which began the thread, and the latest: a thread without end must not make work without end."""
    if len(references) <= _LATEST_REFERENCES:
        return references
    return (references[0], *references[-_LATEST_REFERENCES:])


def _comparable(written: str) -> str:
    return address.key(written) or written.strip().casefold()


@lru_cache(maxsize=16)
def _hasher(key: bytes) -> blake2b:
    """To set up a key takes as long as to hash a line. BLAKE2b takes at most 64 bytes of key."""
    return blake2b(digest_size=16, key=key if len(key) <= 64 else blake2b(key).digest())
