"""(what was decided, what is stored) -> what to write. Planning the same batch twice plans nothing the second time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from matching.identity import corroborates
from syncd.ledger import (
    ActivityChange,
    ActivityRow,
    Decided,
    Failed,
    LinkRow,
    ParticipantRow,
    Plan,
    SightingRow,
    Stored,
    StoredActivity,
    StoredSighting,
)
from syncd.model import Identity, ItemId, Level, Link, LinkState, Removed, Role, Verdict

# Python 3.11 calls a function for each look at an enum's member or value, and a database driver converts what is no
# plain string or integer: what the rows hold is plain.
_LOGGED, _SETTLED = Verdict.LOGGED, (Verdict.LOGGED, Verdict.SKIPPED)
_LINKED, _CANDIDATE = LinkState.LINKED, LinkState.CANDIDATE
_ROLE = {role: role.value for role in Role}

ATTEMPTS = 3
"""An item that failed this often is quarantined."""


def plan(items: Iterable[Decided | Failed | Removed], stored: Stored, level: Level) -> Plan:
    """Plan one batch; `level` is how much this mailbox allows to be stored."""
    planner = _Planner(stored, level, stored.next_activity, stored.next_sighting)
    for item in items:
        match item:
            case Decided():
                planner.message(item)
            case Failed():
                planner.failed(item)
            case Removed():
                planner.removed(item.id)
    planner.threads.finish(planner.plan)
    return planner.plan


@dataclass(slots=True)
class _Threads:
    """Connected components of the References graph, over the stored ones and this batch's."""

    stored: Stored
    nodes: dict[bytes, int] = field(default_factory=dict)
    parent: dict[int, int] = field(default_factory=dict)
    member_of: dict[int, int] = field(default_factory=dict)

    def find(self, thread: int) -> int:
        while (up := self.parent.get(thread)) is not None:
            thread = up
        return thread

    def known(self, keys: tuple[bytes, ...]) -> set[int]:
        found = [self.nodes.get(key) or self.stored.threads.get(key) for key in keys]
        return {self.find(thread) for thread in found if thread is not None}

    def join(self, keys: tuple[bytes, ...], own: int) -> int:
        """Put the nodes `keys` and the thread `own` into one thread: the oldest of them, so that the order of
        arrival within a batch does not matter."""
        threads = self.known(keys)
        threads.add(self.find(own))
        oldest = min(threads)
        for thread in threads:
            if thread != oldest:
                self.parent[thread] = oldest
        for key in keys:
            if key not in self.stored.threads:
                self.nodes[key] = oldest
        return oldest

    def finish(self, plan: Plan) -> None:
        plan.threads = {key: self.find(thread) for key, thread in self.nodes.items()}
        plan.thread_of = {activity: self.find(thread) for activity, thread in self.member_of.items()}
        new = plan.thread_of.keys()
        plan.merged = {thread: self.find(thread) for thread in self.parent if thread not in new}


@dataclass(slots=True)
class _Activity:
    """An activity as it will be once what is planned so far is written."""

    id: int
    identity: Identity
    stored: bool
    occurred_at: datetime
    level: Level
    has_text: bool
    direction: str | None
    participants: set[tuple[str, str]]
    links: dict[tuple[str, str], tuple[str, str]]


class _Planner:
    def __init__(self, stored: Stored, level: Level, next_activity: int, next_sighting: int) -> None:
        self.stored = stored
        self.level = level
        self.has_subject = level >= Level.SUBJECT
        self.full = level >= Level.FULL
        self.next_activity = next_activity
        self.next_sighting = next_sighting
        self.plan = Plan()
        self.threads = _Threads(stored)
        self.current: dict[bytes, _Activity] = {}
        self.seen: dict[ItemId, SightingRow] = {}

    # ------------------------------------------------------------------------------------------------ sightings

    def message(self, decided: Decided) -> None:
        decision, identity = decided.decision, decided.identity
        previous = self._previous(decided.message.id)
        if previous and previous.verdict == _LOGGED and previous.key == identity.key:
            # What was logged stays logged when it is seen again under other rules: changing the past is a replay.
            if previous.gone:
                self._sight(decided, previous, previous.activity_id)
            return
        activity_id = self._log(decided) if decision.verdict == _LOGGED else None
        self._sight(decided, previous, activity_id)

    def failed(self, failed: Failed) -> None:
        previous = self._previous(failed.id)
        if previous and previous.verdict in _SETTLED and not previous.gone:
            return
        attempts = ATTEMPTS if failed.final else min(ATTEMPTS, (previous.attempts if previous else 0) + 1)
        verdict = Verdict.QUARANTINED if attempts >= ATTEMPTS else Verdict.PENDING
        at = self._sighting_id(previous)
        reason = failed.reason[:500]
        self._put(previous, SightingRow(at, failed.id, str(verdict), "unreadable", reason, None, None, None, attempts))

    def removed(self, item: ItemId) -> None:
        previous = self._previous(item)
        if previous and not previous.gone:
            self.plan.gone.append(previous.id)

    def _previous(self, item: ItemId) -> StoredSighting | None:
        row = self.seen.get(item)
        return _as_stored(row) if row else self.stored.sightings.get(item)

    def _sight(self, decided: Decided, previous: StoredSighting | None, activity_id: int | None) -> None:
        decision = decided.decision
        row = SightingRow(
            self._sighting_id(previous),
            decided.message.id,
            str(decision.verdict),
            decision.rule,
            decision.facts,
            decided.identity.key,
            decided.occurred_at,
            activity_id,
            0,
        )
        if self._put(previous, row) and decision.hashes:
            self.plan.addresses += [(hash_, row.id) for hash_ in decision.hashes]

    def _sighting_id(self, previous: StoredSighting | None) -> int:
        if previous:
            return previous.id
        self.next_sighting += 1
        return self.next_sighting - 1

    def _put(self, previous: StoredSighting | None, row: SightingRow) -> bool:
        """Plan a new or changed sighting; False when it is stored so already."""
        if previous is None:
            self.plan.sightings.append(row)
        elif _as_stored(row) == previous:
            return False
        else:
            self.plan.resightings.append(row)
        self.seen[row.item] = row
        return True

    # ------------------------------------------------------------------------------------------------ activities

    def _log(self, decided: Decided) -> int:
        """Attach the message to its activity, or plan a new one, and return the activity's id."""
        activity = self._find(decided.identity.key)
        if activity is not None and not corroborates(activity.identity, decided.identity):
            decided = _by_fingerprint(decided)
            activity = self._find(decided.identity.key)
        if activity is None:
            activity = self._create(decided)
        else:
            self._enrich(activity, decided)
        self._participants(activity, decided)
        self._links(activity, decided)
        return activity.id

    def _find(self, key: bytes) -> _Activity | None:
        if key in self.current:
            return self.current[key]
        stored = self.stored.activities.get(key)
        if stored is None:
            return None
        self.current[key] = _as_current(stored)
        return self.current[key]

    def _create(self, decided: Decided) -> _Activity:
        message, identity, level, direction = decided.message, decided.identity, self.level, decided.decision.direction
        activity = _Activity(
            id=self.next_activity,
            identity=identity,
            stored=False,
            occurred_at=decided.occurred_at,
            level=level,
            has_text=message.text is not None,
            direction=str(direction) if direction else None,
            participants=set(),
            links={},
        )
        self.next_activity += 1
        self.current[identity.key] = activity
        self.threads.member_of[activity.id] = self.threads.join(decided.thread_keys, activity.id)
        self.plan.activities.append(
            ActivityRow(
                activity.id,
                identity.key,
                decided.occurred_at,
                message.subject if self.has_subject else None,
                message.text if self.full else None,
                activity.direction,
                int(level),
                message.message_id,
                message.problem,
                identity.sender,
                identity.subject,
                identity.sent_at,
            )
        )
        if message.attachments and self.full:
            self.plan.attachments.append((activity.id, message.attachments))
        return activity

    def _enrich(self, activity: _Activity, decided: Decided) -> None:
        """Another copy: the most closed level wins, the earliest time, and an own author over a stranger."""
        message = decided.message
        lower = self.level if self.level < activity.level else None
        level = min(self.level, activity.level)
        text = message.text if level == Level.FULL and not activity.has_text else None
        direction = decided.decision.direction if activity.direction == "inbound" else None
        self.threads.join(decided.thread_keys, activity.id if not activity.stored else self._thread(activity))
        if direction == activity.direction:
            direction = None
        earlier = decided.occurred_at if decided.occurred_at < activity.occurred_at else None
        if (earlier, lower, text, direction) == (None, None, None, None):
            return
        activity.occurred_at = min(activity.occurred_at, decided.occurred_at)
        activity.level = level
        activity.has_text = activity.has_text or text is not None
        activity.direction = direction or activity.direction
        self.plan.changes.append(ActivityChange(activity.id, earlier, lower, text, direction))
        if text is not None and message.attachments:
            self.plan.attachments.append((activity.id, message.attachments))
        self._touch(activity)

    def _thread(self, activity: _Activity) -> int:
        return self.stored.activities[activity.identity.key].thread_id

    def _participants(self, activity: _Activity, decided: Decided) -> None:
        for participant, key in zip(decided.message.participants, decided.address_keys, strict=True):
            role, written = _ROLE[participant.role], participant.address
            place = (role, key or written)
            if place not in activity.participants:
                activity.participants.add(place)
                row = ParticipantRow(activity.id, role, key or written, written, participant.name)
                self.plan.participants.append(row)
                self._touch(activity)

    def _links(self, activity: _Activity, decided: Decided) -> None:
        for link in self._settled(decided):
            place = (link.entity_kind, link.entity_id)
            origin, state = activity.links.get(place, ("", ""))
            # What a person did is never undone; a candidate may become a link, and a link stays one.
            if origin == "person" or state in (link.state, _LINKED):
                continue
            activity.links[place] = ("rule", link.state)
            row = LinkRow(activity.id, link.entity_kind, link.entity_id, link.reason, str(link.state))
            self.plan.links.append(row)
            self._touch(activity)

    def _settled(self, decided: Decided) -> Iterable[Link]:
        """Of several open opportunities, the one that the thread is linked to already, if it is just one."""
        links = decided.decision.links
        candidates = {link.entity_id for link in links if link.state == _CANDIDATE}
        if not candidates:
            return links
        earlier: set[str] = set()
        for thread in self.threads.known(decided.thread_keys):
            earlier |= self.stored.thread_opportunities.get(thread, frozenset())
        agreed = candidates & earlier
        if len(agreed) != 1:
            return links
        chosen = Link("opportunity", agreed.pop(), "earlier in the thread")
        return [chosen if link.entity_id == chosen.entity_id else link for link in links]

    def _touch(self, activity: _Activity) -> None:
        if activity.stored:
            self.plan.touched.add(activity.id)


def _as_stored(row: SightingRow) -> StoredSighting:
    verdict = Verdict(row.verdict)
    return StoredSighting(row.id, verdict, row.rule, row.facts, row.key, row.activity_id, False, row.attempts)


def _by_fingerprint(decided: Decided) -> Decided:
    """The message under its own name, since another mail has its Message-ID: it joins no thread by that either."""
    fingerprint = decided.identity.fingerprint
    return decided._replace(identity=decided.identity._replace(key=fingerprint), thread_keys=(fingerprint,))


def _as_current(stored: StoredActivity) -> _Activity:
    return _Activity(
        id=stored.id,
        identity=Identity(
            key=stored.identity,
            fingerprint=stored.identity,
            sender=stored.sender,
            subject=stored.subject_hash,
            sent_at=stored.sent_at,
        ),
        stored=True,
        occurred_at=stored.occurred_at,
        level=stored.level,
        has_text=stored.has_text,
        direction=stored.direction,
        participants=set(stored.participants),
        links=dict(stored.links),
    )
