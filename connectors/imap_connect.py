"""Makes a connection that is signed in: TLS, STARTTLS without downgrade, password or XOAUTH2, capabilities, ID.

IMAPClient does it; then the socket goes to a Wire. What imaplib may have read beyond the sign-in is at most the
beginning of an unsolicited line, and a Wire passes over the rest of it.
"""

from __future__ import annotations

import base64
import imaplib
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError

from connectors import tls
from connectors.imap_errors import printable, refused, sign_in_refused, unreachable
from connectors.imap_settings import Settings
from connectors.imap_wire import Command, Wire, imap_arg
from connectors.retry import IT_PASSES, persistently
from syncd import __version__
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError

CONNECT_TIMEOUT = 10


@dataclass(frozen=True, slots=True)
class Connection:
    """Signed in, with no folder selected."""

    wire: Wire
    capabilities: frozenset[bytes]


def connect(settings: Settings, secret: Callable[[], str]) -> Connection:
    """Raises one of the four errors."""
    client = persistently(lambda: _reach(settings))
    try:
        _sign_in(client, settings, secret)
        wire = Wire(client.socket(), settings, lambda: _drop(client))
        return Connection(wire, _introduced(wire))
    except SyncError:
        _drop(client)
        raise
    except (OSError, IMAPClientError, imaplib.IMAP4.error) as error:
        _drop(client)
        raise _translated(error, settings) from error


def _reach(settings: Settings) -> IMAPClient:
    """Connect, under TLS unless the server is on this machine and the admin said so."""
    host, port = settings.endpoint
    context = None if settings.tls == "none" else tls.context(settings.ca_file)
    timeout = SocketTimeout(min(CONNECT_TIMEOUT, settings.timeout), settings.timeout)
    implicit = settings.tls == "implicit"
    try:
        client = IMAPClient(host, port, ssl=implicit, ssl_context=context, timeout=timeout)
    except (OSError, IMAPClientError, imaplib.IMAP4.error) as error:
        raise _translated(error, settings) from error
    try:
        # Commands are small and written ahead: none may wait until the one before it is acknowledged.
        client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.socket().setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        _secure(client, settings, context)
    except SyncError:
        _drop(client)
        raise
    except (OSError, IMAPClientError, imaplib.IMAP4.error) as error:
        _drop(client)
        raise _translated(error, settings) from error
    return client


def _secure(client: IMAPClient, settings: Settings, context: ssl.SSLContext | None) -> None:
    if client.welcome.upper().startswith(b"* PREAUTH"):
        # Before TLS it is the known attack on STARTTLS, and after it we could not say whose mailbox this is.
        raise Permanent(
            f"{settings.host} signs us in before we said who we are (PREAUTH)", cure="check `host` of the mailbox"
        )
    if settings.tls != "starttls":
        return
    if not client.has_capability("STARTTLS"):
        cure = (
            'write tls = "implicit" (usually port 993) for the mailbox, if the server offers that; '
            "never is a password sent in clear"
        )
        raise Permanent(f"{settings.host} does not offer STARTTLS", cure=cure)
    client.starttls(context)


def _sign_in(client: IMAPClient, settings: Settings, secret: Callable[[], str]) -> None:
    tried = secret()
    try:
        _offer(client, settings, tried)
    except LoginError as error:
        refusal = _refusal(error, settings, tried)
        # A token may just have run out: whoever gives it may have a fresh one now.
        if settings.auth != "xoauth2" or not isinstance(refusal, ReauthNeeded) or (fresh := secret()) == tried:
            raise refusal from None
        try:
            _offer(client, settings, fresh)
        except LoginError as again:
            raise _refusal(again, settings, fresh) from None


def _offer(client: IMAPClient, settings: Settings, secret: str) -> None:
    """Raises LoginError. SASL where there is a choice, as LOGIN cannot carry every password."""
    if settings.auth == "xoauth2":
        first = f"user={settings.user}\1auth=Bearer {secret}\1\1".encode()
        # A refusal comes as a challenge, and the server says no only after an empty answer to it.
        answers = iter((first,))
        client.sasl_login("XOAUTH2", lambda challenge: next(answers, b""))
    elif client.has_capability("AUTH=PLAIN"):
        client.sasl_login("PLAIN", lambda challenge: f"\0{settings.user}\0{secret}".encode())
    elif client.has_capability("LOGINDISABLED"):
        raise Permanent(
            f"{settings.host} takes no password over this connection",
            cure='write tls = "implicit" or "starttls" for the mailbox',
        )
    else:
        user = imap_arg(_line_safe(settings.user, settings).encode()).decode()
        client.login(user, _line_safe(secret, settings))


def _line_safe(word: str, settings: Settings) -> str:
    """imaplib quotes a password, but lets line ends through, which would begin a new command (CVE-2025-15366)."""
    if not re.fullmatch(r"[\x20-\x7e]*", word):
        cure = (
            "choose a password of letters, digits and signs of the English keyboard, and put it where `secret` of the "
            "mailbox points to"
        )
        raise ReauthNeeded(f"{settings.host} offers only LOGIN, which cannot carry this user or password", cure=cure)
    return word


def _refusal(error: LoginError, settings: Settings, secret: str) -> SyncError:
    """Some servers print the command that they refuse, so the secret is taken out of what they say."""
    text = printable(str(error).removeprefix("b'").removesuffix("'"))
    encoded = base64.b64encode(secret.encode()).decode()
    for spelling in (secret, encoded):
        text = text.replace(spelling, "***") if spelling else text
    return sign_in_refused(text, settings)


def _introduced(wire: Wire) -> frozenset[bytes]:
    """The capabilities of a signed-in user differ from those of the greeting (RFC 3501 6.1.1)."""
    words: set[bytes] = set()
    for response in wire.run(Command(b"CAPABILITY", "asking what it can do")):
        if response[0].upper().startswith(b"* CAPABILITY "):
            words.update(response[0].upper().split()[2:])
    if b"ID" in words:
        # 163.com lets no one select a folder who did not say its name (RFC 2971).
        identity = b'ID ("name" "syncd" "version" %b)' % imap_arg(__version__.encode())
        for _ in wire.send([Command(identity, "saying who we are")])[0]:
            pass
    return frozenset(words)


def _translated(error: Exception, settings: Settings) -> SyncError:
    if isinstance(error, OSError):
        return unreachable(error, settings)
    text = printable(str(error))
    if isinstance(error, imaplib.IMAP4.abort):
        return Retryable(f"{settings.host} cut the connection: {text}", cure=IT_PASSES)
    answer = refused(f"{settings.host} does not take the connection", text, understood=True)
    return answer if isinstance(answer, Retryable) else Retryable(str(answer), cure=answer.cure)


def _drop(client: IMAPClient) -> None:
    try:
        client.shutdown()
    except (OSError, imaplib.IMAP4.error):
        # It was closed already.
        return
