"""What becomes of the directory when a source lists its rows, once and again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Table, event, func, select, text, update

from store import schema
from store.directory import (
    AccountRow,
    ContactRow,
    Counts,
    DirectoryRows,
    OpportunityRow,
    Report,
    UserRow,
    apply,
)
from store.directory_keys import rekey
from store.directory_plan import Stored, Wanted, plan
from store.directory_wanted import CONTACTS
from store.engine import read, write

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

ROWS = DirectoryRows(
    accounts=(
        AccountRow(external_id="a1", name="Blue Kettle", domains=("bluekettle.example",)),
        AccountRow(external_id="a2", name="Oak & Ash", domains=("oakash.example", "oak.example")),
    ),
    contacts=(
        ContactRow(external_id="c1", name="Vera Novak", addresses=("vera@bluekettle.example",), account="a1"),
        ContactRow(
            external_id="c2", name="Tom Ash", addresses=("tom@oakash.example", "t@oak.example"), account="Oak & Ash"
        ),
        ContactRow(external_id="c3", name="Ida Holm", phones=("+47 22 00 00 00",)),
    ),
    opportunities=(
        OpportunityRow(
            external_id="o1",
            name="Kettles for 2027",
            account="a1",
            contacts=("c1", "tom@oakash.example"),
            stage="offer",
            amount=Decimal("1234.5"),
            currency="EUR",
            opened_at=datetime(2026, 9, 1, 8, 0, 0, 5, tzinfo=UTC),
        ),
    ),
    users=(UserRow(external_id="u1", name="Rolf Berg", addresses=("rolf@seller.example",), team="north"),),
)


def listed(
    engine: Engine, rows: DirectoryRows, *, prune: bool = False, force: bool = False, dry_run: bool = False
) -> Report:
    return apply(engine, rows, source="crm", dry_run=dry_run, now=NOW, prune=prune, force=force)


def table(engine: Engine, name: Table) -> list[tuple[object, ...]]:
    with read(engine) as connection:
        return sorted((tuple(row) for row in connection.execute(select(name))), key=str)


def test_all_that_a_source_lists_is_in_the_tables_with_its_own_ids(engine: Engine) -> None:
    report = listed(engine, ROWS)
    assert report.counts == {
        "accounts": Counts(created=2),
        "contacts": Counts(created=3),
        "opportunities": Counts(created=1),
        "users": Counts(created=1),
    }
    assert report.skipped == ()
    assert table(engine, schema.contact) == [
        ("c1", "c1", "a1", "Vera Novak"),
        ("c2", "c2", "a2", "Tom Ash"),
        ("c3", "c3", None, "Ida Holm"),
    ]
    opened = datetime(2026, 9, 1, 8, tzinfo=UTC)
    deal = ("o1", "o1", "a1", "Kettles for 2027", "offer", Decimal("1234.50"), "EUR", opened, None)
    assert table(engine, schema.opportunity) == [deal]
    assert table(engine, schema.opportunity_contact) == [("o1", "c1"), ("o1", "c2")]
    assert table(engine, schema.contact_phone) == [("c3", "+47 22 00 00 00")]


@pytest.mark.parametrize("prune", [True, False])
def test_the_same_listing_again_writes_nothing(engine: Engine, prune: bool) -> None:
    listed(engine, ROWS, prune=prune)
    written: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: written.append(call[2]))
    report = listed(engine, ROWS, prune=prune)
    assert [statement for statement in written if statement.startswith(("INSERT", "UPDATE", "DELETE"))] == []
    assert sum(counts.unchanged for counts in report.counts.values()) == 7


def test_a_dry_run_reports_the_same_and_writes_nothing(engine: Engine) -> None:
    foretold = listed(engine, ROWS, dry_run=True)
    assert table(engine, schema.contact) == []
    assert listed(engine, ROWS) == foretold


def test_without_pruning_what_the_source_leaves_empty_or_out_is_kept(engine: Engine) -> None:
    listed(engine, ROWS)
    report = listed(
        engine,
        DirectoryRows(contacts=(ContactRow(external_id="c2", addresses=("Tom@OakAsh.example", "ash@new.example")),)),
    )
    assert report.counts["contacts"] == Counts(updated=1)
    assert ("c2", "c2", "a2", "Tom Ash") in table(engine, schema.contact)
    addresses = {row[1] for row in table(engine, schema.contact_address) if row[0] == "c2"}
    assert addresses == {"tom@oakash.example", "t@oak.example", "ash@new.example"}


def test_pruning_removes_what_the_source_no_longer_lists_and_empties_what_it_leaves_empty(engine: Engine) -> None:
    listed(engine, ROWS, prune=True)
    rows = replace(ROWS, contacts=(replace(ROWS.contacts[0], account=""), replace(ROWS.contacts[1], addresses=())))
    report = listed(engine, rows, prune=True)
    assert report.counts["contacts"] == Counts(updated=2, removed=1)
    assert table(engine, schema.contact) == [("c1", "c1", None, "Vera Novak"), ("c2", "c2", "a2", "Tom Ash")]
    assert table(engine, schema.contact_phone) == []
    assert [row[1] for row in table(engine, schema.contact_address)] == ["vera@bluekettle.example"]


def test_a_deal_that_was_opened_again_is_no_longer_closed(engine: Engine) -> None:
    closed = replace(ROWS, opportunities=(replace(ROWS.opportunities[0], closed_at=NOW),))
    listed(engine, closed, prune=True)
    listed(engine, ROWS, prune=True)
    assert table(engine, schema.opportunity)[0][-1] is None


@pytest.mark.parametrize("left", [(), ROWS.contacts[:1]])
def test_a_source_that_suddenly_lists_less_than_half_removes_nothing(
    engine: Engine, left: tuple[ContactRow, ...]
) -> None:
    listed(engine, ROWS, prune=True)
    report = listed(engine, replace(ROWS, contacts=left), prune=True)
    assert report.counts["contacts"] == Counts(unchanged=len(left), withheld=3 - len(left))
    assert len(table(engine, schema.contact)) == 3
    forced = listed(engine, replace(ROWS, contacts=left), prune=True, force=True)
    assert forced.counts["contacts"].removed == 3 - len(left)


def test_what_the_crm_or_another_source_wrote_is_never_pruned(engine: Engine) -> None:
    listed(engine, ROWS, prune=True)
    with write(engine) as connection:
        connection.execute(text("INSERT INTO contact (id, name) VALUES ('own', 'Written by the CRM')"))
    apply(engine, DirectoryRows(contacts=ROWS.contacts[2:]), source="other", dry_run=False, now=NOW, prune=True)
    report = listed(engine, replace(ROWS, contacts=ROWS.contacts[:2]), prune=True)
    assert report.counts["contacts"].removed == 0
    assert {row[0] for row in table(engine, schema.contact)} == {"c1", "c2", "c3", "own"}


def test_an_account_that_goes_leaves_its_contacts_without_one(engine: Engine) -> None:
    listed(engine, ROWS, prune=True)
    report = listed(engine, replace(ROWS, accounts=ROWS.accounts[:1]), prune=True)
    assert report.counts["accounts"].removed == 1
    assert ("c2", "c2", None, "Tom Ash") in table(engine, schema.contact)
    assert [skipped.reason for skipped in report.skipped] == ["no single account is known as Oak & Ash"]


def test_rows_without_an_external_id_are_known_again_by_name_or_address(engine: Engine) -> None:
    rows = DirectoryRows(
        accounts=(AccountRow(name="Blue Kettle"),),
        contacts=(
            ContactRow(name="Vera", addresses=("office@bluekettle.example",), account="blue kettle"),
            ContactRow(name="Ivo", addresses=("office@bluekettle.example",), account="Blue Kettle"),
        ),
        opportunities=(OpportunityRow(name="Kettles", account="Blue Kettle"), OpportunityRow(name="Kettles")),
    )
    listed(engine, rows, prune=True)
    again = listed(engine, rows, prune=True)
    assert {name: counts.unchanged for name, counts in again.counts.items()} == {
        "accounts": 1,
        "contacts": 2,
        "opportunities": 2,
        "users": 0,
    }
    ids = [str(row[0]) for row in table(engine, schema.contact)]
    assert all(own[14] == "7" and len(own) == 36 for own in ids), "UUIDv7, where the source has no ids"


def test_a_row_that_the_crm_wrote_with_its_own_id_is_the_listed_one(engine: Engine) -> None:
    with write(engine) as connection:
        connection.execute(text("INSERT INTO contact (id, name) VALUES ('c1', 'Vera')"))
    assert listed(engine, ROWS).counts["contacts"] == Counts(created=2, updated=1)
    assert ("c1", "c1", "a1", "Vera Novak") in table(engine, schema.contact)


def test_a_row_without_an_external_id_takes_the_one_that_a_later_listing_gives_it(engine: Engine) -> None:
    person = ContactRow(name="Vera Novak", addresses=("vera@bluekettle.example",))
    listed(engine, DirectoryRows(contacts=(person,)))
    report = listed(engine, DirectoryRows(contacts=(replace(person, external_id="c1"),)))
    assert report.counts["contacts"] == Counts(updated=1)
    assert [row[1] for row in table(engine, schema.contact)] == ["c1"]


def test_a_row_listed_twice_and_a_reference_to_nobody_are_reported(engine: Engine) -> None:
    rows = DirectoryRows(
        contacts=(
            ContactRow(external_id="c1", name="Vera", account="nobody"),
            ContactRow(external_id="c1", name="Vera again"),
        ),
        opportunities=(OpportunityRow(name="Kettles", contacts=("c9",), amount=Decimal("1e30")),),
    )
    report = listed(engine, rows)
    assert {(each.kind, each.row, each.reason) for each in report.skipped} == {
        ("contacts", "c1", "is listed twice; the first was taken"),
        ("contacts", "c1", "no single account is known as nobody"),
        ("opportunities", "Kettles", "no single contact is known as c9"),
        ("opportunities", "Kettles", "its amount 1e+30 is no sane one"),
    }
    assert report.counts["contacts"] == Counts(created=1)


def test_missing_keys_are_filled_and_nothing_is_written_when_none_is_missing(engine: Engine) -> None:
    listed(engine, ROWS)
    assert rekey(engine, str.upper, str.title) == 7
    assert {row[2] for row in table(engine, schema.account_domain)} == {
        "Bluekettle.Example",
        "Oakash.Example",
        "Oak.Example",
    }
    assert ("u1", "rolf@seller.example", "ROLF@SELLER.EXAMPLE") in table(engine, schema.user_address)
    assert rekey(engine, str.upper, str.title) == 0
    with write(engine) as connection:
        connection.execute(update(schema.user_address).values(address="r@seller.example"))
    assert rekey(engine, str.upper, str.title) == 1


def test_three_thousand_missing_keys_cost_a_statement_each_and_no_scan(engine: Engine) -> None:
    people = tuple(ContactRow(external_id=f"c{n}", addresses=(f"p{n}@many.example",)) for n in range(3_000))
    listed(engine, DirectoryRows(contacts=people))
    assert rekey(engine, str.upper, str.upper) == 3_000
    with read(engine) as connection:
        keyed = select(func.count()).where(schema.contact_address.c.address_key.is_not(None))
        assert connection.execute(keyed).scalar_one() == 3_000


_ROW = st.builds(
    lambda external, name, addresses: ContactRow(external_id=external, name=name, addresses=tuple(addresses)),
    st.sampled_from(["", "", "1", "2", "3"]),
    st.sampled_from(["", "Vera", "Ivo"]),
    st.sets(st.sampled_from(["a@x.example", "A@x.example", "b@x.example", "c@y.example"]), max_size=3),
)


def _wanted(rows: list[ContactRow]) -> list[Wanted]:
    """Those with ids first, as Wishes gives them."""
    return [
        Wanted(row.external_id, row.external_id, (row.name, None), (tuple(sorted(row.addresses)), ()))
        for row in sorted(rows, key=lambda row: not row.external_id)
    ]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(_ROW, max_size=6), st.lists(_ROW, max_size=6), st.booleans())
def test_a_plan_carried_out_leaves_nothing_to_do_for_the_same_listing(
    first: list[ContactRow], second: list[ContactRow], in_step: bool
) -> None:
    """Whatever was stored before, and however rows without ids share their addresses; no two ids become one."""
    ids = iter(f"new{n}" for n in range(100))
    stored: dict[str, Stored] = {}
    for rows in (first, second):
        made = plan(CONTACTS, stored.values(), _wanted(rows), in_step=in_step, new_id=ids.__next__)
        assert made.unchanged + len(made.changes) + len(made.skipped) == len(rows)
        for change in made.changes:
            assert change.created == (change.id not in stored)
            before = set(stored[change.id].lists[0]) if change.id in stored else set()
            addresses = tuple(sorted(before - set(change.lost[0]) | set(change.gained[0])))
            stored[change.id] = Stored(change.id, change.external_id, change.values, (addresses, ()))
        external = [row.external_id for row in stored.values() if row.external_id]
        assert len(external) == len(set(external))
    again = plan(CONTACTS, stored.values(), _wanted(second), in_step=in_step, new_id=ids.__next__)
    if in_step:
        assert [change for change in again.changes if not change.created] == []
    assert {change.id for change in again.changes if change.created} == set()
