"""The show: the real daemon follows mail and calendars, both keep moving, and a table says what becomes of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr
from threading import Event

from rich.console import Console
from rich.live import Live

from syncd import daemon
from syncd.config import load
from syncd.demo import show
from syncd.demo.agenda import rearrangements
from syncd.demo.mails import Mail
from syncd.demo.meetings import Meeting
from syncd.demo.stage import Stage
from syncd.demo.story import arrivals
from syncd.opening import opened

LOG = "daemon.log"
FRAME = 0.5
"""Seconds between two looks at the store."""
FRAMES_PER_ARRIVAL = 5


def follow(stage: Stage, console: Console) -> None:
    """Run the daemon until Ctrl-C or SIGTERM, which it hears itself: it has this thread, and the show another."""
    ended = Event()
    with (
        (stage.root / LOG).open("w") as log,
        redirect_stderr(log),
        ThreadPoolExecutor(1, thread_name_prefix="demo-show") as pool,
    ):
        shown = pool.submit(_ending_with_it, stage, console, ended)
        try:
            daemon.run(stage.config)
        finally:
            ended.set()
        shown.result()


def _ending_with_it(stage: Stage, console: Console, ended: Event) -> None:
    """A show that broke must not leave the daemon running unseen."""
    try:
        _show(stage, console, ended)
    finally:
        if not ended.is_set():
            os.kill(os.getpid(), signal.SIGTERM)


def _show(stage: Stage, console: Console, ended: Event) -> None:
    news = _news()
    frame = 0
    with (
        opened(load(stage.config)) as store,
        Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live,
    ):
        while not ended.wait(FRAME):
            live.update(show.board(store, console.height), refresh=True)
            frame += 1
            if frame % FRAMES_PER_ARRIVAL == 0:
                stage.deliver(next(news))
        live.update(show.board(store, console.height), refresh=True)  # what stays on the screen is how it ended


def _news() -> Iterator[Mail | Meeting]:
    """A change in the calendars after every two mails."""
    mail, meetings = arrivals(), rearrangements()
    while True:
        yield from (next(mail), next(meetings), next(mail))
