"""Runs one command and writes what it cost to a file, as JSON.

A program of its own, without imports of ours, because the kernel hands a parent's peak memory on to its children: only
a small parent can measure a small child. Usage: launch.py RESULT COMMAND...
"""

import json
import os
import sys
import time


def main() -> None:
    result, *command = sys.argv[1:]
    began = time.perf_counter()
    process = os.fork()
    if process == 0:
        try:
            os.execv(command[0], command)
        finally:
            os._exit(127)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - began
    with open(result, "w", encoding="ascii") as file:  # noqa: PTH123 -- pathlib would double this program's memory
        json.dump(
            {
                "code": os.waitstatus_to_exitcode(status),
                "wall": wall,
                "cpu": usage.ru_utime + usage.ru_stime,
                "rss": usage.ru_maxrss * 1024,
            },
            file,
        )


if __name__ == "__main__":
    main()
