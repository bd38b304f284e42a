"""Which mails are one conversation, worked out from what answers what."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tests.simulation.truth import Mail, Truth


def nodes(truth: Truth, mail: Mail) -> set[str]:
    """What it is known by in a conversation: its Message-ID, and that of the mail which it answers."""
    parent = truth.mails[mail.parent].id if mail.parent is not None else None
    return {each for each in (mail.id, parent) if each} or {f"#{mail.number}"}


def connected(truth: Truth, mails: Collection[Mail], begin: Iterable[str]) -> set[str]:
    """All nodes that hang together with these, by these mails."""
    found, size = set(begin), -1
    while len(found) != size:
        size = len(found)
        for mail in mails:
            if found & (own := nodes(truth, mail)):
                found |= own
    return found


def lone(mails: Iterable[Mail]) -> list[Mail]:
    """Without those that share a Message-ID with another mail: what such a one belongs to is anybody's guess."""
    return [mail for mail in mails if not mail.reuses]
