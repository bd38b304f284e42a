"""Writes the corpus straight into the mail server's Maildir, where it stays for the next run, its truth beside it."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench import truth
from bench.cast import Cast, cast
from bench.corpus import INBOX, Posted, Shape, arrivals, mail, user
from bench.letters import Writer
from bench.truth import Truth

_MADE = "made.json"
_ARRIVED = "arrived."
_EDITION = 2
"""Raise it when the same shape gives other mail than before."""


@dataclass(frozen=True, slots=True)
class Corpus:
    shape: Shape
    people: Cast
    root: Path
    """Holds a Maildir for each user."""
    truth: Truth
    bytes: int
    """Of all copies together."""

    @property
    def users(self) -> tuple[str, ...]:
        return tuple(map(user, range(self.shape.mailboxes)))


def make(shape: Shape, directory: Path) -> Corpus:
    """Find the corpus in `directory`, or make it."""
    root = directory / f"mail-{shape.name}-{_EDITION}"
    people = cast(shape.seed, mailboxes=shape.mailboxes)
    made = root / _MADE
    if made.exists():
        stored = json.loads(made.read_text())
        corpus = Corpus(shape, people, root, truth.from_json(stored["truth"]), stored["bytes"])
        withdraw(corpus)
        return corpus
    shutil.rmtree(root, ignore_errors=True)
    for mailbox in range(shape.mailboxes):
        _make_folders(root / user(mailbox))
    known = Truth()
    size = _deliver(root, mail(shape, people), Writer(shape.seed, attachments=shape.attachments), known, prefix="")
    made.write_text(json.dumps({"truth": known.to_json(), "bytes": size}))
    return Corpus(shape, people, root, known, size)


def deliver(corpus: Corpus, mailboxes: int, count: int, *, wave: int) -> Truth:
    """Let `count` new messages arrive in the first `mailboxes` mailboxes; what they add to the truth."""
    new = Truth()
    post = arrivals(corpus.people, range(mailboxes), count, wave=wave)
    writer = Writer(corpus.shape.seed, attachments=corpus.shape.attachments)
    _deliver(corpus.root, post, writer, new, prefix=_ARRIVED)
    return new


def withdraw(corpus: Corpus) -> None:
    """Take out again what arrived since the corpus was made."""
    for path in corpus.root.glob(f"*/**/{_ARRIVED}*"):
        path.unlink()


def _make_folders(home: Path) -> None:
    for folder, part in itertools.product(("", ".Sent"), ("cur", "new", "tmp")):
        (home / folder / part).mkdir(parents=True)
    (home / ".Sent/maildirfolder").touch()


def _deliver(root: Path, post: Iterable[Posted], writer: Writer, known: Truth, *, prefix: str) -> int:
    """Write each message once and link its copies to it, which spares memory; the sum of the sizes of all copies."""
    total = 0
    for posted in post:
        letter = posted.letter
        raw = writer.write(letter, random.Random(f"{prefix}{letter.number} {letter.message_id}"))
        # S and W spare Dovecot from measuring each message: its size as stored, and with CRLF.
        sizes = f"S={len(raw)},W={len(raw) + raw.count(10)}"
        name = f"{prefix}{int(letter.sent.timestamp())}.M{letter.number}.bench,{sizes}:2,S"
        paths = [root / user(mailbox) / _sub(folder) / "cur" / name for mailbox, folder in posted.copies]
        paths[0].write_bytes(raw)
        # The server takes the file's time for INTERNALDATE.
        os.utime(paths[0], (letter.sent.timestamp(), letter.sent.timestamp()))
        for path in paths[1:]:
            path.hardlink_to(paths[0])
        known.add(posted.rule, [(user(mailbox), folder) for mailbox, folder in posted.copies])
        total += len(raw) * len(paths)
    return total


def _sub(folder: str) -> str:
    return "" if folder == INBOX else f".{folder}"
