"""Planted in passes, identity, privacy, the directory and the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from matching import dedup, meeting_identity, rules
from matching.sightings import Sightings
from store import erasure, known, known_occasions
from store import late as stored_late
from store import replay as stored_replay
from store.replay import Known
from store.writer import Transaction
from syncd import deciding, late, replay, sync
from syncd.errors import CursorExpired
from syncd.ledger import ActivityChange, Decided, Handled, Mark
from syncd.model import Batch, Level
from syncd.sync import Pass
from tests.simulation.planting import bug

# ------------------------------------------------------------------------------------------------------ passes


@bug
def the_cursor_is_saved_before_the_rows() -> AbstractContextManager[Any]:
    save = Pass._save

    def saved(self: Pass, handle: Callable[[], Sequence[Handled]], batch: Batch | None, **more: bool) -> None:
        if batch is not None:
            with self.store.transaction() as transaction:
                transaction.save_cursor(self.stream_id, batch.cursor)
        save(self, handle, batch, **more)

    return patch.object(Pass, "_save", saved)


@bug
def an_expired_cursor_is_taken_for_nothing_new() -> AbstractContextManager[Any]:
    follow = Pass._follow

    def followed(self: Pass, mark: Mark, cursor: Any) -> None:
        try:
            follow(self, mark, cursor)
        except CursorExpired:
            return

    return patch.object(Pass, "_follow", followed)


@bug
def a_listing_is_always_believed() -> AbstractContextManager[Any]:
    return patch.object(sync, "_doubtful", lambda *_: False)


@bug
def what_left_is_not_noted() -> AbstractContextManager[Any]:
    return patch.object(Sightings, "leave", lambda self, item: None)


@bug
def what_waits_is_forgotten() -> AbstractContextManager[Any]:
    marks = known.marks

    def without(*arguments: Any) -> dict[int, Mark]:
        return {stream: mark._replace(waiting=()) for stream, mark in marks(*arguments).items()}

    return patch.object(known, "marks", without)


@bug
def whoever_dies_is_to_blame_at_once() -> AbstractContextManager[Any]:
    return patch.multiple(sync, CAREFUL=0, DEATHS=0)


@bug
def what_changes_meanwhile_is_not_noticed() -> AbstractContextManager[Any]:
    return patch.object(known, "turns", lambda connection: 0)


# ---------------------------------------------------------------------------------------------------- identity


@bug
def mails_are_told_apart_by_message_id_alone() -> AbstractContextManager[Any]:
    return patch.object(dedup, "corroborates", lambda a, b: True)


@bug
def a_meeting_is_another_one_in_each_calendar() -> AbstractContextManager[Any]:
    keys = meeting_identity.event_keys

    def apart(event: Any, key: bytes, stream_id: int) -> tuple[bytes, bytes]:
        return keys(event, key + bytes([stream_id]), stream_id)

    return patch.object(deciding, "event_keys", apart)


@bug
def threads_that_meet_are_not_joined() -> AbstractContextManager[Any]:
    threads = Transaction._threads

    def unjoined(self: Transaction, plan: Any) -> None:
        plan.merged = {}
        threads(self, plan)

    return patch.object(Transaction, "_threads", unjoined)


# ----------------------------------------------------------------------------------------------------- privacy


@bug
def a_private_copy_closes_nothing_that_is_stored() -> AbstractContextManager[Any]:
    return patch.object(dedup._Messages, "_close", lambda self, activity: None)


@bug
def a_private_copy_closes_nothing_that_comes_later() -> AbstractContextManager[Any]:
    return patch.object(known_occasions, "closed", lambda connection, identities: frozenset())


@bug
def text_is_kept_at_a_lower_level() -> AbstractContextManager[Any]:
    change = Transaction._change

    def kept(self: Transaction, changed: ActivityChange) -> None:
        rows = "SELECT subject, text FROM activity WHERE id = ?"
        subject, text = self.connection.exec_driver_sql(rows, (changed.id,)).one()
        change(self, changed)
        values = (subject, text, changed.id)
        self.connection.exec_driver_sql("UPDATE activity SET subject = ?, text = ? WHERE id = ?", values)

    return patch.object(Transaction, "_change", kept)


@bug
def people_and_folders_set_no_level() -> AbstractContextManager[Any]:
    return patch.object(rules, "allowed", lambda people, folders, parties: Level.FULL)


@bug
def tombstones_are_forgotten() -> AbstractContextManager[Any]:
    return patch.object(rules, "erased", lambda people, parties: None)


@bug
def an_erasure_takes_one_activity_only() -> AbstractContextManager[Any]:
    take_out = erasure.take_out

    def one(connection: Any, ids: Sequence[int], *rest: Any) -> None:
        take_out(connection, ids[:1], *rest)

    return patch.object(erasure, "take_out", one)


# ----------------------------------------------------------------------------------------------- the directory


@bug
def hashes_are_not_written() -> AbstractContextManager[Any]:
    return patch.object(rules, "hashes", lambda outside, key: ())


@bug
def nobody_is_woken_by_a_new_contact() -> AbstractContextManager[Any]:
    return patch.object(stored_late, "wake", lambda engine, hashes: 0)


@bug
def links_do_not_follow_the_directory() -> AbstractContextManager[Any]:
    return patch.object(late, "_relink", lambda *_: 0)


@contextmanager
def _early() -> Iterator[None]:
    """What is noted of a change is struck out first, and then seen to."""
    changed, forget = stored_late.changed, stored_late.forget

    def noted(engine: Any, *, limit: int) -> Any:
        what = changed(engine, limit=limit)
        if what.notes:
            forget(engine, what.notes)
        return what

    with patch.object(stored_late, "changed", noted):
        yield


@bug
def a_change_is_forgotten_before_it_was_seen_to() -> AbstractContextManager[Any]:
    return _early()


@bug
def a_link_by_hand_is_overwritten() -> AbstractContextManager[Any]:
    links = dedup._Messages._links

    def overwritten(self: Any, activity: Any, decided: Decided) -> None:
        activity.links = dict.fromkeys(activity.links, ("rule", ""))
        links(self, activity, decided)

    return patch.object(dedup._Messages, "_links", overwritten)


# ------------------------------------------------------------------------------------------------------- rules


@bug
def a_replay_closes_nothing() -> AbstractContextManager[Any]:
    return patch.object(replay._Replay, "close", lambda self: 0)


@bug
def a_replay_wakes_nothing() -> AbstractContextManager[Any]:
    return patch.object(stored_replay, "wake", lambda connection, ids: None)


@bug
def a_replay_takes_away_what_a_hand_linked() -> AbstractContextManager[Any]:
    made = stored_replay._known

    def without(row: Any) -> Known:
        one = made(row)
        return replace(one, by_hand=False)

    return patch.object(stored_replay, "_known", without)
