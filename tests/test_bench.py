"""The benchmark's corpus is what it says, and the benchmark runs."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.cast import cast
from bench.corpus import Shape, mail, user
from bench.maildir import deliver, make, withdraw
from bench.race import STEPS
from bench.truth import LOGGED, Truth, from_json


@pytest.fixture
def workplace() -> Iterator[Path]:
    """Not `tmp_path`, which the mail server's own user may not enter."""
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as directory:
        path = Path(directory)
        path.chmod(0o755)
        yield path


def test_the_same_seed_gives_the_same_mail() -> None:
    people = cast(1, mailboxes=4)
    assert list(mail(Shape(4, 50), people)) == list(mail(Shape(4, 50), people))
    assert list(mail(Shape(4, 50, seed=2), people)) != list(mail(Shape(4, 50), people))


def test_every_mailbox_is_filled_to_its_size_and_holds_no_message_twice() -> None:
    held: Counter[int] = Counter()
    for posted in mail(Shape(5, 300), cast(1, mailboxes=5)):
        mailboxes = [mailbox for mailbox, _ in posted.copies]
        assert len(set(mailboxes)) == len(mailboxes) <= 4
        held.update(mailboxes)
    assert set(held.values()) == {300}


def test_a_message_in_three_mailboxes_is_one_activity_and_three_sightings() -> None:
    truth = Truth()
    truth.add(LOGGED, [("a", "Sent"), ("b", "INBOX"), ("c", "INBOX")])
    truth.add("automated", [("a", "INBOX")])
    assert truth.activities(["a", "b", "c"]) == truth.activities(["b"]) == 1
    assert truth.copies(["a"]) == {("a", "Sent", LOGGED): 1, ("a", "INBOX", "automated"): 1}
    assert from_json(truth.to_json()) == truth


def test_a_corpus_is_found_again_without_what_arrived_since(tmp_path: Path) -> None:
    corpus = make(Shape(2, 20), tmp_path)
    arrived = deliver(corpus, 2, 6, wave=1)
    assert arrived.copies(corpus.users).total() == 6
    assert _files(corpus.root) == 46
    again = make(Shape(2, 20), tmp_path)
    assert (again.truth, again.bytes, _files(again.root)) == (corpus.truth, corpus.bytes, 40)
    withdraw(again)
    assert _files(again.root) == again.truth.copies(map(user, range(2))).total()


def test_a_quick_race_gives_every_figure_and_finds_the_counts_that_the_corpus_has(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["race", "--quick", "--json", "--directory", str(workplace)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert [(row["mailboxes"], row["step"]) for row in figures["ratios"]] == [
        (n, step) for n in (1, 3) for step in STEPS
    ]
    assert all(row["wall"] > 0 and row["cpu"] > 0 and row["received"] > 0 for row in figures["ratios"])


@pytest.mark.parametrize("what", ["linearity", "idle", "profile"])
def test_every_other_quick_measurement_ends_well(
    what: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([what, "--quick", "--directory", str(workplace)]) == 0
    assert capsys.readouterr().out


def _files(root: Path) -> int:
    return sum(1 for path in root.glob("*/**/cur/*"))
