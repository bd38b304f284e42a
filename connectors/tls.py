"""The one place that makes a TLS context. It always verifies, and there is no way to ask it not to."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path


def context(ca_file: Path | None) -> ssl.SSLContext:
    """The context that trusts the system's authorities, or that of `ca_file` alone. Raises OSError (ssl.SSLError too).

    Shared by every connection, as a context with all authorities costs half a megabyte; a file that was replaced is
    read again.
    """
    return _context(ca_file, ca_file.stat().st_mtime_ns if ca_file else 0)


@lru_cache(maxsize=64)
def _context(ca_file: Path | None, changed_at: int) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made
