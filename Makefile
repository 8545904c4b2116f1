# `make demo` and `make test` need nothing but git, make and Python 3.11 to 3.14; each sets up what it uses.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# What runs in seconds, and in other environments, too.
FAST := tests/errors tests/graph tests/metrics tests/node tests/state tests/workflow

# Without it, each of the many processes that the tests start would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo demo-audit image oldest pythons serve chromium faketime screenshots vendor test check lint types contracts docs sync-engine openapi bench requirements coverage crashes soak upstream clean
.DEFAULT_GOAL := check

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[demo]'
	@touch $@

$(VENV)/.serve: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[cli,demo,server]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[dev]'
	@# By itself: it needs other releases of what the LangGraph server needs.
	$(PYTHON) -m venv $(VENV)/schemathesis
	$(VENV)/schemathesis/bin/python -m pip install --quiet --disable-pip-version-check schemathesis==4.32.5
	@touch $@ $(VENV)/.demo $(VENV)/.serve
	@$(MAKE) --no-print-directory chromium faketime

chromium:  ## A browser for the tests of the dashboard, where one can be installed; without one they are skipped.
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
	|| $(BIN)/python -m playwright install chromium \
	|| echo 'Chromium cannot be installed here: the tests of the dashboard will be skipped.'

faketime:  ## libfaketime for the tests that set the clock, where it can be installed; without it they are skipped.
	@ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 \
	|| { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq libfaketime >/dev/null; } \
	|| echo 'libfaketime cannot be installed here: the tests that set the clock will be skipped.'

demo: $(VENV)/.demo  ## Build a campaign with the run engine, change it twice, and see what runs again.
	$(BIN)/python -m examples.campaign $(ARGS)

demo-audit: $(VENV)/.demo  ## Audit an installed package with a graph of resilient nodes.
	$(BIN)/python -m examples.package_audit $(ARGS)
	@$(if $(ARGS),,printf '\nThe same graph when a node fails: a distribution that does not exist.\n'; \
	$(BIN)/python -m examples.package_audit no-such-package || true)

# Where the runs of `make serve` are kept, and where it listens.
OUT ?= out/campaign
PORT ?= 8000

serve: $(VENV)/.serve  ## Build the campaign, then serve the dashboard with its runs, on this machine only.
	$(BIN)/python -m examples.campaign --out $(OUT)
	@echo 'Open the address below in a browser. Ctrl-C ends the service.'
	$(BIN)/python -m langgraph_runner serve --app examples.campaign.workflow:campaign --store sqlite:///$(OUT)/runs.db --port $(PORT) --dev

screenshots: $(VENV)/.dev  ## Pictures of each view of the dashboard, in out/screenshots.
	$(BIN)/python tools/screenshots.py $(ARGS)

vendor: $(VENV)/.dev  ## Fetch the libraries of the dashboard again; needs npm.
	$(BIN)/python tools/vendor.py

test: $(VENV)/.dev  ## The whole test suite, with branch coverage. ARGS='-k retry' runs some tests, without coverage.
	$(BIN)/python -m pytest -n auto --dist worksteal $(if $(ARGS),,--cov --cov-report=) $(ARGS)
	$(if $(ARGS),,$(BIN)/python tools/coverage_floor.py)

pythons:  ## The tests on Python 3.12 to 3.14: Debian's trixie and sid, and what is on the PATH. ARGS='tests/node' runs some.
	tools/pythons.sh $(ARGS)

oldest:  ## The tests of the fast packages with the oldest supported releases of all dependencies, in .oldest-venv.
	$(PYTHON) -m venv .oldest-venv
	.oldest-venv/bin/python -m pip install --quiet --disable-pip-version-check uv
	@# Typer's old releases use what click 8.5 deprecates.
	.oldest-venv/bin/uv pip install --quiet --python .oldest-venv/bin/python --resolution lowest-direct \
		--editable '.[dev]' 'click<8.5'
	.oldest-venv/bin/python -m pytest -n auto --dist worksteal -p no:cacheprovider $(or $(ARGS),$(FAST) tests/server/auth)

image:  ## Builds the container image and tries it, with docker, podman, or buildah as root on a Debian.
	tools/image.sh

check: lint types contracts docs requirements test  ## Everything that CI runs.

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/pyright

sync-engine: $(VENV)/.dev  ## Write SyncRunEngine and the methods of SyncRunClient again, after a change of RunEngine.
	$(BIN)/python tools/sync_engine.py

openapi: $(VENV)/.dev  ## Write docs/openapi.json and docs/api.md again, after a change of the service.
	$(BIN)/python tools/openapi.py

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

docs: $(VENV)/.dev  ## The site of docs/ with the API reference, in site/.
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

requirements: $(VENV)/.dev  ## Each requirement with the tests that show it.
	$(BIN)/python -m pytest --requirements -q -p no:cacheprovider

bench: $(VENV)/.dev  ## Measure, and write docs/benchmarks.md.
	$(BIN)/python -m benchmarks $(ARGS)

crashes: $(VENV)/.dev  ## 1,000 runs, 160 killed workers and 8 crashes of PostgreSQL, on both databases; takes minutes.
	CRASH_RUNS=1000 CRASH_KILLS=160 CRASH_STOPS=8 CALM_RUNS=225 OPENINGS=63 $(BIN)/python -m pytest tests/engine/test_crashes.py -k "killed_workers or processes" -o timeout=3600 -p no:cacheprovider $(ARGS)

soak: $(VENV)/.dev  ## Workers on PostgreSQL and BullMQ under faults: thousands of runs and 1,000 kills.
	SOAK_RUNS=5000 SOAK_KILLS=500 SOAK_RESTART_RUNS=2000 SOAK_RESTART_EVERY_S="5 20" SOAK_CUT_RUNS=500 SOAK_FAULT_RUNS=400 SOAK_JOBS=1000 SOAK_FREEZES=100 SOAK_FAILING_RUNS=2000 SOAK_REDIS_FAULTS=5 SOAK_REDIS_DOWN_S=5 SOAK_SLACK_S=1 $(BIN)/python -m pytest tests/engine/test_queue_faults.py tests/engine/test_failing_statements.py tests/engine/test_stepped_clock.py tests/engine/test_network_faults.py -o timeout=7200 -p no:cacheprovider -p no:randomly $(ARGS)

upstream: $(VENV)/.dev  ## LangGraph's own tests, with and without nodes; takes five minutes and the network.
	$(BIN)/python tools/upstream_suite.py $(ARGS)

clean:
	rm -rf $(VENV) .bench-venv .oldest-venv out site .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
