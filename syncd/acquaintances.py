"""Whom a pass has to do with: what the directory knows of an address is asked for once, not by each batch anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matching import contacts
from matching.parties import Parties
from store.writer import Store
from syncd.model import Directory, Participant, Policy

MOST = 5_000
"""Addresses that are kept in mind, some 4 MB of them in each pass; whoever has read the mail of more begins anew."""


class Acquaintances:
    """All of them as they were at one `Directory.turns`, which a batch is compared with as it is written."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self._store = store
        self._policy = policy
        self._asked: set[str] = set()
        self._parties = Parties(Directory(), policy)

    def parties(self, people: Iterable[Sequence[Participant]]) -> Parties:
        """With all of these people in it."""
        written = contacts.written(people)
        new = written - self._asked
        if not self._asked or len(self._asked) + len(new) > MOST:
            return self._anew(written)
        if new:
            more = self._look_up(new)
            if more.turns != self._parties.directory.turns:
                return self._anew(written)
            self._parties.learn(more)
            self._asked |= new
        return self._parties

    def forget(self) -> None:
        """What was decided by them was not written, since the directory has changed."""
        self._asked = set()

    def _anew(self, written: set[str]) -> Parties:
        self._parties = Parties(self._look_up(written), self._policy)
        self._asked = written
        return self._parties

    def _look_up(self, written: Iterable[str]) -> Directory:
        wanted = contacts.lookups(written, self._policy)
        return self._store.directory(wanted.addresses, wanted.domains)
