"""Ten mailboxes that hold copies of the same messages, read all at once into either database."""

from __future__ import annotations

import csv
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.corpus import Shape
from bench.maildir import Corpus, make
from tests.commits import written
from tests.servers.dovecot import Dovecot
from tests.syncd.chain import Chain, on_postgresql, on_sqlite
from tests.syncd.daemons import Office
from tests.syncd.rivals import compete

MAILBOXES = 10
MESSAGES = 300


@pytest.fixture(scope="module")
def corpus(dovecot: Dovecot) -> Corpus:
    """In the maildirs of the server, with what a sync of it must come to."""
    corpus = make(Shape(MAILBOXES, MESSAGES), dovecot.directory / "corpus")
    mail = dovecot.directory / "mail"
    for user in corpus.users:
        shutil.move(corpus.root / user, mail / user)
        for path in (mail / user, *(mail / user).rglob("*")):
            shutil.chown(path, mail.owner(), mail.group())
    return corpus


def _office(folder: Path, dovecot: Dovecot, corpus: Corpus) -> Office:
    office = Office(folder, dovecot)
    for user in corpus.users:
        office.mailboxes[user] = user
        office.more[user] = 'level = "full"\nbackfill = "3650d"'
        office.secret(user, dovecot.password)
    with office.contacts.open("w", newline="", encoding="utf-8") as file:
        people = enumerate(corpus.people.contacts)
        csv.writer(file).writerows([("id", "name", "email"), *((n, each.name, each.address) for n, each in people)])
    return office


@contextmanager
def _in(database: str, office: Office, request: pytest.FixtureRequest) -> Iterator[Chain]:
    """PostgreSQL is started for the tests that use it only."""
    if database == "sqlite":
        yield on_sqlite(office)
        return
    with on_postgresql(office, request.getfixturevalue("postgres")) as chain:
        yield chain


@dataclass(frozen=True, slots=True)
class Synced:
    chain: Chain
    told: Mapping[str, Counter[str]]
    """By the first pass: the rules of each stream."""
    told_again: Mapping[str, Counter[str]]
    written_again: Sequence[str]
    """Statements of the second pass."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def synced(
    request: pytest.FixtureRequest, dovecot: Dovecot, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Synced]:
    office = _office(tmp_path_factory.mktemp("scale"), dovecot, corpus)
    with _in(request.param, office, request) as chain:
        told = chain.pass_once()
        with written() as statements:
            told_again = chain.pass_once()
        yield Synced(chain, told, told_again, statements)


def test_each_message_with_a_known_contact_is_one_activity_however_many_mailboxes_hold_it(
    synced: Synced, corpus: Corpus
) -> None:
    holders: defaultdict[object, set[str]] = defaultdict(set)
    for activity, mailbox in synced.chain.rows(
        "SELECT activity_id, mailbox.name FROM sighting JOIN stream ON stream.id = stream_id"
        " JOIN mailbox ON mailbox.id = mailbox_id WHERE verdict = 'logged'"
    ):
        holders[activity].add(str(mailbox))
    assert synced.chain.rows("SELECT count(*) FROM activity") == [(corpus.truth.activities(corpus.users),)]
    assert Counter(tuple(sorted(names)) for names in holders.values()) == corpus.truth.holders


def test_each_copy_is_one_sighting_and_the_sums_are_right_stream_by_stream(synced: Synced, corpus: Corpus) -> None:
    truth = corpus.truth.copies(corpus.users)
    counted = synced.chain.rows(
        "SELECT mailbox.name, stream.name, rule, count(*) FROM sighting JOIN stream ON stream.id = stream_id"
        " JOIN mailbox ON mailbox.id = mailbox_id GROUP BY 1, 2, 3"
    )
    assert {tuple(place): count for *place, count in counted} == truth
    assert {(*stream.split("/"), rule): rules[rule] for stream, rules in synced.told.items() for rule in rules} == truth
    assert sum(rules.total() for rules in synced.told.values()) == MAILBOXES * MESSAGES


def test_a_second_pass_writes_nothing_but_that_it_was_made(synced: Synced) -> None:
    assert synced.told_again == {}
    assert [statement.partition(" SET ")[0] for statement in synced.written_again] == ["UPDATE mailbox"]


def test_the_feed_tells_of_each_new_activity_once_and_leaves_no_number_out(synced: Synced) -> None:
    activities = synced.chain.rows("SELECT id FROM v1_activity ORDER BY id")
    created = synced.chain.rows("SELECT activity_id FROM v1_change WHERE kind = 'created' ORDER BY activity_id")
    assert created == activities
    numbers = [number for (number,) in synced.chain.rows("SELECT sequence FROM v1_change ORDER BY sequence")]
    assert numbers == list(range(1, len(numbers) + 1))


def test_two_processes_that_write_the_same_store_at_once_make_what_one_alone_makes(
    synced: Synced, dovecot: Dovecot, corpus: Corpus, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    database = "sqlite" if "sqlite" in synced.chain.office.store else "postgresql"
    with _in(database, _office(tmp_path, dovecot, corpus), request) as chain:
        chain.prepare()
        assert compete(chain.office.config, corpus.users[::2], corpus.users[1::2]) == [0, 0]
        made, alone = chain.dump(), synced.chain.dump()
    for table, rows in alone.items():
        assert made[table] == rows, table
