"""Source -> store: `[directory]` at its interval, or a file once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

from matching.address import domain_key, key
from store import source
from store.directory import Report, apply, external_ids, known_contacts
from store.directory_keys import rekey
from store.directory_parts import listed_by, note
from store.health import Unread
from store.source import Answer
from store.trail import Doer
from store.writer import Store
from syncd.config import Config, DirectorySource, source_url
from syncd.directory import delimited, parts, vcard
from syncd.directory.books import Books
from syncd.directory.records import KINDS, Record, Skipped, cells, column_fields
from syncd.directory.rows import Reader, merged
from syncd.errors import Permanent
from syncd.opening import vault

_SOURCE, _IMPORT = "directory", "import"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What the store took over, and what did not get that far, with its place in the source."""

    report: Report
    skipped: tuple[Skipped, ...]
    unread: tuple[Unread, ...] = ()
    """Parts of the source that could not be read: what the store has of them stays."""


def refresh(config: Config, store: Store, now: datetime, books: Books | None = None) -> Refreshed:
    """Make the directory what `[directory]` lists, as far as that can be read; raises one of the SyncErrors, with
    nothing changed, if nothing of it can.

    A source that suddenly lists little removes nothing (`Counts.withheld`). `books` are those of the refresh before, or
    of a process that has refreshed nothing yet.
    """
    assert config.directory is not None
    reader, engine = Reader(config.directory.region), store.engine
    if not config.directory.mailboxes:
        listed, unread = _records(config.directory, reader)
        doubtful = {each.part for each in unread}
        if "contacts" in doubtful:
            doubtful.add("accounts")  # that only contacts name
        return _applied(store, reader, listed, unread, doubtful, (), now)
    books = books or Books(vault(config, store).tokens)
    found = books.records(config, external_ids(engine), lambda: known_contacts(engine))
    kept = listed_by(engine, _SOURCE, [each.part for each in found.unread])
    doubtful = {"contacts"} if kept is None else set()
    if found.unread:
        doubtful.add("accounts")
    done = _applied(store, reader, [("contacts", found.records)], found.unread, doubtful, kept or (), now)
    note(engine, _SOURCE, found.lists, [each.name for each in config.address_books])
    return done


def _applied(
    store: Store,
    reader: Reader,
    listed: Iterable[_Listed],
    unread: tuple[Unread, ...],
    doubtful: Collection[str],
    kept: Collection[str],
    now: datetime,
) -> Refreshed:
    """Take away nothing of the kinds that are `doubtful`, and none of the contacts `kept`, by their ids."""
    rows = merged([reader.rows(kind, records) for kind, records in listed])
    report = apply(store.engine, rows, source=_SOURCE, dry_run=False, now=now, prune=True, unread=doubtful, kept=kept)
    rekey(store.engine, key=key, domain_key=domain_key)
    return Refreshed(report, reader.left_out(), unread)


def import_file(store: Store, path: Path, *, kind: str, region: str, by: Doer | None, now: datetime) -> Refreshed:
    """Add what a file lists, and take nothing away; without `by` it is a dry run. `kind` is found by the headers if it
    is not given."""
    reader = Reader(region)
    kind, records = _file(path, kind, reader)
    rows = merged([reader.rows(kind, records)])
    report = apply(store.engine, rows, source=_IMPORT, dry_run=by is None, now=now, prune=False, by=by)
    if by is not None:
        rekey(store.engine, key=key, domain_key=domain_key)
    return Refreshed(report, reader.left_out())


_Listed: TypeAlias = tuple[str, list[Record]]
"""The kind, and what is listed of it."""


def _records(directory: DirectorySource, reader: Reader) -> tuple[list[_Listed], tuple[Unread, ...]]:
    named = {kind: text for kind in KINDS if (text := getattr(directory, kind))}
    reads: dict[str, Callable[[], _Listed]]
    if directory.kind == "sql":
        answers = source.answers(source_url(directory), named)
        reads = {kind: partial(_queried, kind, answer) for kind, answer in answers.items()}
    else:
        reads = {kind: partial(_file, Path(path), kind, reader) for kind, path in named.items()}
    listed, unread = parts.each(reads)
    return list(listed.values()), unread


def _queried(kind: str, answer: Answer | Permanent) -> _Listed:
    if isinstance(answer, Permanent):
        raise answer
    columns = column_fields(kind, answer.columns)
    return kind, [Record(kind, line, cells(columns, row)) for line, row in enumerate(answer.rows, 1)]


def _file(path: Path, kind: str, reader: Reader) -> _Listed:
    if path.is_dir() or path.suffix.lower() in (".vcf", ".vcard"):
        if kind not in ("", "contacts"):
            raise Permanent(f"{path}: a vCard holds contacts only, and no {kind}", cure="list those in a CSV file")
        records, skipped = vcard.read(path)
        reader.skipped.extend(skipped)
        return "contacts", records
    kind, records, skipped = delimited.read(path, kind)
    reader.skipped.extend(skipped)
    return kind, records
