"""The running daemon, watched from outside: its CPU and memory from /proc, its polls from /metrics."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.installation import SYNCD, Installation
from bench.measure import Failed
from tests.waiting import eventually

_POLLS = re.compile(r'^syncd_polls_total\{result="finished"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Moment:
    cpu: float
    """Seconds since it began."""
    rss: int
    polls: int
    """Passes over one mailbox, all its streams."""


@dataclass(frozen=True, slots=True)
class Daemon:
    interval: int
    """Seconds between two polls of each mailbox."""
    port: int
    """Of its page of metrics."""

    @property
    def section(self) -> str:
        """Of the configuration."""
        seconds = f'interval_min = "{self.interval}s"\ninterval_max = "{self.interval}s"\n'
        return f'{seconds}listen = "127.0.0.1:{self.port}"\n'

    @contextmanager
    def running(self, installation: Installation, mailboxes: int, *, within: int = 300) -> Iterator[int]:
        """Its process id, once each of so many mailboxes has been polled, `within` seconds, and two rounds later."""
        with (installation.directory / "daemon.txt").open("wb") as said:
            command = [str(SYNCD), "run", "--config", str(installation.configuration)]
            process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
            try:
                self._settle(mailboxes, within)
                yield process.pid
            finally:
                process.terminate()
                process.wait(60)

    def moment(self, pid: int) -> Moment:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        memory = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return Moment(
            cpu=(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
            rss=int(memory[1]) * 1024 if memory else 0,
            polls=self._polls(),
        )

    def _settle(self, mailboxes: int, within: int) -> None:
        eventually(lambda: self._polls() >= mailboxes, within=within, every=0.5)
        time.sleep(2 * self.interval)
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=30) as answer:
            if answer.status != 200:
                raise Failed("the daemon is not well")

    def _polls(self) -> int:
        """0 while it does not answer yet."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
                found = _POLLS.search(answer.read().decode())
        except OSError:
            return 0
        return int(float(found[1])) if found else 0


def on_a_free_port(interval: int) -> Daemon:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return Daemon(interval, int(server.getsockname()[1]))
