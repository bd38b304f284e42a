"""What an admin does once: write a configuration, try it, look after the store."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Annotated

import typer

import syncd
from syncd.errors import ConfigError


def example() -> str:
    """The commented configuration, from the installation or from the checkout beside the package."""
    installed = Path(sysconfig.get_path("data")) / "share" / "syncd" / "config.example.toml"
    checkout = Path(syncd.__file__).parent.parent / "config.example.toml"
    return next(place for place in (checkout, installed) if place.exists()).read_text(encoding="utf-8")


def init(
    path: Annotated[Path, typer.Option("--path", metavar="FILE", help="Where to write it.")] = Path("config.toml"),
) -> None:
    """Write a commented configuration to begin with.

    Example: syncd init --path /etc/syncd/config.toml
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(example())
    except FileExistsError:
        raise ConfigError([f"{path}: is there already, and stays as it is; choose another with --path"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be written: {error.strerror}"]) from None
    typer.echo(f"Wrote {path}. Now: edit it, then try it with\n  syncd check --config {path}")
