"""Debian's mbsync (isync): pull only, into Maildirs of its own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.dovecot import Server
from bench.truth import Truth

BINARY = "/usr/bin/mbsync"
_CHANNEL = """
IMAPAccount {user}
Host 127.0.0.1
Port {port}
User {user}
Pass {password}
SSLType None
AuthMechs LOGIN

IMAPStore {user}-far
Account {user}

MaildirStore {user}-near
Path {copy}/{user}/
Inbox {copy}/{user}/INBOX
SubFolders Verbatim

Channel {user}
Far :{user}-far:
Near :{user}-near:
Patterns INBOX Sent Archive
Sync Pull
Create Near
Expunge None
SyncState *
"""


@dataclass(frozen=True, slots=True)
class Mbsync:
    directory: Path
    server: Server
    name: str = "mbsync"

    def reset(self, users: Sequence[str]) -> None:
        """Forget everything, and be set up for these mailboxes."""
        shutil.rmtree(self.directory, ignore_errors=True)
        for user in users:
            (self.directory / "copy" / user).mkdir(parents=True)
        fields = {"port": self.server.port, "password": self.server.password, "copy": self.directory / "copy"}
        (self.directory / "mbsyncrc").write_text("".join(_CHANNEL.format(user=user, **fields) for user in users))

    def command(self) -> list[str]:
        return [BINARY, "-c", str(self.directory / "mbsyncrc"), "-q", "-a"]

    def problems(self, truth: Truth, users: Sequence[str]) -> list[str]:
        held = sum(1 for path in self.directory.glob("copy/*/*/[nc]*/*"))
        wanted = truth.copies(users).total()
        return [] if held == wanted else [f"its copy has {held} messages, and the server {wanted}"]
