"""The command line: thin doors to what the rest of the program does."""

from __future__ import annotations

import atexit
import gc
import os
import sys


def main() -> None:
    # What imports make lives until the end. By default Python would look through all of it again and again for cycles,
    # and at the end once more, only to free what the system takes back anyway: a quarter of a small pass. `app` turns
    # the looking on again once its command is imported. Batches too make many objects that live for long, and few
    # cycles: to look more seldom spares a first sync a tenth of its time.
    gc.disable()
    gc.set_threshold(100_000, 20, 100)
    atexit.register(gc.freeze)
    # Many passes at once mostly wait for their servers; while they do not, taking the interpreter from each other every
    # 5 ms (the default) only costs: a seventh of the time for ten mailboxes on a local server.
    sys.setswitchinterval(0.02)
    # Its search for other people's plug-ins reads the entry points of all that is installed, only to find none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from syncd.cli import app

    app.main()
