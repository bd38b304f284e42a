"""Each failure of a database is waited for, or told to the admin with a cure; a mistake of ours stays as it is."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from sqlalchemy import exc

from store.failures import translate
from syncd.errors import Permanent, Retryable, SyncError


def of_postgresql(state: str) -> exc.DBAPIError:
    return exc.DBAPIError("SELECT 1", None, psycopg.errors.lookup(state)("in its own\nwords"))


def of_sqlite(code: int) -> exc.DBAPIError:
    error = sqlite3.OperationalError("in its own words")
    error.sqlite_errorcode = code
    return exc.DBAPIError("SELECT 1", None, error)


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ("08006", Retryable, "cannot be reached"),
        ("40001", Retryable, "in the way"),
        ("40P01", Retryable, "in the way"),
        ("55P03", Retryable, "locked"),
        ("57014", Retryable, "cancelled"),
        ("57P01", Retryable, "shutting down"),
        ("57P03", Retryable, "shutting down"),
        ("25P03", Retryable, "idle"),
        ("53100", Retryable, "no space"),
        ("53300", Retryable, "out of resources"),
        ("58030", Retryable, "disk"),
        ("28P01", Permanent, "sign-in"),
        ("3D000", Permanent, "does not exist"),
        ("3F000", Permanent, "schema"),
        ("42P01", Permanent, "no tables"),
        ("42501", Permanent, "permission"),
        ("XX001", Permanent, "damaged"),
    ],
)
def test_what_postgresql_says_becomes_an_error_that_somebody_can_act_on(
    state: str, kind: type[SyncError], words: str
) -> None:
    found = translate(of_postgresql(state))
    assert type(found) is kind
    assert words in str(found)
    assert "in its own words" in str(found)
    assert found.cure


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (sqlite3.SQLITE_BUSY, Retryable, "locked"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Retryable, "locked"),
        (sqlite3.SQLITE_LOCKED, Retryable, "locked"),
        (sqlite3.SQLITE_FULL, Retryable, "no space"),
        (sqlite3.SQLITE_IOERR_FSYNC, Retryable, "disk"),
        (sqlite3.SQLITE_CORRUPT_VTAB, Permanent, "damaged"),
        (sqlite3.SQLITE_NOTADB, Permanent, "no SQLite database"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, Permanent, "may not be written"),
        (sqlite3.SQLITE_CANTOPEN, Permanent, "cannot be opened"),
        (sqlite3.SQLITE_PERM, Permanent, "may not be used"),
    ],
)
def test_what_sqlite_says_becomes_an_error_that_somebody_can_act_on(
    code: int, kind: type[SyncError], words: str
) -> None:
    found = translate(of_sqlite(code))
    assert type(found) is kind
    assert words in str(found)
    assert found.cure


@pytest.mark.parametrize(
    "mistake",
    [of_postgresql("42601"), of_postgresql("23505"), of_sqlite(sqlite3.SQLITE_MISUSE), exc.ArgumentError("x")],
)
def test_a_mistake_of_ours_is_no_failure_of_the_database(mistake: exc.SQLAlchemyError) -> None:
    assert translate(mistake) is None


def test_a_pool_that_is_exhausted_is_waited_for() -> None:
    assert isinstance(translate(exc.TimeoutError("queue")), Retryable)
