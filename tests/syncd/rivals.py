"""A process that reads some mailboxes into a store that others write at the same time, which a daemon never does:
`python -m tests.syncd.rivals CONFIG NAME...`. It begins when it is told to, by a line on its standard input.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from store import health
from syncd.config import load
from syncd.opening import opened, policies, registrations, vault
from syncd.watch import Manner, watch

HOUR = timedelta(hours=1)


def main(path: Path, names: Sequence[str]) -> int:
    config = load(path)
    with opened(config) as store:
        registered = health.register(store.engine, registrations(config))
        rules, tokens = policies(config, store.key), vault(config, store)
        watches = [
            watch(each, registered[each.name], store, rules[each.name], Manner(HOUR, HOUR, slice=HOUR), tokens)
            for each in config.mailboxes
            if each.name in names
        ]
        print("ready", flush=True)
        sys.stdin.readline()
        with ThreadPoolExecutor(len(watches)) as pool:
            outcomes = list(pool.map(lambda each: each.pass_once(lambda: None), watches))
        for each in watches:
            each.stop()
        return sum(outcome.failure is not None for outcome in outcomes)


def compete(config: Path, *shares: Sequence[str]) -> list[int]:
    """Run a process for each share of the mailboxes, all at once; their exit codes."""
    command = [sys.executable, "-m", "tests.syncd.rivals", str(config)]
    rivals = [
        subprocess.Popen([*command, *share], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for share in shares
    ]
    try:
        for rival in rivals:
            assert rival.stdout is not None
            assert rival.stdout.readline() == "ready\n"
        for rival in rivals:
            assert rival.stdin is not None
            rival.stdin.write("go\n")
            rival.stdin.close()
        return [rival.wait(120) for rival in rivals]
    finally:
        for rival in rivals:
            rival.kill()
            rival.wait()
            for pipe in (rival.stdin, rival.stdout):
                if pipe is not None:
                    pipe.close()


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]))
