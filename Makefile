# The everyday commands, one word each. `make` lists them.
PYTHON ?= python3.11
BIN := .venv/bin
.DEFAULT_GOAL := help

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/core: requirements/core.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tieline needs Python 3.11 or newer: set PYTHON=…"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; \
	  else echo "Missing: the venv module. Install it: apt-get install -y python3-venv"; exit 2; fi; }
	@echo "Setting up Tieline in .venv (once, about half a minute)…" >&2
	@mkdir -p .venv && touch .venv/began
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/core.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

.venv/dev: requirements/dev.txt .venv/core
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup: .venv/dev  ## install everything for development into .venv
lock:  ## write the lock files anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --group build pyproject.toml -o requirements/core.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --group dev pyproject.toml -o requirements/dev.txt

up: .venv/core  ## run the hub on an embedded PostgreSQL: make up CONFIG=tieline.yaml
	@$(BIN)/tieline up --config $(or $(CONFIG),tieline.yaml)

demo: .venv/core  ## watch a signed contract go to a posted invoice (Ctrl-C ends it)
	@$(BIN)/tieline demo $(ARGS)

check: .venv/dev  ## format, lint, types, layers: under a minute
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q --output-format concise .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: .venv/dev browser  ## everything that must pass, and where the minutes went: make test [T=tests/console]
	@$(BIN)/python tests/everything.py $(T)

seeds: .venv/dev  ## only the twenty seeds of faults: about four minutes
	$(BIN)/pytest tests/chaos/test_seeds.py

rolling: .venv/dev  ## two versions on one store under load, hosts that are cut off, the guide to operations: about fifteen minutes
	$(BIN)/pytest tests/upgrades tests/hosts

soak: .venv/dev  ## kill everything for so long, with a report in docs/reports: make soak [MINUTES=60] [SEED=1]
	@$(BIN)/tieline chaos --minutes $(or $(MINUTES),60) $(if $(SEED),--seed $(SEED)) --report docs/reports

exam: .venv/dev  ## examine the connectors: make exam [C="netsuite tryton"]
	@$(BIN)/tieline exam $(C)

planted: .venv/dev  ## only the planted bugs; each must be noticed by its test: make planted [BUG="no_fence"]
	@$(BIN)/python tests/planted/run.py $(BUG)

docs: .venv/dev  ## take the README's picture anew (Chromium)
	$(BIN)/python docs/img/shoot.py

# Debian packages that no registry of Python has. As root they are installed, otherwise their names are said.
browser:
	@command -v chromium >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing chromium for the tests of the pages…"; \
	    { apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null 2>&1 \
	      || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; }; }; \
	  else \
	    echo "Missing: chromium. Install it: apt-get install -y --no-install-recommends chromium fonts-dejavu-core"; exit 2; \
	  fi; }

.PHONY: help setup lock up demo check test seeds rolling soak exam planted docs browser
