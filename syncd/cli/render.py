"""What a person sees: tables and lines for a terminal. Everything that came from outside passes `plain` first."""

from __future__ import annotations

import dataclasses
import enum
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import typer

from syncd.cli.plain import plain

if TYPE_CHECKING:  # each command brings what it shows
    from store.queries import Entity, Explanation, MailboxStatus, Moment
    from store.queries.contacts import KnownContact
    from syncd.check import Checked, Report
    from syncd.directory import Refreshed
    from syncd.readers import Result
    from syncd.standing import Trouble


def as_json(value: object) -> None:
    """One document on stdout, in ASCII: nothing in it can steer a terminal."""
    typer.echo(json.dumps(jsonable(value), indent=2))


def jsonable(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: jsonable(getattr(value, each.name)) for each in dataclasses.fields(value)}
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
            return {_name(name): jsonable(each) for name, each in value.items()}
        case Sequence() | Set():
            return [jsonable(each) for each in value]
    return str(value)


def _name(key: object) -> str:
    return ".".join(map(str, key)) if isinstance(key, tuple) else str(key)


def lines(*texts: str) -> None:
    for text in texts:
        typer.echo(plain(text))


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Folded to its width on a terminal; for a file or another program, each row stays a line."""
    shown = [[plain(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw(headers, shown)
        return
    widths = [max(map(len, column)) for column in zip(headers, *shown, strict=True)]
    for row in (headers, *shown):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _draw(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    # Here, since a pass by cron draws nothing, and would spend a tenth of its start-up on it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        drawn.add_column(header, overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    Console(highlight=False, markup=False, emoji=False, soft_wrap=True).print(drawn)


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


_STREAMS = {"mail": "folder{}", "calendar": "calendar{}", "tasks": "task list{}", "notes": "list{} of notes"}


def _checked(found: Checked) -> None:
    if found.folders:
        for kind, called in _STREAMS.items():
            if read := [folder.name for folder in found.folders if folder.kind == kind and not folder.excluded]:
                lines(f"  reads {len(read)} {called.format('s' if len(read) > 1 else '')}: {', '.join(read)}")
    if kept_out := [f"{folder.name} ({folder.excluded})" for folder in found.folders if folder.excluded]:
        lines(f"  leaves out: {', '.join(kept_out)}")
    if found.grant:
        rights = f": {', '.join(found.grant.permissions)}" if found.grant.permissions else ""
        lines(f"  by the rights of {found.grant.by}{rights}")
    for called, by_rule in found.by_rule.items():
        lines(f"  of the newest {sum(by_rule.values())} {called}: {counted(by_rule)}")
    for judged in found.preview:
        why_ = f" ({counted(dict(judged.facts))})" if judged.facts else ""
        samples = ", ".join(f"{each.stream} {each.item} of {each.occurred_at:%Y-%m-%d}" for each in judged.samples)
        lines(f"  of all: {judged.count:,} {judged.rule}{why_}, such as {samples}")
    has_folders = any(folder.kind == "mail" for folder in found.folders)
    for name in found.missing:
        _trouble(
            f"the server has no {'folder' if has_folders else 'calendar'} {name!r}",
            f"take a name from those above into include and exclude of mailbox {found.name}",
        )
    for warning, cure in found.grant.warnings if found.grant else ():
        _trouble(warning, cure)
    _trouble(found.error, found.cure)


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """What became of one mailbox's pass."""

    mailbox: str
    state: str
    seen: Mapping[str, int]
    """Kind of stream (`mail`, `calendar`, `tasks`, `notes`) -> how many."""
    by_rule: Mapping[str, int]
    """Rule -> how many; what is neither logged nor skipped stands under its verdict."""
    removed: int
    error: str
    cure: str


def summary(name: str, result: Result) -> Summary:
    counts: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for stream in result.outcome.streams:
        for (verdict, rule), number in stream.counts.items():
            counts[rule if verdict in ("logged", "skipped") else verdict] += number
            seen[stream.kind] += number
    removed = sum(stream.removed for stream in result.outcome.streams)
    stream_name, failed = result.outcome.worst() or ("", None)
    place = f"{stream_name}: " if stream_name else ""
    error, cure = (f"{place}{failed.error}", failed.cure) if failed else ("", "")
    return Summary(name, result.state.state, dict(seen), dict(counts.most_common()), removed, error, cure)


def passes(summaries: Sequence[Summary], *, nobody_known: bool) -> None:
    total: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    rows = []
    for each in summaries:
        total.update(each.by_rule)
        kinds.update(each.seen)
        logged, seen = each.by_rule.get("logged", 0), sum(each.by_rule.values())
        rows.append((each.mailbox, each.state, f"{logged:,}", f"{seen - logged:,}", f"{each.removed:,}"))
    table(("mailbox", "state", "logged", "not logged", "gone"), rows)
    failed = sum(bool(each.error) for each in summaries)
    lines(
        f"{_things(kinds)}: {counted(total) or 'nothing new'}"
        + (f"; {failed:,} of {len(summaries):,} mailboxes failed" if failed else "")
    )
    if nobody_known:
        _nobody_known()
    for each in summaries:
        if each.error:
            lines(f"{each.mailbox}:")
            _trouble(each.error, each.cure)


def _things(kinds: Mapping[str, int]) -> str:
    """`12 messages, 3 meetings`."""
    found = [f"{kinds[kind]:,} {called}" for kind, called in _THINGS.items() if kinds.get(kind)]
    return ", ".join(found) or "0 messages"


_THINGS = {"mail": "messages", "calendar": "meetings", "tasks": "tasks", "notes": "notes"}


def _nobody_known() -> None:
    lines("No contact is known, so nothing is logged.")
    lines("  try: syncd contacts import FILE, then: syncd once")


def trouble(place: str, error: str, cure: str) -> None:
    if error:
        lines(f"{place}:")
        _trouble(error, cure)


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
        lines(f"  {left_out.place}: {left_out.reason}")
    for unread in found.unread:
        trouble(f"{unread.part}: not readable, so what is known of it stays", unread.error, unread.cure)
    for refused in found.report.skipped:
        lines(f"  {refused.kind} {refused.row}: {refused.reason}")
    if dry_run:
        lines("Nothing was written: this was a dry run.")


def contacts(found: Sequence[KnownContact], limit: int) -> None:
    if not found:
        lines("No such contact is known.", "  try: syncd contacts import FILE")
        return
    rows = [(each.name, ", ".join(each.addresses), ", ".join(each.phones), each.account or "") for each in found]
    table(("name", "addresses", "phones", "account"), rows)
    if len(found) == limit:
        lines(f"These are the first {limit:,}; there may be more: see --limit.")


# ------------------------------------------------------------------------------------------ status, why, timeline


def status(found: Sequence[MailboxStatus], wrong: Sequence[Trouble], nobody_known: bool) -> None:
    if not found:
        lines("No mailbox was read yet. Type: syncd run")
        return
    rows = []
    for each in found:
        read = [stream for stream in each.streams if not stream.excluded]
        numbers = [sum(getattr(stream, name) for stream in read) for name in _NUMBERS]
        numbers[_NUMBERS.index("pending")] += sum(stream.texts_pending for stream in read)
        rows.append((each.name, each.state, when(each.last_success_at), *(f"{number:,}" for number in numbers)))
    table(("mailbox", "state", "up to date", *_NUMBERS), rows)
    if nobody_known:
        _nobody_known()
    for trouble in wrong:
        lines(f"{trouble.mailbox}{f', {trouble.stream}' if trouble.stream else ''}: {trouble.state}")
        _trouble(trouble.error, trouble.cure)


_NUMBERS = ("logged", "skipped", "pending", "quarantined")


def why(which: str, found: Sequence[Explanation]) -> None:
    if not found:
        lines(f"No mailbox has seen {which}, as far as the store knows.")
        lines("  try: syncd status, to see whether its mailbox is up to date")
        lines(
            "  of what was skipped an address is known only under no_known_contact: ask by the day, or the Message-ID"
        )
    for each in found:
        status = f", {each.status} ({when(each.occurred_at)})" if each.status else ""
        logged = f"{each.kind} {each.activity_id}: {each.subject or '(no subject stored)'}{status}"
        lines(logged if each.activity_id else "not logged")
        for seen in each.sightings:
            gone = f", gone since {when(seen.gone_at)}" if seen.gone_at else ""
            facts = f" ({seen.facts})" if seen.facts else ""
            rule = seen.verdict if seen.rule in ("", seen.verdict) else f"{seen.verdict}, {seen.rule}"
            lines(f"  {seen.mailbox}, {seen.stream}, {seen.item}: {rule}{facts}{gone}")
        if any(seen.rule == "no_known_contact" for seen in each.sightings):
            lines("  try: syncd contacts import FILE, then: syncd once")
        for link in each.links:
            lines(f"  {link.state} to {link.entity_kind} {link.name or link.entity_id}: {link.reason} ({link.origin})")
        for done in each.deeds:
            lines(f"  {when(done.at)} {done.deed.action} by {done.deed.who}, {done.deed.door}")


def timeline(entity: Entity, moments: Sequence[Moment]) -> None:
    lines(f"{entity.kind} {entity.name or entity.id}")
    if not moments:
        lines("  nothing yet")
    for each in moments:
        lines(f"  {_at(each)}  {_what(each)}  {each.subject or '-'}{_with_whom(each)}")


def _at(moment: Moment) -> str:
    # A whole day is that day wherever the reader sits.
    return f"{moment.occurred_at:%Y-%m-%d}      " if moment.all_day else when(moment.occurred_at)


def _what(moment: Moment) -> str:
    what = " ".join(filter(None, (moment.kind, moment.direction or "", moment.status)))
    if moment.rescheduled:
        times = "" if moment.rescheduled == 1 else f" the {moment.rescheduled}. time,"
        what += f", moved{times} from {when(moment.rescheduled_from)}"
    return what


def _with_whom(moment: Moment) -> str:
    answers = [
        f"{person.name or person.address} {_ANSWERS[person.response]}"
        for person in moment.people
        if person.contact_id and person.response in _ANSWERS
    ]
    people = f"  ({', '.join(moment.contacts)})" if moment.contacts else ""
    doubt = f" [{moment.state}: {moment.reason}]" if moment.state == "candidate" else ""
    return people + (f" [{', '.join(answers)}]" if answers else "") + doubt


_ANSWERS = {"accepted": "accepted", "declined": "declined", "tentative": "may come"}
