"""Planted in calendars, invitations by mail, tasks and notes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from matching import calendar_rules, meeting_identity, outcome
from matching.occasions import Occasions
from syncd import deciding, sync
from syncd.ledger import Claim, Decided, Invited, Occasion, StoredCopy, StoredSighting
from syncd.model import Event, Level, Note, Task
from tests.simulation.planting import bug

# ---------------------------------------------------------------------------------------------------- meetings


@bug
def a_late_cancellation_undoes_what_was_held() -> AbstractContextManager[Any]:
    called_off = outcome._called_off

    def late_too(copies: Any, claim: Any) -> bool:
        return claim.status == "cancelled" or called_off(copies, claim)

    return patch.object(outcome, "_called_off", late_too)


@bug
def any_copy_decides() -> AbstractContextManager[Any]:
    def by_number(copies: Any) -> StoredCopy | None:
        return min(copies, key=lambda copy: copy.sighting, default=None)

    return patch.object(outcome, "deciding", by_number)


@bug
def a_meeting_that_turns_private_stays_open() -> AbstractContextManager[Any]:
    def seen(self: Occasions, occasion: Occasion, previous: StoredSighting | None) -> None:
        self._sight(occasion, previous, None)

    return patch.object(Occasions, "_close", seen)


@bug
def a_meeting_has_the_level_of_its_last_copy() -> AbstractContextManager[Any]:
    content = Occasions._content

    def opened(self: Occasions, current: Any, seen: Occasion, *, decides: bool) -> None:
        if not current.closed and current.row.level >= Level.METADATA:
            current.row = current.row._replace(level=int(Level.FULL))
        content(self, current, seen, decides=decides)

    return patch.object(Occasions, "_content", opened)


# ------------------------------------------------------------------------------------------------------ series


@bug
def what_comes_after_the_window_is_never_read() -> AbstractContextManager[Any]:
    return patch.object(deciding, "_due", lambda found, now: None)


@bug
def what_a_series_leaves_out_stays() -> AbstractContextManager[Any]:
    return patch.object(Occasions, "whole", lambda self, whole: None)


@bug
def a_series_is_one_meeting() -> AbstractContextManager[Any]:
    keys = meeting_identity.event_keys

    def one(event: Event, key: bytes, stream_id: int) -> tuple[bytes, bytes]:
        return keys(event._replace(original_start=""), key, stream_id)

    return patch.object(deciding, "event_keys", one)


# ------------------------------------------------------------------------------------------------- invitations


@bug
def an_invitation_is_a_mail() -> AbstractContextManager[Any]:
    return patch.object(sync, "invited", lambda decided, *_: decided)


def _saying(**values: Any) -> AbstractContextManager[Any]:
    invited = deciding.invited

    def said(*arguments: Any) -> Decided | Invited:
        one = invited(*arguments)
        return one._replace(**values) if isinstance(one, Invited) else one

    return patch.object(sync, "invited", said)


@bug
def whoever_writes_of_a_meeting_decides_on_it() -> AbstractContextManager[Any]:
    return _saying(claims=True)


@bug
def an_invitation_makes_no_meeting() -> AbstractContextManager[Any]:
    return _saying(makes=False)


@bug
def a_mail_moves_and_cancels_nothing() -> AbstractContextManager[Any]:
    return _saying(claims=False)


@bug
def a_reply_is_nobodys_answer() -> AbstractContextManager[Any]:
    return _saying(answers=frozenset())


@bug
def the_mail_about_a_private_meeting_is_a_mail() -> AbstractContextManager[Any]:
    return patch.object(deciding, "_KEPT_OUT", deciding._KEPT_OUT - {"private"})


@bug
def the_mail_about_a_listed_meeting_is_a_mail() -> AbstractContextManager[Any]:
    return patch.object(deciding, "_KEPT_OUT", deciding._KEPT_OUT - {"never_log", "never_log_personal"})


@bug
def the_mail_about_an_erased_meeting_is_a_mail() -> AbstractContextManager[Any]:
    return patch.object(deciding, "_KEPT_OUT", deciding._KEPT_OUT - {"erased"})


@bug
def a_folder_says_nothing_of_the_meetings_in_it() -> AbstractContextManager[Any]:
    told = deciding._by_mail

    def whole(*arguments: Any) -> Occasion:
        made = told(*arguments)
        return made._replace(decision=made.decision._replace(level=Level.FULL))

    return patch.object(deciding, "_by_mail", whole)


@bug
def a_cancellation_by_mail_undoes_what_was_held() -> AbstractContextManager[Any]:
    in_time = outcome._in_time
    return patch.object(outcome, "_in_time", lambda told, claim: told.by_mail or in_time(told, claim))


# --------------------------------------------------------------------------------------------- tasks and notes


def _without(part: type[Task | Note], rule: str) -> AbstractContextManager[Any]:
    kept = tuple((name, each) for name, each in calendar_rules._RULES[part] if name != rule)
    return patch.dict(calendar_rules._RULES, {part: kept})


@bug
def an_open_task_is_done() -> AbstractContextManager[Any]:
    return _without(Task, "not_done")


@bug
def a_draft_is_a_note() -> AbstractContextManager[Any]:
    return _without(Note, "draft")


@bug
def nobody_is_named_in_a_text() -> AbstractContextManager[Any]:
    return patch.object(deciding, "people_of", lambda part: part.participants)


@bug
def a_task_is_another_one_in_each_list() -> AbstractContextManager[Any]:
    key_of = meeting_identity.part_key

    def apart(part: Task | Note, key: bytes, stream_id: int) -> bytes:
        return key_of(part, key + bytes([stream_id]), stream_id)

    return patch.object(deciding, "part_key", apart)


@bug
def what_was_opened_again_stays_done() -> AbstractContextManager[Any]:
    claim_of = deciding._claimed

    def done(*arguments: Any) -> tuple[str, Claim, tuple[bytes, bytes]]:
        kind, claim, keys = claim_of(*arguments)
        return kind, claim._replace(status="done") if kind == "task" else claim, keys

    return patch.object(deciding, "_claimed", done)


@bug
def what_is_opened_again_is_forgotten() -> AbstractContextManager[Any]:
    return patch.object(Occasions, "_stays", lambda self, seen, previous: False)
