"""syncd over the mail of the corpus, and whether it came to what the corpus says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cast import Cast
from bench.dovecot import Server
from bench.installation import Installation
from bench.truth import Truth

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
    installation: Installation
    port: int
    """Of the server's plain IMAP."""
    name: str = "syncd"

    def reset(self, users: Sequence[str]) -> None:
        self.installation.reset("".join(_MAILBOX.format(user=user, port=self.port) for user in users))

    def command(self) -> list[str]:
        return self.installation.once()

    def problems(self, truth: Truth, users: Sequence[str]) -> list[str]:
        ((activities,),) = self.installation.ask("SELECT count(*) FROM activity")
        rows = self.installation.ask(_SEEN)
        seen = Counter({(mailbox, folder, rule): count for mailbox, folder, rule, count in rows})
        found = (
            [] if activities == truth.activities(users) else [f"{activities} activities, not {truth.activities(users)}"]
        )
        wanted = truth.copies(users)
        for key in sorted(seen.keys() | wanted.keys()):
            if seen[key] != wanted[key]:
                found.append(f"{' '.join(key)}: {seen[key]} sightings, not {wanted[key]}")
        return found


def prepared(directory: Path, server: Server, people: Cast, daemon: str = "") -> Syncd:
    """One with an empty store and everybody known; `daemon` is lines of the configuration's section of that name."""
    installation = Installation(directory, people, server.password, daemon)
    installation.prepare()
    return Syncd(installation, server.port)
