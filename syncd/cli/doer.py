"""Whose hands are on the command line, for the trail."""

from __future__ import annotations

import getpass
import os

from store.trail import Doer


def doer() -> Doer:
    """The person behind `sudo`, if it was that; a container may know no name for its user."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        name = f"user {os.getuid()}"
    return Doer(name, "cli")
