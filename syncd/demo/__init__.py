"""`syncd demo`: the real daemon, over a local mail server and an invented team's mail."""

from syncd.demo.run import main

__all__ = ["main"]
