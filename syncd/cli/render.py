"""What a person sees: tables and lines for a terminal. Everything that came from outside passes `plain` first."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, timedelta

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from syncd.check import Checked, Report
from syncd.cli.plain import plain
from syncd.daemon import Result
from syncd.directory import Refreshed

console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def as_json(value: object) -> None:
    """One document on stdout, in ASCII: nothing in it can steer a terminal."""
    typer.echo(json.dumps(_jsonable(value), indent=2))


def _jsonable(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _jsonable(getattr(value, each.name)) for each in dataclasses.fields(value)}
    match value:
        case enum.IntEnum():
            return value.name.lower()
        case bytes():
            return value.hex()
        case None | bool() | int() | float() | str():
            return value
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return {_name(name): _jsonable(each) for name, each in value.items()}
        case Sequence() | Set():
            return [_jsonable(each) for each in value]
    return str(value)


def _name(key: object) -> str:
    return ".".join(map(str, key)) if isinstance(key, tuple) else str(key)


def lines(*texts: str) -> None:
    for text in texts:
        console.print(Text(plain(text)))


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        shown.add_column(header, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(plain(cell)) for cell in row))
    console.print(shown)


def counted(counts: Mapping[str, int]) -> str:
    """`logged 12, internal_only 30`, the largest first."""
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda each: -each[1]))


def when(instant: datetime | None) -> str:
    """In this machine's zone: the reader sits before it."""
    return f"{instant.astimezone():%Y-%m-%d %H:%M}" if instant else "never"


# ------------------------------------------------------------------------------------------------ check and once


def check(report: Report) -> None:
    for part in report.parts:
        lines(f"{part.name}: {part.state}")
        _trouble(part.error, part.cure)
    for mailbox in report.mailboxes:
        lines(f"{mailbox.name}: {'ok' if mailbox.ok else 'FAILED'}")
        _checked(mailbox)


def _checked(found: Checked) -> None:
    if found.folders:
        read = [folder.name for folder in found.folders if not folder.excluded]
        lines(f"  reads {len(read)} folders: {', '.join(read)}")
    if kept_out := [f"{folder.name} ({folder.excluded})" for folder in found.folders if folder.excluded]:
        lines(f"  leaves out: {', '.join(kept_out)}")
    if found.by_rule:
        lines(f"  of the newest {sum(found.by_rule.values())} messages: {counted(found.by_rule)}")
    for name in found.missing:
        _trouble(f"the server has no folder {name!r}", "take a name from those above into include and exclude")
    _trouble(found.error, found.cure)


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """What became of one mailbox's pass."""

    mailbox: str
    state: str
    by_rule: Mapping[str, int]
    """Rule -> how many; what is neither logged nor skipped stands under its verdict."""
    removed: int
    error: str
    cure: str


def summary(name: str, result: Result) -> Summary:
    counts: Counter[str] = Counter()
    for stream in result.outcome.streams:
        for (verdict, rule), number in stream.counts.items():
            counts[rule if verdict in ("logged", "skipped") else verdict] += number
    removed = sum(stream.removed for stream in result.outcome.streams)
    stream_name, failed = result.outcome.worst() or ("", None)
    place = f"{stream_name}: " if stream_name else ""
    error, cure = (f"{place}{failed.error}", failed.cure) if failed else ("", "")
    return Summary(name, result.state.state, dict(counts.most_common()), removed, error, cure)


def passes(summaries: Sequence[Summary]) -> None:
    total: Counter[str] = Counter()
    rows = []
    for each in summaries:
        total.update(each.by_rule)
        logged, seen = each.by_rule.get("logged", 0), sum(each.by_rule.values())
        rows.append((each.mailbox, each.state, f"{logged:,}", f"{seen - logged:,}", f"{each.removed:,}"))
    table(("mailbox", "state", "logged", "not logged", "gone"), rows)
    lines(f"{total.total():,} messages: {counted(total) or 'nothing new'}")
    for each in summaries:
        if each.error:
            lines(f"{each.mailbox}:")
            _trouble(each.error, each.cure)


def _trouble(error: str, cure: str) -> None:
    if error:
        lines(f"  {error}", *([f"    try: {cure}"] if cure else []))


# --------------------------------------------------------------------------------------------------- directory


def refreshed(found: Refreshed, *, dry_run: bool) -> None:
    for kind, counts in found.report.counts.items():
        done = {"new": counts.created, "changed": counts.updated, "unchanged": counts.unchanged}
        if any(done.values()):
            lines(f"{kind}: {counted(done)}")
    for left_out in found.skipped:
        lines(f"  {left_out.source} line {left_out.line}: {left_out.reason}")
    for refused in found.report.skipped:
        lines(f"  {refused.kind} {refused.row}: {refused.reason}")
    if dry_run:
        lines("Nothing was written: this was a dry run.")
