"""Cursors, marks and sets of UIDs: the arithmetic without a server."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.imap_place import (
    CHUNK,
    Place,
    State,
    chunks,
    examined,
    found,
    item_id,
    place,
    since_criterion,
    statuses,
    uid_in,
    uid_of,
    uid_set,
)
from syncd.errors import CursorExpired
from syncd.model import Cursor, ItemId

uids = st.integers(1, 2**32 - 1)


@given(uids, uids, st.integers(0, 10**7), st.none() | uids)
def test_a_cursor_comes_back_as_the_place_it_was_made_of(validity: int, next_: int, messages: int, below: int) -> None:
    here = Place(validity, next_, messages, below)
    assert place(Cursor(str(here.cursor()))) == here


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "7", '{"validity": "x", "next": 1, "messages": 1}', '{"validity": 1, "next": 2}']
)
def test_text_that_is_no_cursor_expires(text: str) -> None:
    with pytest.raises(CursorExpired):
        place(Cursor(text))


@pytest.mark.parametrize(
    ("state", "same"),
    [
        (State(5, 10, 3), True),
        (State(0, 10, 3), True),
        (State(5, 11, 3), False),
        (State(5, 10, 2), False),
        (State(6, 10, 3), False),
        (State(5, None, 3), False),
    ],
)
def test_a_folder_is_passed_over_only_if_all_its_marks_are_equal(state: State, same: bool) -> None:
    assert Place(5, 10, 3).stands_in(state) == same
    assert not Place(5, 10, 3, below=4).stands_in(state)


@given(st.sets(st.integers(1, 5000) | uids, min_size=1, max_size=CHUNK))
def test_a_set_names_just_its_uids_and_fits_in_a_command(some: set[int]) -> None:
    text = uid_set(some)
    named: list[int] = []
    for part in text.decode().split(","):
        first, _, last = part.partition(":")
        named += range(int(first), int(last or first) + 1)
    assert named == sorted(some)
    assert len(text) < 6000


@given(st.lists(uids, max_size=3 * CHUNK))
def test_chunks_keep_every_uid_in_order(some: list[int]) -> None:
    assert [uid for chunk in chunks(some) for uid in chunk] == some
    assert all(len(chunk) <= CHUNK for chunk in chunks(some))


@given(uids, uids)
def test_an_id_belongs_to_one_uidvalidity(validity: int, uid: int) -> None:
    id_ = item_id(validity, uid)
    assert uid_of(id_, validity) == uid_in(id_) == uid
    assert uid_of(id_, validity + 1) is None


@pytest.mark.parametrize("text", ["", "7", "5.", "5.x", "5.7.8", "x.7"])
def test_what_is_no_id_of_ours_has_no_uid(text: str) -> None:
    assert uid_of(ItemId(text), 5) is None


@pytest.mark.parametrize(
    ("since", "criterion"),
    [
        (datetime(2026, 3, 1, 12, tzinfo=UTC), b"SINCE 28-Feb-2026"),
        (datetime(2026, 1, 1, tzinfo=UTC), b"SINCE 31-Dec-2025"),
        (datetime(1, 1, 1, tzinfo=UTC), b"ALL"),
    ],
)
def test_the_window_is_a_day_wider_as_servers_go_by_the_date_alone(since: datetime, criterion: bytes) -> None:
    assert since_criterion(since) == criterion


def test_the_answers_to_status_are_told_apart_by_name_whatever_their_order() -> None:
    answers = [
        (b'* STATUS "b \\"c\\"" (UIDNEXT 2 MESSAGES 1 UIDVALIDITY 9)',),
        (b"* STATUS {5}", b"a (b)", b" (MESSAGES 4 UIDVALIDITY 0 UIDNEXT 7)"),
        (b"* status INBOX (messages 1 uidvalidity 99999999999 uidnext false)",),
        (b"* STATUS empty ()",),
        (b"* STATUS odd (MESSAGES)",),
        (b"* 4 EXISTS",),
    ]
    assert statuses(answers) == {b'b "c"': State(9, 2, 1), b"a (b)": State(0, 7, 4), b"INBOX": State(0, None, 1)}


def test_what_examine_leaves_out_is_unknown() -> None:
    assert examined([(b"* 3 EXISTS",), (b"* 0 RECENT",)]) == State(0, None, 3)
    assert examined([(b"* OK [UIDVALIDITY 7]",), (b"* ok [uidnext 4] soon",), (b"* 3 exists",)]) == State(7, 4, 3)


def test_a_search_is_read_in_any_form() -> None:
    assert found([(b"* SEARCH 3 1 2 ",), (b"* SEARCH",), (b"* search 9 (MODSEQ 7)",), (b"* 9 EXISTS",)]) == [1, 2, 3, 9]
    assert found([(b"* SEARCH 0 x 99999999999 -3",)]) == []
