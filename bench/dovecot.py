"""The tests' private Dovecot, set to serve the corpus and to tell how many bytes each session moved."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import dovecot
from tests.waiting import eventually

_LOGIN = re.compile(rb"imap-login: Info: Login:")
_LOGOUT = re.compile(rb"imap\(.*moved in=(\d+) out=(\d+)")

# They come after the tests' own settings, and the last one counts.
_SETTINGS = """
mail_location = maildir:{mail}/%u
maildir_stat_dirs = no
service imap-login {{
  client_limit = 4000
}}
service imap {{
  # One process may serve many sessions, else a thousand idle mailboxes would be a thousand processes.
  client_limit = {sessions}
  process_min_avail = 2
  process_limit = 4000
}}
service anvil {{
  client_limit = 9000
}}
service auth {{
  client_limit = 9000
}}
service stats {{
  client_limit = 9000
}}
protocol imap {{
  imap_logout_format = moved in=%i out=%o
}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    dovecot: dovecot.Dovecot

    @property
    def port(self) -> int:
        """Of plain IMAP on 127.0.0.1."""
        return self.dovecot.port

    @property
    def password(self) -> str:
        return self.dovecot.password

    def mark(self) -> int:
        """A place in the log, for `moved`."""
        return self._log.stat().st_size

    def moved(self, since: int) -> tuple[int, int]:
        """Bytes received and sent by the clients in all sessions since `since`; waits until each has been closed."""
        closed = eventually(lambda: self._closed(since), every=0.02)
        return sum(int(out) for _, out in closed), sum(int(into) for into, _ in closed)

    def sign_ins(self, since: int) -> int:
        with self._log.open("rb") as log:
            log.seek(since)
            return len(_LOGIN.findall(log.read()))

    def _closed(self, since: int) -> list[tuple[bytes, bytes]]:
        """Bytes in and out of each session; empty while one is still open."""
        with self._log.open("rb") as log:
            log.seek(since)
            lines = log.read()
        closed: list[tuple[bytes, bytes]] = _LOGOUT.findall(lines)
        return closed if len(closed) == len(_LOGIN.findall(lines)) else []

    @property
    def _log(self) -> Path:
        return self.dovecot.directory / "log"


@contextmanager
def serve(mail: Path, user: str, *, sessions: int = 1) -> Iterator[Server]:
    """Serve `mail`, a Maildir for each user, of whom `user` is one; one process may serve so many `sessions`."""
    with dovecot.serve() as server:
        owner = (server.directory / "mail").owner()
        subprocess.run(["chown", "-R", owner, str(mail)], check=True)
        with (server.directory / "dovecot.conf").open("a") as configuration:
            configuration.write(_SETTINGS.format(mail=mail, sessions=sessions))
        server.doveadm("reload")
        eventually(lambda: _has_mail(server, user))
        yield Server(server)


def _has_mail(server: dovecot.Dovecot, user: str) -> bool:
    with server.session(user) as client:
        _, answer = client.select("INBOX", readonly=True)
        return answer != [b"0"]
