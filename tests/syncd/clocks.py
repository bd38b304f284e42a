"""The clock on the wall of one process, which a test sets while it runs (libfaketime); what counts seconds goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


def _library() -> Path:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise RuntimeError("the tests need libfaketime; type: apt-get install faketime")
    return found[0]


@dataclass(frozen=True, slots=True)
class WallClock:
    file: Path
    """How far the clock is off, which the process reads each time it asks for the time."""

    @property
    def within(self) -> tuple[str, ...]:
        """The command that runs another one under this clock."""
        self.set(timedelta(0))
        return (
            "env",
            f"LD_PRELOAD={_library()}",
            f"FAKETIME_TIMESTAMP_FILE={self.file}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            "NO_FAKE_STAT=1",
        )

    def set(self, off: timedelta) -> None:
        """At one moment: half a line in the file would be another time."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{off.total_seconds():+.0f}\n")
        new.replace(self.file)
