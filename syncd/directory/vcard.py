"""vCard files, as Apple, Google and Android export them."""

from __future__ import annotations

from pathlib import Path

from connectors.vcard import CutOff, Vcard, vcards
from syncd.directory.delimited import decoded
from syncd.directory.records import Record, Skipped
from syncd.errors import Permanent


def read(path: Path) -> tuple[list[Record], list[Skipped]]:
    """The cards of a file, or of every `.vcf` file in a directory."""
    files = sorted(path.glob("*.vcf")) if path.is_dir() else [path]
    if not files:
        raise Permanent(f"{path}: holds no .vcf file", cure="name the directory that the vCards are in")
    records: list[Record] = []
    skipped: list[Skipped] = []
    for file in files:
        for card in _cards(file):
            if card.is_group:
                skipped.append(Skipped(file.name, card.line, "is a group, not a person"))
            else:
                records.append(Record(file.name, card.line, card.cells))
    return records, skipped


def _cards(path: Path) -> list[Vcard]:
    try:
        found = list(vcards(decoded(path)))
    except CutOff as cut:
        raise Permanent(f"{path}: {cut}", cure="the file was cut off: export it again") from cut
    if not found:
        raise Permanent(f"{path}: holds no vCard", cure="export the contacts as vCard (.vcf), or import a CSV file")
    return found
