"""No deed without its entry in the trail: where that cannot be written, as by a program that dies just before it, what
a person wanted is not done either."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from store import schema
from store.engine import connect, read, write
from store.retention import Periods, expire
from syncd.config import load, store_url
from tests.store.seeds import NOW, Seeds, days
from tests.syncd.doors import Office, on_postgresql

_REFUSES = {
    "sqlite": ["CREATE TRIGGER trail_full BEFORE INSERT ON trail BEGIN SELECT RAISE(ABORT, 'no entry today'); END"],
    "postgresql": [
        "CREATE FUNCTION trail_full() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RAISE EXCEPTION ''no entry today''; END'",
        "CREATE TRIGGER trail_full BEFORE INSERT ON trail FOR EACH ROW EXECUTE FUNCTION trail_full()",
    ],
}


@pytest.fixture(params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    if request.param == "sqlite":
        yield Office(tmp_path)
        return
    with on_postgresql(request.getfixturevalue("postgres"), tmp_path) as office:
        yield office


@pytest.fixture
def engine(made: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Of a store with a contact, a mail of hers, a token, and a mailbox that left the configuration; its trail takes no
    entry any more."""
    monkeypatch.chdir(made.folder)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    made.write("people.csv", "id,name,email\n1,Jane Doe,jane@acme.example\n")
    assert made.syncd("contacts", "import", "people.csv").code == 0
    made.write("more.csv", "id,name,email\n2,Bob,bob@acme.example\n")
    engine = connect(store_url(load(made.config)))
    seeds = Seeds(engine)
    stream = seeds.stream(seeds.mailbox("gone", owner="gone@example.com", registered=False), "INBOX")
    own = seeds.activity(
        at=days(9),
        people=[("from", "jane@acme.example")],
        links=["contact:1"],
        level=2,
        public_id="the-mail",
        text="Dear Anna",
    )
    seeds.sighting(stream, activity=own)
    with write(engine) as connection:
        for statement in _REFUSES[engine.dialect.name]:
            connection.execute(text(statement))
    yield engine
    engine.dispose()


def rows(engine: Engine) -> dict[str, list[object]]:
    with read(engine) as connection:
        return {
            table.name: sorted(connection.execute(select(table)).all(), key=repr)
            for table in schema.metadata.sorted_tables
        }


COMMANDS = (
    "contacts import more.csv",
    "log call --by anna@example.com --contact 1",
    "link the-mail --contact 1 --remove",
    "close the-mail",
    "close the-mail --thread",
    "close --contact 1",
    "erase jane@acme.example",
    "erase --contact 1",
    "erase --mailbox gone",
    "export jane@acme.example",
    "replay",
    "db rotate-key",
    "db rotate-key --forget",
)


def test_what_cannot_be_written_into_the_trail_is_not_done(made: Office, engine: Engine) -> None:
    before = rows(engine)
    for command in COMMANDS:
        with pytest.raises(Exception, match="no entry today"):
            made.syncd(*command.split())
        assert rows(engine) == before, command
    with pytest.raises(Exception, match="no entry today"):
        expire(engine, Periods(text=timedelta(days=5)), NOW)
    assert rows(engine) == before, "retention"
