"""What systemd hears, over a real datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.notify import notifier


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        yield listener


def test_systemd_hears_each_step_as_one_datagram(systemd: socket.socket) -> None:
    told = notifier({"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "120000000"})
    told.ready()
    told.status("3 mailboxes\nok")
    told.reloading()
    told.alive()
    told.stopping()
    heard = [systemd.recv(4096).decode() for _ in range(5)]
    assert heard[0] == "READY=1"
    assert heard[1] == "STATUS=3 mailboxes ok"
    assert heard[2].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert heard[3:] == ["WATCHDOG=1", "STOPPING=1"]


def test_an_abstract_socket_is_reached_as_well() -> None:
    name = f"syncd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        notifier({"NOTIFY_SOCKET": "@" + name}).ready()
        assert listener.recv(100) == b"READY=1"


def test_outside_of_systemd_nothing_is_told_and_nothing_fails(tmp_path: Path) -> None:
    notifier({}).ready()
    notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


def test_without_a_watchdog_no_sign_of_life_is_sent(systemd: socket.socket) -> None:
    told = notifier({"NOTIFY_SOCKET": systemd.getsockname()})
    told.alive()
    told.stopping()
    assert systemd.recv(100) == b"STOPPING=1"


def test_a_watchdog_that_was_meant_for_the_parent_is_not_ours() -> None:
    assert notifier({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}).watchdog is None
    assert notifier({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}).watchdog == timedelta(seconds=30)
    assert notifier({"WATCHDOG_USEC": "soon"}).watchdog is None
