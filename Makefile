# Everything a developer does, from Python 3.11+ and make alone. `make` lists the targets.

.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
CORES := $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
INSTALLED := .venv/.installed

.PHONY: help demo up test test-all check bench clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

demo: $(INSTALLED) ## start everything, bring in the Wandsworth referrals, show the report
	@$(BIN)/roundtable demo

up: $(INSTALLED) ## start everything on this machine, until Ctrl-C
	@$(BIN)/roundtable up

test: $(INSTALLED) ## the quick tests, in parallel, on a real PostgreSQL and a real NATS
	@$(BIN)/pytest -q -n $(CORES) -m "not slow" $(TESTS)

test-all: $(INSTALLED) ## every test, the slow ones too
	@$(BIN)/pytest -q -n $(CORES) $(TESTS)

check: $(INSTALLED) ## format, lint, types, import contracts
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(INSTALLED) ## our figures beside the ceilings of this machine
	@$(BIN)/python -m bench

clean: ## remove what was installed and built; the state in .roundtable stays
	@rm -rf .venv dist .mypy_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# uv installs what uv.lock pins; where there is none it is brought along, from PyPI, into the same environment.
# Compiled once, so that nine processes need not.
$(INSTALLED): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; set PYTHON=")'
	@echo "Installing what uv.lock pins into .venv"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@command -v uv >/dev/null || test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install -q uv; }
	@PATH="$$PATH:$(BIN)" VIRTUAL_ENV=.venv uv sync --quiet --frozen --inexact --compile-bytecode --python $(BIN)/python
	@$(BIN)/python -m compileall -q shared services deploy
	@touch $@
