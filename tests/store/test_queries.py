"""What the doors ask: status, why, timelines, the feed."""

from __future__ import annotations

import pytest

from store.queries import (
    ADMIN,
    Change,
    Entity,
    Person,
    Question,
    RuleCount,
    Someone,
    changes,
    entities,
    recent,
    rule_counts,
    status,
    timeline,
    why,
    why_between,
)
from syncd.model import Level
from tests.store.seeds import NOW, Seeds, days

VERA = "vera@kettle.example"
ROLF = "rolf@seller.example"


@pytest.fixture
def team(seeds: Seeds) -> Seeds:
    seeds.account("kettle", "kettle.example")
    seeds.contact("vera", VERA, account="kettle")
    seeds.opportunity("deal", "kettle", "vera")
    seeds.user("rolf", ROLF)
    return seeds


def test_status_has_every_registered_mailbox_with_its_streams(seeds: Seeds) -> None:
    box = seeds.mailbox("rolf", owner=ROLF, last_success_at=days(1))
    inbox = seeds.stream(box, "INBOX", last_success_at=days(1))
    seeds.stream(box, "Junk", state="new", excluded="junk")
    seeds.sighting(inbox, "skipped")
    seeds.mailbox("siri", state="misconfigured", error="no such host", cure="mend host")
    seeds.mailbox("gone", registered=False)
    rolf, siri = status(seeds.engine, viewer=ADMIN)
    assert (rolf.name, rolf.owner, rolf.state, rolf.last_success_at) == ("rolf", ROLF, "ok", days(1))
    assert [(each.name, each.state, each.seen, each.skipped) for each in rolf.streams] == [
        ("INBOX", "ok", 1, 1),
        ("Junk", "excluded", 0, 0),
    ]
    assert rolf.streams[0].last_success_at == days(1)
    assert (siri.state, siri.error, siri.cure, siri.streams) == ("misconfigured", "no such host", "mend host", ())


def test_rules_are_counted_over_what_the_mailboxes_still_hold(seeds: Seeds) -> None:
    first = seeds.stream(seeds.mailbox("first"), "INBOX")
    second = seeds.stream(seeds.mailbox("second"), "INBOX")
    for rule in ("internal_only", "automated", "automated"):
        seeds.sighting(first, "skipped", rule=rule)
    seeds.sighting(first, "skipped", rule="automated", gone_at=NOW)
    seeds.sighting(second, "logged", rule="logged")
    assert rule_counts(seeds.engine, viewer=ADMIN) == (
        RuleCount("skipped", "automated", 2),
        RuleCount("logged", "logged", 1),
        RuleCount("skipped", "internal_only", 1),
    )
    assert rule_counts(seeds.engine, ("second",), viewer=ADMIN) == (RuleCount("logged", "logged", 1),)


def test_why_an_activity_is_there_names_every_copy_and_the_reason_of_each_link(team: Seeds) -> None:
    own = team.activity(
        at=days(1), direction="inbound", people=[("from", VERA)], links=["contact:vera", "contact:gone"]
    )
    inbox = team.stream(team.mailbox("rolf"), "INBOX")
    other = team.stream(team.mailbox("siri"), "INBOX")
    team.sighting(inbox, activity=own, key=b"key", item="1.7", occurred_at=days(1))
    team.sighting(other, activity=own, key=b"key", item="3.9", gone_at=NOW)
    (by_public_id,) = why(team.engine, "public-1", viewer=ADMIN)
    assert (
        (by_public_id,)
        == why(team.engine, "<id@kettle.example>", viewer=ADMIN, keys=[b"key"])
        == why(team.engine, "1.7", viewer=ADMIN)
    )
    assert why(team.engine, "9", viewer=ADMIN) == (by_public_id,), "the UID alone"
    assert [(each.mailbox, each.stream, each.item) for each in by_public_id.sightings] == [
        ("rolf", "INBOX", "1.7"),
        ("siri", "INBOX", "3.9"),
    ]
    assert by_public_id.sightings[0].occurred_at == days(1)
    assert [(each.entity_id, each.name, each.reason, each.origin) for each in by_public_id.links] == [
        ("gone", "", "from address", "rule"),
        ("vera", "Vera", "from address", "rule"),
    ]


def test_why_a_message_is_not_there_names_the_rule_that_skipped_each_copy(team: Seeds) -> None:
    inbox = team.stream(team.mailbox("rolf"), "INBOX")
    other = team.stream(team.mailbox("siri"), "INBOX")
    for where in (inbox, other):
        team.sighting(where, "skipped", rule="automated", facts="list-id", key=b"key")
    (explained,) = why(team.engine, "whatever", viewer=ADMIN, keys=[b"key"])
    assert explained.activity_id is None
    assert [(each.mailbox, each.rule, each.facts) for each in explained.sightings] == [
        ("rolf", "automated", "list-id"),
        ("siri", "automated", "list-id"),
    ]


def test_why_knows_nothing_of_what_was_never_seen(team: Seeds) -> None:
    team.sighting(team.stream(team.mailbox("rolf"), "INBOX"), "skipped", key=b"key")
    assert why(team.engine, "public-99", viewer=ADMIN, keys=[b"other"]) == ()
    assert why(team.engine, "12%", viewer=ADMIN) == ()


@pytest.mark.parametrize("words", ["vera", "VERA"])
def test_a_contact_is_found_by_id_and_by_name_in_any_case(team: Seeds, words: str) -> None:
    assert entities(team.engine, words, viewer=ADMIN) == (Entity("contact", "vera", "Vera"),)


def test_entities_are_found_by_external_id_address_and_domain(team: Seeds) -> None:
    team.add("contact", id="c2", external_id="crm-2", name="Ivo")
    assert entities(team.engine, "crm-2", viewer=ADMIN) == (Entity("contact", "c2", "Ivo"),)
    assert entities(team.engine, VERA, viewer=ADMIN, address_key=VERA) == (Entity("contact", "vera", "Vera"),)
    assert entities(team.engine, "kettle.example", viewer=ADMIN, domain_key="kettle.example") == (
        Entity("account", "kettle", "Kettle"),
    )
    assert entities(team.engine, "deal", viewer=ADMIN) == (Entity("opportunity", "deal", "Deal"),)
    assert entities(team.engine, "nobody", viewer=ADMIN) == ()


def test_two_contacts_of_one_name_are_both_found(team: Seeds) -> None:
    team.add("contact", id="v2", name="Vera")
    assert {each.id for each in entities(team.engine, "Vera", viewer=ADMIN)} == {"vera", "v2"}


def test_an_address_without_a_contact_is_found_where_it_takes_part(team: Seeds) -> None:
    stranger = "new@kettle.example"
    assert entities(team.engine, stranger, viewer=ADMIN, address_key=stranger) == ()
    team.activity(at=days(1), people=[("from", stranger), ("reply_to", stranger)], links=["account:kettle"])
    (found,) = entities(team.engine, stranger, viewer=ADMIN, address_key=stranger)
    assert found == Entity("address", stranger, stranger)
    assert [moment.id for moment in timeline(team.engine, found, viewer=ADMIN, limit=9)] == ["public-1"]


def test_a_timeline_is_newest_first_with_the_people_by_their_names(team: Seeds) -> None:
    people = [("from", ROLF), ("to", VERA), ("cc", "new@kettle.example")]
    first = team.activity(at=days(3), direction="outbound", people=people, links=["contact:vera"])
    team.activity(at=days(1), direction="inbound", links={"contact:vera": "candidate"}, thread=first, level=2)
    team.activity(at=days(2), links={"contact:vera": "unlinked"})
    newest, oldest = timeline(team.engine, Entity("contact", "vera", "Vera"), viewer=ADMIN, limit=9)
    assert (newest.id, newest.state, newest.level, newest.thread_id) == (
        "public-2",
        "candidate",
        Level.FULL,
        "public-1",
    )
    assert newest.contacts == ()
    assert (oldest.occurred_at, oldest.direction, oldest.contacts) == (days(3), "outbound", ("Vera",))
    assert oldest.people == (
        Person(
            role="cc",
            address="new@kettle.example",
            name="Name of new@kettle.example",
            contact_id=None,
            user_id=None,
            response="",
        ),
        Person(role="from", address=ROLF, name="Rolf", contact_id=None, user_id="rolf", response=""),
        Person(role="to", address=VERA, name="Vera", contact_id="vera", user_id=None, response=""),
    )


def test_a_timeline_goes_on_where_the_last_page_ended(team: Seeds) -> None:
    for ago in range(1, 6):
        team.activity(at=days(ago), links=["opportunity:deal"])
    deal = Entity("opportunity", "deal", "Deal")
    first = timeline(team.engine, deal, viewer=ADMIN, limit=2)
    rest = timeline(team.engine, deal, viewer=ADMIN, limit=9, before=first[-1].occurred_at)
    assert [moment.occurred_at for moment in (*first, *rest)] == [days(ago) for ago in range(1, 6)]


def test_recent_is_what_was_stored_last_whenever_it_happened(team: Seeds) -> None:
    team.activity(at=days(1), links=["contact:vera"])
    team.activity(at=days(300))
    assert [(moment.id, moment.contacts) for moment in recent(team.engine, viewer=ADMIN, limit=5)] == [
        ("public-2", ()),
        ("public-1", ("Vera",)),
    ]
    assert len(recent(team.engine, viewer=ADMIN, limit=1)) == 1


def test_the_feed_is_paged_in_the_order_of_commits(team: Seeds) -> None:
    own = team.activity(at=days(1))
    for sequence in (1, 2, 3):
        team.changed(sequence, own)
    page = changes(team.engine, viewer=ADMIN, after=1, limit=1)
    assert page == (Change(2, "created", "public-1", NOW),)
    assert [each.sequence for each in changes(team.engine, viewer=ADMIN, after=page[-1].sequence, limit=9)] == [3]


def test_a_question_of_people_and_time_is_answered_newest_first_and_with_what_was_not_logged(team: Seeds) -> None:
    vera = Someone(frozenset({VERA}), frozenset({b"hash of vera"}))
    rolf = Someone(frozenset({ROLF}), frozenset(), frozenset({"rolf"}))
    inbox = team.stream(team.mailbox("rolf", owner=ROLF), "INBOX")
    team.activity(at=days(3), people=[("from", VERA), ("to", ROLF)])
    team.activity(at=days(2), people=[("from", ROLF), ("to", VERA)])
    by_list = team.activity(at=days(1), people=[("from", VERA), ("to", "list@seller.example")])
    team.sighting(inbox, activity=by_list)
    skipped = team.sighting(inbox, "skipped", rule="no_known_contact", occurred_at=days(1))
    team.add("sighting_address", hash=b"hash of vera", sighting_id=skipped)

    def answered(**asked: object) -> list[str]:
        found = why_between(team.engine, Question(**asked), viewer=ADMIN, limit=9)  # type: ignore[arg-type]
        return [each.subject or each.sightings[0].rule for each in found]

    first, second, third = "Subject 3", "Subject 4", f"Subject {by_list}"
    assert answered(sender=vera, recipient=rolf) == [third, first, "no_known_contact"]
    assert answered(sender=rolf, recipient=vera) == [second, "no_known_contact"]
    assert answered(party=vera) == [third, second, first, "no_known_contact"]
    assert answered(party=vera, since=days(2.5), until=days(1.5)) == [second]
    assert answered(sender=Someone(frozenset({"nobody"}), frozenset())) == []
