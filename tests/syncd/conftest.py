"""Fixtures of the program's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.migrations import upgrade
from store.writer import Store, open_store
from tests.commits import watch_writes
from tests.syncd.worlds import POLICY, World


@pytest.fixture
def points() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, points: list[str]) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path}/syncd.db", POLICY.key)
    upgrade(store.engine)
    watch_writes(store.engine, points.append)
    yield store
    store.close()


@pytest.fixture
def world(store: Store, points: list[str], tmp_path: Path) -> World:
    return World(store, tmp_path / "syncd.db", points)
