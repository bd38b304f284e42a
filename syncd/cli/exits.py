"""The one place that turns an exception into words on stderr and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from syncd.cli.plain import plain
from syncd.errors import ConfigError, StoreInUse, SyncError

DONE, FAILED, STORE_IN_USE, CONFIGURATION = 0, 1, 75, 78
"""75 and 78 are EX_TEMPFAIL and EX_CONFIG of sysexits.h; the systemd unit does not restart on either."""


def guarded(command: Callable[[], object]) -> NoReturn:
    """Run `command` and exit. A traceback is for our own bugs only; usage (2) and interruption (130) are typer's."""
    try:
        command()
    except (ConfigError, StoreInUse, SyncError) as error:
        print(words(error), file=sys.stderr)
        sys.exit(code_of(error))
    sys.exit(DONE)


def code_of(error: Exception) -> int:
    match error:
        case ConfigError():
            return CONFIGURATION
        case StoreInUse():
            return STORE_IN_USE
    return FAILED


def words(error: Exception) -> str:
    """What went wrong, and what to type about it."""
    match error:
        case ConfigError(problems=problems):
            return "\n".join(map(plain, problems))
        case SyncError(cure=cure) if cure:
            return f"{plain(str(error))}\n  try: {plain(cure)}"
        case StoreInUse():
            return f"{plain(str(error))}\n  try: stop it first (systemctl stop syncd); what only reads works beside it"
    return plain(str(error))
