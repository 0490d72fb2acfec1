# The targets a newcomer needs: demo, test, check. `make help` lists them all.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Many tests wait for a server more than they compute, so half as many again as there are cores.
WORKERS ?= $(shell echo $$((($$(nproc) * 3 + 1) / 2)))
SIDE_BY_SIDE = -n $(WORKERS) --dist loadscope --no-loadscope-reorder
# Tests that measure, or start the whole house, run one at a time after the others; only this folder has some.
ALONE = -m alone tests/e2e

export PYTHON
# The tests start hundreds of servers: an image whose environment forbids bytecode would compile everything each time.
unexport PYTHONDONTWRITEBYTECODE
.NOTPARALLEL:

.PHONY: help demo test check unit e2e grid spark soak bench lock sbom clean system-packages

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: system-packages $(VENV)/installed ## the whole system on this machine; CHECK=1 proves it in two minutes, and ends
	@exec $(BIN)/python tests/e2e/stack.py $(if $(CHECK),--check) $(if $(ARGS),-- $(ARGS))

system-packages: ## Prometheus, Alertmanager and Python's venv from the distribution, where absent
	@tests/e2e/system-packages $(PACKAGES_FOR)

$(VENV)/installed: pyproject.toml requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1); PYTHON=python3.12 make ... takes another" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "make: no virtual environment could be made; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@tests/e2e/install $(BIN)/pip
	@touch $@

check: $(VENV)/installed ## lint, types, import contracts, promtool and amtool checks
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-logo
	python -m alerts check

unit: $(VENV)/installed ## the quick tests in seconds: without e2e and slow, five examples a property
	python tests/e2e/quick.py $(ARGS)

test: PACKAGES_FOR = test
test: system-packages $(VENV)/installed ## every check and every test; what CI runs
	@status=0; export TEST_COUNTS=$$(mktemp); tests/e2e/spark-packages $(BIN)/pip optional & \
	$(MAKE) check || status=1; wait $$!; \
	pytest -q -m 'not alone' $(SIDE_BY_SIDE) || status=1; \
	pytest -q $(ALONE) || status=1; \
	rm $$TEST_COUNTS; exit $$status

e2e: $(VENV)/installed ## the slow tests and those with real servers
	pytest -m '(e2e or slow) and not alone' $(SIDE_BY_SIDE)
	pytest $(ALONE)

grid: $(VENV)/installed ## the alerts over scrape intervals, rhythms and outages, days of them; goes on where it ended; CELLS=batch for a part
	python tests/alerts/grid.py $(CELLS)

spark: $(VENV)/installed ## the tests of --engine spark on a cluster of a master and two workers; needs Java 17, and installs PySpark (500 MB)
	tests/e2e/spark-packages $(BIN)/pip
	pytest -q tests/exporter/test_on_spark.py

soak: $(VENV)/installed ## a day of simulated time, then a real hour (MINUTES=60): memory, descriptors, threads
	python tests/e2e/soak/simulated.py
	python tests/e2e/soak/real.py $(MINUTES)

bench: $(VENV)/installed ## figures beside a peer's, measured now
	@for script in tests/bench/bench_*.py; do echo "== $$script"; python $$script || exit 1; done

clean: ## remove the virtual environment, the demo's state and what the tools left
	rm -rf $(VENV) .tidewatch .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: ## renew the locked dependencies (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml --group dev -o requirements-dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --group build -o requirements-build.txt

sbom: $(VENV)/installed ## a CycloneDX bill of materials of the locked dependencies, in dist/
	@mkdir -p dist
	cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file dist/tidewatch.cdx.json requirements.txt
