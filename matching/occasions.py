"""Plans meetings, tasks and notes: each calendar's copy is a claim, and the activity is what the claims add up to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from matching import outcome
from matching.occasion_times import called_off_at, dated, has_left
from matching.sightings import Sightings
from syncd.ledger import (
    Answer,
    CopyRow,
    Invited,
    LinkRow,
    Occasion,
    OccasionRow,
    ParticipantRow,
    Plan,
    SightingRow,
    Stored,
    StoredCopy,
    StoredOccasion,
    StoredSighting,
    Whole,
)
from syncd.model import ItemId, Level, LinkState, Role, Verdict

# Python 3.11 calls a function for each look at an enum's member or value.
_LOGGED, _LINKED = Verdict.LOGGED, LinkState.LINKED
_SUBJECT, _FULL = int(Level.SUBJECT), int(Level.FULL)
_ROLE = {role: role.value for role in Role}
_LEVEL = OccasionRow._fields.index("level")
"""The contents are four fields from here on. To make a row anew costs a third of `_replace`."""
PRIVATE = "private"
ERASED = "erased"
INVITATION = "invitation"


@dataclass(slots=True)
class _Current:
    """An occasion as it will be once what is planned so far is written."""

    kind: str
    row: OccasionRow
    stored: StoredOccasion | None
    copies: dict[int, StoredCopy] = field(default_factory=dict)
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    names: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """(role, address key) -> address and name, of those that a copy in hand told of."""
    contacts: set[str] = field(default_factory=set)
    links: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    moved_from: datetime | None = None
    closed: bool = False


class Occasions:
    def __init__(
        self, stored: Stored, level: Level, sightings: Sightings, ids: Iterator[int], plan: Plan, now: datetime
    ) -> None:
        self.stored = stored
        self.level = level
        self.sightings = sightings
        self.ids = ids
        self.plan = plan
        self.now = now
        self.current: dict[int, _Current] = {}
        self.by_key = {occasion.identity: id_ for id_, occasion in stored.occasions.items()}

    # -------------------------------------------------------------------------------------------- what was seen

    def occasion(self, seen: Occasion) -> None:
        previous = self.sightings.previous(seen.id)
        seen = dated(seen, previous)
        if seen.decision.rule == PRIVATE:
            self._close(seen, previous)
        elif seen.decision.verdict == _LOGGED or self._stays(seen, previous):
            self._log(seen, previous)
        else:
            if previous and previous.activity_id is not None:
                self._withdraw(previous)
            self._sight(seen, previous, None)

    def invited(self, seen: Invited) -> bool:
        """Attach the mail to its meeting; False if there is none, and it makes none."""
        message = seen.mail.message
        previous = self.sightings.previous(message.id)
        if previous and previous.activity_id is not None and previous.activity_id not in self.stored.occasions:
            return False  # it is an activity of its own already
        found = [(one, self._find(one)) for one in seen.occasions]
        if not seen.makes and not any(current for _, current in found):
            return False
        meetings = [(one, current or self._create(one)) for one, current in found if current or seen.makes]
        row = SightingRow(
            self.sightings.id_for(previous),
            message.id,
            str(_LOGGED),
            INVITATION,
            seen.facts,
            seen.mail.identity.key,
            seen.mail.occurred_at,
            meetings[0][1].row.id,
            0,
        )
        self.sightings.put(previous, row)
        for one, current in meetings:
            if seen.claims or (current.stored is None and not current.copies):
                self._claim(current, one, row.id)
            self._answered(current, one, seen.answers)
        return True

    def _answered(self, current: _Current, seen: Occasion, answering: frozenset[str]) -> None:
        """A guest's own REPLY is as good as what the organizer's calendar makes of it."""
        for person, key in zip(seen.participants, seen.address_keys, strict=True):
            place = (_ROLE[person.role], key)
            known = current.answers.get(place)
            if key in answering and known is not None and known.witness <= outcome.ORGANIZER:
                current.answers[place] = Answer(person.response, outcome.ORGANIZER)

    def _stays(self, seen: Occasion, previous: StoredSighting | None) -> bool:
        """What was logged stays logged when it is seen again under other rules: changing the past is a replay. Who
        took part in what was closed no erasure can know, but nothing of them may come back."""
        logged = previous is not None and previous.verdict == _LOGGED and previous.key in (seen.key, seen.other_key)
        return logged and seen.decision.rule != ERASED

    def whole(self, whole: Whole) -> None:
        for item in self.stored.parts.get(whole.object, ()):
            sighting = self.sightings.previous(item)
            if item in whole.parts or sighting is None:
                continue
            occasion = self.stored.occasions.get(sighting.activity_id or 0)
            copy = occasion.copies.get(sighting.id) if occasion else None
            if has_left(item, sighting.occurred_at, copy, whole):
                self._leave(item)

    def removed(self, item: ItemId) -> None:
        for part in self.stored.parts.get(item, (item,)):
            self._leave(part)

    def _leave(self, item: ItemId) -> None:
        left = self.sightings.leave(item)
        if left is None or left.activity_id is None or left.activity_id not in self.stored.occasions:
            return
        current = self._load(left.activity_id)
        if left.id in current.copies:
            current.copies[left.id] = current.copies[left.id]._replace(gone_at=self.now)

    def _sight(self, seen: Occasion, previous: StoredSighting | None, activity_id: int | None) -> SightingRow:
        decision = seen.decision
        logged = activity_id is not None
        row = SightingRow(
            self.sightings.id_for(previous),
            seen.id,
            str(_LOGGED if logged else decision.verdict),
            "logged" if logged else decision.rule,
            decision.facts,
            seen.key,
            seen.claim.starts_at,
            activity_id,
            0,
            seen.object,
            seen.version,
            seen.due_at,
        )
        self.sightings.put(previous, row, () if logged else decision.hashes)
        return row

    # ---------------------------------------------------------------------------------------- what becomes of it

    def _log(self, seen: Occasion, previous: StoredSighting | None) -> None:
        current = self._find(seen) or self._create(seen)
        sighting = self._sight(seen, previous, current.row.id)
        if previous and previous.activity_id not in (None, current.row.id):
            self._withdraw(previous)
        self._claim(current, seen, sighting.id)

    def _claim(self, current: _Current, seen: Occasion, sighting: int) -> None:
        """Take the copy into account."""
        before = current.copies.get(sighting)
        seen = called_off_at(seen, before, self.now)
        copy = StoredCopy(sighting, None, seen.claim)
        if before is None or before.claim != seen.claim:
            self.plan.copies.append(CopyRow(sighting, current.row.id, seen.claim))
        current.copies[sighting] = copy
        if seen.key in self.stored.closed:
            self._erase(current)
        decider = outcome.deciding(current.copies.values())
        self._content(current, seen, decides=decider is copy)
        if not current.closed:
            self._people(current, seen, decides=decider is copy, adds=decider is copy or _leaves_out(decider))
        self._links(current, seen)

    def _find(self, seen: Occasion) -> _Current | None:
        """By its identity; or by what that was before a single event became a series, or the other way round."""
        if seen.key in self.by_key:
            return self._load(self.by_key[seen.key])
        other = self.by_key.get(seen.other_key)
        if other is None:
            return None
        current = self._load(other)
        if current.row.occurred_at != (seen.moved_from or seen.claim.starts_at):
            return None
        del self.by_key[current.row.identity]
        current.row = current.row._replace(identity=seen.key)
        self.by_key[seen.key] = other
        return current

    def _load(self, activity_id: int) -> _Current:
        if activity_id not in self.current:
            stored = self.stored.occasions[activity_id]
            self.current[activity_id] = _Current(
                kind="",
                row=_row(stored),
                stored=stored,
                copies=dict(stored.copies),
                answers=dict(stored.participants),
                contacts=set(stored.contacts),
                links=dict(stored.links),
            )
        return self.current[activity_id]

    def _create(self, seen: Occasion) -> _Current:
        claim, level = seen.claim, int(min(self.level, seen.decision.level))
        if seen.key in self.stored.closed_items:
            level = int(Level.PRIVATE)  # its owner closed it, and it was taken out since
        row = OccasionRow(
            *(next(self.ids), seen.key, claim.starts_at, claim.ends_at, claim.settles_at, claim.all_day, claim.zone),
            *("", level, None, None, None, 0, None),
        )
        current = _Current(kind=seen.kind, row=row, stored=None, moved_from=seen.moved_from)
        self.current[row.id] = current
        self.by_key[seen.key] = row.id
        return current

    def _withdraw(self, previous: StoredSighting) -> None:
        """The copy is not that activity's any more."""
        assert previous.activity_id is not None
        if previous.activity_id in self.stored.occasions:
            self._load(previous.activity_id).copies.pop(previous.id, None)
        self.plan.copies_moved.append((previous.id, previous.activity_id))

    def _close(self, seen: Occasion, previous: StoredSighting | None) -> None:
        """A private copy is not stored, and what others have of it is shown to nobody: the most closed copy wins."""
        for activity_id in {self.by_key.get(key) for key in (seen.key, seen.other_key)}:
            if activity_id is not None:
                self._erase(self._load(activity_id))
        if previous and previous.activity_id is not None:
            self._erase(self._load(previous.activity_id))
            self._withdraw(previous)
        self._sight(seen, previous, None)

    def _erase(self, current: _Current) -> None:
        current.closed = True
        current.row = current.row._replace(level=int(Level.PRIVATE), subject=None, text=None, location=None)
        self.plan.left += [(current.row.id, *place) for place in current.answers if _is_stored(current, place)]
        current.answers.clear()
        current.names.clear()

    # ------------------------------------------------------------------------------------------------ the contents

    def _content(self, current: _Current, seen: Occasion, *, decides: bool) -> None:
        """The deciding copy gives title and text; the lowest level of all says how much of them is stored."""
        row = current.row
        level = min(row.level, int(self.level), int(seen.decision.level))
        subject, text, location = row.subject, row.text, row.location
        if decides:
            subject, text, location = seen.subject, seen.text or None, seen.location or None
        contents = (
            level,
            subject if level >= _SUBJECT else None,
            text if level >= _FULL else None,
            location if level >= _SUBJECT else None,
        )
        current.row = OccasionRow._make((*row[:_LEVEL], *contents, *row[_LEVEL + 4 :]))

    def _people(self, current: _Current, seen: Occasion, *, decides: bool, adds: bool) -> None:
        """The deciding copy says who takes part, unless it does not tell all; each copy says what its owner answered,
        and of what others answered the organizer's knows best. `adds`: who was not known before takes part, too."""
        current.contacts |= seen.contacts
        answers, names = current.answers, current.names
        unheard = set(answers)
        hearsay = outcome.ORGANIZER if seen.claim.organized else outcome.HEARSAY
        for person, key in zip(seen.participants, seen.address_keys, strict=True):
            place = (_ROLE[person.role], key or person.address)
            unheard.discard(place)
            known = answers.get(place)
            if known is None and not adds:
                continue
            witness = outcome.SELF if key in seen.own and not seen.claim.by_mail else hearsay
            if known is None or witness > known.witness or (witness == known.witness and (witness or decides)):
                answers[place] = Answer(person.response, witness)
            if place not in names:
                names[place] = (person.address, person.name)
        if decides and not seen.claim.partial:
            for place in unheard:
                del answers[place]

    def _links(self, current: _Current, seen: Occasion) -> None:
        for link in seen.decision.links:
            place = (link.entity_kind, link.entity_id)
            origin, state = current.links.get(place, ("", ""))
            # What a person did is never undone; a candidate may become a link, and a link stays one.
            if origin == "person" or state in (link.state, _LINKED):
                continue
            current.links[place] = ("rule", link.state)
            row = LinkRow(current.row.id, link.entity_kind, link.entity_id, link.reason, str(link.state))
            self.plan.links.append(row)
            self._touch(current)

    def _touch(self, current: _Current) -> None:
        if current.stored is not None:
            self.plan.touched.add(current.row.id)

    # ------------------------------------------------------------------------------------------------ the outcome

    def finish(self) -> None:
        for current in self.current.values():
            self._settle(current)
            self._answers(current)
            if current.stored is None:
                self.plan.occasions.append((current.kind, current.row))
            elif current.row != _row(current.stored):
                self.plan.occasion_changes.append(current.row)
                if current.row.identity != current.stored.identity:
                    self.plan.renamed.append(current.row.id)
                self._touch(current)

    def _settle(self, current: _Current) -> None:
        """Time and status by all copies."""
        decider = outcome.deciding(current.copies.values())
        if decider is None:
            return
        claim, row = decider.claim, current.row
        answers = {key: answer.response for (_, key), answer in current.answers.items()}
        status = outcome.status(claim, current.copies.values(), answers, current.contacts, self.now)
        current.row = OccasionRow(
            *(row.id, row.identity, claim.starts_at, claim.ends_at, claim.settles_at, claim.all_day, claim.zone),
            *(status, row.level, row.subject, row.text, row.location, *_rescheduled(current, decider)),
        )

    def _answers(self, current: _Current) -> None:
        stored: Mapping[tuple[str, str], Answer] = current.stored.participants if current.stored else {}
        if not current.closed:
            gone = [place for place in stored if place not in current.answers]
            self.plan.left += [(current.row.id, *place) for place in gone]
            if gone:
                self._touch(current)
        for place, answer in current.answers.items():
            if stored.get(place) == answer:
                continue
            role, key = place
            address, name = current.names.get(place, ("", ""))
            row = ParticipantRow(current.row.id, role, key, address, name, *answer)
            (self.plan.answers if place in stored else self.plan.participants).append(row)
            if place not in stored or stored[place].response != answer.response:
                self._touch(current)


def _rescheduled(current: _Current, decider: StoredCopy) -> tuple[int, datetime | None]:
    """How often it was moved, and from when the last time. Another copy with another time is no move, only a better
    witness; nor is the first sight of one that had been moved before more than one move."""
    row, starts_at = current.row, decider.claim.starts_at
    if current.stored is None:
        moved = current.moved_from is not None and current.moved_from != starts_at
        return (1, current.moved_from) if moved else (0, None)
    before = current.stored.copies.get(decider.sighting)
    if before is not None and before.claim.starts_at != starts_at and current.stored.occurred_at != starts_at:
        return row.rescheduled + 1, current.stored.occurred_at
    return row.rescheduled, row.rescheduled_from


def _leaves_out(decider: StoredCopy | None) -> bool:
    """Who else takes part, the deciding copy does not tell."""
    return decider is None or decider.claim.partial


def _is_stored(current: _Current, place: tuple[str, str]) -> bool:
    return current.stored is not None and place in current.stored.participants


def _row(stored: StoredOccasion) -> OccasionRow:
    return OccasionRow(
        *(stored.id, stored.identity, stored.occurred_at, stored.ended_at, stored.settles_at, stored.all_day),
        *(stored.zone, stored.status, int(stored.level), stored.subject, stored.text, stored.location),
        *(stored.rescheduled, stored.rescheduled_from),
    )
