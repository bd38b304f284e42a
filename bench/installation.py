"""syncd as an admin would set it up: a configuration, an SQLite store with the team's contacts, the `syncd` command."""

from __future__ import annotations

import csv
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from compileall import compile_dir
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cast import OWN_DOMAIN, Cast

PROJECT = Path(__file__).resolve().parent.parent
SYNCD = Path(sys.executable).with_name("syncd")
_CONFIGURATION = """\
[store]
url = "sqlite:///syncd.db"
key = "file:key.secret"

[daemon]
{daemon}
[organisation]
domains = ["{domain}"]
level = "full"
"""


@dataclass(frozen=True, slots=True)
class Installation:
    directory: Path
    people: Cast
    password: str
    """Of every mailbox; their configuration names it `file:mail.secret`."""
    daemon: str = ""
    """Lines of the configuration's section of that name."""

    @property
    def configuration(self) -> Path:
        return self.directory / "config.toml"

    def prepare(self) -> None:
        """Make the store and import the contacts, as an admin would."""
        # As pip leaves what it installs: else each start would compile what was edited since.
        for package in ("syncd", "connectors", "matching", "store"):
            compile_dir(PROJECT / package, quiet=1)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        for name, text in (("key.secret", b"bench".hex().ljust(64, "0")), ("mail.secret", self.password)):
            secret = self.directory / name
            secret.write_text(text)
            secret.chmod(0o600)
        self.configure("")
        self._command("db", "upgrade")
        for kind, rows in _directory(self.people).items():
            path = self.directory / f"{kind}.csv"
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(rows)
            self._command("contacts", "import", str(path), "--kind", kind)
        with closing(sqlite3.connect(self.directory / "syncd.db")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (self.directory / "syncd.db").rename(self._template)

    def reset(self, mailboxes: str) -> None:
        """Forget everything but the contacts, which are imported once and not a part of what is measured."""
        self.configure(mailboxes)
        for left in self.directory.glob("syncd.db*"):
            left.unlink()
        shutil.copyfile(self._template, self.directory / "syncd.db")

    def configure(self, mailboxes: str) -> None:
        """With these sections, one for each mailbox."""
        self.configuration.write_text(_CONFIGURATION.format(domain=OWN_DOMAIN, daemon=self.daemon) + mailboxes)

    def once(self) -> list[str]:
        return [str(SYNCD), "once", "--config", str(self.configuration)]

    def audit(self) -> list[str]:
        return [str(SYNCD), "audit", "--json", "--config", str(self.configuration)]

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        """In SQL, of the store."""
        with closing(sqlite3.connect(self.directory / "syncd.db")) as database:
            return list(database.execute(question))

    def change(self, statements: Iterable[tuple[str, tuple[object, ...]]]) -> None:
        """As the CRM does, or somebody behind syncd's back: each with its parameters, all or none."""
        with closing(sqlite3.connect(self.directory / "syncd.db")) as database, database:
            for statement, parameters in statements:
                database.execute(statement, parameters)

    @property
    def _template(self) -> Path:
        return self.directory / "contacts.db"

    def _command(self, *arguments: str) -> None:
        command = [str(SYNCD), *arguments, "--config", str(self.configuration)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _directory(people: Cast) -> dict[str, list[tuple[str, ...]]]:
    """What the CRM exports, a file of each kind, with its first line."""
    accounts = [(f"A{n}", domain.partition(".")[0], domain) for n, domain in enumerate(people.accounts)]
    contacts = [(f"C{n}", each.name, each.address, f"A{each.account}") for n, each in enumerate(people.contacts)]
    deals = [(f"D{n}", f"Deal {n}", f"A{n}", "open", "2026-01-01") for n in range(0, len(accounts), 2)]
    reps = [(f"U{n}", rep.name, rep.address) for n, rep in enumerate(people.reps)]
    return {
        "accounts": [("id", "name", "domain"), *accounts],
        "contacts": [("id", "name", "email", "account_id"), *contacts],
        "opportunities": [("id", "name", "account_id", "stage", "opened"), *deals],
        "users": [("id", "name", "email"), *reps],
    }
