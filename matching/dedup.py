"""(what was decided, what is stored) -> what to write. Planning the same batch twice plans nothing the second time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from matching.identity import corroborates
from matching.occasions import PRIVATE, Occasions
from matching.sightings import Sightings
from syncd.ledger import (
    ActivityChange,
    ActivityRow,
    Decided,
    Failed,
    Handled,
    Invited,
    LinkRow,
    Nothing,
    Occasion,
    ParticipantRow,
    Plan,
    SightingRow,
    Stored,
    StoredActivity,
    StoredSighting,
    Wanted,
    Whole,
)
from syncd.model import Identity, Level, Link, LinkState, Removed, Role, Verdict

# Python 3.11 calls a function for each look at an enum's member or value, and a database driver converts what is no
# plain string or integer: what the rows hold is plain.
_LOGGED = Verdict.LOGGED
_LINKED, _CANDIDATE = LinkState.LINKED, LinkState.CANDIDATE
_SUBJECT, _FULL = Level.SUBJECT, Level.FULL
_ROLE = {role: role.value for role in Role}


def wanted(handled: Sequence[Handled]) -> Wanted:
    """What of the store must be known to plan these."""
    invitations = [one for one in handled if isinstance(one, Invited)]
    messages = [one for one in handled if isinstance(one, Decided)] + [one.mail for one in invitations]
    occasions = [one for one in handled if isinstance(one, Occasion)]
    occasions += [occasion for one in invitations for occasion in one.occasions]
    logged = [one for one in messages if one.decision.verdict is _LOGGED]
    named = [one for one in messages if one.decision.verdict is _LOGGED or one.decision.rule == PRIVATE]
    others = [one.id for one in handled if isinstance(one, Failed | Removed)]
    objects = {one.object for one in handled if isinstance(one, Occasion | Nothing | Whole)}
    return Wanted(
        items=[*(one.message.id for one in messages), *others],
        identities={key for one in named for key in (one.identity.key, one.identity.fingerprint)},
        thread_keys={key for one in logged for key in (one.identity.fingerprint, *one.thread_keys)},
        undecided={key for one in logged if _has_candidates(one) for key in one.thread_keys},
        objects=objects.union(others),
        occasions={key for one in occasions for key in (one.key, one.other_key)},
    )


def _has_candidates(decided: Decided) -> bool:
    return any(link.state is _CANDIDATE for link in decided.decision.links)


def plan(items: Iterable[Handled], stored: Stored, level: Level, now: datetime) -> Plan:
    """Plan one batch; `level` is how much this mailbox allows to be stored, and by `now` a meeting is over or not."""
    plan = Plan()
    sightings = Sightings(stored, plan, stored.next_sighting)
    ids = count(stored.next_activity)
    messages = _Messages(stored, level, sightings, ids, plan)
    occasions = Occasions(stored, level, sightings, ids, plan, now)
    for item in items:
        match item:
            case Decided():
                messages.message(item)
            case Invited():
                if not occasions.invited(item):
                    messages.message(item.mail)
            case Occasion():
                occasions.occasion(item)
            case Nothing():
                sightings.nothing(item)
            case Whole():
                occasions.whole(item)
            case Failed():
                sightings.failed(item)
            case Removed():
                occasions.removed(item.id)
    messages.threads.finish(plan)
    _close_threads(plan)
    occasions.finish()
    return plan


def _close_threads(plan: Plan) -> None:
    """Of what is new in a conversation that somebody closed no more than who and when is stored. Only now is it known
    what belongs together: the newest mail of a batch may come before the one that it answers."""
    if not plan.closed_threads:
        return
    shut = {own for own, thread in plan.thread_of.items() if thread in plan.closed_threads}
    level = int(Level.PRIVATE)
    plan.activities = [
        row._replace(subject=None, text=None, level=level) if row.id in shut else row for row in plan.activities
    ]
    plan.attachments = [(own, those) for own, those in plan.attachments if own not in shut]


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
        plan.closed_threads = frozenset(self.known(tuple(self.stored.closed_nodes)))


@dataclass(slots=True)
class _Activity:
    """An activity as it will be once what is planned so far is written."""

    id: int
    identity: Identity
    stored: bool
    occurred_at: datetime
    level: Level
    has_subject: bool
    has_text: bool
    direction: str | None
    participants: set[tuple[str, str]]
    links: dict[tuple[str, str], tuple[str, str]]


class _Messages:
    """Plans the activities of messages."""

    def __init__(self, stored: Stored, level: Level, sightings: Sightings, ids: Iterator[int], plan: Plan) -> None:
        self.stored = stored
        self.level = level
        self.sightings = sightings
        self.ids = ids
        self.plan = plan
        self.threads = _Threads(stored)
        self.current: dict[bytes, _Activity] = {}

    def message(self, decided: Decided) -> None:
        decision, identity = decided.decision, decided.identity
        previous = self.sightings.previous(decided.message.id)
        if previous and previous.verdict == _LOGGED and previous.key == identity.key:
            # What was logged stays logged when it is seen again under other rules: changing the past is a replay.
            if previous.due_at is not None and decision.verdict == _LOGGED:
                self._complete(decided, previous)
            if previous.gone or previous.due_at is not None:
                stays = decision._replace(verdict=_LOGGED, rule=previous.rule, facts=previous.facts, hashes=())
                self._sight(decided._replace(decision=stays), previous, previous.activity_id)
            return
        if decision.rule == PRIVATE and (held := self._find(identity.key)):
            self._close(held)
        activity_id = self._log(decided) if decision.verdict == _LOGGED else None
        self._sight(decided, previous, activity_id)

    def _complete(self, decided: Decided, previous: StoredSighting) -> None:
        """More of it may be stored than is, since a level was raised."""
        found = (self._find(key) for key in (decided.identity.key, decided.identity.fingerprint))
        if activity := next((each for each in found if each and each.id == previous.activity_id), None):
            self._enrich(activity, decided)

    def _close(self, activity: _Activity) -> None:
        """Somebody keeps his copy private: what others have of it is shown to nobody."""
        if activity.level > Level.PRIVATE:
            activity.level = Level.PRIVATE
            self.plan.changes.append(ActivityChange(activity.id, level=Level.PRIVATE))
            self._touch(activity)

    def _sight(self, decided: Decided, previous: StoredSighting | None, activity_id: int | None) -> None:
        decision = decided.decision
        row = SightingRow(
            self.sightings.id_for(previous),
            decided.message.id,
            str(decision.verdict),
            decision.rule,
            decision.facts,
            decided.identity.key,
            decided.occurred_at,
            activity_id,
            0,
        )
        self.sightings.put(previous, row, decision.hashes)

    # ------------------------------------------------------------------------------------------------ activities

    def _log(self, decided: Decided) -> int:
        """Attach the message to its activity, or plan a new one, and return the activity's id."""
        activity = self._find(decided.identity.key)
        if activity is None or not corroborates(activity.identity, decided.identity):
            # Also where the other mail with its Message-ID, for which it is known by this name, was taken out since.
            itself = self._find(decided.identity.fingerprint)
            if activity is not None or itself is not None:
                decided, activity = _by_fingerprint(decided), itself
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
        message, identity, direction = decided.message, decided.identity, decided.decision.direction
        # What somebody else keeps private, or closed, is not shown because this owner has it too.
        closed = identity.key in self.stored.closed or identity.key in self.stored.closed_items
        level = Level.PRIVATE if closed else self._allowed(decided)
        activity = _Activity(
            id=next(self.ids),
            identity=identity,
            stored=False,
            occurred_at=decided.occurred_at,
            level=level,
            has_subject=level >= _SUBJECT,
            has_text=message.text is not None,
            direction=str(direction) if direction else None,
            participants=set(),
            links={},
        )
        self.current[identity.key] = activity
        self.threads.member_of[activity.id] = self.threads.join(decided.thread_keys, activity.id)
        self.plan.activities.append(
            ActivityRow(
                activity.id,
                identity.key,
                decided.occurred_at,
                message.subject if level >= _SUBJECT else None,
                message.text if level >= _FULL else None,
                activity.direction,
                int(level),
                message.message_id,
                message.problem,
                identity.sender,
                identity.subject,
                identity.sent_at,
            )
        )
        if message.attachments and level >= _FULL:
            self.plan.attachments.append((activity.id, message.attachments))
        return activity

    def _enrich(self, activity: _Activity, decided: Decided) -> None:
        """Another copy: the most closed level wins, the earliest time, and an own author over a stranger."""
        message = decided.message
        allowed = self._allowed(decided)
        lower = allowed if allowed < activity.level else None
        level = min(allowed, activity.level)
        subject = message.subject if level >= _SUBJECT and not activity.has_subject else None
        text = message.text if level == _FULL and not activity.has_text else None
        direction = decided.decision.direction if activity.direction == "inbound" else None
        self.threads.join(decided.thread_keys, activity.id if not activity.stored else self._thread(activity))
        if direction == activity.direction:
            direction = None
        earlier = decided.occurred_at if decided.occurred_at < activity.occurred_at else None
        if (earlier, lower, subject, text, direction) == (None, None, None, None, None):
            return
        activity.occurred_at = min(activity.occurred_at, decided.occurred_at)
        activity.level = level
        activity.has_subject = activity.has_subject or subject is not None
        activity.has_text = activity.has_text or text is not None
        activity.direction = direction or activity.direction
        self.plan.changes.append(ActivityChange(activity.id, earlier, lower, subject, text, direction))
        if text is not None and message.attachments:
            self.plan.attachments.append((activity.id, message.attachments))
        self._touch(activity)

    def _allowed(self, decided: Decided) -> Level:
        return min(self.level, decided.decision.level)

    def _thread(self, activity: _Activity) -> int:
        return self.stored.activities[activity.identity.key].thread_id

    def _participants(self, activity: _Activity, decided: Decided) -> None:
        known, rows, before = activity.participants, self.plan.participants, len(self.plan.participants)
        for (role, written, name, _), key in zip(decided.message.participants, decided.address_keys, strict=True):
            place = (_ROLE[role], key or written)
            if place not in known:
                known.add(place)
                rows.append(ParticipantRow(activity.id, *place, written, name))
        if len(rows) > before:
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
        has_subject=stored.has_subject,
        has_text=stored.has_text,
        direction=stored.direction,
        participants=set(stored.participants),
        links=dict(stored.links),
    )
