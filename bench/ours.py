"""syncd as an admin would run it: a configuration, an SQLite store with the team's contacts, the `syncd` command."""

from __future__ import annotations

import csv
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.cast import OWN_DOMAIN, Cast
from bench.dovecot import Server
from bench.truth import Truth

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
_MAILBOX = """
[[mailboxes]]
name = "{user}"
owner = "{user}"
kind = "imap"
host = "127.0.0.1"
port = {port}
tls = "none"
user = "{user}"
secret = "file:mail.secret"
backfill = "3650d"
"""
_SEEN = """
SELECT mailbox.name, stream.name, CASE verdict WHEN 'logged' THEN 'logged' ELSE rule END, count(*)
FROM sighting JOIN stream ON stream.id = stream_id JOIN mailbox ON mailbox.id = mailbox_id GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Syncd:
    directory: Path
    server: Server
    people: Cast
    daemon: str
    name: str = "syncd"

    @property
    def configuration(self) -> Path:
        return self.directory / "config.toml"

    def reset(self, users: Sequence[str]) -> None:
        """Forget everything but the contacts, which are imported once and not a part of what is measured."""
        self._configure(users)
        for left in self.directory.glob("syncd.db*"):
            left.unlink()
        shutil.copyfile(self._template, self.directory / "syncd.db")

    def command(self) -> list[str]:
        return [str(SYNCD), "once", "--config", str(self.configuration)]

    def problems(self, truth: Truth, users: Sequence[str]) -> list[str]:
        with closing(sqlite3.connect(self.directory / "syncd.db")) as database:
            activities = database.execute("SELECT count(*) FROM activity").fetchone()[0]
            seen = Counter({(mailbox, folder, rule): count for mailbox, folder, rule, count in database.execute(_SEEN)})
        found = (
            [] if activities == truth.activities(users) else [f"{activities} activities, not {truth.activities(users)}"]
        )
        wanted = truth.copies(users)
        for key in sorted(seen.keys() | wanted.keys()):
            if seen[key] != wanted[key]:
                found.append(f"{' '.join(key)}: {seen[key]} sightings, not {wanted[key]}")
        return found

    def streams(self) -> int:
        """How many folders it reads, of all mailboxes together."""
        with closing(sqlite3.connect(self.directory / "syncd.db")) as database:
            return int(database.execute("SELECT count(*) FROM stream WHERE excluded = ''").fetchone()[0])

    def prepare(self) -> None:
        """Make the store and import the contacts, as an admin would."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        for name, text in (("key.secret", b"bench".hex().ljust(64, "0")), ("mail.secret", self.server.password)):
            secret = self.directory / name
            secret.write_text(text)
            secret.chmod(0o600)
        self._configure(())
        self._command("db", "upgrade")
        for kind, rows in _directory(self.people).items():
            path = self.directory / f"{kind}.csv"
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(rows)
            self._command("contacts", "import", str(path), "--kind", kind)
        with closing(sqlite3.connect(self.directory / "syncd.db")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (self.directory / "syncd.db").rename(self._template)

    @property
    def _template(self) -> Path:
        return self.directory / "contacts.db"

    def _configure(self, users: Sequence[str]) -> None:
        text = _CONFIGURATION.format(domain=OWN_DOMAIN, daemon=self.daemon)
        text += "".join(_MAILBOX.format(user=user, port=self.server.port) for user in users)
        self.configuration.write_text(text)

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


def prepared(directory: Path, server: Server, people: Cast, daemon: str = "") -> Syncd:
    """One with an empty store and everybody known; `daemon` is lines of the configuration's section of that name."""
    syncd = Syncd(directory, server, people, daemon)
    syncd.prepare()
    return syncd
