"""`python -m bench`: see bench/README.md."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench import (
    agenda,
    audit,
    calendar_idle,
    calendar_race,
    exchange,
    google,
    google_crowd,
    idle,
    late,
    linear,
    microsoft,
    ours_calendars,
    radicale,
    report,
    stages,
    workplace,
)
from bench.corpus import Shape
from bench.dovecot import serve
from bench.maildir import make
from bench.mbsync import Mbsync
from bench.measure import Failed
from bench.ours import prepared
from bench.race import NOTHING, Run, Tool, Track
from bench.vdirsyncer import Vdirsyncer

Answer = tuple[str, object]
"""The same for a person, and as JSON."""


def race(options: argparse.Namespace) -> Answer:
    mailboxes, messages, rounds = (3, 200, 1) if options.quick else (10, 10_000, options.rounds)
    new, settle = (20, 0.0) if options.quick else (100, 1.2)
    corpus = make(Shape(mailboxes, messages), options.directory)
    runs: list[Run] = []
    with serve(corpus.root, corpus.users[0]) as server:
        tools: list[Tool] = [
            prepared(options.directory / "syncd", server, corpus.people),
            Mbsync(options.directory / "mbsync", server),
        ]
        track = Track(corpus, server, tools, options.directory, new, settle)
        for count in (1, mailboxes):
            for number in range(1 if options.quick else 0, rounds + 1):
                print(f"{count} mailboxes, round {number or 'to warm up'}", file=sys.stderr, flush=True)
                found = list(track.round(count, number))
                runs += found if number else []
        shutil.rmtree(options.directory / "mbsync")
    figures = report.medians(runs)
    size = f"{mailboxes} mailboxes of {messages:,} messages, {corpus.bytes / mailboxes / messages / 1e3:.1f} kB each"
    return f"{size}; medians of {rounds} rounds\n\n{report.table(figures, 'mbsync')}", report.as_json(figures, "mbsync")


def calendars(options: argparse.Namespace) -> Answer:
    shape, rounds = (agenda.Size(3, 60), 1) if options.quick else (agenda.Size(10, 1_000), options.rounds)
    with radicale.serve(shape, options.directory / "radicale") as held:
        tools: list[calendar_race.Tool] = [
            ours_calendars.prepared(options.directory / "syncd", held),
            Vdirsyncer(options.directory / "vdirsyncer", held.password),
        ]
        track = calendar_race.Track(held, tools, options.directory)
        runs: list[Run] = []
        print("a round to count the requests and to warm up", file=sys.stderr, flush=True)
        counted = list(track.counted())
        for number in range(1, rounds + 1):
            print(f"round {number}", file=sys.stderr, flush=True)
            runs += track.round(number)
        shutil.rmtree(options.directory / "vdirsyncer")
        print("the daemon, watched for a while", file=sys.stderr, flush=True)
        # The intervals of an admin are longer still, and the polls lie as far apart.
        quiet = calendar_idle.watch(
            held, options.directory / "syncd", interval=1 if options.quick else 5, rounds=5 if options.quick else 10
        )
    figures = report.medians(calendar_race.with_traffic(runs, counted))
    size = f"{shape.calendars} calendars of {shape.meetings:,} events; medians of {rounds} rounds"
    part = quiet.wall / figures[shape.calendars, NOTHING, "vdirsyncer"].wall
    table = report.table(figures, "vdirsyncer", "calendars")
    text = f"{size}\n\n{table}\n\n{quiet.line}, {part:.2f} of vdirsyncer's wall for the same"
    return text, {**report.as_json(figures, "vdirsyncer"), "daemon": asdict(quiet)}


def linearity(options: argparse.Namespace) -> Answer:
    sizes = (200, 2_000) if options.quick else (10_000, 100_000)
    found = linear.first_syncs(options.directory, sizes, rounds=1 if options.quick else options.rounds)
    return linear.table(found), [asdict(each) for each in found]


def idleness(options: argparse.Namespace) -> Answer:
    mailboxes, seconds = (5, 5) if options.quick else (1_000, 40)
    found = idle.watch(options.directory, mailboxes, messages=4, interval=2 if options.quick else 10, seconds=seconds)
    return idle.table(found), asdict(found)


def profile(options: argparse.Namespace) -> Answer:
    found = stages.first_sync(options.directory, messages=200 if options.quick else 10_000)
    return stages.table(found), asdict(found)


def google_mailboxes(options: argparse.Namespace) -> Answer:
    messages, rounds, mailboxes, interval = (200, 1, 5, 1) if options.quick else (10_000, options.rounds, 1_000, 30)
    found = google.first_sync(options.directory, messages, rounds)
    crowd = google_crowd.watch(options.directory, mailboxes, interval=interval, seconds=2 * interval)
    text = f"{google.table(found)}\n\n{google_crowd.table(crowd)}"
    # A few messages are mostly beginning: of them nothing is asked.
    if not options.quick and (missed := google.missed(found, crowd)):
        raise Failed("\n".join([text, "", *missed]))
    return text, {"first_sync": asdict(found), "crowd": asdict(crowd)}


def first_sync_by_graph(options: argparse.Namespace) -> Answer:
    quick = options.quick
    found = microsoft.first_sync(options.directory, 200 if quick else 5_000, rounds=1 if quick else options.rounds)
    if not quick:
        microsoft.check(found)
    return microsoft.table(found), asdict(found)


def first_sync_by_ews(options: argparse.Namespace) -> Answer:
    quick = options.quick
    found = exchange.first_sync(options.directory, 200 if quick else 5_000, rounds=1 if quick else options.rounds)
    return exchange.table(found), asdict(found)


def late_contacts(options: argparse.Namespace) -> Answer:
    sizes, wanted = ((300,), (10, 30)) if options.quick else ((10_000, 100_000), (50, 500))
    found = late.passes(options.directory, sizes, wanted, rounds=1 if options.quick else options.rounds)
    return late.table(found), [asdict(each) for each in found]


def audited(options: argparse.Namespace) -> Answer:
    messages, rounds = (200, 1) if options.quick else (100_000, options.rounds)
    found = audit.audits(options.directory, messages, rounds)
    return audit.table(found), [asdict(each) for each in found]


COMMANDS = {
    "race": (race, "syncd and mbsync in turn: a first sync, a poll that finds nothing, one that finds new mail"),
    "calendars": (calendars, "syncd and vdirsyncer in turn: a first sync, a poll that finds nothing, one with changes"),
    "linearity": (linearity, "the first sync of 10,000 and of 100,000 messages"),
    "google": (
        google_mailboxes,
        "a first sync of a Gmail account beside a bare loop, and 1,000 Google mailboxes at once",
    ),
    "microsoft": (first_sync_by_graph, "a first sync by Microsoft Graph, an idle poll, and what a page of 50 costs"),
    "exchange": (first_sync_by_ews, "a first sync and an idle poll by EWS, beside a bare loop over exchangelib"),
    "idle": (idleness, "the running daemon with 1,000 mailboxes in which nothing happens"),
    "late": (late_contacts, "what a contact costs that becomes known after its mail was skipped"),
    "audit": (audited, "the audit of 100,000 messages, and the pass that puts right what it finds"),
    "profile": (profile, "where the time of a first sync goes"),
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure syncd; see bench/README.md.")
    parser.add_argument("what", nargs="?", default="race", choices=COMMANDS, help="race, if you do not say")
    parser.add_argument("--quick", action="store_true", help="a few hundred messages, to see that all of it works")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=int, default=5, help="medians of so many rounds, after one to warm up")
    parser.add_argument("--directory", type=Path, default=workplace.default(), help="for the corpora, which are kept")
    parser.epilog = "; ".join(f"{name}: {what}" for name, (_, what) in COMMANDS.items())
    options = parser.parse_args(arguments)
    measure, _ = COMMANDS[options.what]
    try:
        text, data = measure(options)
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    print(json.dumps(data, indent=2) if options.json else text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
