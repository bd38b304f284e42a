"""Runs `syncd` with every one of its threads profiled: profiled.py RESULT ARGUMENT..."""

from __future__ import annotations

import contextlib
import cProfile
import pstats
import sys
import threading
from types import FrameType


def main() -> None:
    result, *arguments = sys.argv[1:]
    profiles = [cProfile.Profile()]

    def begin(_frame: FrameType, _event: str, _argument: object) -> None:
        """A new thread's first event: from here on it is profiled as the main one is."""
        profiles.append(cProfile.Profile())
        profiles[-1].enable()

    threading.setprofile(begin)
    profiles[0].enable()
    with contextlib.suppress(SystemExit):
        from syncd.cli import main as syncd

        sys.argv = ["syncd", *arguments]
        syncd()
    profiles[0].disable()
    threading.setprofile(None)
    pstats.Stats(*profiles).dump_stats(result)


if __name__ == "__main__":
    main()
