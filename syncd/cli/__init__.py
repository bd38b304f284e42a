"""The command line: thin doors to what the rest of the program does."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import suppress


def main() -> None:
    # What imports make lives until the end. By default Python would look through all of it again and again for cycles,
    # only to free what the system takes back anyway: a quarter of a small pass. `app` turns the looking on again once
    # its command is imported. Batches too make many objects that live for long, and few cycles: to look more seldom
    # spares a first sync a tenth of its time.
    gc.disable()
    gc.set_threshold(100_000, 20, 100)
    # Many passes at once mostly wait for their servers; while they do not, taking the interpreter from each other every
    # 5 ms (the default) only costs: a seventh of the time for ten mailboxes on a local server.
    sys.setswitchinterval(0.02)
    codes: list[int] = []
    atexit.register(_end, codes)
    from syncd.cli import app

    try:
        app.main()
    except SystemExit as end:
        if isinstance(end.code, int):
            codes.append(end.code)
        raise


def _end(codes: list[int]) -> None:
    """End the process as the last of all handlers, since it was the first to be registered: threads have ended, the log
    is written, and all that Python would still do is to free object by object what the system takes back at once."""
    gc.freeze()
    if codes:
        with suppress(OSError, ValueError, AttributeError):  # what is closed or full is Python's to tell
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(codes[0])
