"""What mailboxes cost in which nothing happens: the running daemon, watched from outside for a while."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.corpus import Shape
from bench.daemon import on_a_free_port
from bench.dovecot import serve
from bench.maildir import make
from bench.measure import Failed, run
from bench.ours import prepared


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


def watch(directory: Path, mailboxes: int, *, messages: int, interval: int, seconds: int) -> Idle:
    """Sync `mailboxes` once, run the daemon on them, and watch it for `seconds` after its first rounds."""
    corpus = make(Shape(mailboxes, messages, attachments=False), directory)
    daemon = on_a_free_port(interval)
    with serve(corpus.root, corpus.users[0], sessions=100) as server:
        syncd = prepared(directory / "syncd-idle", server, corpus.people, daemon.section)
        syncd.reset(corpus.users)
        run(syncd.command(), directory)
        if problems := syncd.problems(corpus.truth, corpus.users):
            raise Failed("\n".join(problems))
        mark = server.mark()
        with daemon.running(syncd.installation, mailboxes) as pid:
            before = daemon.moment(pid)
            writes = _writes(syncd.installation.directory, seconds)
            after = daemon.moment(pid)
        received, _ = server.moved(mark)
        sign_ins = server.sign_ins(mark)
    polls = after.polls - before.polls
    return Idle(
        mailboxes=mailboxes,
        rss=after.rss,
        polls=polls,
        cpu_per_poll=(after.cpu - before.cpu) / polls,
        bytes_per_poll=received / after.polls,
        sign_ins=sign_ins,
        seconds=seconds,
        writes=writes,
    )


def _writes(store: Path, seconds: int) -> int:
    """Look once a second; how often something was written since the last look."""
    looks = []
    for _ in range(seconds + 1):
        looks.append([(path.name, path.stat().st_mtime_ns) for path in sorted(store.glob("syncd.db*"))])
        time.sleep(1)
    return sum(before != after for before, after in pairwise(looks))


def table(found: Idle) -> str:
    return (
        f"{found.mailboxes} idle mailboxes: {found.rss / 1e6:.0f} MB; {found.polls} polls, "
        f"{found.cpu_per_poll * 1e3:.2f} ms of CPU and {found.bytes_per_poll:.0f} bytes each; "
        f"{found.sign_ins} sign-ins; the store was written in {found.writes} of {found.seconds} seconds"
    )
