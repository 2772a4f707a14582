# make quickstart   environment, install, a real search on this machine, new presets
# make test         environment, install, all tests; WORKERS=1 runs one at a time
# make lint types   the other two gates of .ci/run
# make clean        remove the environment and everything that quickstart made

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

export RAY_USAGE_STATS_ENABLED := 0

.PHONY: help install quickstart test lint types clean

help:
	@grep '^# make' Makefile | cut -c3-

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $$($(PYTHON) --version) is too old, Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

quickstart: $(INSTALLED)
	@PATH="$(abspath $(BIN)):$$PATH" bash search_spaces/grammar_vae/quickstart.sh

# One worker runs what starts Ray, as two Rays hold up each other (tests/conftest.py), and the other the
# rest: with more workers the rest ends sooner. WORKERS=1 runs one test at a time.
WORKERS ?= 2

test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(INSTALLED)
	$(BIN)/basedpyright

clean:
	rm -rf $(VENV) data/quickstart runs/quickstart-* presets/grammar_vae/quickstart-*
