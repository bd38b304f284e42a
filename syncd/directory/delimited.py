"""CSV files as Excel, Google and the CRMs write them: any of three delimiters, with or without a byte order mark."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from syncd.directory.records import Record, Skipped, cells, column_fields, detect
from syncd.errors import Permanent

_DELIMITERS = ",;\t"


def read(path: Path, kind: str = "") -> tuple[str, list[Record], list[Skipped]]:
    """The kind of the rows (found by the headers if it is not given), the rows, and what could not be taken as one."""
    lines = _lines(path)
    _, headers = next(lines, (1, []))
    kind = kind or detect(headers)
    if not kind:
        cure = "name its columns in the first line, such as: id,name,email,phone,account (or say --kind)"
        raise Permanent(f"{path}: the first line does not say what the columns are", cure=cure)
    columns = column_fields(kind, headers)
    if not any(columns):
        raise Permanent(f"{path}: no column looks like one of {kind}", cure="see docs/CONFIG.md, section [directory]")
    records, skipped = [], []
    for line, values in lines:
        if len(values) > len(headers):
            reason = f"has {len(values)} columns where the first line has {len(headers)}: quote what holds a delimiter"
            skipped.append(Skipped(path.name, line, reason))
        elif any(value.strip() for value in values):
            records.append(Record(path.name, line, cells(columns, values)))
    return kind, records, skipped


def _lines(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Each row with the line that it begins on; a quoted value may hold line breaks."""
    text = decoded(path)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    begins = 1
    try:
        for row in rows:
            if row:
                yield begins, row
            begins = rows.line_num + 1
    except csv.Error as error:
        raise Permanent(f"{path}: line {begins}: {error}", cure="is it a CSV file?") from None


def decoded(path: Path) -> str:
    """UTF-8, or UTF-16 with its mark (Excel's "Unicode text"), or else the Western Windows page that Excel writes."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Permanent(f"{path} cannot be read: {error.strerror}", cure="check the path and who may read it") from None
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(_DELIMITERS, key=header.count)
