"""`syncd demo`: the real daemon, over a local mail server and an invented team's mail."""
