"""What is drawn on a terminal, and written as plain lines where there is none."""

from __future__ import annotations

import os
import pty
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.syncd.doors import PROGRAM, Office, mail, mailbox

NAME = "the-mailbox-of-anna-whose-name-is-as-long-as-a-name-can-be"


@pytest.fixture
def office(tmp_path: Path, dovecot: Dovecot) -> Office:
    """One mailbox with one mail, and a name that is wider than a narrow terminal."""
    office, user = Office(tmp_path), dovecot.new_user()
    office.write("anna.secret", dovecot.password)
    dovecot.append(user, [mail("jane@acme.example", user)])
    office.configure(mailbox(dovecot, user, name=NAME))
    return office


def on_a_terminal(office: Office, command: str) -> tuple[int, str]:
    """The exit code, and all that reached a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    surroundings = {**os.environ, "SYNCD_CONFIG": str(office.config), "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen([*PROGRAM, command], stdin=theirs, stdout=theirs, stderr=theirs, env=surroundings)
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # Linux answers EIO once nobody has the other end open any more
        while piece := os.read(ours, 4096):
            seen += piece
    os.close(ours)
    return process.wait(60), seen.decode()


@pytest.mark.parametrize("command", ["once", "check"])
def test_a_terminal_sees_a_bar_while_mailboxes_are_read_and_then_what_came_of_it(office: Office, command: str) -> None:
    code, seen = on_a_terminal(office, command)
    bar, _, result = seen.rpartition("\x1b[2K")

    assert code == (0 if command == "once" else 1)  # check has found that no contact is known
    assert "━" in bar
    assert "━" not in result
    assert "no_known_contact 1" in result


def test_a_table_is_folded_to_the_width_of_a_terminal(office: Office) -> None:
    _, seen = on_a_terminal(office, "once")
    table = seen.rpartition("\x1b[2K")[2]

    assert "not logged" in table
    assert NAME[:40] in table
    assert NAME not in table


def test_in_a_file_each_row_of_a_table_is_one_line_and_no_bar_is_drawn(office: Office) -> None:
    done = office.process("once")

    assert done.out.splitlines()[1].split() == [NAME, "ok", "0", "1", "0"]
    assert done.err == ""


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("--help",), 0), (("nonsense",), 2)])
def test_what_is_said_last_reaches_a_pipe_and_the_code_whoever_asked(arguments: tuple[str, ...], code: int) -> None:
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run([*PROGRAM, *arguments], env=buffered, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert ("demo" if arguments != ("nonsense",) else "No such command 'nonsense'") in done.stdout + done.stderr


def test_an_output_that_takes_nothing_is_told_and_no_success() -> None:
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "--help"], env=buffered, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
