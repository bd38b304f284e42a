"""The house rules that no linter knows: sizes, what the wheel holds, whose the four names are, what the pages say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from syncd.cli.app import app

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("syncd", "connectors", "matching", "store")
TEXTS = {".py", ".md", ".toml", ".service", ".sql", ".mako", ".lock"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LONGEST_FILE, LONGEST_FUNCTION = 400, 40


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a user installs, built by the locked backend."""
    into = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(into)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, text=True)
    (built,) = into.glob("*.whl")
    return built


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules()}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _length(node) > LONGEST_FUNCTION
    ]
    assert long == []


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_no_other_distribution_here_provides_one_of_our_four_names() -> None:
    # The names are real on PyPI, and pip lets one overwrite the other without a word (pypa/pip issue 4625).
    owners = metadata.packages_distributions()
    assert {name: set(owners.get(name, [])) - {"syncd"} for name in PACKAGES} == {name: set() for name in PACKAGES}


def test_the_wheel_holds_our_four_packages_whole_and_nothing_else(wheel: Path) -> None:
    held = {name for name in ZipFile(wheel).namelist() if not re.match(r"syncd-[^/]+\.(dist-info|data)/", name)}
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    assert held == {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}


def test_the_wheel_brings_the_example_and_the_unit_to_share_syncd(wheel: Path) -> None:
    shared = {name.partition(".data/data/")[2] for name in ZipFile(wheel).namelist() if ".data/data/" in name}
    assert {"share/syncd/config.example.toml", "share/syncd/systemd/syncd.service"} <= shared


def test_the_wheel_can_not_be_uploaded_by_mistake(wheel: Path) -> None:
    archive = ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    assert "Private :: Do Not Upload" in HeaderParser().parsestr(archive.read(name).decode()).get_all("Classifier", [])


def test_every_dependency_is_locked_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    locked = re.findall(
        r"^([\w.-]+)(?:\[\w+\])?==.*\\\n +--hash=sha256:", (ROOT / "requirements-dev.lock").read_text(), re.M
    )
    assert {re.split(r"[\[<>=~]", each)[0] for each in wanted} <= set(locked)


def test_what_a_user_installs_is_locked_to_the_versions_that_were_tested() -> None:
    pins = re.compile(r"^[\w.-]+(?:\[\w+\])?==\S+", re.M)
    tested = pins.findall((ROOT / "requirements-dev.lock").read_text())
    assert set(pins.findall((ROOT / "requirements.lock").read_text())) <= set(tested)


def test_the_version_has_a_place_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## (Unreleased|\[?\d+\.\d+\.\d+)", changelog, re.M)


def test_no_page_and_no_line_names_a_place_on_one_developers_machine() -> None:
    place = re.compile(r"/(?:home|root|Users|work)/\w")
    texts = (path for path in ROOT.rglob("*") if path.suffix in TEXTS and not _hidden(path.relative_to(ROOT)))
    assert [str(path.relative_to(ROOT)) for path in texts if place.search(path.read_text())] == []


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def test_every_command_that_the_pages_name_exists() -> None:
    # docs/DESIGN.md names what is planned as well.
    text = "\n".join(page.read_text() for page in PAGES if page.name != "DESIGN.md")
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.S))
    named = [words.split() for words in re.findall(r"^`?syncd ([a-z][^`\n|]*)", code, re.M)]
    assert len(named) > 10
    assert [" ".join(words) for words in named if not _exists(words)] == []


def test_every_link_of_the_pages_leads_somewhere() -> None:
    links = [(page, link) for page in PAGES for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())]
    assert len(links) > 5
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def _exists(words: list[str]) -> bool:
    """Follow the words down the groups, as far as they name commands; then every option must be known."""
    command = get_command(app)
    while isinstance(command, TyperGroup) and words and (inner := command.get_command(Context(command), words[0])):
        command, words = inner, words[1:]
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    return not isinstance(command, TyperGroup) and {word for word in words if word.startswith("-")} <= options


NEEDED_BY_FEW = """
alembic apscheduler cryptography exchangelib googleapiclient http.client http.server imapclient h11 httpcore2 msal
multiprocessing.connection phonenumbers prometheus_client psycopg pydantic rich tenacity urllib.request
connectors.caldav_settings connectors.ews_settings connectors.google_settings connectors.imap_settings
connectors.microsoft_settings store.directory_rows store.queries syncd.daemon syncd.directory syncd.viewing
"""


@pytest.mark.parametrize(
    ("kind", "needed"),
    [
        ("imap", {"imapclient", "tenacity", "connectors.imap_settings"}),
        ("caldav", {"h11", "httpcore2", "tenacity", "connectors.caldav_settings"}),
    ],
)
def test_a_pass_over_one_mailbox_imports_nothing_that_it_does_not_need(kind: str, needed: set[str]) -> None:
    """Of `syncd once` by cron most is the start, and each of these would make it longer."""
    imports = "import sys, syncd.cli.app, syncd.cli.running, connectors.KIND, connectors.KIND_settings"
    names = NEEDED_BY_FEW.split()
    program = f"{imports.replace('KIND', kind)}; print(*[name for name in {names} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert set(done.stdout.split()) == needed
