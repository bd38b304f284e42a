"""The demo from its beginning to its end: a directory of its own, the stage in it, and one of two ways to watch."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from syncd import logs
from syncd.config import load
from syncd.demo import show
from syncd.demo.follow import follow
from syncd.demo.people import ROSA
from syncd.demo.stage import STORE, Stage, staged
from syncd.once import once as read_once
from syncd.opening import opened


def main(once: bool, *, keep: bool = False) -> int:
    """Show the daemon at work until Ctrl-C; or, `once`, let it do one pass and print what came of it.

    Returns the exit code.
    """
    out = Console(highlight=False)
    # pymap renames files from the system's directory for temporary files into its own: they must share a file system.
    root = Path(tempfile.mkdtemp(prefix="syncd-demo-"))
    try:
        with staged(root) as stage:
            done = _one_pass(stage, out) if once else _show(stage, out)
    finally:
        if not keep:
            shutil.rmtree(root)
    out.print(_farewell(root, keep), soft_wrap=True)
    return 0 if done else 1


def _farewell(root: Path, keep: bool) -> str:
    if not keep:
        return f"The store was {root / STORE}, and is removed; --keep keeps it."
    return f'The store is {root / STORE}. Ask it: {sys.argv[0]} timeline "{ROSA.name}" --config {root / "config.toml"}'


def _show(stage: Stage, out: Console) -> bool:
    out.print(f"Mail, calendars, a team of three and the daemon, in {stage.root}. Ctrl-C ends it.\n", soft_wrap=True)
    follow(stage, out)
    return True


def _one_pass(stage: Stage, out: Console) -> bool:
    """False if a mailbox could not be read."""
    config = load(stage.config)
    logs.set_up(form="human", level="warning")
    results = read_once(config, [], progress=lambda saved: None, processes=1)
    with opened(config) as store:
        for part in show.report(store):
            out.print(part)
            out.print()
    return not any(result.outcome.worst() for result in results.values())
