"""Changed rules over the past: what was decided is decided again, and only what comes out differently is changed.

Each item is asked for again by its id, since of what was skipped nothing is stored that a rule could look at. What is
to be logged now waits (`pending`, rule `replay`) for the next pass, which logs it as any mail; what is to be skipped is
taken out at once. So a replay may end at any moment, and the next one goes on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from connectors.base import Stream
from matching.occasions import PRIVATE
from matching.parties import Parties
from store import closing, inventory
from store import replay as stored
from store.replay import Known, Restated
from store.vault import Vault
from store.writer import Store
from syncd import late
from syncd.acquaintances import Acquaintances
from syncd.config import Mailbox
from syncd.deciding import decide, invited, may_invite, occasions, told
from syncd.errors import SyncError
from syncd.ledger import Invited, Occasion
from syncd.model import CalendarObject, Decision, ItemId, Level, Message, Participant, Policy, Verdict
from syncd.opening import account
from syncd.raising import Judged

AT_ONCE = 200
SAMPLES = 3

_LOGGED = Verdict.LOGGED
_ITS_OWN = frozenset({"private", "not_a_meeting", "not_done", "draft"})
_BY_ITSELF = frozenset({"automated", "invitation"})

_Anew: TypeAlias = tuple[Known, ItemId, datetime | None, Decision]
"""What is stored of a decision, on which item of when, and what it is now."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of many; `syncd why ITEM` says more."""

    stream: str
    item: ItemId
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """So many items were decided by the one rule, and are by the other now; `logged` is no rule but what none kept."""

    was: str
    now: str
    count: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a replay of one mailbox came to, or would."""

    name: str
    read: int = 0
    changes: tuple[Change, ...] = ()
    kept_by_hand: int = 0
    """Items that no rule logs any more, and that stay since a person linked them."""
    closed: int = 0
    """Activities of which less is stored now, since the level is lower."""
    error: str = ""
    cure: str = ""

    def count(self, *, logged: bool) -> int:
        """How many are logged now that were not, or are not any more that were."""
        return sum(each.count for each in self.changes if ((each.now if logged else each.was) == "logged"))


@dataclass(slots=True)
class _Replay:
    mailbox: Mailbox
    store: Store
    policy: Policy
    now: datetime
    dry_run: bool
    read: int = 0
    kept_by_hand: int = 0
    judged: Judged = field(default_factory=Judged)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    closing: dict[Level, set[int]] = field(default_factory=lambda: defaultdict(set))
    """The most that is allowed -> activities of which more is stored."""
    samples: dict[tuple[str, str], list[Sample]] = field(default_factory=lambda: defaultdict(list))

    def over(self, stream: Stream, stream_id: int) -> None:
        known = stored.decisions(self.store.engine, stream_id)
        if stream.excluded:
            out = [(was, item, None, _excluded(stream)) for item, was in known.items()]
            for start in range(0, len(out), AT_ONCE):
                self._change(stream, out[start : start + AT_ONCE])
            return
        ids = list(dict.fromkeys(was.object for was in known.values()))
        for start in range(0, len(ids), AT_ONCE):
            items = list(stream.read(ids[start : start + AT_ONCE], text=False))
            messages = [item for item in items if isinstance(item, Message)]
            objects = [item for item in items if isinstance(item, CalendarObject)]
            self.read += len(messages) + len(objects)
            self._change(stream, [*self._decided(messages, stream_id, known), *self._told(objects, stream_id, known)])

    def _decided(self, messages: Sequence[Message], stream_id: int, known: Mapping[ItemId, Known]) -> Iterator[_Anew]:
        events = [event for message in messages if message.invitation for event in message.invitation.events]
        people = [message.participants for message in messages] + [event.participants for event in events]
        parties = self._parties(people)
        for message in messages:
            was = known[message.id]
            one = invited(decide(message, parties, self.now), parties, stream_id, self.now)
            if isinstance(one, Invited):
                yield was, message.id, one.mail.occurred_at, _of_meeting(one, was)
            # A mail about a meeting is the meeting's, whatever it looks like by itself.
            elif not (was.verdict == _LOGGED and one.decision.rule in _BY_ITSELF and may_invite(one, parties)):
                yield was, message.id, one.occurred_at, one.decision

    def _told(
        self, objects: Sequence[CalendarObject], stream_id: int, known: Mapping[ItemId, Known]
    ) -> Iterator[_Anew]:
        """Each part of an object; one that is new, or out of the window, is for a pass to find."""
        parts = [told(each) for each in objects]
        parties = self._parties([part.participants for some in parts for part in some])
        for each, some in zip(objects, parts, strict=True):
            for one in occasions(each, some, parties, stream_id, self.now):
                was = known.get(one.id) if isinstance(one, Occasion) else None
                # What a rule of the item itself says of one that was logged, a pass has seen to.
                if was and isinstance(one, Occasion) and not (was.verdict == _LOGGED and one.decision.rule in _ITS_OWN):
                    yield was, one.id, one.claim.starts_at, one.decision

    def _parties(self, people: Sequence[Sequence[Participant]]) -> Parties:
        return Acquaintances(self.store, self.policy).parties(people)

    def _change(self, stream: Stream, decided: Sequence[_Anew]) -> None:
        restated: list[Restated] = []
        woken: list[int] = []
        for was, item, at, decision in decided:
            place = (was.rule if was.verdict != _LOGGED else "logged", decision.rule)
            if was.level is not None and was.activity_id is not None:
                self._judge(was, was.activity_id, was.level, decision)
            if place[0] == place[1]:
                continue
            if was.verdict == _LOGGED and was.by_hand:
                self.kept_by_hand += 1
                continue
            self.counts[place] += 1
            if len(self.samples[place]) < SAMPLES:
                self.samples[place].append(Sample(stream.name, item, at))
            # A copy that is private closes what others have of it, which is a pass's to do.
            if decision.verdict is _LOGGED or (decision.rule == PRIVATE and was.verdict != _LOGGED):
                woken.append(was.sighting_id)
            else:
                restated.append(Restated(was.sighting_id, decision.rule, decision.facts, decision.hashes))
        if not self.dry_run and (restated or woken):
            with self.store.transaction() as transaction:
                stored.restate(transaction.connection, restated, self.now)
                stored.wake(transaction.connection, woken)

    def _judge(self, was: Known, activity_id: int, level: Level, decision: Decision) -> None:
        """Note whether less is allowed than is stored, or more."""
        if decision.verdict is not _LOGGED:
            # What stays since a person linked it gets no more than it has, nor does what is private in this copy.
            stays = was.by_hand or decision.rule == PRIVATE
            self.judged.copies[was.sighting_id] = level if stays else None
            return
        allowed = min(self.policy.level, decision.level)
        if allowed < level:
            self.closing[allowed].add(activity_id)
        elif allowed > level:
            self.judged.copies[was.sighting_id] = allowed
            self.judged.candidates.add(activity_id)

    def close(self) -> int:
        """Erase what is more than allowed: by the mailbox, and by the people and folders of a mail."""
        self.closing[self.policy.level].update(stored.too_open(self.store.engine, self.mailbox.name, self.policy.level))
        for level, ids in sorted(self.closing.items(), reverse=True):
            if ids and not self.dry_run:
                with self.store.transaction() as transaction:
                    closing.close(transaction.connection, sorted(ids), level, self.now)
        if not self.dry_run:
            with self.store.transaction() as transaction:
                stored.forget_unseen(transaction.connection, self.now)
        return len(set().union(*self.closing.values()))

    def result(self) -> Replayed:
        changes = (Change(*place, count, tuple(self.samples[place])) for place, count in self.counts.most_common())
        return Replayed(name=self.mailbox.name, read=self.read, changes=tuple(changes), kept_by_hand=self.kept_by_hand)


def replay_mailbox(
    mailbox: Mailbox, store: Store, vault: Vault, policy: Policy, now: datetime, *, dry_run: bool
) -> tuple[Replayed, Judged]:
    """Raises nothing that a server can cause: what was done before it failed is done, and told. The second is for
    `raise_levels`, which must know what all mailboxes allow."""
    one = _Replay(mailbox, store, policy, now, dry_run)
    places = inventory.places(store.engine, mailbox.name)
    account_ = account(mailbox, vault.tokens(mailbox.name), lambda: now)
    try:
        for stream in account_.streams():
            place = places.get(stream.name)
            if place is not None and stream.excluded in ("", _EXCLUDED):
                one.over(stream, place.stream_id)
        closed = one.close()
    except SyncError as error:
        return replace(one.result(), error=str(error), cure=error.cure_for(mailbox.name)), one.judged
    finally:
        account_.close()
    return replace(one.result(), closed=closed), one.judged


def relinked(store: Store, policy: Policy, now: datetime, *, dry_run: bool) -> int:
    """Link all that is stored as the rules and the directory are now; how many activities changed."""
    return late.relink_all(store, policy, stored.linkable(store.engine), now, dry_run=dry_run)


def _of_meeting(one: Invited, was: Known) -> Decision:
    """What belongs to a meeting is logged as that; what would make none, if it is no part of one yet, is a mail."""
    if not one.makes and was.verdict != _LOGGED:
        return one.mail.decision
    return Decision(_LOGGED, "logged", level=min(each.decision.level for each in one.occasions))


_EXCLUDED = "folder_excluded"


def _excluded(stream: Stream) -> Decision:
    return Decision(Verdict.SKIPPED, stream.excluded, "the folder is excluded")
