"""Two stores that hold the same are equal in their dumps, whatever the order in which it arrived."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from store import migrations, schema
from store.engine import connect, write
from tests.dump import Rows, dump
from tests.store.seeds import NOW, Seeds, days

_CLAIM = {
    **dict.fromkeys(("all_day", "organized", "exact", "partial", "by_mail"), False),
    **dict.fromkeys(("zone", "status", "response"), ""),
    "sequence": 0,
}


def fill(seeds: Seeds, *, backwards: bool) -> None:
    seeds.contact("vera", "vera@kettle.example")
    inbox = seeds.stream(seeds.mailbox("rolf"), "INBOX")
    numbers = [1, 2, 3]
    own: dict[int, int] = {}
    for number in reversed(numbers) if backwards else numbers:
        own[number] = seeds.activity(
            at=days(number),
            thread=next(iter(own.values()), None),
            people=[("from", "vera@kettle.example")],
            links=["contact:vera"],
            subject=f"Number {number}",
        )
        with write(seeds.engine) as connection:
            names = {"identity": bytes([number])}
            connection.execute(update(schema.activity).where(schema.activity.c.id == own[number]).values(names))
        seeds.add("thread", key=bytes([number]), thread_id=next(iter(own.values())))
        seeds.add("attachment", activity_id=own[number], position=0, name="a.pdf", content_type="a/b")
        seen = seeds.sighting(inbox, activity=own[number], item=f"1.{number}", key=bytes([number]))
        seeds.add("copy", sighting_id=seen, activity_id=own[number], starts_at=days(number), **_CLAIM)
        seeds.add("sighting_address", hash=bytes([number]), sighting_id=seen)


@pytest.fixture
def other(tmp_path: Path) -> Engine:
    engine = connect(f"sqlite:///{tmp_path}/other.db")
    migrations.upgrade(engine)
    return engine


def test_the_order_of_arrival_and_the_database_make_no_difference(seeds: Seeds, other: Engine) -> None:
    fill(seeds, backwards=False)
    fill(Seeds(other), backwards=True)
    found = dump(seeds.engine)
    assert found == dump(other)
    assert {name: len(rows) for name, rows in found.items()} == dict.fromkeys(found, 3)
    other.dispose()


CHANGES: list[tuple[str, Callable[[Seeds], None]]] = [
    ("activity", lambda seeds: _set(seeds, "activity", subject="another")),
    ("participant", lambda seeds: _set(seeds, "participant", name="another")),
    ("link", lambda seeds: _set(seeds, "link", state="candidate")),
    ("copy", lambda seeds: _set(seeds, "copy", organized=True)),
    ("attachment", lambda seeds: _set(seeds, "attachment", size=3)),
    ("sighting", lambda seeds: _set(seeds, "sighting", rule="another")),
    ("sighting", lambda seeds: _set(seeds, "sighting", gone_at=NOW)),
    ("thread", lambda seeds: _set(seeds, "thread", thread_id=10**6)),
]


def _set(seeds: Seeds, table: str, **values: object) -> None:
    with write(seeds.engine) as connection:
        connection.execute(update(schema.metadata.tables[table]).values(**values))


@pytest.mark.parametrize(("table", "change"), CHANGES)
def test_every_difference_shows_in_its_table(seeds: Seeds, table: str, change: Callable[[Seeds], None]) -> None:
    fill(seeds, backwards=False)
    before = dump(seeds.engine)
    change(seeds)
    after = dump(seeds.engine)
    different: dict[str, Rows] = {name: rows for name, rows in after.items() if rows != before[name]}
    assert set(different) == {table}
