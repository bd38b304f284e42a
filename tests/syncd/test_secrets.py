"""A secret is found by its name; what cannot be found is said, and what was found is never said."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from syncd import secrets
from syncd.errors import Permanent, Retryable, SyncError


def private(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def command(code: str) -> str:
    return f"command:{shlex.join([sys.executable, '-c', code])}"


@pytest.mark.parametrize("content", [b"s3cret", b"s3cret\n", b"s3cret\r\nlogin: anna\n", b"\xef\xbb\xbfs3cret\n"])
def test_the_first_line_of_a_private_file_is_the_secret(tmp_path: Path, content: bytes) -> None:
    assert secrets.resolve(f"file:{private(tmp_path / 'anna', content)}") == "s3cret"


def test_a_certificate_with_its_key_counts_whole(tmp_path: Path) -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nAA==\n"
    assert secrets.resolve(f"file:{private(tmp_path / 'app.pem', pem.encode())}") == pem.strip()


def test_blanks_around_a_password_belong_to_it(tmp_path: Path) -> None:
    assert secrets.resolve(f"file:{private(tmp_path / 'anna', b' s3cret ')}") == " s3cret "


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660])
def test_a_file_that_others_can_read_is_refused_with_the_chmod_to_type(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "anna's", b"s3cret")
    path.chmod(mode)

    with pytest.raises(Permanent) as caught:
        secrets.resolve(f"file:{path}")
    assert caught.value.cure == f"chmod 600 {shlex.quote(str(path))}"


def test_a_secret_can_come_from_the_environment_or_from_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNA", "from the environment")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "anna").write_text("from systemd\n")

    assert secrets.resolve("env:ANNA") == "from the environment"
    assert secrets.resolve("credential:anna") == "from systemd"


def test_a_credential_cannot_name_a_file_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    (tmp_path / "anna").write_text("s3cret")

    with pytest.raises(Permanent):
        secrets.resolve("credential:../anna")


def test_a_command_runs_without_a_shell_and_its_first_line_counts() -> None:
    assert secrets.resolve(command("print('$HOME;ls'); print('remarks')")) == "$HOME;ls"


def test_a_command_that_fails_tells_its_exit_code_and_nothing_it_printed() -> None:
    with pytest.raises(Retryable) as caught:
        secrets.resolve(command("import sys; print('s3cret'); print('s3cret', file=sys.stderr); sys.exit(3)"))

    said = f"{caught.value} {caught.value.cure}"
    assert "exit code 3" in said
    assert "s3cret" not in said


def test_a_command_gets_no_standard_input() -> None:
    with pytest.raises(Permanent, match="is empty"):
        secrets.resolve(command("import sys; sys.stdout.write(sys.stdin.read())"))


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("file:/nonexistent/anna", "does not exist"),
        ("file:/", "name a file whose first line is the secret"),
        ("env:SYNCD_NO_SUCH_NAME", "the environment has no SYNCD_NO_SUCH_NAME"),
        ("credential:anna", "systemd gave no credentials, and so no anna"),
        ("command:/nonexistent/pass s3cret", "the command /nonexistent/pass cannot be run"),
        ("command:pass 's3cret", "cannot be read: No closing quotation"),
        ("s3cret", "must name the secret, not be it"),
    ],
)
def test_what_cannot_be_found_is_said_with_a_cure(reference: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    with pytest.raises(SyncError) as caught:
        secrets.resolve(reference)
    said = f"{caught.value} {caught.value.cure}"
    assert words in said
    assert "s3cret" not in said


def test_a_secret_that_is_not_text_is_refused_without_being_shown(tmp_path: Path) -> None:
    path = private(tmp_path / "anna", b"abc\xff\xfe")

    with pytest.raises(Permanent) as caught:
        secrets.resolve(f"file:{path}")
    assert "not UTF-8" in str(caught.value)
    assert "abc" not in str(caught.value)
    assert caught.value.__suppress_context__
