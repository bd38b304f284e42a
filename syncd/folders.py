"""What an admin calls a folder, against what the server has."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Iterable, Iterator

from syncd.config import Mailbox
from syncd.logs import fields

log = logging.getLogger(__name__)


def tell_missing(mailbox: Mailbox, names: Iterable[str]) -> None:
    """A slip of the pen in `exclude` lets mail be logged that was to stay private."""
    if unknown := list(missing(mailbox.settings, names)):
        cure = f"take names that the server has: syncd check {shlex.quote(mailbox.name)}"
        log.warning("folders_missing", extra=fields(folders=", ".join(unknown), cure=cure))


def missing(settings: object, names: Iterable[str]) -> Iterator[str]:
    """Of `include` and `exclude`, what stands for no folder; a name stands for its sub-folders, too.

    Nothing where they name labels (connectors/google_settings.py): those are no streams, and not every user has them.
    """
    if not getattr(settings, "folders_are_streams", True):
        return
    present = {inner for name in names for inner in _spellings(name)}
    for name in (*getattr(settings, "include", ()), *getattr(settings, "exclude", ())):
        wanted = _path(name)
        if name.startswith("/"):
            continue  # the path of a calendar, which its name does not tell
        if not any(inner == wanted or inner.startswith(f"{wanted}/") for inner in present):
            yield name


def _spellings(name: str) -> Iterator[str]:
    """With and without the `INBOX.` that some servers put before every folder."""
    yield _path(name)
    yield _path(name).removeprefix("inbox/")


def _path(name: str) -> str:
    return re.sub(r"[./\\]", "/", name).casefold()
