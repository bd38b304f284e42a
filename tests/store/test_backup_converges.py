"""A store that was restored is behind its mailboxes: the next pass brings it to where it would be anyway."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from store.backup import backup, restore
from store.writer import open_store
from tests.dump import dump
from tests.store.seeds import ANNA
from tests.syncd.mailboxes import message
from tests.syncd.worlds import POLICY, World


def test_whatever_the_moment_of_the_backup_the_next_pass_converges(url: str, empty_url: str, tmp_path: Path) -> None:
    store = open_store(url, POLICY.key)
    world = World(store, None, [])
    for name in ("rita", "sam"):
        for number in range(12):
            stranger = number % 4 == 3
            to = ["nobody@elsewhere.example"] if stranger else ["zoe@client.example"]
            world.folder(name).deliver(message(number, to=to))
    backups = [tmp_path / "before"]
    backup(store.engine, backups[0])
    for name in ("rita", "sam"):
        while world.run(name, stop_after=1).batches:
            backups.append(tmp_path / f"{name}{len(backups)}")
            backup(store.engine, backups[-1])
    undisturbed = dump(store.engine)
    store.close()
    assert len(backups) > 4
    for path in backups:
        restore(empty_url, path, force=True, by=ANNA, now=datetime(2026, 11, 3, tzinfo=UTC))
        world.store = open_store(empty_url, POLICY.key)
        for name in ("rita", "sam"):
            world.run(name)
        assert dump(world.store.engine) == undisturbed
        world.store.close()
