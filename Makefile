# Two commands do everything on a fresh machine with Python 3.11 and make: `make demo`, `make test`.

PYTHON ?= $(shell command -v python3.11 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help setup demo test lint bench clean

help:  ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(INSTALLED)  ## Install everything into .venv

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)  ## Run eleven offers on a simulator (KEEP=1 leaves it running, CRASH=1 kills the worker)
	@$(BIN)/python -m demo $(if $(KEEP),--keep) $(if $(CRASH),--crash)

# The SDK's sandbox and our command line import our modules again each time: keep them compiled.
test: export PYTHONDONTWRITEBYTECODE =
test: $(INSTALLED)  ## Run every test
	$(BIN)/python -m pytest -q -n 4 --dist loadgroup

lint: $(INSTALLED)  ## Format check, rules, types, imports, workflow rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/temporalint workflows

bench: $(INSTALLED)  ## Print the figures of docs/figures.md as JSON
	@$(BIN)/python -m bench

clean:  ## Remove what was installed and built
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis *.egg-info
