"""A private PostgreSQL, version 15 or later, on a free port of the loopback address."""

from __future__ import annotations

import itertools
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

OLDEST = 15


def binaries() -> Path:
    """Where initdb and pg_ctl are; Debian keeps them out of the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if debian and int(debian[-1].parts[-3]) >= OLDEST:
        return debian[-1].parent
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    raise RuntimeError(f"the tests need PostgreSQL {OLDEST} or later; type: apt-get install postgresql")


def _as_server_user(command: Sequence[str]) -> list[str]:
    """PostgreSQL refuses to run as root; its Debian package makes a user for it."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. Each test makes a database of its own."""

    directory: Path
    port: int
    password: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str) -> str:
        return f"postgresql://syncd:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template1") -> str:
        """The name of a new database, a copy of `template`."""
        name = f"test_{next(self._numbers)}"
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'")
        self.administer(create.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop(self, database: str) -> None:
        self.administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def kill_sessions(self, database: str) -> None:
        """End every session of a database, as an administrator or a crash of the server would."""
        end = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}")
        self.administer(end.format(sql.Literal(database)))

    def restart(self, mode: str = "fast") -> None:
        """`fast` rolls transactions back; `immediate` is a crash."""
        self._control("restart", "-m", mode)

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        self._control("start")

    def _control(self, *arguments: str) -> None:
        log = str(self.directory / "log")
        _run(str(binaries() / "pg_ctl"), "-D", str(self.directory / "data"), "-l", log, "-w", *arguments)


def _run(*command: str) -> None:
    """Output goes to a file: the server inherits it, and would keep a pipe open for ever."""
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(_as_server_user(command), stdout=output, stderr=output, cwd="/", check=False)
        if done.returncode != 0:
            output.seek(0)
            raise RuntimeError(f"{command[0]} failed: {output.read().decode(errors='replace')}")


# Nothing here must survive a power cut; a killed server loses nothing, since the kernel keeps what was written.
_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{directory}'
fsync = off
full_page_writes = off
shared_buffers = 32MB
max_connections = 100
timezone = 'Asia/Tokyo'
"""


@contextmanager
def serve() -> Iterator[Postgres]:
    """Its own time zone is far from UTC, so that a query which leans on the session's shows itself."""
    # The server's user must be able to reach it, which it cannot in root's own temporary directory.
    directory = Path(tempfile.mkdtemp(prefix="syncd-postgres-", dir="/tmp"))
    server = Postgres(directory, _free_port(), secrets.token_hex(8))
    try:
        _initialise(server)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory)


def _initialise(server: Postgres) -> None:
    password_file = server.directory / "password"
    password_file.write_text(server.password)
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        for path in (server.directory, password_file):
            os.chown(path, user.pw_uid, user.pw_gid)
    sign_in = ["-U", "syncd", "-A", "scram-sha-256", "--pwfile", str(password_file)]
    data = server.directory / "data"
    _run(str(binaries() / "initdb"), "-D", str(data), *sign_in, "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
    settings = _SETTINGS.format(port=server.port, directory=server.directory)
    with (data / "postgresql.conf").open("a") as file:
        file.write(settings)
