"""vdirsyncer, which copies calendars into directories of files; it is told to change nothing at the server."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.outcomes import Outcomes
from bench.radicale import CALENDAR

_GENERAL = """\
[general]
status_path = "{directory}/status"
"""
_PAIR = """
[pair {name}]
a = "{name}_far"
b = "{name}_near"
collections = null
conflict_resolution = "a wins"
[storage {name}_far]
type = "caldav"
url = "{url}/{user}/{calendar}/"
username = "{user}"
password = "{password}"
read_only = true
[storage {name}_near]
type = "filesystem"
path = "{directory}/copy/{name}"
fileext = ".ics"
"""


@dataclass(frozen=True, slots=True)
class Vdirsyncer:
    directory: Path
    password: str
    name: str = "vdirsyncer"

    def reset(self, users: Sequence[str], url: str) -> None:
        """Forget everything, and be set up for these users' calendars; what it calls discovery is not measured."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self._configure(users, url)
        asked = [*self.command()[:-1], "discover", "--no-list"]
        subprocess.run(asked, input=b"y\n" * len(users), check=True, capture_output=True)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "vdirsyncer", "--config", str(self._configuration), "sync"]

    def problems(self, truth: Outcomes, *, unchanged: bool) -> list[str]:
        held = sum(1 for _ in self.directory.glob("copy/*/*.ics"))
        return [] if held == truth.objects else [f"its copy has {held} objects, and the server {truth.objects}"]

    @property
    def _configuration(self) -> Path:
        return self.directory / "config"

    def _configure(self, users: Sequence[str], url: str) -> None:
        text = _GENERAL.format(directory=self.directory)
        for number, user in enumerate(users):
            text += _PAIR.format(
                name=f"pair{number}", directory=self.directory, url=url, user=user, calendar=CALENDAR,
                password=self.password,
            )  # fmt: skip
        self._configuration.write_text(text)
