"""The systemd unit: as closed as promised, understood by systemd, and in step with what the program does."""

from __future__ import annotations

import configparser
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.cli.exits import CONFIGURATION, STORE_IN_USE
from syncd.config import DaemonSettings
from syncd.daemon import GRACE, TICK
from syncd.schedule import SILENT

UNIT = Path(__file__).parents[2] / "systemd" / "syncd.service"


@pytest.fixture
def service() -> configparser.SectionProxy:
    unit = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # the names are in mixed case
    unit.read(UNIT)
    return unit["Service"]


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_the_unit_is_closed_to_an_exposure_of_one_and_a_half() -> None:
    done = analyze("security", "--offline=true", "--threshold=15", str(UNIT))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_systemd_understands_every_line_of_the_unit(tmp_path: Path) -> None:
    installed = tmp_path / UNIT.name
    program = "/opt/syncd/venv/bin/syncd run --config /etc/syncd/config.toml"
    text = UNIT.read_text()
    assert f"ExecStart={program}\n" in text
    installed.write_text(
        text.replace(program, "/bin/true").replace("Documentation=file:///opt", "Documentation=file:///")
    )
    done = analyze("verify", "--man=no", "--recursive-errors=no", str(installed))
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_does_not_start_again_what_a_person_must_mend(service: configparser.SectionProxy) -> None:
    assert service["Restart"] == "on-failure"
    assert set(service["RestartPreventExitStatus"].split()) == {str(STORE_IN_USE), str(CONFIGURATION)}


def test_systemd_waits_longer_than_the_daemon_needs(service: configparser.SectionProxy) -> None:
    assert timedelta(seconds=int(service["TimeoutStopSec"].removesuffix("s"))) > GRACE + timedelta(seconds=10)
    watchdog = timedelta(minutes=int(service["WatchdogSec"].removesuffix("min")))
    assert watchdog >= SILENT + 2 * TICK


def test_every_worker_may_have_its_thread(service: configparser.SectionProxy) -> None:
    assert int(service["TasksMax"]) > 512 >= DaemonSettings().workers
