# The project's verbs. Each works as the first command after a clone: what it needs is set up.

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
JOBS ?= 2
COVERAGE ?= 95
SEEDS ?= 1000
FIRST ?= 0
KILLS ?= 50
OUTAGES ?= 2
WORKFLOWS ?= 500
SEED ?= 1
STORE ?= sqlite
REPORT ?= chaos.jsonl
MINUTES ?= 30
ARGS ?=

ifndef PYTHON
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
endif

.PHONY: help setup run check format test acceptance quorum test-all bench bench-peers chaos soak simulate docs screenshots site lock clean
.DEFAULT_GOAL := help

help: ## these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.complete ## .venv with everything that check and test need
	@:

run: .venv/.runnable ## validate two trading strategies on real prices, from end to end
	@$(BIN)/orchestrate run validate_algorithms $(ARGS)

# bandit leaves to others what they see better: SQL to tests/test_security.py, binding to ruff.
check: setup ## lint, format, types, floors, dependencies, security
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry .
	$(BIN)/bandit --quiet --severity-level medium --skip B608,B104 --recursive \
		orchestration actors trading scheduler.py

format: setup ## put every file in its form
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# AGAIN=1 does what failed once more, alone; its coverage counts together with the first time's.
ifdef AGAIN
HOW = -n 0 --last-failed --last-failed-no-failures=none
else
HOW = -n $(JOBS) --dist worksteal
endif

# Where tests were left out because a server is missing, tests/conftest.py notes it, and the
# coverage that they would have given is not asked for.
test: setup ## every test but the long ones, with branch coverage; ARGS=… goes to pytest
	@rm -f .hung $(if $(AGAIN),,.coverage .coverage.* .left-out)
	$(BIN)/coverage run -m pytest $(HOW) -m 'not acceptance' $(ARGS)
	@$(BIN)/coverage combine --quiet
	@if [ -e .left-out ] || [ -n '$(ARGS)' ]; then floor=0; else floor=$(COVERAGE); fi; \
		$(BIN)/coverage report --fail-under=$$floor

acceptance: setup ## the long tests: real processes, kills, servers of their own, every documented block
	@rm -f .hung
	$(BIN)/python -m pytest $(HOW) -m acceptance $(ARGS)

quorum: setup ## every fast test that uses RabbitMQ, on a node of its own, with quorum queues
	@$(BIN)/python -m tests.quorum -n $(JOBS) $(ARGS)

test-all: test acceptance ## both

bench: setup ## workflows and steps a second, beside bare Dramatiq
	@$(BIN)/python -m benchmarks $(ARGS)

bench-peers: setup .venv-peers/.complete ## ours beside Celery, DBOS, Huey, Procrastinate, in one run; ARGS=--payload 1000
	@$(BIN)/python -m benchmarks.peers --python .venv-peers/bin/python $(ARGS)

chaos: setup ## the fleet under a killer: KILLS=… WORKFLOWS=… SEED=… STORE=… OUTAGES=…; REPORT=… keeps its figures
	CHAOS_KILLS=$(KILLS) CHAOS_WORKFLOWS=$(WORKFLOWS) CHAOS_SEED=$(SEED) CHAOS_STORE=$(STORE) CHAOS_OUTAGES=$(OUTAGES) \
		CHAOS_REPORT=$(REPORT) \
		$(BIN)/python -m pytest -n 0 -q tests/acceptance/test_chaos.py $(ARGS)

soak: setup ## mixed work and faults for MINUTES=…, and nothing that grows
	@$(BIN)/python -m tests.soak --minutes $(MINUTES) --seed $(SEED)

simulate: setup ## the engine among faults, SEEDS=… of them from FIRST=…
	$(BIN)/python -m tests.simulate --seeds $(SEEDS) --first $(FIRST) --jobs $(JOBS)

docs: setup ## draw again what is drawn from the code
	$(BIN)/python docs/states.py
	$(BIN)/python docs/metrics.py
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/failpoints.py
	$(BIN)/python docs/record.py

site: setup ## the pages as a site, in site/; a link that leads nowhere fails
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

screenshots: setup ## every view of the console, light and dark, into docs/screenshots; needs chromium
	@PYTHONPATH=. $(BIN)/python docs/screenshots.py $(ARGS)

COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-annotate --custom-compile-command 'make lock'

lock: setup ## newest versions that pyproject.toml allows, with hashes
	$(PIP) uv
	$(COMPILE) pyproject.toml --extra trading --extra postgres --extra web -o requirements.txt
	$(COMPILE) --group build -o requirements-build.txt
	$(COMPILE) pyproject.toml --all-extras --group dev -c requirements.txt -o requirements-dev.txt

clean: ## everything that can be made again; runs in .orchestration/ are kept
	rm -rf .venv .venv-peers dist build site .coverage .coverage.* .left-out .hung .pytest_cache .mypy_cache .ruff_cache \
		.hypothesis .import_linter_cache

# Running needs a third of what testing needs, so the first `make run` does not wait for the rest.
.venv/.runnable: requirements.txt requirements-build.txt pyproject.toml
	@[ -n '$(PYTHON)' ] || { \
		echo "Python 3.11 or newer is needed ($$(python3 --version 2>&1)): make PYTHON=/path/to/python3.11" >&2; \
		exit 1; }
	@echo 'setting up .venv'
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements.txt -r requirements-build.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

.venv/.complete: .venv/.runnable requirements-dev.txt
	@echo 'adding what check and test need'
	@$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

.venv-peers/.complete: benchmarks/peers/requirements.txt
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
