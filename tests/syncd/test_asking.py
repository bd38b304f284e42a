"""`syncd why` for an address, a day and people: the grammar, and what it finds, also of what was never logged."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.queries import ADMIN
from store.writer import open_store
from syncd.asking import NotUnderstood, Sentence, answer, parse
from syncd.config import load, store_key, store_url
from tests.servers.dovecot import Dovecot
from tests.syncd.doors import Office, mail, mailbox

TODAY = date(2026, 11, 25)
"""A Wednesday."""
TUESDAY, FRIDAY = date(2026, 11, 24), date(2026, 11, 20)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("today", Sentence(day=TODAY)),
        ("yesterday", Sentence(day=TUESDAY)),
        ("last Tuesday from j@acme.example to Anna", Sentence(day=TUESDAY, sender="j@acme.example", recipient="Anna")),
        ("on Friday with Jane Doe", Sentence(day=FRIDAY, party="Jane Doe")),
        ("last wednesday", Sentence(day=TODAY - timedelta(days=7))),
        ("2026-11-20 to Anna", Sentence(day=FRIDAY, recipient="Anna")),
        ("TO Anna FROM Jane Doe", Sentence(sender="Jane Doe", recipient="Anna")),
        ("from Jane Doe to Anna on last Friday", Sentence(day=FRIDAY, sender="Jane Doe", recipient="Anna")),
        ("from Frida Tomlin yesterday", Sentence(day=TUESDAY, sender="Frida Tomlin")),
    ],
)
def test_a_sentence_is_a_day_and_people_in_any_order(text: str, meant: Sentence) -> None:
    assert parse(text, TODAY) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("last tusday from Jane", "'last tusday' is no day; write today, yesterday, last Tuesday or 2026-11-20"),
        ("Jane Doe", "'Jane Doe' is no day"),
        ("from  to Anna", "whom after 'from'?"),
        ("today from yesterday", "whom after 'from'?"),
        ("today from Jane yesterday", "two days"),
        ("from Jane from Bob", "'from' is there twice"),
        ("with Jane to Anna", "'with' is whichever way"),
        ("2026-02-30", "is no day"),
    ],
)
def test_what_is_not_understood_is_said_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(NotUnderstood, match=said.replace("?", r"\?")):
        parse(text, TODAY)


@given(st.text(st.sampled_from("fromtwih last tuesday 2026-1 @.x"), max_size=40))
def test_whatever_is_typed_is_understood_or_refused(text: str) -> None:
    try:
        meant = parse(text, TODAY)
    except NotUnderstood:
        return
    assert meant.day is None or meant.day <= TODAY or meant.day.isoformat() in text


@pytest.fixture
def office(tmp_path: Path, dovecot: Dovecot) -> Office:
    """Anna's mailbox: a mail of Jane and her answer on one day, and one of a stranger, all on Monday."""
    made, anna = Office(tmp_path), dovecot.new_user()
    letters = [
        mail("jane@acme.example", anna, "An offer", minute=1),
        mail(anna, "jane@acme.example", "Re: An offer", minute=2),
        mail("Stranger@Nowhere.example", anna, "Hello", minute=3),
    ]
    dovecot.append(anna, letters)
    made.write("anna.secret", dovecot.password)
    made.write("people.csv", "id,name,email\n1,Jane Doe,jane@acme.example\n")
    made.configure(mailbox(dovecot, anna))
    made.syncd("contacts", "import", "people.csv")
    made.write("users.csv", f"id,name,email\nu1,Anna Arendt,{anna}\n")
    assert made.syncd("contacts", "import", "users.csv", "--kind", "users").code == 0
    assert made.process("once").code == 0
    return made


def found(office: Office, *words: str) -> list[str]:
    """The subjects, or, of what was not logged, the rule."""
    done = office.syncd("why", *words, "--json")
    assert done.code in (0, 1), done.err
    return [each["subject"] or each["sightings"][0]["rule"] for each in json.loads(done.out)]


def test_an_address_is_explained_by_all_that_it_takes_part_in(office: Office) -> None:
    assert found(office, "Jane@Acme.example") == ["Re: An offer", "An offer"]
    assert found(office, "jane@acme.example", "--limit", "1") == ["Re: An offer"]


def test_a_stranger_is_found_by_the_keyed_hash_of_the_address(office: Office) -> None:
    assert found(office, "stranger@nowhere.example") == ["no_known_contact"]
    assert found(office, "from", "stranger@nowhere.example") == ["no_known_contact"]
    files = b"".join(path.read_bytes() for path in office.folder.glob("syncd.db*")).lower()
    assert b"nowhere.example" not in files


def test_a_sentence_says_who_wrote_to_whom_and_when(office: Office) -> None:
    assert found(office, "2026-11-23 from Jane Doe to Anna Arendt") == ["An offer"]
    assert found(office, "2026-11-23 to Anna Arendt") == ["An offer", "no_known_contact"]
    assert found(office, "from", "Anna", "Arendt", "to", "jane doe", "on", "2026-11-23") == ["Re: An offer"]
    assert found(office, "with", "Jane", "Doe") == ["Re: An offer", "An offer"]
    assert found(office, "2026-11-22", "with", "Jane", "Doe") == []
    assert len(found(office, "2026-11-23")) == 3


def test_the_answer_names_the_rule_the_links_and_how_to_ask_otherwise(office: Office) -> None:
    shown = office.syncd("why", "jane@acme.example")
    assert "linked to contact Jane Doe: from address (rule)" in shown.out
    nothing = office.syncd("why", "nobody@nowhere.example")
    assert nothing.code == 1
    assert "ask by the day" in nothing.out
    helped = office.syncd("why", "--help").out
    assert "Example: syncd why last Tuesday from" in helped


def test_whom_nobody_knows_and_what_is_no_day_are_wrong_usage(office: Office) -> None:
    for words, said in (("from Nobody Known", "nobody is known as 'Nobody Known'"), ("last Tusday", "is no day")):
        done = office.syncd("why", *words.split())
        assert (done.code, done.out) == (2, "")
        assert said in done.err


def test_a_day_begins_and_ends_where_who_asks_sits(office: Office) -> None:
    """The mails are of 10:01 to 10:03 UTC on the 23rd: at Kiritimati, 14 hours ahead, that is the 24th."""
    config = load(office.config)
    store = open_store(store_url(config), store_key(config))
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)

    def asked(words: str, zone: str) -> int:
        return len(answer(config, store, words, viewer=ADMIN, now=now, zone=ZoneInfo(zone), limit=9))

    assert [asked("2026-11-23", zone) for zone in ("UTC", "Pacific/Kiritimati")] == [3, 0]
    assert [asked("2026-11-24", zone) for zone in ("UTC", "Pacific/Kiritimati")] == [0, 3]
    store.close()


def test_a_viewer_is_told_of_strangers_in_their_own_mailbox_only(office: Office, dovecot: Dovecot) -> None:
    ben = dovecot.new_user()
    office.config.write_text(office.config.read_text() + mailbox(dovecot, ben, name="ben"))
    assert found(office, "stranger@nowhere.example", "--as", ben) == []
    assert found(office, "2026-11-23", "--as", ben) == ["Re: An offer", "An offer"]
    assert found(office, "stranger@nowhere.example", "--as", "u1") == ["no_known_contact"]
