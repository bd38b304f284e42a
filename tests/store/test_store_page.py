"""docs/STORE.md is true: every column is on the page, and every query on it gives rows on both databases."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, Table, bindparam, inspect, text

from store import schema
from store.engine import connect, read, write
from store.schema import Instant
from store.views import VIEWS
from tests.servers.postgres import Postgres
from tests.store.seeds import NOW, Seeds, days

PAGE = (Path(__file__).parents[2] / "docs" / "STORE.md").read_text()
BLOCKS = re.findall(r"^```(sql[^\n]*)\n(.*?)^```", PAGE, re.M | re.S)
WRITABLE = (
    schema.account,
    schema.account_domain,
    schema.contact,
    schema.contact_address,
    schema.contact_phone,
    schema.opportunity,
    schema.opportunity_contact,
    schema.users,
    schema.user_address,
)


def documented(name: str) -> list[str]:
    """The columns in the table below a heading."""
    section = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    assert section, f"{name} is not on the page"
    return re.findall(r"^\| `(\w+)` \|", section.group(1), re.M)


@pytest.mark.parametrize("name", VIEWS)
def test_every_column_of_every_view_is_on_the_page_in_its_order(engine: Engine, name: str) -> None:
    with read(engine) as connection:
        columns = [column["name"] for column in inspect(connection).get_columns(name)]
    assert documented(name) == columns


@pytest.mark.parametrize("table", WRITABLE, ids=lambda table: str(table.name))
def test_every_column_that_the_crm_may_write_is_on_the_page(table: Table) -> None:
    assert documented(table.name) == [column.name for column in table.columns]


def test_the_page_names_no_view_or_heading_that_is_not_there() -> None:
    known = set(VIEWS) | {table.name for table in WRITABLE}
    assert set(re.findall(r"^### (\w+)$", PAGE, re.M)) == known
    assert set(re.findall(r"\bv1_\w+", PAGE)) <= known | {"v1_"}


@pytest.fixture
def team(seeds: Seeds) -> Seeds:
    """A small team in which every query of the page has something to tell."""
    seeds.account("kettle", "kettle.example")
    seeds.account("quiet", "quiet.example")
    for contact in ("vera", "ivo"):
        seeds.contact(contact, f"{contact}@kettle.example", "office@kettle.example", account="kettle")
    for deal in ("renewal", "second"):
        seeds.opportunity(deal, "kettle", "vera")
    seeds.user("rolf", "rolf@seller.example", team="north")
    inbox = seeds.stream(seeds.mailbox("rolf", owner="rolf@seller.example"), "INBOX", last_success_at=days(1))
    links = {"contact:vera": "linked", "account:kettle": "linked", "opportunity:renewal": "candidate"}
    out = [("from", "rolf@seller.example"), ("to", "vera@kettle.example")]
    first = seeds.activity(at=days(5), direction="outbound", people=out, links=links)
    back = [("from", "vera@kettle.example"), ("to", "rolf@seller.example")]
    seeds.activity(at=days(4), direction="inbound", people=back, links={"contact:vera": "linked"}, thread=first)
    stranger = [("from", "new@kettle.example"), ("to", "rolf@seller.example")]
    seeds.activity(at=days(3), direction="inbound", people=stranger, links=["account:kettle"])
    seeds.changed(1, first)
    seeds.sighting(inbox, activity=first)
    return seeds


def run(connection: Connection, statement: str, backend: str) -> int:
    """How many rows it gives or changes."""
    values = {"contact": "vera", "thread": _first_thread(connection), "since": days(2), "place": 0}
    day = (NOW - timedelta(days=30)).date()
    used = {name for name in (*values, "day") if re.search(rf":{name}\b", statement)}
    parameters: dict[str, object] = {**values, "day": day if backend == "postgresql" else day.isoformat()}
    query = text(statement)
    if "since" in used:
        query = query.bindparams(bindparam("since", type_=Instant))
    result = connection.execute(query, {name: parameters[name] for name in used})
    return len(result.all()) if result.returns_rows else result.rowcount


def _first_thread(connection: Connection) -> str:
    return str(connection.execute(text("SELECT MIN(thread_id) FROM v1_activity")).scalar_one())


def statements(block: str) -> list[str]:
    return [statement.strip() for statement in block.split(";") if statement.strip()]


@pytest.mark.parametrize("query", [body for tag, body in BLOCKS if tag == "sql" and body.startswith("SELECT")])
def test_every_query_of_the_page_gives_rows(team: Seeds, backend: str, query: str) -> None:
    (statement,) = statements(query)
    with read(team.engine) as connection:
        assert run(connection, statement, backend) > 0


@pytest.mark.parametrize("block", [body for tag, body in BLOCKS if tag == "sql" and not body.startswith("SELECT")])
def test_what_a_crm_writes_as_the_page_says_is_taken(team: Seeds, backend: str, block: str) -> None:
    with write(team.engine) as connection:
        assert all(run(connection, statement, backend) == 1 for statement in statements(block))


def test_the_grants_of_the_page_are_enough_to_read_and_not_enough_for_more(
    postgres: Postgres, postgres_database: str
) -> None:
    (grants,) = [body for tag, body in BLOCKS if tag == "sql postgresql"]
    engine = connect(postgres.url(postgres_database))
    with engine.connect() as connection:  # rolled back at its end: roles belong to the whole server
        for statement in statements(grants):
            connection.execute(text(statement))
        connection.execute(text("SET ROLE crm"))
        for name in VIEWS:
            connection.execute(text(f"SELECT * FROM {name}"))
        allowed = "SELECT has_table_privilege('activity', 'SELECT')"
        assert connection.execute(text(allowed)).scalar_one() is False
    engine.dispose()


def test_there_are_queries_on_the_page() -> None:
    assert len(BLOCKS) > 10
