"""The tests' private Dovecot, set to serve the corpus and to tell how many bytes each session moved."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.servers import dovecot
from tests.waiting import eventually

_LOGIN = re.compile(rb"imap-login: Info: Login: .* session=<([^>]+)>")
_LOGOUT = re.compile(rb"imap\([^)]*\)<\d+><([^>]+)>: .* moved in=(\d+) out=(\d+)")
_RELOADED = b"SIGHUP received - reloading configuration"

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
        """Bytes that the clients received and sent in the sessions begun since `since`, once each of them has ended."""
        ended = eventually(lambda: self._ended(since), every=0.02)
        return sum(received for received, _ in ended), sum(sent for _, sent in ended)

    def sign_ins(self, since: int) -> int:
        return len(_LOGIN.findall(self._lines(since)))

    def _ended(self, since: int) -> list[tuple[int, int]]:
        """Bytes out and in of each session; empty while one lasts. Older ones may end meanwhile, and do not count."""
        lines = self._lines(since)
        moved = {session: (int(out), int(into)) for session, into, out in _LOGOUT.findall(lines)}
        begun = _LOGIN.findall(lines)
        return [moved[session] for session in begun] if moved.keys() >= set(begun) else []

    def _lines(self, since: int) -> bytes:
        with self._log.open("rb") as log:
            log.seek(since)
            return log.read()

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
        eventually(lambda: _RELOADED in (server.directory / "log").read_bytes())
        eventually(lambda: _has_mail(server, user))
        yield Server(server)


def _has_mail(server: dovecot.Dovecot, user: str) -> bool:
    """False as long as the old settings hold, and while the server ends its processes to take over the new ones."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        connection.sendall(f"1 LOGIN {user} {server.password}\r\n2 STATUS INBOX (MESSAGES)\r\n3 LOGOUT\r\n".encode())
        with connection.makefile("rb") as answers:
            said = answers.read()
        return b"2 OK" in said and b"(MESSAGES 0)" not in said
    return False
