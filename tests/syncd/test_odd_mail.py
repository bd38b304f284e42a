"""Thousands of odd mails in one folder of a real server, through the whole chain into either database.

What is read of them is for the tests of the parsers; here nothing may stop the folder, be lost, or cost too much.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connectors import KINDS
from connectors.base import Stream
from connectors.imap import Settings
from connectors.imap_structure import MAX_PARTS
from matching.rules import RULES
from syncd.model import Batch, Cursor, Item, ItemId, Message
from syncd.sync import Pass
from tests.connectors.contexts import context
from tests.odd_mail import odd_mails
from tests.odd_mail.bombs import bombs
from tests.odd_mail.letter import letter
from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.syncd.chain import Chain, on_postgresql, on_sqlite
from tests.syncd.daemons import Office
from tests.syncd.worlds import POLICY, World

COUNT = 6000
SEED = 20261125
CPU_SECONDS = 0.25
MEMORY = 64 * 1024 * 1024
TOGETHER = 50
"""Mails that are weighed as one: where all of them stay within the bounds of one, each of them does."""


@pytest.fixture(scope="module")
def mails() -> Mapping[str, bytes]:
    return odd_mails(COUNT, seed=SEED)


@pytest.fixture(scope="module")
def user(dovecot: Dovecot, mails: Mapping[str, bytes]) -> str:
    user = dovecot.new_user()
    dovecot.fill(user, list(mails.values()))
    with _folder(dovecot, user) as folder:
        # Dovecot finds a header whose name holds a NUL in its cache only; all later readers see the same.
        deque(folder.changes(None), maxlen=0)
    return user


@contextmanager
def _folder(dovecot: Dovecot, user: str) -> Iterator[Stream]:
    settings = Settings(host="localhost", port=dovecot.port, tls="starttls", ca_file=dovecot.ca_file, user=user)
    account = KINDS["imap"].open(settings, context(dovecot.password))
    yield next(stream for stream in account.streams() if stream.name == "INBOX")
    account.close()


def _office(folder: Path, dovecot: Dovecot, user: str) -> Office:
    office = Office(folder, dovecot, mailboxes={"anna": user}, more={"anna": 'level = "full"\nbackfill = "20000d"'})
    office.mailbox("anna")
    return office


@pytest.fixture(scope="module")
def chain(dovecot: Dovecot, user: str, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    chain = on_sqlite(_office(tmp_path_factory.mktemp("odd"), dovecot, user))
    _to_the_end(chain)
    return chain


def _to_the_end(chain: Chain) -> None:
    """What could not be read is tried three times."""
    counts = Counter(chain.pass_once()["anna/INBOX"])
    assert counts.total() == COUNT
    for _ in range(2):
        assert set(chain.pass_once().get("anna/INBOX", ())) <= {"unreadable"}
    assert chain.pass_once() == {}


def test_each_of_six_thousand_odd_mails_is_logged_skipped_by_a_named_rule_or_quarantined_with_its_error(
    chain: Chain, dovecot: Dovecot, user: str
) -> None:
    decided = chain.rows("SELECT item, verdict, rule, facts FROM sighting WHERE gone_at IS NULL")
    assert len(decided) == len({item for item, *_ in decided}) == len(dovecot.flags(user)) == COUNT
    rules = {name for name, _ in RULES}
    odd = [
        (item, verdict, rule, facts)
        for item, verdict, rule, facts in decided
        if not (
            (verdict, rule) == ("logged", "logged")
            or (verdict == "skipped" and rule in rules)
            or (verdict == "quarantined" and facts)
        )
    ]
    assert odd == []
    counts = Counter(verdict for _, verdict, *_ in decided)
    assert counts["logged"] > COUNT / 2
    assert counts["skipped"] > COUNT / 5
    assert counts["quarantined"] < 20


def test_a_mail_that_the_server_itself_dies_of_is_the_only_one_that_is_not_given(
    chain: Chain, mails: Mapping[str, bytes]
) -> None:
    """Dovecot 2.3 ends its process upon more than 10 MB of a header that is asked for; later versions may not."""
    failed = chain.rows("SELECT item FROM sighting WHERE facts LIKE 'the connection broke%'")
    names = list(mails)
    uids = [int(str(item).partition(".")[2]) for (item,) in failed]
    assert {names[uid - 1] for uid in uids} <= {"10 MB of recipients"}


def test_both_databases_hold_the_same_of_them(
    chain: Chain, dovecot: Dovecot, user: str, postgres: Postgres, tmp_path: Path
) -> None:
    with on_postgresql(_office(tmp_path, dovecot, user), postgres) as other:
        _to_the_end(other)
        theirs = other.dump()
    for table, rows in chain.dump().items():
        assert theirs[table] == rows, table


# --------------------------------------------------------------------------------------------- what each of them costs


@dataclass
class Scales:
    """A folder that gives its mails in small batches, and notes what the whole pass does with each of them."""

    folder: Stream
    batches: Sequence[Sequence[ItemId]]
    measure: Callable[[], float]
    weights: list[float] = field(default_factory=list)
    name: str = "INBOX"
    kind: str = "mail"
    excluded: str = ""

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        for ids in self.batches:
            self.measure()
            yield Batch(items=tuple(self.folder.read(ids, text=False)), cursor=Cursor(""))
            # Decided, its text read, and saved.
            self.weights.append(self.measure())

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        return self.folder.read(ids, text=text)

    def inventory(self) -> Iterator[ItemId]:
        return self.folder.inventory()


def _cpu() -> Callable[[], float]:
    last = time.process_time()

    def lap() -> float:
        nonlocal last
        before, last = last, time.process_time()
        return last - before

    return lap


def _peak() -> float:
    """Since the last call, beyond what was in use then."""
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    return peak - tracemalloc.get_traced_memory()[0]


@pytest.fixture
def folder(dovecot: Dovecot, user: str) -> Iterator[Stream]:
    with _folder(dovecot, user) as folder:
        yield folder


@pytest.fixture
def batches(folder: Stream, mails: Mapping[str, bytes]) -> list[list[ItemId]]:
    """The bombs one by one, all others together."""
    ids = sorted(folder.inventory(), key=lambda item: int(item.partition(".")[2]))
    costly = bombs()
    named = list(zip(mails, ids, strict=True))
    usual = [item for name, item in named if name not in costly]
    singles = [[item] for name, item in named if name in costly]
    return singles + [usual[start : start + TOGETHER] for start in range(0, len(usual), TOGETHER)]


@pytest.fixture
def still_heap() -> Iterator[None]:
    """What the tests before left behind is not looked through while a mail is weighed."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("still_heap")
def test_no_odd_mail_takes_more_than_a_quarter_of_a_second_from_header_to_commit(
    folder: Stream, batches: list[list[ItemId]], world: World
) -> None:
    world.stream()
    scales = Scales(folder, batches, _cpu())
    Pass(scales, world.stream_id("rita"), world.store, POLICY, now=world.now).run()
    assert len(scales.weights) == len(batches)
    assert max(scales.weights) < CPU_SECONDS, batches[scales.weights.index(max(scales.weights))]


@pytest.mark.usefixtures("still_heap")
def test_no_odd_mail_takes_more_than_sixty_four_megabytes_from_header_to_commit(
    folder: Stream, batches: list[list[ItemId]], world: World
) -> None:
    world.stream()
    scales = Scales(folder, batches, _peak)
    tracemalloc.start()
    try:
        Pass(scales, world.stream_id("rita"), world.store, POLICY, now=world.now).run()
    finally:
        tracemalloc.stop()
    assert len(scales.weights) == len(batches)
    assert max(scales.weights) < MEMORY, batches[scales.weights.index(max(scales.weights))]


def test_of_mails_with_thousands_of_parts_not_all_structures_are_held_at_once(dovecot: Dovecot) -> None:
    """Each is just below the size from which on a structure is passed over."""
    part = b"--B\nContent-Type: image/png; name=a.png\n\nx\n"
    raw = letter("parts", b"Content-Type: multipart/mixed; boundary=B", body=part * 2500 + b"--B--\n")
    user = dovecot.new_user()
    dovecot.fill(user, [raw] * 20)
    with _folder(dovecot, user) as folder:
        ids = list(folder.inventory())
        tracemalloc.start()
        try:
            peaks = []
            for some in (ids[:1], ids):
                _peak()
                read = list(folder.read(some, text=True))
                peaks.append(_peak())
        finally:
            tracemalloc.stop()
    assert {len(message.attachments) for message in read if isinstance(message, Message)} == {MAX_PARTS}
    assert peaks[1] < 3 * peaks[0]
