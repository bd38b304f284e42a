# Two commands on a fresh Debian machine (git, make, python3.11, pip; root or sudo for `make test`):
#   make demo                 a local team with local mail and calendars, the real daemon, and both moving while you watch
#   make demo ARGS=--once     the same without the show: what was logged, what was skipped and why
#   make test                 lint, types, import contracts and every test, on private servers
# Nothing is installed outside .venv, except the Debian packages that the tests (or the bench) need and do not find.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: help install install-dev demo lint test soak bench lock clean

VENV := .venv
BIN := $(VENV)/bin
# Debian's own first: the service runs on it (docs/OPERATIONS.md), and it takes a tenth less CPU than one that was built
# without profile-guided optimisation, as pyenv's are. Each must be able to fill a virtual environment.
PYTHON ?= $(shell for p in /usr/bin/python3.11 python3.11 python3 python3.14 python3.13 python3.12; do \
	"$$p" -c 'import importlib.util as u, sys; sys.exit(sys.version_info < (3, 11) or not u.find_spec("venv") \
	or not (u.find_spec("ensurepip") or u.find_spec("pip")))' 2>/dev/null && { echo "$$p"; break; }; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed -n 1,5p

install: $(VENV)/.installed

install-dev: $(VENV)/.installed-dev

# Debian's python3 has no ensurepip without python3-venv; its own pip can fill a virtual environment as well.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "syncd needs Python 3.11 or newer: apt-get install python3.11" >&2; exit 1; }
	@if $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
		$(PYTHON) -m venv $(VENV); \
	else \
		$(PYTHON) -m venv --without-pip $(VENV); \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet --no-deps pip \
			|| { rm -rf $(VENV); echo "neither ensurepip nor pip works: apt-get install python3-venv" >&2; exit 1; }; \
	fi

# The project itself last, without its dependencies (they are locked) and with the locked build backend.
$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

demo: install
	@$(BIN)/syncd demo $(ARGS)

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# One more process than there are cores: many tests wait for a daemon or a server.
test: install-dev lint
	@.ci/debian dovecot-imapd postgresql isync systemd procps faketime
	$(BIN)/pytest -n $$(($$(nproc) + 1)) --maxprocesses 5 --dist loadfile $(ARGS)

# Stories of faults (docs/TESTS.md): SEEDS=2000 of them, from FIRST=0 on; DATABASE=--postgresql.
SEEDS ?= 2000
FIRST ?= 0
DATABASE ?=
soak: install-dev
	@$(BIN)/python -m tests.simulation --soak $(SEEDS) $(DATABASE) $(FIRST)

bench: install-dev
	@.ci/debian dovecot-imapd isync
	@$(BIN)/python -m bench $(ARGS)

# After a change of the dependencies in pyproject.toml. UPGRADE=--upgrade takes the newest of everything.
LOCK = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --quiet $(UPGRADE)
lock: | $(BIN)/python
	@test -x $(BIN)/uv || $(PIP) install uv
	$(LOCK) --extra demo --extra build --output-file requirements.lock
	$(LOCK) --extra demo --extra build --extra dev --constraint requirements.lock --output-file requirements-dev.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
