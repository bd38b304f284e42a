"""The one place that turns the name of a secret into the secret: `file:`, `env:`, `credential:` or `command:`.

Nothing that is raised here repeats a secret, what a command printed, or what a file holds.
"""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from syncd.errors import Permanent, Retryable

HOW_TO = (
    'must name the secret, not be it: put it into a file of mode 0600 and write "file:/etc/syncd/anna.secret" '
    '(or "env:NAME", "credential:NAME" of systemd, "command:pass show mail/anna")'
)
COMMAND_SECONDS = 30
_LIMIT = 64 * 1024


def is_reference(text: str) -> bool:
    scheme, colon, name = text.partition(":")
    return bool(colon and name.strip()) and scheme in _RESOLVERS


def resolve(reference: str) -> str:
    """The first line of what the reference names, or all of a JSON object or of PEM; Permanent, or Retryable for a
    command that failed."""
    scheme, _, name = reference.partition(":")
    if scheme not in _RESOLVERS or not name.strip():
        raise Permanent(f"the secret {HOW_TO}")
    secret = _RESOLVERS[scheme](name)
    line = _first_line(secret, scheme, name)
    if not line:
        raise Permanent(f"{_label(scheme, name)} is empty", cure="put the secret on its first line")
    return line


def _file(name: str) -> bytes:
    path = Path(name)
    return _read(path, private=True, missing=f"create it with: install -m 600 /dev/null {shlex.quote(name)}")


def _credential(name: str) -> bytes:
    """systemd has already checked who may read it (systemd.exec(5), CREDENTIALS)."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        run = f"sudo systemd-run --pty -p User=syncd -p LoadCredentialEncrypted={name} syncd ..."
        raise Permanent(f"systemd gave no credentials, and so no {name}", cure=f"a shell has not the unit's: {run}")
    cure = f"add LoadCredential={name}:/path/to/it to the unit (systemctl edit syncd)"
    if Path(name).name != name:
        raise Permanent(f"{name!r} is no name of a credential", cure=cure)
    return _read(Path(directory) / name, private=False, missing=cure)


def _environment(name: str) -> bytes:
    if name not in os.environ:
        raise Permanent(f"the environment has no {name}", cure=f"set {name} before syncd starts, or use file:")
    return os.fsencode(os.environ[name])


def _command(line: str) -> bytes:
    """Run without a shell. Its output goes nowhere else, and a failure tells only the exit code."""
    words = _words(line)
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Retryable(f"the command {words[0]} took over {COMMAND_SECONDS} s", cure="run it by hand") from None
    except OSError as error:
        raise Permanent(f"the command {words[0]} cannot be run: {error.strerror}", cure="check its path") from None
    if done.returncode:
        cure = "run it by hand, as the user that syncd runs as"
        raise Retryable(f"the command {words[0]} failed with exit code {done.returncode}", cure=cure)
    return done.stdout


def _words(line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise Permanent(f"the command of a secret cannot be read: {error}", cure="check its quotes") from None
    if not words:
        raise Permanent("the command of a secret is empty", cure="command:pass show mail/anna")
    return words


def _read(path: Path, *, private: bool, missing: str) -> bytes:
    try:
        with path.open("rb") as file:
            if private:
                refuse_if_shared(path, os.fstat(file.fileno()).st_mode)
            return file.read(_LIMIT)
    except FileNotFoundError:
        raise Permanent(f"{path} does not exist", cure=missing) from None
    except IsADirectoryError:
        raise Permanent(f"{path} is a directory", cure="name a file whose first line is the secret") from None
    except OSError as error:
        cure = f"let the user that syncd runs as read it: chown syncd {shlex.quote(str(path))}"
        raise Permanent(f"{path} cannot be read: {error.strerror}", cure=cure) from None


def refuse_if_shared(path: Path, mode: int) -> None:
    """A secret that others on the machine can read is none."""
    if stat.S_ISREG(mode) and mode & 0o077:
        cure = f"chmod 600 {shlex.quote(str(path))}"
        raise Permanent(f"{path} can be read by others (mode {stat.S_IMODE(mode):04o})", cure=cure)


def _first_line(secret: bytes, scheme: str, name: str) -> str:
    """Password managers print the password first and remarks below it; a provider's key (JSON, PEM) is whole."""
    try:
        text = secret.decode("utf-8-sig")
        return text.strip() if text.lstrip().startswith(("{", "-----BEGIN ")) else text.partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        raise Permanent(f"{_label(scheme, name)} is not UTF-8 text", cure="save it as UTF-8") from None


def _label(scheme: str, name: str) -> str:
    """What may be said of a reference: of a command its program only, for its arguments may be secret."""
    if scheme == "command":
        return f"the output of {_words(name)[0]}"
    return f"{scheme}:{name}"


_RESOLVERS: Mapping[str, Callable[[str], bytes]] = {
    "file": _file,
    "env": _environment,
    "credential": _credential,
    "command": _command,
}
