"""The one place that makes a TLS context. It always verifies, and there is no way to ask it not to."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from syncd.errors import Permanent, SyncError

_HOSTNAME_MISMATCH = {62, 64}
_EXPIRED = {9, 10}


def context(ca_file: Path | None, *, alpn: str = "") -> ssl.SSLContext:
    """The context that trusts the system's authorities, or that of `ca_file` alone. Raises Permanent.

    Shared by every connection of one protocol (`alpn`), as a context with all authorities costs half a megabyte; a file
    that was replaced is read again.
    """
    try:
        return _context(ca_file, ca_file.stat().st_mtime_ns if ca_file else 0, alpn)
    except OSError as error:
        cure = "write the path of a readable PEM file with certificates as `ca_file` of the mailbox"
        raise Permanent(f"ca_file {ca_file} cannot be used: {error.strerror or error}", cure=cure) from error


@lru_cache(maxsize=64)
def _context(ca_file: Path | None, changed_at: int, alpn: str) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if alpn:
        made.set_alpn_protocols([alpn])
    return made


def bad_certificate(error: ssl.SSLCertVerificationError, host: str) -> SyncError:
    reason = error.verify_message
    if error.verify_code in _HOSTNAME_MISMATCH:
        cure = "write the name that the certificate is for into `host` or `url` of the mailbox"
        return Permanent(f"the certificate of {host} is for another name: {reason}", cure=cure)
    if error.verify_code in _EXPIRED:
        cure = "have the server's certificate renewed, and check this machine's clock"
        return Permanent(f"the certificate of {host} is not valid today: {reason}", cure=cure)
    cure = 'if it comes from an authority of your own, write ca_file = "/path/to/its/certificate.pem" for the mailbox'
    return Permanent(f"the certificate of {host} comes from nobody that this machine trusts: {reason}", cure=cure)
