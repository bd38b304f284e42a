"""How fast syncd is beside mbsync, on one server in one run: `python -m bench --help`, and bench/README.md."""
