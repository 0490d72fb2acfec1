# The targets a newcomer needs: demo, test, check. `make help` lists them all.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

# The tests wait for servers as long as they compute (11 of 24 minutes), so two a core.
WORKERS ?= $(shell echo $$(($$(nproc) * 2)))
SIDE_BY_SIDE = -n $(WORKERS) --dist loadscope --no-loadscope-reorder
# Tests that measure, or start the whole house, run one at a time after the others; only this folder has some.
ALONE = -m alone tests/e2e

export PYTHON
# The tests start hundreds of servers: an image whose environment forbids bytecode would compile everything each time.
unexport PYTHONDONTWRITEBYTECODE
.NOTPARALLEL:

.PHONY: help demo test check unit e2e grid spark soak kubernetes bench pictures docs lock sbom clean system-packages

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# Where the developers' packages are, they are enough.
demo: system-packages $(if $(wildcard $(VENV)/installed),$(VENV)/installed,$(VENV)/runs) ## the whole system on this machine; CHECK=1 proves it in two minutes, and ends
	@exec $(BIN)/python tests/e2e/stack.py $(if $(CHECK),--check) $(if $(ARGS),-- $(ARGS))

system-packages: ## Prometheus, Alertmanager and Python's venv from the distribution, where absent
	@tests/e2e/system-packages $(PACKAGES_FOR)

$(VENV)/runs $(VENV)/installed: LOCKED = $(if $(filter %/runs,$@),requirements-demo.txt,requirements-dev.txt)
$(VENV)/runs: requirements-demo.txt
$(VENV)/installed: requirements-dev.txt
$(VENV)/runs $(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1); PYTHON=python3.12 make ... takes another" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "make: no virtual environment could be made; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@tests/e2e/install $(BIN)/pip $(LOCKED)
	@touch $@

check: $(VENV)/installed ## lint, types, import contracts, promtool and amtool checks
	ruff check .
	ruff format --check .
	lint-imports --no-logo
	@python -m alerts check & alerts=$$!; mypy; types=$$?; mypy --config-file tests/mypy.toml; bodies=$$?; \
	wait $$alerts && exit $$((types || bodies))

unit: $(VENV)/installed ## the quick tests in seconds: without e2e and slow, five examples a property
	python tests/e2e/quick.py $(ARGS)

# The checks take what the tests leave of the processors, which wait for servers, and are told after them. Collected
# beforehand, the tests are compiled once, not by each worker.
test: PACKAGES_FOR = test
test: system-packages $(VENV)/installed ## every check and every test; what CI runs
	@status=0; export TEST_COUNTS=$$(mktemp); said=$$(mktemp); \
	nice -n 10 $(MAKE) check >$$said 2>&1 & check=$$!; trap "kill $$check" EXIT; \
	tests/e2e/spark-packages $(BIN)/pip optional & awaited=$$!; \
	for part in tests tests/exporter; do pytest -q --collect-only $$part >/dev/null 2>&1 & awaited="$$awaited $$!"; done; \
	wait $$awaited; \
	pytest -q -m 'not alone' $(SIDE_BY_SIDE) || status=1; \
	wait $$check || status=1; trap - EXIT; cat $$said; \
	pytest -q $(ALONE) || status=1; \
	rm $$TEST_COUNTS $$said; exit $$status

.PHONY: pythons
pythons: ## the quick tests on each Python from 3.11 to 3.14 that is found here
	tests/e2e/pythons

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

kubernetes: $(VENV)/installed ## the rules and boards in packaging/ that Kubernetes loads, made of their source
	python packaging/kubernetes/resources.py

pictures: $(VENV)/installed ## draw docs/pictures from the running programs, ten minutes; NAMES='home plan' for some
	python tests/e2e/pictures.py $(NAMES)

bench: $(VENV)/installed ## figures beside a peer's, measured now
	@for script in tests/bench/bench_*.py; do echo "== $$script"; python $$script || exit 1; done

docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/installed ## the documentation as a site, in site/; a broken link or a page outside the navigation fails it
	mkdocs build # not --quiet, which lets warnings pass, strict or not
	@echo "file://$(CURDIR)/site/index.html"

.PHONY: reference
reference: $(VENV)/installed ## write the pages of docs/reference/ that are made from the code anew
	PYTHONPATH=packaging python -m reference

clean: ## remove the virtual environment, the demo's state and what the tools left
	rm -rf $(VENV) .tidewatch .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate
lock: ## renew the locked dependencies (needs uv): of the core, of all extras, of the demo, of developers, of the image's build
	$(LOCK) pyproject.toml -o requirements.txt
	$(LOCK) pyproject.toml --extra all -o requirements-all.txt
	$(LOCK) pyproject.toml --extra reports --group demo -o requirements-demo.txt
	$(LOCK) pyproject.toml --extra all --group dev -o requirements-dev.txt
	$(LOCK) --group build -o requirements-build.txt

# The date in what is built: the last commit's, so that the same commit gives the same files.
DATED = SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || date +%s)
.PHONY: dist
dist: $(VENV)/installed ## the source distribution, and the wheel made of it, with man pages, in dist/
	@rm -rf build/man build/source dist/tidewatch_monitoring-*
	@mkdir -p build/source dist
	$(DATED) PYTHONPATH=. python packaging/man.py build/man
	$(DATED) hatchling build -t sdist -d dist
	tar -xzf dist/tidewatch_monitoring-*.tar.gz -C build/source --strip-components=1
	cd build/source && $(DATED) hatchling build -t wheel -d ../../dist

.PHONY: deb deb-test
deb: dist ## the Debian package of the core, for this machine's own Python, in dist/; needs dpkg-dev
	@rm -f dist/tidewatch_*.deb
	$(DATED) PYTHONPATH=. python packaging/deb.py dist/tidewatch_monitoring-*.whl

deb-test: deb ## that package installed, used and purged in a clean Debian; needs root and debootstrap
	packaging/try-deb dist/tidewatch_*.deb

sbom: $(VENV)/installed ## CycloneDX bills of materials of the locked dependencies, in dist/: of the core, and of all extras
	@mkdir -p dist
	cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file dist/tidewatch-core.cdx.json requirements.txt
	cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file dist/tidewatch.cdx.json requirements-all.txt
