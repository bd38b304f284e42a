"""Mailboxes that several processes read: what is in the store, what is told of it, and what the death of one does."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.config import load
from syncd.once import once
from syncd.readers import Result
from syncd.states import State
from syncd.watch import Progress, Saved
from tests.dump import Rows
from tests.servers.dovecot import Dovecot
from tests.syncd.chain import Chain, on_postgresql, on_sqlite
from tests.syncd.daemons import Office
from tests.syncd.doors import PROGRAM
from tests.waiting import eventually

COUNT = 1240
"""More than one batch holds."""
NAMES = ("anna", "ben", "cleo")


@pytest.fixture(scope="module")
def users(dovecot: Dovecot) -> Mapping[str, str]:
    """Three mailboxes with copies of the same mails, more of them than one chunk holds."""
    users = {name: dovecot.new_user() for name in NAMES}
    for user in users.values():
        dovecot.fill(user, [_mail(number) for number in range(COUNT)])
    return users


def _mail(number: int) -> bytes:
    sender = "zoe@client.example" if number % 3 else f"stranger{number}@elsewhere.example"
    parent = f"In-Reply-To: <{number - 3}@mail.example>\r\n" if number % 2 else ""
    return (
        f"From: {sender}\r\nTo: team@example.com\r\nSubject: Offer {number}\r\nMessage-ID: <{number}@mail.example>\r\n"
        f"{parent}Date: {1 + number % 20} Nov 2026 09:00:00 +0000\r\n\r\nText of {number}\r\n"
    ).encode()


def _chain(folder: Path, dovecot: Dovecot, users: Mapping[str, str]) -> Chain:
    office = Office(folder, dovecot, mailboxes=dict(users), more=dict.fromkeys(users, 'level = "full"'))
    for name in users:
        office.mailbox(name)
    return replace(on_sqlite(office), processes=2)


@pytest.fixture
def chain(tmp_path: Path, dovecot: Dovecot, users: Mapping[str, str]) -> Chain:
    chain = _chain(tmp_path, dovecot, users)
    chain.office.write()
    return chain


@pytest.fixture(scope="module")
def alone(dovecot: Dovecot, users: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Rows]:
    """What one process makes of them."""
    chain = replace(_chain(tmp_path_factory.mktemp("alone"), dovecot, users), processes=1)
    chain.pass_once()
    return chain.dump()


def _read(chain: Chain, *names: str, progress: Progress = lambda saved: None) -> Mapping[str, Result]:
    return once(load(chain.office.config), names, progress=progress, processes=2)


def _with_command(chain: Chain, name: str, command: str) -> None:
    """Let a command give the mailbox's password, or do something else."""
    config = chain.office.config
    config.write_text(config.read_text().replace(f'"file:{name}.secret"', f"\"command:sh -c '{command}'\""))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_several_processes_make_of_the_same_mail_what_one_makes(
    chain: Chain, alone: Mapping[str, Rows], database: str, request: pytest.FixtureRequest
) -> None:
    with ExitStack() as stack:
        if database == "postgresql":
            server = request.getfixturevalue("postgres")
            chain = replace(stack.enter_context(on_postgresql(chain.office, server)), processes=2)
        told, again = chain.pass_once(), chain.pass_once()
        assert chain.dump() == alone
    strangers = len(range(0, COUNT, 3))
    counts = {"logged": COUNT - strangers, "no_known_contact": strangers}
    assert {stream: rules for stream, rules in told.items() if rules} == {f"{name}/INBOX": counts for name in NAMES}
    assert again == {}


def test_each_batch_is_told_while_mailboxes_are_read(chain: Chain) -> None:
    told: list[Saved] = []
    _read(chain, progress=told.append)

    items: Counter[str] = Counter()
    for saved in told:
        items[saved.mailbox] += saved.items
    assert items == dict.fromkeys(NAMES, COUNT)
    assert {saved.mailbox for saved in told if saved.remaining} == set(NAMES)


def test_the_results_are_in_the_order_of_the_configuration_and_a_failure_is_among_them(chain: Chain) -> None:
    chain.office.secret("ben", "not the password")
    results = _read(chain)

    assert [(name, result.state.state) for name, result in results.items()] == [
        ("anna", State.OK),
        ("ben", State.REAUTH_NEEDED),
        ("cleo", State.OK),
    ]
    assert chain.rows("SELECT state FROM mailbox ORDER BY name") == [("ok",), ("reauth_needed",), ("ok",)]


def test_no_process_begins_while_the_store_is_open(chain: Chain) -> None:
    chain.prepare()
    open_then: list[str] = []

    def look() -> None:
        for link in Path("/proc/self/fd").iterdir():
            with suppress(OSError):  # the one by which they are listed
                open_then.append(str(link.readlink()))

    os.register_at_fork(before=look)
    _read(chain)
    assert open_then
    assert [path for path in open_then if "syncd.db" in path] == []


def test_processes_that_wait_for_their_servers_are_given_as_many_at_once_as_there_may_be(
    tmp_path: Path, dovecot: Dovecot
) -> None:
    names = [f"mailbox{number}" for number in range(7)]
    chain = _chain(tmp_path, dovecot, {name: dovecot.new_user() for name in names})
    chain.office.write()
    for name in names:
        all_ask = f"touch {name}.asks; while [ $(ls *.asks | wc -l) -lt {len(names)} ]; do sleep 0.1; done"
        _with_command(chain, name, f"cd {tmp_path}; {all_ask}; cat {name}.secret")

    assert {result.state.state for result in _read(chain).values()} == {State.OK}


# ------------------------------------------------------------------------------------------------------- deaths


def test_a_killed_process_is_a_failure_of_the_mailbox_in_its_hands_and_of_no_other(
    chain: Chain, alone: Mapping[str, Rows]
) -> None:
    _with_command(chain, "ben", "kill -9 $PPID")
    results = _read(chain, "anna", "ben")

    assert results["anna"].state.state is State.OK
    assert results["ben"].state.state is State.RETRYING
    assert results["ben"].state.error == "the process that read it died (SIGKILL)"
    assert results["ben"].outcome.failure is not None
    assert chain.rows("SELECT state, error FROM mailbox WHERE name = 'ben'") == [
        ("retrying", "the process that read it died (SIGKILL)")
    ]
    assert chain.pass_once()["ben/INBOX"].total() == COUNT
    assert chain.dump() == alone


def test_when_every_process_was_killed_the_mailboxes_that_wait_fail_as_well(chain: Chain) -> None:
    chain.office.daemon = "workers = 2"
    chain.office.write()
    for name in ("anna", "ben"):
        _with_command(chain, name, "kill -9 $PPID")
    results = _read(chain)

    assert {result.state.state for result in results.values()} == {State.RETRYING}
    assert results["cleo"].state.error == "each process that read mailboxes died"


def test_ctrl_c_keeps_what_was_saved_and_the_next_pass_reads_the_rest(chain: Chain, alone: Mapping[str, Rows]) -> None:
    told: list[Saved] = []

    def interrupt(saved: Saved) -> None:
        if not told:
            os.kill(os.getpid(), signal.SIGINT)
        told.append(saved)  # not cut off: what else is told, the result of a mailbox, is not lost either

    with pytest.raises(KeyboardInterrupt):
        _read(chain, progress=interrupt)
    assert chain.rows("SELECT count(*) FROM sighting") == [(sum(saved.items for saved in told),)]
    chain.pass_once()
    assert chain.dump() == alone


@pytest.fixture
def waiting(chain: Chain) -> Iterator[subprocess.Popen[bytes]]:
    """`syncd once` as a process, whose second mailbox waits for its password."""
    _with_command(chain, "ben", "touch asked; sleep 600")
    command = [*PROGRAM, "once", "--config", str(chain.office.config)]
    process = subprocess.Popen(
        command, cwd=chain.office.directory, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    eventually(lambda: (chain.office.directory / "asked").exists())
    eventually(lambda: chain.rows("SELECT count(*) FROM mailbox WHERE state = 'ok'") == [(2,)])
    yield process
    process.kill()
    process.communicate()


def test_ctrl_c_ends_all_processes_and_says_so_by_the_exit_code(chain: Chain, waiting: subprocess.Popen[bytes]) -> None:
    os.killpg(waiting.pid, signal.SIGINT)

    _, error = waiting.communicate(timeout=30)
    assert waiting.returncode == 130
    assert b"Traceback" not in error
    eventually(lambda: _group(waiting.pid) == [])
    assert chain.rows("SELECT name FROM mailbox WHERE state = 'ok' ORDER BY name") == [("anna",), ("cleo",)]


def test_no_process_reads_on_when_the_one_that_began_it_was_killed(waiting: subprocess.Popen[bytes]) -> None:
    waiting.kill()
    waiting.wait()
    eventually(lambda: [name for name in _group(waiting.pid) if name not in ("sh", "sleep")] == [])
    os.killpg(waiting.pid, signal.SIGKILL)


def _group(group: int) -> list[str]:
    """The names of the processes of this group that live."""
    names = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().partition("(")[2].rpartition(")")
        except OSError:  # it has just ended
            continue
        state, _, its, *_ = rest.split()
        if int(its) == group and state != "Z":
            names.append(name)
    return names
