"""The directory follows its source: files, vCards, or queries on the CRM's own database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from matching.address import key
from store.directory import Counts
from store.writer import Store
from syncd import config, directory
from syncd.errors import Permanent, Retryable
from tests.servers.postgres import Postgres
from tests.store.seeds import ANNA

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CSV = 'kind = "csv"\ncontacts = "people.csv"\naccounts = "companies.csv"\n'
PEOPLE = "id,name,email,account id\n1,Jane,jane@acme.example,7\n2,John,john@acme.example,7\n3,Ida,ida@bravo.example,8\n"
COMPANIES = "id,name,website\n7,Acme,https://acme.example\n8,Bravo,bravo.example\n"


def configured(folder: Path, section: str) -> config.Config:
    path = folder / "config.toml"
    path.write_text(
        f'[store]\nurl = "sqlite:///unused.db"\n[organisation]\ndomains = ["example.com"]\n[directory]\n{section}'
    )
    return config.load(path)


def holders(store: Store, *addresses: str) -> set[str | None]:
    """The accounts of the contacts with these addresses."""
    found = store.directory([key(address) for address in addresses], [])
    return {contact.account_id for contacts in found.contacts.values() for contact in contacts}


def test_files_are_followed_with_what_came_changed_and_went(store: Store, tmp_path: Path) -> None:
    loaded = configured(tmp_path, CSV)
    (tmp_path / "companies.csv").write_text(COMPANIES)
    (tmp_path / "people.csv").write_text(PEOPLE)
    first = directory.refresh(loaded, store, NOW)
    (tmp_path / "people.csv").write_text(PEOPLE.replace("3,Ida,ida@bravo.example,8", "4,Eve,eve@bravo.example,8"))
    second = directory.refresh(loaded, store, NOW)
    third = directory.refresh(loaded, store, NOW)

    assert first.report.counts["contacts"] == Counts(created=3)
    assert second.report.counts["contacts"] == Counts(created=1, removed=1, unchanged=2)
    assert third.report.counts["contacts"] == Counts(unchanged=3)
    assert len(holders(store, "jane@acme.example", "john@acme.example")) == 1
    assert holders(store, "ida@bravo.example") == set()


def test_a_source_that_is_suddenly_empty_removes_nothing(store: Store, tmp_path: Path) -> None:
    loaded = configured(tmp_path, CSV)
    (tmp_path / "companies.csv").write_text(COMPANIES)
    (tmp_path / "people.csv").write_text(PEOPLE)
    directory.refresh(loaded, store, NOW)
    (tmp_path / "people.csv").write_text(PEOPLE.partition("\n")[0] + "\n")

    done = directory.refresh(loaded, store, NOW)

    assert done.report.counts["contacts"] == Counts(withheld=3)
    assert len(holders(store, "jane@acme.example")) == 1


@pytest.mark.parametrize("text", [None, "", "colour,weight\nred,3\n"])
def test_a_file_that_cannot_be_read_takes_nothing_away_and_holds_up_no_other(
    store: Store, tmp_path: Path, text: str | None
) -> None:
    loaded = configured(tmp_path, CSV)
    (tmp_path / "companies.csv").write_text(COMPANIES)
    (tmp_path / "people.csv").write_text(f"{PEOPLE}4,Eve,eve@named.example,Named only\n")
    directory.refresh(loaded, store, NOW)
    (tmp_path / "companies.csv").write_text(f"{COMPANIES}9,Charlie,charlie.example\n")
    (tmp_path / "people.csv").unlink()
    if text is not None:
        (tmp_path / "people.csv").write_text(text)

    done = directory.refresh(loaded, store, NOW)

    assert [each.part for each in done.unread] == ["contacts"]
    assert "people.csv" in done.unread[0].error
    assert done.report.counts["accounts"] == Counts(created=1, unchanged=2)
    assert len(holders(store, "jane@acme.example", "eve@named.example")) == 2


def test_a_source_of_which_nothing_can_be_read_changes_nothing(store: Store, tmp_path: Path) -> None:
    loaded = configured(tmp_path, CSV)
    (tmp_path / "companies.csv").write_text(COMPANIES)
    (tmp_path / "people.csv").write_text(PEOPLE)
    directory.refresh(loaded, store, NOW)
    for name in ("companies.csv", "people.csv"):
        (tmp_path / name).unlink()

    with pytest.raises(Permanent, match=r"contacts: .*people.csv.*; accounts: .*companies.csv"):
        directory.refresh(loaded, store, NOW)
    assert len(holders(store, "jane@acme.example")) == 1


def test_a_directory_of_vcards_is_followed(store: Store, tmp_path: Path) -> None:
    loaded = configured(tmp_path, 'kind = "vcard"\ncontacts = "cards"\n')
    (tmp_path / "cards").mkdir()
    for name in ("jane", "john"):
        card = f"BEGIN:VCARD\nVERSION:4.0\nUID:{name}\nFN:{name}\nORG:Acme\nEMAIL:{name}@acme.example\nEND:VCARD\n"
        (tmp_path / "cards" / f"{name}.vcf").write_text(card)

    done = directory.refresh(loaded, store, NOW)

    assert done.report.counts["contacts"] == Counts(created=2)
    assert len(holders(store, "jane@acme.example", "john@acme.example")) == 1


QUERIES = """
contacts = "SELECT id, name, email, NULL AS phone, company_id AS account_id FROM person WHERE name LIKE 'J%'"
accounts = "SELECT id, name, site AS website FROM company"
opportunities = "SELECT id, name, company_id AS account_id, stage, 'a::b 12:30' AS currency, amount, opened FROM deal"
users = "SELECT id, name, email, team FROM agent"
"""
CRM = """
CREATE TABLE company (id INTEGER, name TEXT, site TEXT);
CREATE TABLE person (id INTEGER, name TEXT, email TEXT, company_id INTEGER);
CREATE TABLE deal (id INTEGER, name TEXT, company_id INTEGER, stage TEXT, amount NUMERIC, opened TIMESTAMP);
CREATE TABLE agent (id INTEGER, name TEXT, email TEXT, team TEXT);
INSERT INTO company VALUES (7, 'Acme', 'https://acme.example');
INSERT INTO person VALUES (1, 'Jane', 'jane@acme.example', 7);
INSERT INTO person VALUES (2, 'John', 'no address', 7), (3, 'Ida', 'i@b.example', 7);
INSERT INTO deal VALUES (1, 'Big', 7, 'Proposal', 12500.50, '2026-01-02 10:00:00');
INSERT INTO agent VALUES (1, 'Anna', 'anna@example.com', 'Sales');
"""


@pytest.fixture
def sqlite_crm(tmp_path: Path) -> str:
    connection = sqlite3.connect(tmp_path / "crm.db")
    connection.executescript(CRM)
    connection.close()
    return 'url = "sqlite:///crm.db"\n'


@pytest.fixture
def postgres_crm(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = postgres.new_database()
    with psycopg.connect(postgres.url(name)) as connection:
        connection.execute(CRM.encode())
    monkeypatch.setenv("CRM_PASSWORD", postgres.password)
    url = postgres.url(name).replace(f":{postgres.password}@", "@")
    yield f'url = "{url}"\npassword = "env:CRM_PASSWORD"\n'
    postgres.drop(name)


@pytest.fixture(params=["sqlite_crm", "postgres_crm"])
def crm(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def test_the_crms_own_database_is_asked_by_named_queries(store: Store, tmp_path: Path, crm: str) -> None:
    loaded = configured(tmp_path, f'kind = "sql"\n{crm}{QUERIES}')

    done = directory.refresh(loaded, store, NOW)

    assert {kind: counts.created for kind, counts in done.report.counts.items()} == {
        "accounts": 1,
        "contacts": 1,
        "opportunities": 1,
        "users": 1,
    }
    assert [(each.source, each.line) for each in done.skipped] == [("contacts", 2), ("contacts", 2)]
    assert directory.refresh(loaded, store, NOW).report.counts["opportunities"] == Counts(unchanged=1)


@pytest.mark.parametrize("query", ["DELETE FROM person RETURNING id, name, email", "SELECT nothing FROM nowhere"])
def test_a_query_can_change_nothing_and_one_that_fails_is_named(
    store: Store, tmp_path: Path, crm: str, query: str
) -> None:
    good = configured(tmp_path, f'kind = "sql"\n{crm}{QUERIES}')
    bad = configured(tmp_path, f'kind = "sql"\n{crm}contacts = "{query}"\n')

    with pytest.raises(Permanent, match="the query contacts of"):
        directory.refresh(bad, store, NOW)
    assert directory.refresh(good, store, NOW).report.counts["contacts"] == Counts(created=1)


def test_a_query_that_fails_holds_up_no_other(store: Store, tmp_path: Path, crm: str) -> None:
    queries = QUERIES.replace("FROM deal", "FROM deals")
    done = directory.refresh(configured(tmp_path, f'kind = "sql"\n{crm}{queries}'), store, NOW)

    assert [(each.part, "the query opportunities of" in each.error) for each in done.unread] == [
        ("opportunities", True)
    ]
    assert {kind: counts.created for kind, counts in done.report.counts.items()} == {
        "accounts": 1,
        "contacts": 1,
        "opportunities": 0,
        "users": 1,
    }


def test_a_password_that_cannot_be_had_is_a_failure_of_the_source(store: Store, tmp_path: Path) -> None:
    source = f'kind = "sql"\nurl = "postgresql://reader@127.0.0.1:1/crm"\npassword = "file:none.secret"\n{QUERIES}'
    with pytest.raises(Permanent, match=r"directory.password: .*none.secret does not exist"):
        directory.refresh(configured(tmp_path, source), store, NOW)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("sqlite:///missing.db", Retryable),
        ("postgresql://reader@127.0.0.1:1/crm", Retryable),
        ("nonsense://x", Permanent),
        ("mysql://reader@127.0.0.1/crm", Permanent),
    ],
)
def test_a_database_that_cannot_be_reached_is_said_with_a_cure(
    store: Store, tmp_path: Path, url: str, error: type[Exception]
) -> None:
    loaded = configured(tmp_path, f'kind = "sql"\nurl = "{url}"\n{QUERIES}')

    with pytest.raises(error) as caught:
        directory.refresh(loaded, store, NOW)
    assert getattr(caught.value, "cure", "")
    assert not (tmp_path / "missing.db").exists()


def test_contacts_that_name_their_account_by_id_and_name_bring_it_along(store: Store, tmp_path: Path) -> None:
    people = "Record ID,First Name,Email,Associated Company IDs,Associated Company\n"
    (tmp_path / "people.csv").write_text(
        f"{people}1,Jane,jane@acme.example,7;9,Acme\n2,John,john@acme.example,7,Acme Inc\n"
    )
    directory.import_file(store, tmp_path / "people.csv", kind="", region="", by=ANNA, now=NOW)

    assert holders(store, "jane@acme.example", "john@acme.example") == {"7"}


def test_an_account_that_is_listed_keeps_what_is_listed_of_it_whatever_contacts_call_it(
    store: Store, tmp_path: Path
) -> None:
    loaded = configured(tmp_path, CSV)
    (tmp_path / "companies.csv").write_text(COMPANIES)
    (tmp_path / "people.csv").write_text("id,name,email,account id,account\n1,Jane,jane@acme.example,7,Akme\n")
    done = directory.refresh(loaded, store, NOW)

    assert done.report.counts["accounts"] == Counts(created=2)
    assert store.directory([], ["acme.example"]).accounts == {"acme.example": ("7",)}


def test_an_import_adds_and_takes_nothing_away(store: Store, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("id,name,email,company\n1,Jane,jane@acme.example,Acme\n")
    directory.import_file(store, people, kind="", region="", by=ANNA, now=NOW)
    people.write_text("id,name,email,company\n2,John,john@acme.example,Acme\n")

    dry = directory.import_file(store, people, kind="", region="", by=None, now=NOW)
    assert dry.report.counts["contacts"] == Counts(created=1)
    assert holders(store, "john@acme.example") == set()

    done = directory.import_file(store, people, kind="", region="", by=ANNA, now=NOW)
    assert done.report == dry.report
    assert len(holders(store, "jane@acme.example", "john@acme.example")) == 1
