"""Who may see what: what is hidden from a viewer is in no answer, and no answer tells that it is there."""

from __future__ import annotations

import pytest

from matching.address import key
from store.erasure import Person
from store.queries import ADMIN, Entity, Viewer, changes, entities, recent, rule_counts, status, timeline, why
from store.queries.export import export
from store.queries.viewers import Circle, Colleague, colleagues, owners, team_of
from syncd.model import Level
from tests.store.seeds import NOW, Seeds, days

VERA = "vera@kettle.example"
ROLF, SIRI = "rolf@seller.example", "siri@seller.example"
CONTACT = Entity("contact", "vera", "Vera")


def circle(*addresses: str, mailboxes: tuple[str, ...] = ()) -> Circle:
    return Circle(frozenset(addresses), frozenset(addresses), frozenset(mailboxes))


def everyone(own: Circle) -> Viewer:
    return Viewer(own, None)


@pytest.fixture
def team(seeds: Seeds) -> Seeds:
    seeds.account("kettle", "kettle.example")
    seeds.contact("vera", VERA, account="kettle")
    seeds.user("rolf", ROLF, team="north")
    seeds.user("siri", SIRI, team="north")
    seeds.user("ole", "ole@seller.example", "Ole.B@seller.example")
    return seeds


def seen(seeds: Seeds, viewer: Viewer) -> set[str]:
    """By every list of activities at once, which must agree."""
    newest = {moment.id for moment in recent(seeds.engine, viewer=viewer, limit=99)}
    assert {moment.id for moment in timeline(seeds.engine, CONTACT, viewer=viewer, limit=99)} == newest
    assert {each.activity_id for each in changes(seeds.engine, viewer=viewer, after=0, limit=99)} == newest
    person = Person(frozenset(), frozenset(), frozenset({"vera"}))
    handed_out = export(seeds.engine, person, viewer=viewer)
    assert {row["id"] for row in handed_out if row["type"] == "activity"} == newest
    for moment in recent(seeds.engine, viewer=ADMIN, limit=99):
        assert bool(why(seeds.engine, moment.id, viewer=viewer)) == (moment.id in newest)
    return newest


def planted(seeds: Seeds, *, level: Level, **more: object) -> str:
    own = seeds.activity(at=days(1), links=["contact:vera"], level=level, **more)  # type: ignore[arg-type]
    seeds.changed(own, own)
    return f"public-{own}"


def test_what_is_private_is_seen_by_those_whom_it_concerns(team: Seeds) -> None:
    mine = planted(team, level=Level.PRIVATE, people=[("from", VERA), ("cc", ROLF)])
    other = planted(team, level=Level.PRIVATE, people=[("from", VERA), ("to", SIRI)])
    written = planted(team, level=Level.PRIVATE, author="Rolf@seller.example", source="manual")
    assert seen(team, everyone(circle(ROLF))) == {mine, written}
    assert seen(team, everyone(circle(SIRI))) == {other}
    assert seen(team, everyone(Circle())) == set()
    assert seen(team, ADMIN) == {mine, other, written}


def test_it_concerns_whose_mailbox_saw_it_though_it_names_them_nowhere(team: Seeds) -> None:
    own = team.activity(at=days(1), links=["contact:vera"], level=Level.PRIVATE, people=[("from", VERA)])
    team.changed(own, own)
    team.sighting(team.stream(team.mailbox("sales", owner="Sales"), "INBOX"), activity=own)
    assert seen(team, everyone(circle(ROLF, mailboxes=("sales",)))) == {f"public-{own}"}
    assert seen(team, everyone(circle(ROLF, mailboxes=("other",)))) == set()


@pytest.mark.parametrize("level", [Level.METADATA, Level.SUBJECT, Level.FULL])
def test_what_is_not_private_is_seen_by_whom_the_organisation_says(team: Seeds, level: Level) -> None:
    theirs = planted(team, level=level, people=[("from", VERA), ("to", SIRI)])
    rolf, both = circle(ROLF), circle(ROLF, SIRI)
    assert seen(team, Viewer(rolf, None)) == {theirs}
    assert seen(team, Viewer(rolf, both)) == {theirs}
    assert seen(team, Viewer(rolf, rolf)) == set()


def test_to_be_of_the_same_team_opens_nothing_that_is_private(team: Seeds) -> None:
    planted(team, level=Level.PRIVATE, people=[("from", VERA), ("to", SIRI)])
    assert seen(team, Viewer(circle(ROLF), circle(ROLF, SIRI))) == set()


def test_a_thread_is_not_named_after_a_mail_that_is_hidden(team: Seeds) -> None:
    hidden = team.activity(at=days(3), level=Level.PRIVATE, people=[("to", SIRI)])
    first = team.activity(at=days(2), people=[("to", ROLF)], thread=hidden)
    team.activity(at=days(1), people=[("to", ROLF)], thread=hidden)
    threads = {moment.thread_id for moment in recent(team.engine, viewer=everyone(circle(ROLF)), limit=9)}
    assert threads == {f"public-{first}"}
    assert {moment.thread_id for moment in recent(team.engine, viewer=ADMIN, limit=9)} == {f"public-{hidden}"}


def test_who_is_only_in_hidden_mail_is_known_to_nobody_else(team: Seeds) -> None:
    stranger = "new@kettle.example"
    team.activity(at=days(1), level=Level.PRIVATE, people=[("from", stranger), ("to", SIRI)])
    asked = {"words": stranger, "address_key": stranger}
    assert entities(team.engine, **asked, viewer=everyone(circle(ROLF))) == ()
    assert len(entities(team.engine, **asked, viewer=everyone(circle(SIRI)))) == 1


def test_how_an_item_was_decided_on_is_told_to_who_owns_the_mailbox(team: Seeds) -> None:
    own = team.activity(at=days(1), people=[("from", VERA)], links=["contact:vera"])
    for name, rule in (("rolf", "never_log_personal"), ("siri", "automated")):
        inbox = team.stream(team.mailbox(name), "INBOX")
        team.sighting(inbox, activity=own, key=b"logged", item=f"1.{name}")
        team.sighting(inbox, "skipped", rule=rule, key=b"skipped")
    rolf = everyone(circle(ROLF, mailboxes=("rolf",)))
    (logged,) = why(team.engine, "1.siri", viewer=rolf)
    assert [each.mailbox for each in logged.sightings] == ["rolf"]
    (skipped,) = why(team.engine, "", keys=[b"skipped"], viewer=rolf)
    assert [(each.mailbox, each.rule) for each in skipped.sightings] == [("rolf", "never_log_personal")]
    assert [box.name for box in status(team.engine, viewer=rolf)] == ["rolf"]
    assert {(each.rule, each.count) for each in rule_counts(team.engine, viewer=rolf)} == {
        ("logged", 1),
        ("never_log_personal", 1),
    }
    assert why(team.engine, "", keys=[b"skipped"], viewer=everyone(circle(VERA))) == ()


def test_a_sighting_of_what_is_hidden_is_hidden_too(team: Seeds) -> None:
    own = team.activity(at=days(1), level=Level.PRIVATE, people=[("to", SIRI)])
    team.sighting(team.stream(team.mailbox("siri"), "INBOX"), activity=own, key=b"key", item="1.7")
    rolf = everyone(circle(ROLF, mailboxes=("rolf",)))
    assert why(team.engine, "1.7", viewer=rolf) == why(team.engine, "7", keys=[b"key"], viewer=rolf) == ()


def test_a_viewers_feed_tells_nothing_of_what_is_gone_but_that_all_is_to_be_read_anew(team: Seeds) -> None:
    team.add("change", sequence=7, kind="erased", activity_id=99, public_id="public-99", changed_at=NOW)
    team.add("change", sequence=8, kind="restored", activity_id=0, changed_at=NOW)
    assert [each.kind for each in changes(team.engine, viewer=ADMIN, after=0, limit=9)] == ["erased", "restored"]
    assert [each.kind for each in changes(team.engine, viewer=everyone(Circle()), after=0, limit=9)] == ["restored"]


def test_a_user_is_known_by_id_or_by_any_address_and_has_a_team(team: Seeds) -> None:
    (ole,) = colleagues(team.engine, "ole", "")
    assert ole == Colleague("ole", "", frozenset({"ole@seller.example", "Ole.B@seller.example"}))
    assert colleagues(team.engine, "OLE.B@seller.example", key("OLE.B@seller.example")) == (ole,)
    assert colleagues(team.engine, "vera", "") == colleagues(team.engine, VERA, VERA) == ()
    assert team_of(team.engine, ole) == (ole,), "no team is not a team"
    assert {each.id for each in team_of(team.engine, colleagues(team.engine, "rolf", "")[0])} == {"rolf", "siri"}
    team.mailbox("old", owner=ROLF, registered=False)
    assert owners(team.engine) == {"old": ROLF}
