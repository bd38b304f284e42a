"""A private Dovecot on loopback that serves a directory of Maildirs, and tells how many bytes each session moved."""

from __future__ import annotations

import contextlib
import getpass
import grp
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BINARY = "/usr/sbin/dovecot"
PASSWORD = "pw"
# Dovecot will not run mail processes as root, so under root the mail belongs to a user that every Debian has.
_MAIL_USER = "mail" if os.geteuid() == 0 else getpass.getuser()
_LOGIN = re.compile(rb"imap-login: Info: Login:")
_LOGOUT = re.compile(rb"imap\(.*moved in=(\d+) out=(\d+)")

_CONFIGURATION = """
base_dir = {state}/run
state_dir = {state}/state
log_path = {state}/dovecot.log
info_log_path = {state}/dovecot.log
instance_name = bench-{port}
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{mail}/%u/Maildir
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
mail_privileged_group =
maildir_stat_dirs = no
mail_max_userip_connections = 50
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = allow_all_users=yes uid={user} gid={group} home={mail}/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    special_use = \\Sent
  }}
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
  process_min_avail = 1
  service_count = 0
  client_limit = 4000
  {unprivileged}
}}
service imap {{
  # One process may serve many sessions, else a thousand idle mailboxes would be a thousand processes.
  service_count = 0
  client_limit = {sessions}
  process_min_avail = 2
  process_limit = 4000
}}
service anvil {{
  {unprivileged}
  client_limit = 9000
}}
service auth {{
  client_limit = 9000
}}
service stats {{
  client_limit = 9000
  inet_listener http {{
    port = 0
  }}
}}
protocol imap {{
  imap_logout_format = moved in=%i out=%o
  imap_idle_notify_interval = 30 s
}}
"""
_UNPRIVILEGED = "default_internal_user = {user}\ndefault_login_user = {user}\ndefault_internal_group = {group}\n"


@dataclass(frozen=True, slots=True)
class Dovecot:
    port: int
    log: Path

    def mark(self) -> int:
        """A place in the log, for `moved`."""
        return self.log.stat().st_size

    def moved(self, since: int) -> tuple[int, int]:
        """Bytes received and sent by the clients in all sessions since `since`; waits until each has been closed."""
        for _ in range(200):
            with self.log.open("rb") as log:
                log.seek(since)
                lines = log.read()
            closed = _LOGOUT.findall(lines)
            if len(closed) == len(_LOGIN.findall(lines)):
                return sum(int(out) for _, out in closed), sum(int(into) for into, _ in closed)
            time.sleep(0.02)
        raise TimeoutError("a session is still open")


@contextlib.contextmanager
def dovecot(mail: Path, state: Path, *, sessions: int = 1) -> Iterator[Dovecot]:
    """Serve `mail` while the context lasts; `state` is thrown away. `sessions` is how many one process may serve."""
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    port = _free_port()
    group = "nogroup" if os.geteuid() == 0 else _own_group()
    settings = {"state": state, "mail": mail, "port": port, "user": _MAIL_USER, "group": group, "password": PASSWORD}
    unprivileged = "" if os.geteuid() == 0 else "chroot ="
    text = _CONFIGURATION.format(**settings, sessions=sessions, unprivileged=unprivileged)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", _MAIL_USER, str(mail)], check=True)
    else:
        text += _UNPRIVILEGED.format(user=_MAIL_USER, group=group)
    configuration = state / "dovecot.conf"
    configuration.write_text(text)
    process = subprocess.Popen([BINARY, "-F", "-c", str(configuration)])
    try:
        _wait(port, process)
        yield Dovecot(port, state / "dovecot.log")
    finally:
        process.terminate()
        process.wait(30)


def _own_group() -> str:
    return grp.getgrgid(os.getegid()).gr_name


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert isinstance(port, int)
    return port


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(f"Dovecot ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError("Dovecot does not answer")
