"""What calendars cost in which nothing happens: the running daemon, as the server and /proc see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench import ours_calendars
from bench.daemon import on_a_free_port
from bench.measure import run
from bench.radicale import Calendars
from tests.servers.recording_http import Exchange, record
from tests.waiting import eventually


@dataclass(frozen=True, slots=True)
class Quiet:
    """Of one poll of one calendar in the daemon, on average."""

    polls: int
    requests: float
    received: float
    """Bytes from the server."""
    cpu: float
    """Seconds; whatever else the daemon does in the meantime is in it."""
    wall: float
    """Seconds for all calendars once: in which the server, and the proxy that listens in, had one of them to answer."""

    @property
    def line(self) -> str:
        return (
            f"in the running daemon, {self.polls} polls that find nothing: {self.requests:.1f} requests, "
            f"{self.received:.0f} bytes and {self.cpu * 1e3:.1f} ms of CPU each; {self.wall:.3f} s for all calendars"
        )


def watch(calendars: Calendars, directory: Path, *, interval: int, rounds: int) -> Quiet:
    """Sync all calendars once, run the daemon on them, and watch it for so many rounds more after its first ones.

    A poll that is cut by the beginning or the end of these is counted only in part: with a few rounds the averages are
    off by as much as one of them.
    """
    daemon = on_a_free_port(interval)
    syncd = ours_calendars.prepared(directory, calendars, daemon.section)
    with record(calendars.server.port) as recording:
        syncd.reset(calendars.users, recording.url)
        run(syncd.command(), directory)
        with daemon.running(syncd.installation, len(calendars.users)) as pid:
            recording.clear()
            before = daemon.moment(pid)
            enough = before.polls + rounds * len(calendars.users)
            eventually(lambda: daemon.moment(pid).polls >= enough, within=600, every=0.5)  # to look costs it CPU
            after = daemon.moment(pid)
            heard = list(recording.exchanges)
    polls = after.polls - before.polls
    return Quiet(
        polls=polls,
        requests=len(heard) / polls,
        received=sum(each.bytes_received for each in heard) / polls,
        cpu=(after.cpu - before.cpu) / polls,
        wall=_busy(heard) * len(calendars.users) / polls,
    )


def _busy(heard: Iterable[Exchange]) -> float:
    """Seconds in which at least one of them was under way."""
    busy, until = 0.0, 0.0
    for each in sorted(heard, key=lambda one: one.began):
        ended = each.began + each.seconds
        busy += max(0.0, ended - max(each.began, until))
        until = max(until, ended)
    return busy
