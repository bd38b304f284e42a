"""A private Dovecot on free ports of the loopback address: IMAP with STARTTLS, and IMAP over TLS.

Everybody whose name ends in `@example.com` is a user of it, all with one password; XOAUTH2 takes tokens of `token()`.
"""

from __future__ import annotations

import base64
import grp
import hashlib
import hmac
import imaplib
import itertools
import json
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import trustme

from tests.servers.ports import free_ports, listens
from tests.waiting import eventually

FOLDERS = {"Drafts": "\\Drafts", "Sent": "\\Sent", "Trash": "\\Trash", "Junk": "\\Junk", "Archive": "\\Archive"}

# Nothing here must survive a power cut. Non-root needs the empty chroots and its own name as every internal user.
_CONFIG = """
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/log
instance_name = {instance}
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{directory}/server.pem
ssl_key = <{directory}/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
mail_location = maildir:{directory}/mail/%u
mail_uid = {internal}
mail_gid = {group}
first_valid_uid = 0
mail_fsync = never
mail_max_userip_connections = 100
mailbox_list_index = yes
imap_idle_notify_interval = 30s
passdb {{
  driver = static
  args = password={password}
  mechanisms = plain login
  username_filter = *@example.com
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {directory}/oauth2.conf
}}
userdb {{
  driver = static
  args = allow_all_users=yes home={directory}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
{folders}
}}
service imap-login {{
  chroot =
  service_count = 0
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service imap {{
  service_count = 0
  client_limit = 1
  process_limit = 256
}}
service anvil {{
  chroot =
  # Else every wrong password makes this address wait longer for its next answer.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""

_OAUTH2 = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={directory}/keys/
username_attribute = sub
"""


@dataclass(frozen=True, slots=True)
class Dovecot:
    directory: Path
    port: int
    """Plain text, and STARTTLS."""
    tls_port: int
    ca_file: Path
    password: str
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    host = "localhost"

    def start(self) -> None:
        binary = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin")
        command = [str(binary), "-F", "-c", str(self.directory / "dovecot.conf")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._running.append(process)
        eventually(lambda: process.poll() is not None or listens(self.tls_port))
        if process.poll() is not None:
            raise RuntimeError(f"Dovecot did not start: {(self.directory / 'log').read_text()}")

    def stop(self) -> None:
        """Every connection ends, with a goodbye where it is between two answers."""
        process = self._running.pop()
        process.terminate()
        process.wait(30)

    def certify(self, certificate: trustme.LeafCert) -> None:
        """What it shows from its next start on."""
        certificate.private_key_pem.write_to_path(str(self.directory / "server.key"))
        chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
        (self.directory / "server.pem").write_bytes(chain)

    def new_user(self) -> str:
        """A user who has no mail and the folders of FOLDERS."""
        return f"user{next(self._numbers)}@example.com"

    def token(self, user: str) -> str:
        """A signed access token, good for an hour (RFC 7519)."""
        claims = {"sub": user, "exp": int(time.time()) + 3600}
        head = ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        return f"{head}.{_base64url(hmac.digest(_token_key(self.password), head.encode(), hashlib.sha256))}"

    @contextmanager
    def session(self, user: str) -> Iterator[imaplib.IMAP4]:
        """What a mail program of that user would do; the tests change mailboxes with it."""
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=30) as client:
            client.login(user, self.password)
            yield client

    def append(
        self, user: str, raw: Iterable[bytes], *, folder: str = "INBOX", received_at: datetime | None = None
    ) -> None:
        with self.session(user) as client:
            for message in raw:
                date = imaplib.Time2Internaldate(received_at) if received_at else ""
                _ok(client.append(_quoted(folder), "", date, message))

    def fill(
        self, user: str, raw: Sequence[bytes], *, folder: str = "INBOX", received_at: datetime | None = None
    ) -> None:
        """Many messages at once, put into the maildir as a delivery agent would."""
        self.flags(user, folder=folder)
        maildir = self.directory / "mail" / user / ("" if folder == "INBOX" else f".{folder.replace('/', '.')}")
        seconds = int(received_at.timestamp()) if received_at else int(time.time())
        owner = maildir.stat()
        for message in raw:
            path = maildir / "tmp" / f"{seconds}.M{next(self._numbers):09}P1.example"
            path.write_bytes(message)
            os.chown(path, owner.st_uid, owner.st_gid)
            os.utime(path, (seconds, seconds))
            path.rename(maildir / "new" / path.name)

    def create(self, user: str, folder: str) -> None:
        with self.session(user) as client:
            _ok(client.create(_quoted(folder)))

    def expunge(self, user: str, uids: str, *, folder: str = "INBOX") -> None:
        """Remove a set of UIDs for good."""
        with self.session(user) as client:
            _ok(client.select(_quoted(folder)))
            _ok(client.uid("STORE", uids, "+FLAGS.SILENT", "(\\Deleted)"))
            _ok(client.expunge())

    def move(self, user: str, uids: str, target: str, *, folder: str = "INBOX") -> None:
        with self.session(user) as client:
            _ok(client.select(_quoted(folder)))
            _ok(client.uid("MOVE", uids, _quoted(target)))

    def flags(self, user: str, *, folder: str = "INBOX") -> list[bytes]:
        """Every message's UID and flags, as the server prints them."""
        with self.session(user) as client:
            _ok(client.select(_quoted(folder), readonly=True))
            return [line for line in _ok(client.uid("FETCH", "1:*", "(UID FLAGS)")) if isinstance(line, bytes)]

    def doveadm(self, *arguments: str) -> str:
        """`doveadm mailbox update -u USER --uid-validity 7 INBOX` and the like."""
        command = ["doveadm", "-c", str(self.directory / "dovecot.conf"), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def set_uid_validity(self, user: str, value: int, *, folder: str = "INBOX") -> None:
        self.doveadm("mailbox", "update", "-u", user, "--uid-validity", str(value), folder)


def _quoted(folder: str) -> str:
    return f'"{folder}"'


def _ok(answer: tuple[str, Sequence[object]]) -> Sequence[object]:
    status, data = answer
    assert status == "OK", data
    return data


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _token_key(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()


def _users() -> tuple[str, str, str]:
    """Internal user, its group and login user: those of Debian's package when we are root, else ourselves."""
    if os.geteuid() != 0:
        me = pwd.getpwuid(os.geteuid()).pw_name
        return me, grp.getgrgid(os.getegid()).gr_name, me
    return "dovecot", "dovecot", "dovenull"


@contextmanager
def serve(*, authority: trustme.CA | None = None, certificate: trustme.LeafCert | None = None) -> Iterator[Dovecot]:
    """With a certificate for `localhost`, unless another is given together with the authority that issued it."""
    if not shutil.which("doveadm"):
        raise RuntimeError("the tests need Dovecot; type: apt-get install dovecot-imapd")
    directory = Path(tempfile.mkdtemp(prefix="syncd-dovecot-"))
    port, tls_port = free_ports(2)
    server = Dovecot(directory, port, tls_port, directory / "ca.pem", secrets.token_hex(8))
    try:
        _prepare(server, authority or trustme.CA(), certificate)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _prepare(server: Dovecot, authority: trustme.CA, certificate: trustme.LeafCert | None) -> None:
    directory = server.directory
    internal, group, login = _users()
    key = directory / "keys" / "default" / "HS256" / "default"
    key.parent.mkdir(parents=True)
    key.write_text(base64.b64encode(_token_key(server.password)).decode())
    authority.cert_pem.write_to_path(str(server.ca_file))
    server.certify(certificate or authority.issue_cert("localhost", "127.0.0.1"))
    (directory / "oauth2.conf").write_text(_OAUTH2.format(directory=directory))
    folders = "\n".join(
        f"  mailbox {name} {{\n    special_use = {use}\n    auto = create\n  }}" for name, use in FOLDERS.items()
    )
    config = _CONFIG.format(
        directory=directory, instance=directory.name, internal=internal, group=group, login=login, folders=folders,
        password=server.password, port=server.port, tls_port=server.tls_port,
    )  # fmt: skip
    (directory / "dovecot.conf").write_text(config)
    for name in ("mail", "home"):
        (directory / name).mkdir()
        shutil.chown(directory / name, internal)
    directory.chmod(0o755)
