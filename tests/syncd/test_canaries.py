"""What may not be known is planted, everything is done that syncd can do, and then it is looked for everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.writer import open_store
from syncd.config import load, store_key, store_url
from syncd.opening import vault
from tests.servers.dovecot import Dovecot
from tests.syncd.doors import Office, mailbox, on_postgresql

SECRET = "CANARY"
"""In whatever may be nowhere: subjects, texts, names, addresses, file names and tokens."""


def letter(sender: str, to: str, number: int, *headers: str) -> bytes:
    """Its subject, its text, the name of its sender and of its attachment are canaries."""
    lines = (
        f'From: "{SECRET} name {number}" <{sender}>',
        f"To: {to}",
        f"Subject: {SECRET} subject {number}",
        f"Date: Mon, 23 Nov 2026 10:{number:02} +0000",
        f"Message-ID: <{number}@mail.example>",
        *headers,
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="b"',
        "",
        f"--b\r\nContent-Type: text/plain\r\n\r\n{SECRET} text {number}",
        f'--b\r\nContent-Type: application/pdf; name="{SECRET}-{number}.pdf"\r\n\r\nx',
        "--b--",
    )
    return "\r\n".join(lines).encode() + b"\r\n"


@pytest.fixture(params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    if request.param == "sqlite":
        yield Office(tmp_path)
        return
    with on_postgresql(request.getfixturevalue("postgres"), tmp_path) as office:
        yield office


@pytest.fixture
def office(made: Office, dovecot: Dovecot) -> Office:
    """Mail of all that may not be known: a stranger's, what is on a list, private, automatic, internal, and erased."""
    user = dovecot.new_user()
    letters = [
        letter(f"{SECRET.lower()}.stranger@nowhere.example", user, 1),
        letter("jane@never.example", user, 2),
        letter("doctor@clinic.example", user, 3),
        letter("jane@acme.example", user, 4, "Sensitivity: Private"),
        letter("jane@acme.example", user, 5, "List-Id: <news.acme.example>", "Precedence: bulk"),
        letter("ben@example.com", user, 6),
        letter("gone@acme.example", user, 7),
    ]
    dovecot.append(user, letters)
    made.write("anna.secret", dovecot.password)
    made.write(
        "people.csv", "id,name,email\n1,Jane,jane@acme.example\n2,Gone,gone@acme.example\n3,Doc,doctor@clinic.example\n"
    )
    rules = 'level = "full"\nnever_log = ["@never.example"]\n[daemon]\nlog_level = "debug"\nlog_format = "json"'
    made.configure(mailbox(dovecot, user, lines='never_log = ["@clinic.example"]'), extra=rules)
    made.syncd("contacts", "import", "people.csv")
    return made


def said(office: Office) -> str:
    """What every door says, and the log at its most talkative, of everything that can be asked."""
    doors = [
        *(("once",), ("once", "--again"), ("status", "--json"), ("audit", "--all"), ("audit", "--json"), ("trail",)),
        *(("check", "--preview"), ("replay", "--dry-run"), ("contacts", "list"), ("timeline", "1", "--json")),
        *(("why", f"<{number}@mail.example>", "--json") for number in range(1, 8)),
        *(("export", "--contact", "1"), ("db", "verify"), ("db", "backup", "backup.db"), ("erase", "x@y.example")),
        *(("why", "nothing"), ("timeline", "nobody"), ("close", "nothing"), ("link", "nothing", "--contact", "1")),
    ]
    ran = [office.process(*door) for door in doors]
    assert not any("Traceback" in each.err for each in ran)
    return "".join(each.out + each.err for each in ran)


def test_no_canary_is_in_any_file_backup_log_or_answer(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backup holds every row of every table, whichever database they are in."""
    for name, value in office.environment.items():
        monkeypatch.setenv(name, value)
    assert office.process("erase", "gone@acme.example").code == 0  # before its mail was ever read
    config = load(office.config)
    store = open_store(store_url(config), store_key(config))
    vault(config, store).tokens("anna").save(f"{SECRET}-token")
    store.close()

    told = said(office)

    rules = {
        json.loads(office.syncd("why", f"<{number}@mail.example>", "--json").out)[0]["sightings"][0]["rule"]
        for number in range(1, 8)
    }
    wanted = {"no_known_contact", "never_log", "never_log_personal", "private", "automated", "internal_only", "erased"}
    assert rules == wanted
    files = [path for path in office.folder.rglob("*") if path.is_file()]
    assert any(path.name == "backup.db" for path in files)
    held = {path.name: path.read_bytes().decode("latin-1") for path in files}
    traces = (SECRET.lower(), "nowhere.example", "text 4", "gone@acme.example")
    assert [trace for trace in traces if trace in told.lower()] == []
    stored = {name: content.lower() for name, content in held.items() if name.startswith(("syncd.db", "backup.db"))}
    assert [(name, trace) for name, content in stored.items() for trace in traces if trace in content] == []
