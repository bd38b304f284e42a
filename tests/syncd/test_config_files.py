"""Every setting is in the example and in the documentation, and what stands there is true."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from connectors import KINDS
from syncd import config
from syncd.config.load import SECTIONS

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.toml"
DOCUMENTATION = ROOT / "docs" / "CONFIG.md"

OWNERS: list[tuple[str, type[Any]]] = [*SECTIONS.items(), *(("mailboxes", kind.settings) for kind in KINDS.values())]
SETTINGS = [(section, each) for section, owner in OWNERS for each in fields(owner) if each.name != "settings"]


def section_of(text: str, name: str, heading: str) -> str:
    """What stands below the headings of this section, up to the next of any."""
    parts = re.split(heading, text, flags=re.MULTILINE)
    return "\n".join(body for title, body in zip(parts[1::2], parts[2::2], strict=True) if title == name)


def test_the_example_loads_as_it_is() -> None:
    loaded = config.load(EXAMPLE)

    assert [mailbox.name for mailbox in loaded.mailboxes] == ["anna"]


def test_the_example_loads_with_every_setting_uncommented(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(re.sub(r"^#(?=[\w\[])", "", EXAMPLE.read_text(), flags=re.MULTILINE))

    loaded = config.load(path)

    assert [mailbox.name for mailbox in loaded.mailboxes] == ["anna", "carl", "dora", "erik", "anna-calendar", "sales"]
    assert loaded.directory is not None


def test_a_default_that_the_example_shows_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    shown = re.sub(r"^#(?=(workers|interval|listen|log_|level|max_recip))", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    path.write_text(shown)

    assert config.load(path).daemon == config.load(EXAMPLE).daemon
    assert config.load(path).organisation == config.load(EXAMPLE).organisation


@pytest.mark.parametrize(("section", "setting"), [(section, each.name) for section, each in SETTINGS])
def test_every_setting_stands_in_the_example(section: str, setting: str) -> None:
    body = section_of(EXAMPLE.read_text(), section, r"^#?\[+(\w+)\]+$")

    assert re.search(rf"^#?(  )? ?{setting} = ", body, flags=re.MULTILINE)


@pytest.mark.parametrize(("section", "setting"), [(section, each.name) for section, each in SETTINGS])
def test_every_setting_is_documented_with_type_default_and_example(section: str, setting: str) -> None:
    body = section_of(DOCUMENTATION.read_text(), section, r"^## \[+(\w+)\]+$")

    assert re.search(rf"^\| `{setting}` \|[^|]+\|[^|]+\|[^|]+\|$", body, flags=re.MULTILINE)


def test_a_setting_that_must_be_given_is_documented_as_such() -> None:
    text = DOCUMENTATION.read_text()
    required = {each.name for _, each in SETTINGS if each.default is MISSING}

    assert set(re.findall(r"^\| `(\w+)` \|[^|]+\| required \|", text, flags=re.MULTILINE)) == required


def test_every_example_of_the_documentation_that_is_toml_loads(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    (block,) = re.findall(r"```toml\n(.*?)```", DOCUMENTATION.read_text(), flags=re.DOTALL)
    path.write_text(f'[store]\nurl = "sqlite:///syncd.db"\n[organisation]\ndomains = []\n{block}')

    loaded = config.load(path).directory

    assert loaded is not None
    assert loaded.kind == "sql"
