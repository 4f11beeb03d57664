# Two commands show that it works on a fresh machine with Python 3.11 or later and make: `make demo`, `make test`.

# The first that runs and is of a version in `requires-python`.
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$each && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help setup demo pictures test test-long test-versions soak faults mutants lint bench clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(INSTALLED)  ## Install everything into .venv

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)  ## Run eleven offers on a simulator (KEEP=1 leaves it running, CRASH=1 kills the worker)
	@$(BIN)/python -m demo $(if $(KEEP),--keep) $(if $(CRASH),--crash)

pictures: $(INSTALLED)  ## Run the demo, and take the pictures of docs/pictures in Chromium
	@$(BIN)/python -m demo --pictures docs/pictures

# The SDK's sandbox and our command line import our modules again each time: keep them compiled.
# No process is started again: after that `loadgroup` of pytest-xdist 3.8.0 waits for ever, because it
# hands out groups that are done.
test test-long: export PYTHONDONTWRITEBYTECODE =
test test-long: PYTEST := $(BIN)/python -m pytest -q -n 4 --dist loadgroup --max-worker-restart=0
test: $(INSTALLED)  ## Run the tests, except the long ones
	$(PYTEST) -m 'not long'

test-long: $(INSTALLED)  ## Run the long tests: programs and browsers in real time, and more lives of offers
	@command -v chromium > /dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null \
		&& apt-get update -qq && apt-get install -qq --no-install-recommends chromium > /dev/null; } \
		|| echo "Chromium is not installed: the tests in a browser are left out"
	$(PYTEST) -m long

test-versions:  ## Run the workflow and replay tests on every Python version that is found
	$(PYTHON) -m tests.python_versions

soak: $(INSTALLED)  ## Run hundreds of random lives (LIVES=200, SEED=1)
	$(BIN)/python -m tests.soak --lives $(or $(LIVES),200) $(if $(SEED),--seed $(SEED))

faults: $(INSTALLED)  ## Run every activity with every fault and kill, and write docs/faults.md (PROCESSES=2, SEED=1)
	$(BIN)/python -m tests.faults --processes $(or $(PROCESSES),2) $(if $(SEED),--seed $(SEED))

mutants: $(INSTALLED)  ## List rules of the domain that no test holds (SAMPLE=400, MINUTES=60, SEED=1, REUSE=1)
	$(BIN)/python -m tests.mutants --sample $(or $(SAMPLE),400) --minutes $(or $(MINUTES),60) \
		$(if $(SEED),--seed $(SEED)) $(if $(REUSE),--reuse)

lint: $(INSTALLED)  ## Format check, rules, insecure code, types, imports, workflow rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/temporalint workflows

bench: $(INSTALLED)  ## Print the figures of docs/figures.md as JSON
	@$(BIN)/python -m bench

clean:  ## Remove what was installed and built
	rm -rf $(VENV) .venvs .demo .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis .mutants *.egg-info
