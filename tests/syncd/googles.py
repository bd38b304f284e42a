"""An organisation with two mailboxes at Google, a fake of which answers on loopback: one by its owner's consent, one by
a service account."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from connectors.google_sign_in import MAIL
from tests.servers.fake_google import FakeGoogle
from tests.syncd import test_google
from tests.syncd.daemons import Setup
from tests.syncd.doors import Office as Folder

CARL, DORA = "carl@example.com", "dora@example.com"


@dataclass
class Googles(Setup):
    """Carl agreed himself; Dora's mailbox is opened by a service account."""

    google: FakeGoogle

    def section(self, name: str, user: str) -> str:
        return (
            f'[[mailboxes]]\nname = "{name}"\nowner = "{user}"\nuser = "{user}"\nkind = "google"\nread = ["mail"]\n'
            f'secret = "file:{name}.secret"\nendpoint = "{self.google.url}"\n'
        )

    def deliver(self, name: str, number: int) -> None:
        text = f"From: zoe@client.example\r\nSubject: {name} {number}\r\nMessage-ID: <{name}{number}@x.example>\r\n\r\n"
        self.google.mailbox(self.mailboxes[name]).deliver(text.encode())

    def sign_in(self) -> None:
        """Carl does, beside the daemon if it runs."""
        folder = Folder(self.directory)
        self.write()
        test_google.sign_in(folder, self.google)


def at_google(directory: Path, google: FakeGoogle) -> Googles:
    google.clock.now = time.time()
    google.oauth.service_account.allowed = frozenset({MAIL})
    office = Googles(directory, google, mailboxes={"carl": CARL, "dora": DORA})
    office.secret("carl", google.oauth.client_file(f"{google.url}/token"))
    office.secret("dora", google.oauth.service_account.key_file(f"{google.url}/token"))
    office.sign_in()
    return office
