"""The audit: whatever is missing in the store is found by its id, read again, told once, and shown until it is had."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update

from connectors.base import Grant
from store import inventory
from store.engine import write
from store.inventory import Arrivals, Finding, Flow
from store.queries import ADMIN, status
from store.schema import stream
from syncd.audit import audit, audit_mailbox, compare
from syncd.config import load
from syncd.errors import Retryable, SyncError
from syncd.model import ItemId
from syncd.opening import opened as opened_store
from syncd.opening import vault
from syncd.standing import troubles
from syncd.states import RECONCILE, Audited
from syncd.suspicions import ENOUGH, suspicions
from syncd.sync import Pass
from syncd.watch import Watch
from tests.servers.dovecot import Dovecot
from tests.syncd.chain import Chain, on_postgresql, on_sqlite
from tests.syncd.daemons import Office as DaemonOffice
from tests.syncd.doors import Office, mail, mailbox
from tests.syncd.mailboxes import MemoryStream, message
from tests.syncd.test_poll import Desk, MemoryAccount, desk
from tests.syncd.test_watch import opened
from tests.syncd.worlds import POLICY, World

__all__ = ["desk"]

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def audited(world: World, name: str = "rita") -> Audited:
    found = audit(Pass(world.stream(name), world.stream_id(name), world.store, POLICY, now=world.now))
    assert found is not None
    return found


def raw(world: World, *statements: str) -> None:
    """As somebody with another program does, who does not ask SQLite to keep references whole."""
    assert world.path
    with sqlite3.connect(world.path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.fixture
def full(world: World) -> World:
    """Nine mails, of which every third is internal."""
    for number in range(9):
        to = "rolf@ourco.example" if number % 3 == 0 else "zoe@client.example"
        world.folder().deliver(message(number, to=(to,)))
    world.run()
    return world


def test_what_the_server_holds_is_the_sum_of_what_was_decided(full: World) -> None:
    full.folder().unreadable.add(full.folder().next_uid)
    full.folder().deliver(message(20))
    full.run()
    found = compare(full.stream(), 1, full.store)
    assert Counter(found.counts) == {"logged": 6, "skipped": 3, "pending": 1}
    assert found.held == sum(found.counts.values()) == 10
    assert audited(full) == Audited(held=10, missing=0)


def test_an_audit_of_a_whole_stream_writes_nothing(full: World) -> None:
    before = len(full.points)
    audited(full)
    assert full.points[before:] == []


@pytest.mark.parametrize(
    "damage",
    [
        ["DELETE FROM sighting WHERE item = '1.5'"],
        ["DELETE FROM sighting WHERE item = '1.5'", "DELETE FROM activity WHERE subject = 'Subject 4'"],
        ["DELETE FROM activity WHERE subject = 'Subject 4'"],
        ["DELETE FROM activity WHERE subject = 'Subject 8'"],
        ["UPDATE sighting SET activity_id = NULL WHERE item = '1.5'"],
        ["DELETE FROM sighting", "DELETE FROM activity", "DELETE FROM participant", "DELETE FROM link"],
    ],
    ids=["sighting", "both", "activity", "newest activity", "its reference", "everything"],
)
def test_what_was_removed_from_the_store_behind_its_back_is_found_and_put_right(full: World, damage: list[str]) -> None:
    before = full.subjects(), full.rows("SELECT role, address FROM participant ORDER BY 1, 2")
    raw(full, *damage)
    found = audited(full)
    assert found.found > 0
    assert found.missing == 0
    after = full.subjects(), full.rows("SELECT role, address FROM participant ORDER BY 1, 2")
    assert after == before
    assert full.verdicts() == {"logged": 6, "skipped": 3}
    assert audited(full) == Audited(held=9, missing=0)


def test_what_came_since_the_last_pass_is_read_and_is_no_gap(full: World) -> None:
    full.folder().deliver(message(20))
    assert audited(full) == Audited(held=10, missing=0)
    assert "Subject 20" in full.subjects()


def test_what_leaves_while_it_is_audited_is_no_gap(full: World) -> None:
    raw(full, "DELETE FROM sighting WHERE item = '1.5'")
    full.folder().faults = [None, None, lambda: full.folder().delete(5)]
    assert audited(full).missing == 0


@dataclass
class Phantoms(MemoryStream):
    """A server that lists ids which it does not give."""

    phantoms: set[ItemId] = field(default_factory=set)

    def inventory(self) -> Iterator[ItemId]:
        yield from super().inventory()
        yield from self.phantoms


def test_what_the_server_lists_and_does_not_give_is_a_gap_that_is_told_once_and_shown_until_it_is_over(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    desk.folder("INBOX").deliver(message(1))
    stream = desk.account.folders["INBOX"] = Phantoms(desk.folder("INBOX"), phantoms={ItemId("1.99")})
    for _ in range(4):
        desk.poll()
        desk.clock += RECONCILE
    assert desk.rows["INBOX"].state.audited == Audited(held=2, missing=1, found=1)
    assert _trouble(desk) == ("gap", "of 2 items 1 are on the server and could not be read")

    stream.phantoms.clear()
    desk.poll()
    assert desk.rows["INBOX"].state.audited == Audited(held=1, missing=0)
    assert _trouble(desk) is None
    assert [line for line in caplog.messages if line.startswith("gap")] == ["gap_found", "gap_closed"]


def _trouble(desk: Desk) -> tuple[str, str] | None:
    """What `syncd status` shows of the desk, after its state was written down and read again."""
    desk.save()
    found = troubles(status(desk.store.engine, viewer=ADMIN), (), timedelta(days=9), desk.clock, {})
    return (found[0].state, found[0].error) if found else None


def test_the_comparisons_of_many_folders_are_spread_over_as_many_passes(desk: Desk) -> None:
    for name in ("INBOX", "Sent", "Deals"):
        desk.folder(name).deliver(message(1))
    desk.poll()
    desk.clock += RECONCILE
    compared = [[each.name for each in desk.poll().streams if each.audited] for _ in range(4)]
    assert sorted(compared) == [[], ["Deals"], ["INBOX"], ["Sent"]]
    assert compared[3] == []


# ------------------------------------------------------------------------------------------- what no error tells


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("flow", "streams", "said"),
    [
        (Flow(inbound=ENOUGH, outbound=0), ["INBOX", "Gesendete Objekte"], "none that anna sent was seen$"),
        (Flow(inbound=ENOUGH, outbound=0), ["all mail"], "none that anna sent was seen$"),
        (Flow(inbound=0, outbound=ENOUGH), ["Sent"], "none that came in was seen$"),
        (Flow(inbound=ENOUGH, outbound=1), ["INBOX"], None),
        (Flow(inbound=ENOUGH - 1, outbound=0), ["INBOX", "Sent"], None),
        (Flow(inbound=0, outbound=0), ["INBOX"], None),
    ],
)
def test_mail_one_way_only_is_suspicious_once_there_is_enough_of_it(
    flow: Flow, streams: list[str], said: str | None
) -> None:
    found = suspicions(flow, {}, streams, "anna", NOW)
    assert [each.kind for each in found] == ([] if said is None else ["one_direction"])
    assert said is None or re.search(said, found[0].error)
    assert all("syncd check anna" in each.cure for each in found)


@pytest.mark.parametrize(
    ("flow", "streams", "is_told"),
    [
        (Flow(inbound=1, outbound=0), ["INBOX", "Archive"], True),
        (Flow(inbound=ENOUGH, outbound=0), ["INBOX", "Archive"], True),
        (Flow(inbound=1, outbound=0), ["INBOX", "INBOX.Sent"], False),
        (Flow(inbound=ENOUGH, outbound=1), ["INBOX", "Ausgegangen"], False),  # what it is called matters little
        (Flow(inbound=0, outbound=0), ["INBOX", "Archive"], False),
        (Flow(inbound=1, outbound=0), ["all mail"], False),
    ],
)
def test_a_folder_of_sent_mail_that_was_never_found_is_told_at_once(
    flow: Flow, streams: list[str], is_told: bool
) -> None:
    found = suspicions(flow, {}, streams, "anna", NOW)
    assert [each.kind for each in found] == (["sent_not_found"] if is_told else [])
    assert all("add that of the sent mail to include" in each.cure for each in found)


@pytest.mark.parametrize(
    ("stream", "count", "first", "last", "silent"),
    [
        ("INBOX", 200, 100, 15, True),  # two a day, and then nothing for two weeks
        ("INBOX", 200, 100, 13, False),
        ("INBOX", 20, 400, 30, False),  # one in three weeks
        ("INBOX", 19, 100, 60, False),  # too few to tell
        ("INBOX/Sent", 200, 100, 15, True),
        ("Projects/Acme", 200, 100, 90, False),  # a project ends
    ],
)
def test_an_inbox_that_falls_silent_is_suspicious_by_its_own_measure(
    stream: str, count: int, first: int, last: int, silent: bool
) -> None:
    seen = Arrivals(count, NOW - first * DAY, NOW - last * DAY)
    found = suspicions(Flow(1, 1), {stream: seen}, ["INBOX", stream], "anna", NOW)
    assert [each.kind for each in found] == (["quiet"] if silent else [])


def test_a_suspicion_is_told_once_and_is_a_warning_until_it_is_over(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store, account = world.store, MemoryAccount()
    watch = opened(store, account)
    now = datetime.now(UTC)
    for number in range(ENOUGH):
        mail = message(number, sender="zoe@client.example", to=("rita@ourco.example",))
        account.folder("INBOX").deliver(mail._replace(sent_at=now - number * DAY, received_at=now - number * DAY))
    watch.run()
    for _ in range(2):
        _audit_now(watch)
    (found,) = inventory.findings(store.engine)["rita"]
    assert found.kind == "one_direction"
    (shown,) = troubles(status(store.engine, viewer=ADMIN), (), DAY, now, {"rita": [found]})
    assert shown.is_warning

    reply = message(99, sender="rita@ourco.example", to=("zoe@client.example",))
    account.folder("INBOX").deliver(reply._replace(sent_at=now, received_at=now))
    _audit_now(watch)
    assert inventory.findings(store.engine) == {}
    assert [line for line in caplog.messages if line.startswith("suspicion")] == ["suspicion", "suspicion_over"]


def _audit_now(watch: Watch) -> None:
    """Let a day pass."""
    assert watch.rows is not None
    long_ago = datetime.now(UTC) - 2 * RECONCILE
    watch.rows = {
        name: row._replace(state=row.state._replace(reconciled_at=long_ago)) for name, row in watch.rows.items()
    }
    watch.run()


# ------------------------------------------------------------------------------------------------ on a real server


@pytest.fixture(params=["sqlite", "postgresql"])
def chain(request: pytest.FixtureRequest, tmp_path: Path, dovecot: Dovecot) -> Iterator[Chain]:
    """One mailbox of thirty mails, read."""
    office = DaemonOffice(tmp_path, dovecot)
    office.mailbox("anna")
    for number in range(30):
        office.deliver("anna", number, sender="zoe@client.example" if number % 2 else "bob@stranger.example")
    if request.param == "sqlite":
        made = on_sqlite(office)
        made.prepare()
        made.pass_once()
        yield made
        return
    with on_postgresql(office, request.getfixturevalue("postgres")) as made:
        made.prepare()
        made.pass_once()
        yield made


def _audits(chain: Chain) -> Mapping[str, object]:
    """What `syncd audit` finds of the inbox, without the ids."""
    config = load(chain.office.write())
    with opened_store(config) as store:
        (one,) = config.mailboxes
        found = audit_mailbox(one, store, vault(config, store), datetime.now(UTC))
    assert found.error == ""
    (inbox,) = [stream for stream in found.streams if stream.name == "INBOX"]
    numbers = {name: getattr(inbox, name) for name in ("held", "logged", "skipped", "coming")}
    return {**numbers, "missing": len(inbox.missing), "ok": found.ok}


def test_on_a_real_server_the_numbers_agree_and_a_hole_is_found_by_its_id(chain: Chain) -> None:
    whole = {"held": 30, "logged": 15, "skipped": 15, "coming": 0, "missing": 0, "ok": True}
    assert _audits(chain) == whole

    chain.office.deliver("anna", 40)
    assert _audits(chain) == {**whole, "held": 31, "coming": 1}
    chain.pass_once()

    with chain.engine() as engine, write(engine) as connection:
        connection.execute(text("DELETE FROM sighting WHERE item LIKE '%.7'"))
        connection.execute(text("UPDATE stream SET reconciled_at = NULL"))
    holed = {"held": 31, "logged": 16, "skipped": 14, "coming": 0, "missing": 1, "ok": False}
    assert _audits(chain) == holed
    assert _audits(chain) == holed, "to look changes nothing"

    with chain.engine() as engine, write(engine) as connection:
        long_ago = datetime.now(UTC) - 2 * RECONCILE
        connection.execute(update(stream).where(stream.c.name == "INBOX").values(reconciled_at=long_ago))
    chain.pass_once()
    assert _audits(chain) == {**holed, "skipped": 15, "missing": 0, "ok": True}


def test_the_command_says_what_is_missing_and_exits_with_1(tmp_path: Path, dovecot: Dovecot) -> None:
    office, user = Office(tmp_path), dovecot.new_user()
    dovecot.append(user, [mail("jane@acme.example", user, minute=minute) for minute in range(4)])
    office.write("anna.secret", dovecot.password)
    office.write("people.csv", "id,name,email\n1,Jane Doe,jane@acme.example\n")
    office.configure(mailbox(dovecot, user))
    office.syncd("contacts", "import", "people.csv")
    assert office.process("once").code == 0

    whole = office.process("audit")
    assert whole.code == 0, whole.err
    assert re.search(r"^anna +4 +4 +0 +0 +0 +0 +0$", whole.out, re.M)

    with sqlite3.connect(tmp_path / "syncd.db") as connection:
        connection.execute("DELETE FROM sighting WHERE item LIKE '%.2'")
    connection.close()
    holed = office.process("audit", "anna", "--json")
    assert holed.code == 1
    assert '"missing": [\n' in holed.out
    assert "1 of 4 items have no decision" in office.process("audit").out

    office.write("anna.secret", "wrong")
    refused = office.process("audit")
    assert refused.code == 1
    assert "put the current password" in refused.out
    assert "Example: syncd audit" in office.syncd("audit", "--help").out


def test_a_finding_that_is_only_worded_otherwise_is_no_news(world: World) -> None:
    engine, own = world.store.engine, opened(world.store, MemoryAccount()).id
    first = Finding("", "rights", "it could also write", "take it away")
    assert inventory.save_findings(engine, own, [first], NOW) == ((first,), ())
    reworded = replace(first, error="it could also send")
    assert inventory.save_findings(engine, own, [reworded], NOW) == ((), ())
    assert inventory.findings(engine)["rita"] == (reworded,)


def test_what_a_provider_grants_too_much_is_kept_while_it_cannot_be_asked(world: World) -> None:
    account = GrantingAccount(warnings=(("it could also write", "take it away"), ("it ends soon", "publish the app")))
    account.folder("INBOX")
    watch = opened(world.store, account)
    watch.run()
    _audit_now(watch)
    found = inventory.findings(world.store.engine)["rita"]
    assert [each.error for each in found] == ["it could also write", "it ends soon"]
    account.refusal = Retryable("busy")
    _audit_now(watch)
    assert inventory.findings(world.store.engine)["rita"] == found
    account.refusal, account.warnings = None, ()
    _audit_now(watch)
    assert inventory.findings(world.store.engine) == {}


@dataclass
class GrantingAccount(MemoryAccount):
    """Of a provider that tells rights apart."""

    warnings: tuple[tuple[str, str], ...] = ()
    refusal: SyncError | None = None

    def grant(self) -> Grant:
        if self.refusal is not None:
            raise self.refusal
        return Grant(by="the app", permissions=(), warnings=self.warnings)
