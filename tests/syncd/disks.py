"""A disk for the daemon's store that can be full: a file system of a few megabytes of its own, where this machine lets
us mount one, else a limit on how large its files may grow, which SQLite meets in the same way."""

from __future__ import annotations

import errno
import resource
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SIZE = "8m"


class Disk(Protocol):
    @property
    def within(self) -> Sequence[str]:
        """The command that runs another one on this disk."""
        ...

    def copy(self, pid: int, target: Path) -> None:
        """What that process has there now; SQLite itself finds no way through another's mounts."""
        ...

    def fill(self, pid: int) -> None:
        """Leave no byte."""
        ...

    def empty(self, pid: int) -> None:
        """Give back all that others than syncd have taken."""
        ...


@dataclass(frozen=True, slots=True)
class Mounted:
    directory: Path
    unshare: tuple[str, ...]

    @property
    def within(self) -> Sequence[str]:
        mount = f"mount -t tmpfs -o size={SIZE},mode=700 tmpfs {shlex.quote(str(self.directory))}"
        return (*self.unshare, "sh", "-c", f'{mount} && exec "$@"', "sh")

    def copy(self, pid: int, target: Path) -> None:
        shutil.copytree(self._seen(pid), target)

    def _seen(self, pid: int) -> Path:
        """What is mounted there is so for the process alone."""
        return Path(f"/proc/{pid}/root{self.directory}")

    def fill(self, pid: int) -> None:
        with (self._seen(pid) / "ballast").open("wb", buffering=0) as ballast:
            try:
                while ballast.write(bytes(4096)):
                    continue
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def empty(self, pid: int) -> None:
        (self._seen(pid) / "ballast").unlink()


@dataclass(frozen=True, slots=True)
class Limited:
    directory: Path

    @property
    def within(self) -> Sequence[str]:
        return ()

    def copy(self, pid: int, target: Path) -> None:
        shutil.copytree(self.directory, target)

    def fill(self, pid: int) -> None:
        size = max(path.stat().st_size for path in self.directory.iterdir())
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def empty(self, pid: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def small(directory: Path) -> Disk:
    """A real one, in a namespace of its own, or what is nearest to it where that is forbidden."""
    for unshare in (("unshare", "--mount"), ("unshare", "--mount", "--map-root-user")):
        disk = Mounted(directory, unshare)
        if subprocess.run([*disk.within, "true"], capture_output=True, check=False).returncode == 0:
            return disk
    return Limited(directory)
