"""The command line: thin doors to what the rest of the program does."""

from syncd.cli.app import main

__all__ = ["main"]
