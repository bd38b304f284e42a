"""Whoever becomes known gets their history, asked for again; what a rule had linked follows the directory, and what a
person had linked does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from matching import address
from store import late
from store.directory_keys import rekey
from store.engine import connect, read, write
from store.known import AGAIN
from store.trail import Doer
from store.writer import Store
from syncd.late import catch_up
from syncd.model import Link, LinkState
from tests.servers.dovecot import Dovecot
from tests.store.conftest import backend, engine, postgres_database, sqlite_template, url
from tests.store.seeds import Seeds, days
from tests.syncd.chain import Chain, on_postgresql, on_sqlite
from tests.syncd.daemons import Office
from tests.syncd.mailboxes import Killed, message
from tests.syncd.worlds import POLICY, World

__all__ = ["backend", "engine", "postgres_database", "sqlite_template", "url"]

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def caught_up(world: World) -> None:
    """As the daemon does each minute."""
    rekey(world.store.engine, address.key, address.domain_key)
    catch_up(world.store, POLICY, world.now())


def waiting(world: World) -> list[tuple[object, ...]]:
    own = "SELECT rule, count(*) FROM sighting WHERE verdict = 'pending' AND gone_at IS NULL GROUP BY rule"
    return world.rows(own)


def becomes_known(world: World, contact: str, mail: str, account: str | None = None) -> None:
    """As a CRM writes it: without a key."""
    world.execute("INSERT INTO contact (id, account_id) VALUES (:id, :account)", id=contact, account=account)
    world.execute("INSERT INTO contact_address (contact_id, address) VALUES (:id, :mail)", id=contact, mail=mail)


@pytest.fixture
def crowd(world: World) -> World:
    """Thirty mails of thirty strangers at ten companies, read and skipped."""
    for number in range(30):
        sender = f"p{number}@company{number % 10}.example"
        world.folder().deliver(message(number, sender=sender, to=("rita@ourco.example",)))
    world.run()
    caught_up(world)
    assert world.subjects() == []
    return world


def test_a_contact_added_late_gets_its_history_and_nothing_else_is_asked_for(crowd: World) -> None:
    becomes_known(crowd, "paul", "P7@company7.example")
    caught_up(crowd)
    assert waiting(crowd) == [("late", 1)]
    crowd.stream().texts_read.clear()
    crowd.run()
    assert crowd.subjects() == ["Subject 7"]
    assert crowd.rows("SELECT entity_id, reason FROM link") == [("paul", "from address")]
    assert len(crowd.stream().texts_read) == 1
    assert waiting(crowd) == []


def test_a_domain_added_late_brings_the_mail_of_everybody_there(crowd: World) -> None:
    crowd.execute("INSERT INTO account (id, name) VALUES ('seven', 'Seven')")
    crowd.execute("INSERT INTO account_domain (account_id, domain) VALUES ('seven', 'Company7.example')")
    caught_up(crowd)
    crowd.run()
    assert crowd.subjects() == ["Subject 7", "Subject 17", "Subject 27"]


def test_an_address_that_is_changed_to_one_that_was_seen_brings_its_mail(crowd: World) -> None:
    becomes_known(crowd, "paul", "paul@elsewhere.example")
    caught_up(crowd)
    crowd.run()
    crowd.execute("UPDATE contact_address SET address = 'p3@company3.example' WHERE contact_id = 'paul'")
    caught_up(crowd)
    crowd.run()
    assert crowd.subjects() == ["Subject 3"]


def test_what_left_the_mailbox_cannot_be_had_any_more(crowd: World) -> None:
    crowd.folder().delete(8)
    becomes_known(crowd, "paul", "p7@company7.example")
    caught_up(crowd)
    crowd.run()
    assert crowd.subjects() == []
    assert waiting(crowd) == []


def test_what_another_rule_skipped_stays_skipped(world: World) -> None:
    world.folder().deliver(message(1, sender="noreply@company1.example", to=("rita@ourco.example",)))
    world.folder().deliver(message(2, sender="info@company1.example", to=("rita@ourco.example",)))
    world.run()
    becomes_known(world, "desk", "info@company1.example")
    becomes_known(world, "robot", "noreply@company1.example")
    caught_up(world)
    world.run()
    assert world.subjects() == ["Subject 2"], "a role address that becomes a contact writes as a person"


def test_what_became_known_before_anything_was_seen_is_forgotten_and_not_looked_up(world: World) -> None:
    for number in range(3):
        becomes_known(world, f"c{number}", f"c{number}@client{number}.example")
    assert world.rows("SELECT count(*) > 0 FROM directory_change") == [(1,)]
    rekey(world.store.engine, address.key, address.domain_key)
    points = list(world.points)
    catch_up(world.store, POLICY, world.now())
    assert world.points == [*points, "begin", "commit"]
    assert world.rows("SELECT * FROM directory_change") == []


def test_a_directory_that_did_not_change_costs_one_look_and_no_write(crowd: World) -> None:
    points = list(crowd.points)
    caught_up(crowd)
    assert crowd.points == points


def test_what_died_between_two_steps_is_done_again(crowd: World) -> None:
    becomes_known(crowd, "paul", "p7@company7.example")
    rekey(crowd.store.engine, address.key, address.domain_key)
    what = late.changed(crowd.store.engine, limit=9)
    assert what.addresses == {"p7@company7.example"}
    caught_up(crowd)
    becomes_known(crowd, "pia", "p8@company8.example")
    late.forget(crowd.store.engine, what.notes)
    caught_up(crowd)
    crowd.run()
    assert crowd.subjects() == ["Subject 7", "Subject 8"], "a change during the work is not forgotten with it"


def test_many_late_mails_are_read_over_several_passes_and_new_mail_comes_in_between(world: World) -> None:
    many = AGAIN + 5
    for number in range(many):
        world.folder().deliver(message(number, sender="p@company.example", to=("rita@ourco.example",)))
    world.stream().chunk = 500
    world.run()
    becomes_known(world, "paul", "p@company.example")
    caught_up(world)
    world.folder().deliver(message(5000))
    world.run()
    assert len(world.subjects()) == AGAIN + 1
    assert waiting(world) == [("late", 5)]
    world.run()
    assert len(world.subjects()) == many + 1


def test_a_program_that_is_killed_again_and_again_while_it_reads_late_mail_blames_only_what_kills_it(
    crowd: World,
) -> None:
    for number in range(6):
        becomes_known(crowd, f"c{number}", f"p{number}@company{number}.example")
    caught_up(crowd)
    crowd.deadly.add("Subject 2")
    for _ in range(9):
        try:
            crowd.run()
        except Killed:
            continue
    assert crowd.verdicts() == {"logged": 5, "skipped": 24, "quarantined": 1}
    assert "Subject 2" not in crowd.subjects()


# ------------------------------------------------------------------------------------------------ what is linked


@pytest.fixture
def stored(engine: Engine) -> Seeds:
    """A mail of Vera and a mail of somebody else at her account's domain, on either database."""
    seeds = Seeds(engine)
    seeds.account("kettle", "kettle.example")
    seeds.account("other", "other.example")
    seeds.contact("vera", "vera@kettle.example", account="kettle")
    links = {"contact:vera": "linked", "account:kettle": "linked"}
    people = [("from", "vera@kettle.example"), ("to", "rita@ourco.example")]
    seeds.activity(at=days(5), direction="inbound", people=people, links=links)
    stranger = [("from", "new@kettle.example"), ("to", "rita@ourco.example")]
    seeds.activity(at=days(3), direction="inbound", people=stranger, links=["account:kettle"])
    with write(engine) as connection:
        connection.execute(text("UPDATE link SET reason = 'from address' WHERE entity_kind = 'contact'"))
        connection.execute(text("DELETE FROM directory_change"))
    return seeds


def links(engine: Engine) -> dict[int, list[str]]:
    """activity -> its links, as `contact vera` or, by a person, `contact vera!`"""
    query = text("SELECT activity_id, entity_kind, entity_id, origin, state FROM link ORDER BY 1, 2, 3")
    found: dict[int, list[str]] = {}
    with read(engine) as connection:
        for own, kind, entity, origin, state in connection.execute(query):
            mark = ("!" if origin == "person" else "") + {"linked": "", "candidate": "?", "unlinked": "-"}[state]
            found.setdefault(own, []).append(f"{kind} {entity}{mark}")
    return found


def follow(engine: Engine, *statements: str) -> None:
    with write(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))
    rekey(engine, address.key, address.domain_key)
    catch_up(Store(engine, POLICY.key), POLICY, NOW)
    with read(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM directory_change")).scalar_one() == 0


@pytest.mark.parametrize(
    ("statements", "wanted"),
    [
        pytest.param(
            ["UPDATE contact SET account_id = 'other' WHERE id = 'vera'"],
            {1: ["account other", "contact vera"], 2: ["account kettle"]},
            id="moved to another account",
        ),
        pytest.param(
            [
                "INSERT INTO contact (id, account_id) VALUES ('merged', 'kettle')",
                "UPDATE contact_address SET contact_id = 'merged' WHERE contact_id = 'vera'",
                "DELETE FROM contact WHERE id = 'vera'",
            ],
            {1: ["account kettle", "contact merged"], 2: ["account kettle"]},
            id="merged into another",
        ),
        pytest.param(
            ["DELETE FROM contact WHERE id = 'vera'"],
            {1: ["account kettle"], 2: ["account kettle"]},
            id="removed",
        ),
        pytest.param(
            [
                "INSERT INTO contact (id, account_id) VALUES ('twin', 'other')",
                "INSERT INTO contact_address (contact_id, address) VALUES ('twin', 'Vera@kettle.example')",
            ],
            {1: ["account kettle", "account other", "contact twin", "contact vera"], 2: ["account kettle"]},
            id="split in two",
        ),
        pytest.param(
            [
                "INSERT INTO contact (id, account_id) VALUES ('new', 'kettle')",
                "INSERT INTO contact_address (contact_id, address) VALUES ('new', 'new@kettle.example')",
            ],
            {1: ["account kettle", "contact vera"], 2: ["account kettle", "contact new"]},
            id="somebody at the domain becomes known",
        ),
        pytest.param(
            ["UPDATE account_domain SET account_id = 'other' WHERE domain = 'kettle.example'"],
            {1: ["account kettle", "contact vera"], 2: ["account other"]},
            id="the domain is another account's",
        ),
        pytest.param(
            ["DELETE FROM account_domain"], {1: ["account kettle", "contact vera"]}, id="the domain is removed"
        ),
        pytest.param(
            ["INSERT INTO opportunity (id, account_id) VALUES ('deal', 'kettle')"],
            {1: ["account kettle", "contact vera", "opportunity deal"], 2: ["account kettle", "opportunity deal"]},
            id="a deal is opened",
        ),
        pytest.param(
            [
                "INSERT INTO users (id) VALUES ('vera')",
                "INSERT INTO user_address (user_id, address) VALUES ('vera', 'vera@kettle.example')",
            ],
            {2: ["account kettle"]},
            id="the contact turns out to be a colleague",
        ),
        pytest.param(
            ["UPDATE contact SET name = 'Vera Krug' WHERE id = 'vera'", "UPDATE account SET name = 'Kettle Inc'"],
            {1: ["account kettle", "contact vera"], 2: ["account kettle"]},
            id="only a name",
        ),
    ],
)
def test_what_a_rule_had_linked_follows_the_directory(
    engine: Engine, stored: Seeds, statements: list[str], wanted: dict[int, list[str]]
) -> None:
    follow(engine, *statements)
    assert links(engine) == wanted


def test_a_deal_that_is_closed_or_joined_by_another_changes_what_is_linked_to_it(engine: Engine, stored: Seeds) -> None:
    follow(engine, "INSERT INTO opportunity (id, account_id) VALUES ('deal', 'kettle')")
    follow(engine, "INSERT INTO opportunity (id, account_id) VALUES ('second', 'kettle')")
    both = ["account kettle", "opportunity deal", "opportunity second?"]
    assert links(engine)[2] == both, "what was the only open one stays settled"
    follow(engine, "DELETE FROM opportunity WHERE id = 'deal'")
    assert links(engine)[2] == ["account kettle", "opportunity second"]


def test_what_a_person_linked_or_unlinked_is_never_undone(engine: Engine, stored: Seeds) -> None:
    store = Store(engine, POLICY.key)
    with read(engine) as connection:
        first, second = connection.execute(text("SELECT public_id FROM activity ORDER BY id")).scalars()
    by = Doer("anna", "cli")
    store.link(first, Link("contact", "vera", "by hand", LinkState.UNLINKED), by, NOW)
    store.link(second, Link("contact", "vera", "by hand"), by, NOW)
    store.link(second, Link("account", "kettle", "by hand"), by, NOW)
    follow(
        engine,
        "UPDATE contact SET account_id = 'other' WHERE id = 'vera'",
        "DELETE FROM account_domain WHERE account_id = 'kettle'",
    )
    assert links(engine) == {1: ["account other", "contact vera!-"], 2: ["account kettle!", "contact vera!"]}
    follow(engine, "DELETE FROM contact WHERE id = 'vera'")
    assert links(engine) == {1: ["contact vera!-"], 2: ["account kettle!", "contact vera!"]}


def test_each_activity_that_is_linked_anew_is_in_the_feed_once_and_others_are_not(
    engine: Engine, stored: Seeds
) -> None:
    follow(engine, "UPDATE contact SET account_id = 'other' WHERE id = 'vera'")
    follow(engine, "UPDATE contact SET account_id = 'other' WHERE id = 'vera'")
    with read(engine) as connection:
        assert connection.execute(text("SELECT kind, activity_id FROM change")).all() == [("updated", 1)]


def test_to_write_a_row_as_it_was_is_no_change(engine: Engine, stored: Seeds) -> None:
    with write(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO contact (id, account_id, name) VALUES ('vera', 'kettle', 'Vera')"
                " ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id, name = excluded.name"
            )
        )
    assert late.changed(engine, limit=9).notes == ()


def test_who_may_only_write_the_directory_is_followed_as_well(postgres_database: str, postgres: object) -> None:
    engine = connect(postgres.url(postgres_database))  # type: ignore[attr-defined]
    with engine.connect() as connection:  # rolled back at its end: roles belong to the whole server
        connection.execute(text("CREATE ROLE crm_of_late"))
        connection.execute(text("GRANT SELECT, INSERT, UPDATE, DELETE ON contact, contact_address TO crm_of_late"))
        connection.execute(text("SET ROLE crm_of_late"))
        connection.execute(text("INSERT INTO contact (id) VALUES ('x')"))
        connection.execute(text("INSERT INTO contact_address (contact_id, address) VALUES ('x', 'x@x.example')"))
        connection.execute(text("RESET ROLE"))
        found = connection.execute(text("SELECT kind, name FROM directory_change WHERE name = 'x@x.example'")).all()
        assert found == [("address", "x@x.example")]
    engine.dispose()


# ------------------------------------------------------------------------------------------------ on a real server


def _chains(request: pytest.FixtureRequest, office: Office) -> Iterator[Chain]:
    if request.param == "sqlite":
        yield on_sqlite(office)
        return
    with on_postgresql(office, request.getfixturevalue("postgres")) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def chain(request: pytest.FixtureRequest, tmp_path: Path, dovecot: Dovecot) -> Iterator[Chain]:
    office = Office(tmp_path, dovecot)
    office.mailbox("anna")
    yield from _chains(request, office)


def test_on_a_real_server_a_contact_of_tomorrow_has_the_mail_of_yesterday(chain: Chain) -> None:
    office = chain.office
    for number in range(40):
        office.deliver("anna", number, sender=f"p{number % 4}@stranger.example")
    chain.pass_once()
    assert chain.rows("SELECT count(*) FROM activity") == [(0,)]

    office.contacts.write_text("id,name,email\nzoe,Zoe,zoe@client.example\np3,Pat,p3@stranger.example\n")
    chain.pass_once()
    assert chain.rows("SELECT count(*) FROM activity") == [(10,)]
    counts = chain.rows("SELECT verdict, count(*) FROM sighting GROUP BY verdict ORDER BY verdict")
    assert counts == [("logged", 10), ("skipped", 30)]
