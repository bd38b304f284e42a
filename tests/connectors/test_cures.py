"""No connector raises what a person reads without what that person can do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import connectors

_FOR_A_PERSON = {"Retryable", "ReauthNeeded", "Permanent"}
"""CursorExpired is dealt with before anybody sees it."""


def _made(tree: ast.Module) -> Iterator[ast.Call]:
    """Where one of the errors is made, or one of the module's own kinds of them."""
    own = {
        each.name
        for each in ast.walk(tree)
        if isinstance(each, ast.ClassDef) and _FOR_A_PERSON & {ast.unparse(base) for base in each.bases}
    }
    for each in ast.walk(tree):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id in _FOR_A_PERSON | own:
            yield each


@pytest.mark.parametrize("module", sorted(path.name for path in Path(connectors.__path__[0]).glob("*.py")))
def test_every_error_that_a_connector_makes_says_what_to_do(module: str) -> None:
    tree = ast.parse((Path(connectors.__path__[0]) / module).read_text())
    assert [
        f"line {call.lineno}" for call in _made(tree) if "cure" not in {keyword.arg for keyword in call.keywords}
    ] == []
