"""The log: one event a line, whatever the text in it, and nothing of the mail."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd import logs
from syncd.logs import about, fields

log = logging.getLogger("syncd.test")


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    root = logging.getLogger()
    heard = [root, *map(logging.getLogger, ("syncd", "connectors", "matching", "store"))]
    handlers, levels = root.handlers[:], [each.level for each in heard]
    yield
    root.handlers[:] = handlers
    for each, level in zip(heard, levels, strict=True):
        each.setLevel(level)


def lines(form: str, *, level: str = "info", journal: bool = False) -> io.StringIO:
    out = io.StringIO()
    logs.set_up(form=form, level=level, out=out, journal=journal)
    return out


def test_a_human_line_tells_the_event_its_mailbox_and_its_fields() -> None:
    out = lines("human")
    with about(mailbox="anna"), about(stream="Deals 2026"):
        log.info("pass_finished", extra=fields(seen=12, ms=840))
    log.warning("reload_refused")
    first, second = out.getvalue().splitlines()
    assert first.endswith('INFO pass_finished mailbox=anna stream="Deals 2026" seen=12 ms=840')
    assert second.endswith("WARNING reload_refused")


def test_a_json_line_holds_the_same_as_fields() -> None:
    out = lines("json")
    with about(mailbox="anna"):
        log.info("pass_finished", extra=fields(seen=12, error=None))
    record = json.loads(out.getvalue())
    assert record["at"].endswith("Z")
    del record["at"]
    assert record == {
        "level": "info",
        "logger": "syncd.test",
        "event": "pass_finished",
        "mailbox": "anna",
        "seen": 12,
        "error": None,
    }


def test_the_journal_gets_the_priority_and_keeps_the_time_itself() -> None:
    out = lines("human", journal=True)
    log.warning("reload_refused")
    assert out.getvalue() == "<4>reload_refused\n"


@given(st.text())
def test_no_text_breaks_out_of_its_line(text: str) -> None:
    for form in ("human", "json"):
        out = lines(form)
        with about(mailbox=text):
            log.info("pass_failed", extra=fields(error=text))
        written = out.getvalue()
        assert written.splitlines() == [written[:-1]]
        assert all(character.isprintable() or character == "\n" or ord(character) > 0x9F for character in written)
        written.encode()


def test_an_address_that_strayed_into_an_error_is_masked() -> None:
    out = lines("human")
    log.error("pass_failed", extra=fields(error="no folder <anna.berg+deals@mail.example.com> (bob@example.org)"))
    assert "example" not in out.getvalue()
    assert "no folder <<address>> (<address>)" in out.getvalue()


def test_the_name_that_the_admin_gave_a_mailbox_is_shown_as_it_is() -> None:
    out = lines("human")
    with about(mailbox="anna@example.com"):
        log.info("pass_finished")
    assert "mailbox=anna@example.com" in out.getvalue()


def test_of_an_unexpected_error_only_its_type_and_place_are_told() -> None:
    out = lines("json")
    try:
        int("Quarterly figures of Umbrella")
    except ValueError:
        log.exception("pass_broke")
    assert "Umbrella" not in out.getvalue()
    assert json.loads(out.getvalue())["exception"].startswith("ValueError at test_logs.py:")


def test_the_libraries_are_not_heard_below_a_warning_even_when_we_are() -> None:
    out = lines("human", level="debug")
    logging.getLogger("imapclient.imaplib").debug("> b'LOGIN anna secret'")
    logging.getLogger("sqlalchemy.engine").info("INSERT INTO activity")
    logging.getLogger("apscheduler.scheduler").warning("skipped: maximum number of running instances reached")
    logging.getLogger("spnego._ntlm").debug("NTLM step output: c2VjcmV0")
    log.debug("batch_saved")
    assert [line.split()[-1] for line in out.getvalue().splitlines()] == ["batch_saved"]


def test_of_what_a_library_warns_the_place_is_told_and_not_the_words() -> None:
    out = lines("json")
    logging.getLogger("msal.application").error("ValueError: %s", "Quarterly figures of Umbrella")
    told = json.loads(out.getvalue())
    assert (told["event"], told["level"], told["library"]) == ("library_warned", "error", "msal.application")
    assert told["place"].startswith("test_logs.py:")
    assert "Umbrella" not in out.getvalue()
