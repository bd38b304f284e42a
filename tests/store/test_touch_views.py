"""When a contact or account was last in touch with us: what counts, and what does not."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from store import migrations
from store.engine import connect
from tests.store.seeds import Seeds, days

VERA = "vera@kettle.example"
IVO = "ivo@kettle.example"
ROLF = "rolf@seller.example"


@pytest.fixture
def directory(seeds: Seeds) -> Seeds:
    seeds.account("kettle", "kettle.example")
    seeds.contact("vera", VERA, account="kettle")
    seeds.user("rolf", ROLF)
    return seeds


def sent(seeds: Seeds, ago: float, thread: int | None = None) -> int:
    people = [("from", ROLF), ("to", VERA)]
    links = ["contact:vera", "account:kettle"]
    return seeds.activity(at=days(ago), direction="outbound", people=people, links=links, thread=thread)


def received(seeds: Seeds, ago: float, thread: int | None = None, sender: str = VERA) -> int:
    people = [("from", sender), ("to", ROLF), ("cc", VERA)]
    links = ["contact:vera", "account:kettle"]
    return seeds.activity(at=days(ago), direction="inbound", people=people, links=links, thread=thread)


def met(seeds: Seeds, ago: float, status: str, response: str = "accepted", until: datetime | None = None) -> int:
    people = [("organizer", ROLF), ("attendee", VERA, response)]
    links = ["contact:vera", "account:kettle"]
    return seeds.activity("meeting", at=days(ago), status=status, people=people, links=links, ended_at=until)


def touch(seeds: Seeds, column: str, view: str = "v1_contact_touch") -> datetime | None:
    ((found,),) = seeds.instants(view, column)
    return found


@pytest.fixture(params=["v1_contact_touch", "v1_account_touch"])
def view(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_contact_has_a_row_even_without_any_activity(directory: Seeds) -> None:
    empty = [("vera", None, None, None, None, None, None, 0)]
    assert directory.rows("SELECT * FROM v1_contact_touch") == empty
    assert directory.rows("SELECT * FROM v1_account_touch") == [("kettle", *empty[0][1:])]


def test_letters_without_an_answer_are_no_two_way_contact(directory: Seeds, view: str) -> None:
    for ago in (30, 20, 10):
        sent(directory, ago)
    assert touch(directory, "last_two_way_at", view) is None
    assert touch(directory, "first_at", view) == days(30)
    assert touch(directory, "last_outbound_at", view) == touch(directory, "last_at", view) == days(10)
    assert directory.rows(f"SELECT activities FROM {view}") == [(3,)]


def test_an_answer_is_two_way_and_what_follows_it_unanswered_is_not(directory: Seeds, view: str) -> None:
    first = sent(directory, 30)
    received(directory, 29, first)
    sent(directory, 20, first)
    sent(directory, 10, first)
    assert touch(directory, "last_two_way_at", view) == days(20), "our answer to theirs, not the reminder after it"
    assert touch(directory, "last_inbound_at", view) == days(29)


def test_two_letters_of_different_threads_are_no_conversation(directory: Seeds, view: str) -> None:
    sent(directory, 30)
    received(directory, 29)
    assert touch(directory, "last_two_way_at", view) is None


def test_a_copy_of_another_contacts_answer_is_none_of_this_contact(directory: Seeds) -> None:
    directory.contact("ivo", IVO, account="kettle")
    first = sent(directory, 30)
    received(directory, 29, first, sender=IVO)
    contact = directory.instants(
        "v1_contact_touch WHERE contact_id = 'vera'", "last_two_way_at, last_inbound_at, last_at"
    )
    assert contact == [(None, None, days(29))]
    assert touch(directory, "last_two_way_at", "v1_account_touch") == days(29), "but the account has answered"


def test_an_answer_of_a_stranger_at_the_accounts_domain_is_the_accounts(directory: Seeds) -> None:
    first = sent(directory, 30)
    received(directory, 29, first, sender="new@sub.kettle.example")
    assert touch(directory, "last_two_way_at", "v1_account_touch") == days(29)
    assert touch(directory, "last_two_way_at", "v1_contact_touch") is None


def test_an_answer_from_a_domain_that_only_ends_alike_is_not_the_accounts(directory: Seeds) -> None:
    first = sent(directory, 30)
    received(directory, 29, first, sender="new@coffeekettle.example")
    assert touch(directory, "last_two_way_at", "v1_account_touch") is None


def test_a_held_meeting_is_two_way(directory: Seeds, view: str) -> None:
    met(directory, 5, "held")
    assert touch(directory, "last_two_way_at", view) == touch(directory, "last_at", view) == days(5)


@pytest.mark.parametrize("status", ["cancelled", "declined", "no_show", "planned"])
def test_a_meeting_that_did_not_happen_is_no_touch(directory: Seeds, view: str, status: str) -> None:
    met(directory, 5, status)
    assert touch(directory, "last_at", view) is None
    assert touch(directory, "last_two_way_at", view) is None


def test_a_meeting_that_the_contact_declined_is_no_touch_of_theirs(directory: Seeds) -> None:
    met(directory, 5, "held", response="declined")
    assert touch(directory, "last_at") is None


def test_a_meeting_that_one_of_an_accounts_contacts_declined_is_the_others_and_the_accounts(directory: Seeds) -> None:
    directory.contact("ivo", IVO, account="kettle")
    people = [("organizer", ROLF), ("attendee", VERA, "declined"), ("attendee", IVO, "accepted")]
    links = ["contact:vera", "contact:ivo", "account:kettle"]
    directory.activity("meeting", at=days(5), status="held", people=people, links=links)
    contacts = directory.instants("v1_contact_touch ORDER BY contact_id", "last_two_way_at")
    assert contacts == [(days(5),), (None,)]
    assert touch(directory, "last_two_way_at", "v1_account_touch") == days(5)


def test_the_next_planned_meeting_is_the_first_one_ahead_or_under_way(directory: Seeds, view: str) -> None:
    met(directory, -9, "planned")
    met(directory, -3, "planned")
    met(directory, -1, "cancelled")
    assert touch(directory, "next_planned_at", view) == days(-3)
    assert touch(directory, "last_at", view) is None
    met(directory, 0.5, "planned", until=days(-1))
    assert touch(directory, "next_planned_at", view) == days(0.5)


@pytest.mark.parametrize(
    ("outcome", "two_way"), [("held", True), ("", True), ("no_answer", False), ("left_message", False)]
)
def test_a_call_that_nobody_took_is_an_attempt_only(directory: Seeds, view: str, outcome: str, two_way: bool) -> None:
    links = ["contact:vera", "account:kettle"]
    directory.activity("call", at=days(2), direction="outbound", status=outcome, links=links, source="manual")
    assert touch(directory, "last_at", view) == days(2)
    assert touch(directory, "last_two_way_at", view) == (days(2) if two_way else None)


@pytest.mark.parametrize("kind", ["note", "task"])
def test_notes_and_tasks_are_no_touch(directory: Seeds, view: str, kind: str) -> None:
    directory.activity(kind, at=days(2), status="done", links=["contact:vera", "account:kettle"])
    assert touch(directory, "last_at", view) is None


@pytest.mark.parametrize("state", ["candidate", "unlinked"])
def test_only_what_is_linked_counts(directory: Seeds, state: str) -> None:
    directory.activity(at=days(2), direction="inbound", people=[("from", VERA)], links={"contact:vera": state})
    assert touch(directory, "last_at") is None


def test_mail_dated_ahead_of_now_is_no_touch(directory: Seeds, view: str) -> None:
    sent(directory, -2)
    assert touch(directory, "last_at", view) is None
    assert touch(directory, "next_planned_at", view) is None


def test_what_is_linked_to_a_contact_that_is_gone_shows_no_row(directory: Seeds) -> None:
    directory.activity(at=days(2), direction="inbound", links=["contact:gone"])
    assert directory.rows("SELECT contact_id FROM v1_contact_touch") == [("vera",)]


def test_one_contact_is_found_by_its_index_and_not_by_reading_all(tmp_path: Path) -> None:
    """A CRM asks for one contact each time its page is opened; on SQLite that hangs on how the view is written."""
    engine = connect(f"sqlite:///{tmp_path}/syncd.db")
    migrations.upgrade(engine)
    plan = Seeds(engine).rows("EXPLAIN QUERY PLAN SELECT * FROM v1_contact_touch WHERE contact_id = 'vera'")
    steps = [str(row[-1]) for row in plan]
    assert any(step.startswith("SEARCH known") for step in steps)
    assert any(step.startswith("SEARCH l USING INDEX link_entity") for step in steps)
    engine.dispose()
