"""What mailboxes cost in which nothing happens: the running daemon, watched from outside for a while."""

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
from itertools import pairwise
from pathlib import Path

from bench.corpus import Shape
from bench.dovecot import serve
from bench.installation import SYNCD
from bench.maildir import make
from bench.measure import Failed, run
from bench.ours import Syncd, prepared
from tests.waiting import eventually

_PASSES = re.compile(r'^syncd_passes_total\{.*result="finished".*\} (\S+)$', re.MULTILINE)
_DAEMON = 'interval_min = "{interval}s"\ninterval_max = "{interval}s"\nlisten = "127.0.0.1:{port}"\n'


@dataclass(frozen=True, slots=True)
class Idle:
    mailboxes: int
    rss: int
    """Bytes of memory of the daemon with every mailbox signed in."""
    polls: int
    """Of one mailbox each, all its folders."""
    cpu_per_poll: float
    """Seconds; whatever else the daemon does in the meantime is in it."""
    bytes_per_poll: float
    """From the server; signing in and listing the folders, once, are spread over all polls."""
    sign_ins: int
    seconds: int
    writes: int
    """In how many of those seconds the store's files changed."""


@dataclass(frozen=True, slots=True)
class _Moment:
    cpu: float
    rss: int
    passes: float


def watch(directory: Path, mailboxes: int, *, messages: int, interval: int, seconds: int) -> Idle:
    """Sync `mailboxes` once, run the daemon on them, and watch it for `seconds` after its first rounds."""
    corpus = make(Shape(mailboxes, messages, attachments=False), directory)
    port = _free_port()
    with serve(corpus.root, corpus.users[0], sessions=100) as server:
        daemon = _DAEMON.format(interval=interval, port=port)
        syncd = prepared(directory / "syncd-idle", server, corpus.people, daemon)
        syncd.reset(corpus.users)
        run(syncd.command(), directory)
        if problems := syncd.problems(corpus.truth, corpus.users):
            raise Failed("\n".join(problems))
        mark = server.mark()
        with _running(syncd, directory) as pid:
            _settle(port, mailboxes, interval)
            before = _moment(pid, port)
            writes = _writes(syncd.installation.directory, seconds)
            after = _moment(pid, port)
        received, _ = server.moved(mark)
        sign_ins = server.sign_ins(mark)
    streams = syncd.streams() / mailboxes
    polls = (after.passes - before.passes) / streams
    return Idle(
        mailboxes=mailboxes,
        rss=after.rss,
        polls=round(polls),
        cpu_per_poll=(after.cpu - before.cpu) / polls,
        bytes_per_poll=received / (after.passes / streams),
        sign_ins=sign_ins,
        seconds=seconds,
        writes=writes,
    )


@contextmanager
def _running(syncd: Syncd, directory: Path) -> Iterator[int]:
    with (directory / "daemon.txt").open("wb") as said:
        command = [str(SYNCD), "run", "--config", str(syncd.configuration)]
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(60)


def _settle(port: int, mailboxes: int, interval: int) -> None:
    """Wait until every mailbox has been polled, and for two rounds more."""
    eventually(lambda: _passes(port) >= mailboxes, within=300, every=0.5)
    time.sleep(2 * interval)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as answer:
        if answer.status != 200:
            raise Failed("the daemon is not well")


def _moment(pid: int, port: int) -> _Moment:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    memory = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return _Moment(
        cpu=(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
        rss=int(memory[1]) * 1024 if memory else 0,
        passes=_passes(port),
    )


def _writes(store: Path, seconds: int) -> int:
    """Look once a second; how often something was written since the last look."""
    looks = []
    for _ in range(seconds + 1):
        looks.append([(path.name, path.stat().st_mtime_ns) for path in sorted(store.glob("syncd.db*"))])
        time.sleep(1)
    return sum(before != after for before, after in pairwise(looks))


def _passes(port: int) -> float:
    """How many passes over one stream the daemon has finished; 0 while it does not answer yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            text = answer.read().decode()
    except OSError:
        return 0
    return sum(float(count) for count in _PASSES.findall(text))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def table(found: Idle) -> str:
    return (
        f"{found.mailboxes} idle mailboxes: {found.rss / 1e6:.0f} MB; {found.polls} polls, "
        f"{found.cpu_per_poll * 1e3:.2f} ms of CPU and {found.bytes_per_poll:.0f} bytes each; "
        f"{found.sign_ins} sign-ins; the store was written in {found.writes} of {found.seconds} seconds"
    )
