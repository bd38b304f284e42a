"""The contract with the CRM: what each view shows, and what it must not show."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, update

from store import schema
from store.engine import write
from tests.store.seeds import NOW, Seeds, days

VERA = "vera@kettle.example"
ROLF = "rolf@seller.example"


def test_an_activity_shows_public_ids_and_its_level_in_words(seeds: Seeds) -> None:
    root = seeds.activity(at=days(2), direction="inbound", level=0)
    seeds.activity(at=days(1), direction="outbound", thread=root, level=2, message_id="two@seller.example")
    columns = "id, thread_id, level, kind, direction, message_id"
    assert seeds.rows(f"SELECT {columns} FROM v1_activity ORDER BY occurred_at") == [
        ("public-1", "public-1", "metadata", "email", "inbound", None),
        ("public-2", "public-1", "full", "email", "outbound", "two@seller.example"),
    ]


def test_times_are_utc_whatever_the_readers_time_zone(seeds: Seeds, backend: str) -> None:
    seeds.activity(at=days(1))
    ((occurred_at,),) = seeds.rows("SELECT occurred_at FROM v1_activity")
    wanted = days(1)
    assert occurred_at == (wanted.strftime("%Y-%m-%d %H:%M:%S") if backend == "sqlite" else wanted)


def test_a_participant_names_the_one_contact_and_the_one_user_of_its_address(seeds: Seeds) -> None:
    seeds.contact("vera", "Vera@Kettle.example", VERA)
    seeds.user("rolf", ROLF)
    seeds.activity(at=days(1), people=[("from", VERA), ("to", ROLF), ("cc", "stranger@else.example")])
    assert seeds.rows(
        "SELECT role, address, contact_id, user_id FROM v1_activity_participant WHERE activity_id = 'public-1'"
        " ORDER BY role"
    ) == [("cc", "stranger@else.example", None, None), ("from", VERA, "vera", None), ("to", ROLF, None, "rolf")]


def test_an_address_of_two_contacts_names_neither(seeds: Seeds) -> None:
    seeds.contact("vera", "office@kettle.example")
    seeds.contact("ivo", "office@kettle.example")
    seeds.activity(at=days(1), people=[("from", "office@kettle.example")], links=["contact:vera", "contact:ivo"])
    assert seeds.rows("SELECT contact_id FROM v1_activity_participant") == [(None,)]
    assert sorted(seeds.rows("SELECT entity_id, state FROM v1_activity_link")) == [
        ("ivo", "linked"),
        ("vera", "linked"),
    ]


def test_what_is_no_address_names_nobody(seeds: Seeds) -> None:
    seeds.add("contact", id="vera", name="Vera")
    seeds.add("contact_address", contact_id="vera", address="no address", address_key="")
    seeds.activity(at=days(1), people=[("from", "")])
    assert seeds.rows("SELECT contact_id, user_id FROM v1_activity_participant") == [(None, None)]


def test_attachments_are_listed_in_their_order_without_content(seeds: Seeds) -> None:
    own = seeds.activity(at=days(1))
    for position, name in enumerate(["offer.pdf", "plan.ods"]):
        seeds.add("attachment", activity_id=own, position=position, name=name, content_type="x/y", size=10)
    rows = seeds.rows("SELECT activity_id, position, name FROM v1_activity_attachment ORDER BY position")
    assert rows == [("public-1", 0, "offer.pdf"), ("public-1", 1, "plan.ods")]


def user_activity(seeds: Seeds) -> list[tuple[object, ...]]:
    return sorted(
        seeds.rows("SELECT user_id, kind, direction, activities FROM v1_user_activity"), key=lambda row: str(row)
    )


@pytest.fixture
def team(seeds: Seeds) -> Seeds:
    seeds.contact("vera", VERA)
    seeds.user("rolf", ROLF, "rolf.berg@seller.example")
    seeds.user("siri", "siri@seller.example")
    return seeds


def test_outbound_mail_credits_who_wrote_it_and_nobody_else(team: Seeds) -> None:
    team.activity(
        at=days(1), direction="outbound", people=[("from", ROLF), ("to", VERA), ("cc", "siri@seller.example")]
    )
    assert user_activity(team) == [("rolf", "email", "outbound", 1)]


def test_inbound_mail_credits_every_user_it_was_addressed_to_once(team: Seeds) -> None:
    people = [("from", VERA), ("to", ROLF), ("cc", "rolf.berg@seller.example"), ("cc", "siri@seller.example")]
    team.activity(at=days(1), direction="inbound", people=people)
    assert user_activity(team) == [("rolf", "email", "inbound", 1), ("siri", "email", "inbound", 1)]


def test_inbound_mail_addressed_to_no_user_credits_the_owners_of_the_mailboxes_that_saw_it(team: Seeds) -> None:
    own = team.activity(at=days(1), direction="inbound", people=[("from", VERA), ("to", "sales@seller.example")])
    inbox = team.stream(team.mailbox("rolf", owner="Rolf@Seller.example"), "INBOX")
    team.sighting(inbox, activity=own)
    team.sighting(inbox, activity=own)
    assert user_activity(team) == [("rolf", "email", "inbound", 1)]


def test_a_meeting_credits_the_users_who_did_not_decline(team: Seeds) -> None:
    people = [("organizer", VERA), ("attendee", ROLF, "accepted"), ("attendee", "siri@seller.example", "declined")]
    team.activity("meeting", at=days(1), status="held", people=people)
    assert user_activity(team) == [("rolf", "meeting", None, 1)]


@pytest.mark.parametrize("author", ["rolf", ROLF, "Rolf@Seller.example"])
def test_a_call_logged_by_hand_credits_who_logged_it(team: Seeds, author: str) -> None:
    team.activity("call", at=days(1), direction="outbound", status="held", author=author, source="manual")
    assert user_activity(team) == [("rolf", "call", "outbound", 1)]


@pytest.mark.parametrize(("ago", "status"), [(-1, ""), (1, "cancelled"), (-1, "planned"), (1, "no_show")])
def test_what_did_not_happen_credits_nobody(team: Seeds, ago: float, status: str) -> None:
    team.activity("meeting", at=days(ago), status=status, people=[("organizer", ROLF)])
    assert user_activity(team) == []


def test_activity_is_counted_by_the_day_of_utc(team: Seeds, backend: str) -> None:
    midnight = (NOW - timedelta(days=3)).replace(hour=0, minute=0, second=0)
    for offset in (-1, 0, 23 * 3600):
        at = midnight + timedelta(seconds=offset)
        team.activity(at=at, direction="outbound", people=[("from", ROLF)])
    found = team.rows("SELECT day, activities FROM v1_user_activity ORDER BY day")
    day_before, day = (midnight - timedelta(days=1)).date(), midnight.date()
    wanted: list[tuple[object, int]] = [(day_before, 1), (day, 2)]
    if backend == "sqlite":
        wanted = [(each.isoformat() if isinstance(each, date) else each, number) for each, number in wanted]
    assert found == wanted


def health(seeds: Seeds, columns: str) -> list[tuple[object, ...]]:
    return seeds.rows(f"SELECT {columns} FROM v1_mailbox_health ORDER BY mailbox, stream")


def test_every_item_seen_is_counted_in_its_stream_by_what_was_decided(seeds: Seeds) -> None:
    box = seeds.mailbox("rolf")
    inbox = seeds.stream(box, "INBOX")
    seeds.stream(box, "Sent")
    for verdict in ("logged", "logged", "skipped", "skipped", "skipped", "pending", "quarantined"):
        seeds.sighting(inbox, verdict)
    seeds.sighting(inbox, "logged", gone_at=days(1))
    assert health(seeds, "stream, kind, seen, logged, skipped, pending, quarantined") == [
        ("INBOX", "mail", 7, 2, 3, 1, 1),
        ("Sent", "mail", 0, 0, 0, 0, 0),
    ]


def test_the_lag_is_the_age_in_seconds_of_the_last_success(seeds: Seeds) -> None:
    box = seeds.mailbox("rolf")
    seeds.stream(box, "INBOX", last_success_at=days(2))
    seeds.stream(box, "Sent")
    ((lag,), (never,)) = health(seeds, "lag")
    assert isinstance(lag, int)
    assert 2 * 86400 <= lag < 3 * 86400
    assert never is None


def test_a_mailbox_that_cannot_sign_in_has_a_row_before_it_has_a_stream(seeds: Seeds) -> None:
    seeds.mailbox("rolf", state="reauth_needed", error="the password was refused", cure="syncd check rolf")
    assert health(seeds, "mailbox, stream, state, error, cure, seen") == [
        ("rolf", None, "reauth_needed", "the password was refused", "syncd check rolf", 0)
    ]


def test_what_stops_the_whole_mailbox_shows_on_each_of_its_streams(seeds: Seeds) -> None:
    box = seeds.mailbox("rolf", state="throttled", error="too many requests", failures=2)
    seeds.stream(box, "INBOX")
    seeds.stream(box, "Sent", state="retrying", error="the folder is locked")
    assert health(seeds, "stream, state, error, mailbox_state") == [
        ("INBOX", "throttled", "too many requests", "throttled"),
        ("Sent", "throttled", "too many requests", "throttled"),
    ]


def test_a_mailbox_that_waits_for_a_person_is_never_shown_as_well(seeds: Seeds) -> None:
    """Also after a restart, which sets its count of failures back."""
    seeds.stream(seeds.mailbox("rolf", state="reauth_needed", error="refused", failures=0), "INBOX")
    assert health(seeds, "state, error") == [("reauth_needed", "refused")]


def test_a_stream_that_alone_fails_shows_it_while_the_others_are_well(seeds: Seeds) -> None:
    box = seeds.mailbox("rolf", state="retrying", error="Sent: the folder is locked")
    seeds.stream(box, "INBOX")
    seeds.stream(box, "Sent", state="retrying", error="the folder is locked")
    seeds.stream(box, "Junk", state="new", excluded="junk")
    assert health(seeds, "stream, state, error, excluded") == [
        ("INBOX", "ok", "", ""),
        ("Junk", "excluded", "", "junk"),
        ("Sent", "retrying", "the folder is locked", ""),
    ]


def test_a_mailbox_that_is_no_longer_registered_is_not_unwell(seeds: Seeds) -> None:
    seeds.stream(seeds.mailbox("gone", registered=False), "INBOX")
    assert health(seeds, "mailbox") == []


def test_the_feed_is_read_from_a_place_that_the_reader_keeps(seeds: Seeds) -> None:
    first, second = seeds.activity(at=days(2)), seeds.activity(at=days(1))
    for sequence, (activity, kind) in enumerate([(first, "created"), (second, "created"), (first, "updated")], start=1):
        seeds.changed(sequence, activity, kind)
    feed = "SELECT sequence, kind, activity_id FROM v1_change WHERE sequence > 1 ORDER BY sequence"
    assert seeds.rows(feed) == [(2, "created", "public-2"), (3, "updated", "public-1")]


def test_a_change_of_what_is_no_longer_there_still_has_its_place(seeds: Seeds) -> None:
    own = seeds.activity(at=days(1))
    seeds.changed(1, own)
    with write(seeds.engine) as connection:
        connection.execute(schema.activity.delete().where(schema.activity.c.id == own))
    assert seeds.rows("SELECT sequence, activity_id FROM v1_change") == [(1, None)]


def test_no_view_shows_what_the_level_has_erased_or_an_inner_key(engine: Engine, seeds: Seeds) -> None:
    own = seeds.activity(at=days(1), text="secret text")
    with write(engine) as connection:
        connection.execute(update(schema.activity).where(schema.activity.c.id == own).values(text=None, subject=None))
    (row,) = seeds.rows("SELECT * FROM v1_activity")
    assert own not in row
    assert not any("secret" in str(value) or "Subject" in str(value) or isinstance(value, bytes) for value in row)
