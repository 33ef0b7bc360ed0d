# The one door: whatever a person or CI does with this checkout is a target here.
# Needs make, git and Python 3.11 or newer; everything else goes into $(VENV).

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Coverage is measured by a target of its own: it slows every command that a test starts, and there are thousands.
TESTS ?=
# On PATH, as in an activated environment: tests start tokenguard, pre-commit, gitleaks as a user would.
PYTEST := PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest
# Where an image asks for no byte code, each of thousands of commands that tests start would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE
SHELL_SCRIPTS = $(shell git ls-files --cached --others --exclude-standard -- '*.sh' '.ci/run' 'hooks/*')

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo test coverage lint types imports fix generate docs images package bench soak check clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.runtime ## mint, leak, find, revoke and prove, in a home of its own (DEMO_HOME=1: your shell histories too)
	@PYTHONPATH=tests $(BIN)/python -m demo

test: $(VENV)/.dev ## all tests (TESTS=tests/git: a part of them)
	$(PYTEST) $(or $(TESTS),--numprocesses=auto)

coverage: $(VENV)/.dev ## all tests, and which lines they reach
	$(PYTEST) --numprocesses=auto --cov --cov-report=term

lint: $(VENV)/.dev ## style of Python and shell; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(if $(SHELL_SCRIPTS),$(BIN)/shellcheck $(SHELL_SCRIPTS))

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

imports: $(VENV)/.dev ## the contracts between packages
	$(BIN)/lint-imports --no-logo --no-cache

fix: $(VENV)/.dev ## what lint can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: $(VENV)/.runtime ## what start-up reads instead of rules/*.yaml; after a change of rules or wrappings
	$(BIN)/python -m tokenguard.ruleset.generate
	$(BIN)/python -m tokenguard.app.generate

docs: $(VENV)/.dev ## paths and commands named in the documents
	$(PYTEST) tests/docs

images: $(VENV)/.dev ## the pictures of the dashboard in docs/images; needs Chromium
	PYTHONPATH=tests $(BIN)/python -m browser.pictures docs/images

package: $(VENV)/.dev ## build wheel and sdist, install each elsewhere, scan a planted tree
	PYTHONPATH=tests $(BIN)/python tests/packaging/check.py

bench: $(VENV)/.bench ## measure against others: make bench REPO=path [OPTIONS="--only history --rounds 3"]
	$(BIN)/python -m bench $(if $(REPO),--repo "$(REPO)") $(OPTIONS)

soak: $(VENV)/.dev ## the long fault runs that `make test` leaves out
	$(PYTEST) -m soak tests

check: test lint types imports package demo ## everything that CI runs

clean: ## remove what the other targets made
	rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# Stamps: an environment is made once, and filled again when pyproject.toml changes.

$(VENV)/.made:
	@$(PYTHON) -c '' 2>/dev/null || { \
	  echo "make: no Python runs as '$(PYTHON)'; name one, 3.11 or newer: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: '$(PYTHON)' is $$($(PYTHON) --version 2>&1), tokenguard needs 3.11 or newer; name one: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make: '$(PYTHON)' cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@# Dependency groups need pip 25.1.
	@$(PIP) install --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.runtime: pyproject.toml $(VENV)/.made
	@echo "installing tokenguard into $(VENV)"
	@$(PIP) install --editable '.[server,postgres]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.made
	@echo "installing tokenguard and its development tools into $(VENV)"
	@$(PIP) install --editable '.[server,postgres]' --group dev
	@touch $(VENV)/.runtime $@

$(VENV)/.bench: $(VENV)/.dev
	@echo "installing the scanners to measure against into $(VENV)"
	@$(PIP) install --group bench
	@touch $@
