# Everything runs from .venv; nothing has to be activated.
PYTHON ?= $(or $(shell command -v python3.11),python3)
VENV := .venv
BIN := $(VENV)/bin
AUDIT := $(VENV)/audit
UV := $(BIN)/uv pip
# Bytecode is made while installing: where Python may not write it, as in many containers, every
# process that starts would compile all that it imports once more.
INTO_VENV := --python $(BIN)/python --quiet --compile-bytecode
FARES ?= sample_xlsx/flights.xlsx
LOCK := $(UV) compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-index-url \
	$(UPGRADE)
SUPPORTED := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
NEEDED := "TripAdvance needs Python 3.11, 3.12 or 3.13 with its venv module" \
	"(Debian: apt install python3-venv). Name yours: make PYTHON=/path/to/python3.11"

.DEFAULT_GOAL := help
.PHONY: help install demo up test test-scale lint bench bench-intake bench-model bench-memory bench-web bench-promotion bench-faults bench-fortnight bench-dask bench-waiting bench-stack screenshots audit sbom lock

help: ## Print this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: $(VENV)/installed ## Build .venv and .venv/bin/tripadvance from the lock

demo: install ## One night over the sample fares, then the servers until Ctrl-C
	$(BIN)/tripadvance up --demo

up: install ## Start Prefect, the nightly deployment and the web app
	$(BIN)/tripadvance up

test: $(VENV)/installed-dev $(AUDIT)/installed ## Run the tests
	$(BIN)/pytest --numprocesses 4 --dist loadgroup --no-loadscope-reorder -m "not scale"

test-scale: $(VENV)/installed-dev ## Run the tests of moves, work pools, ECS and Dask as a whole
	TRIPADVANCE_TEST_MONGODB_URI=$${TRIPADVANCE_TEST_MONGODB_URI:-$$(.ci/ferretdb.sh)} \
		$(BIN)/pytest -m scale

lint: $(VENV)/installed-dev ## Check formatting, style, types and import directions
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install ## Time and score one night beside a bare XGBoost fit (FARES="FILE OPTIONS")
	$(BIN)/python benchmarks/clean_night.py $(FARES)

bench-intake: $(VENV)/installed-dev ## Time the intake beside bare readers (FARES="FILE OPTIONS")
	$(BIN)/python benchmarks/intake_speed.py $(FARES)

bench-model: install ## Train beside AutoML and plain learners (FARES="FILE OPTIONS")
	$(BIN)/python benchmarks/fare_model.py $(FARES)

bench-memory: install ## Run one night over a short and over a long history, made up
	$(BIN)/python benchmarks/memory.py compare

bench-web: $(VENV)/installed-dev ## Start and load the web app beside a bare Gradio app
	$(BIN)/python benchmarks/web_app.py

bench-promotion: install ## Tell how often the promotion rule is wrong, beside other rules
	$(BIN)/python benchmarks/promotion_rule.py

bench-faults: $(VENV)/installed-dev ## Let every call of a night and of people fail, and tell what is lost
	$(BIN)/python benchmarks/faults.py

bench-fortnight: $(VENV)/installed-dev ## Live two weeks of nights and faults on a fast clock
	$(BIN)/python benchmarks/fortnight.py --seeds 3

bench-dask: $(VENV)/installed-dev ## Train on a long history by Dask workers beside one process
	$(BIN)/python benchmarks/dask_training.py compare

bench-waiting: $(VENV)/installed-dev ## Drain a thousand files; cost of a partition as files pile up
	$(BIN)/python benchmarks/waiting_files.py compare

bench-stack: $(VENV)/installed-dev ## A chain embedded, and on MongoDB, S3 and a work pool: same models, what cost
	$(BIN)/python benchmarks/stack.py

screenshots: $(VENV)/installed-dev ## Take a picture of every page of the web app
	$(BIN)/python docs/screenshots.py

audit: $(AUDIT)/installed ## Ask whether a vulnerability of a locked package is known
	$(AUDIT)/bin/python .ci/audit.py

sbom: $(AUDIT)/installed ## Write the list of all packages (CycloneDX) to build/sbom.cdx.json
	$(AUDIT)/bin/python .ci/sbom.py build/sbom.cdx.json

lock: $(BIN)/uv ## Compile the locks from pyproject.toml (newer: UPGRADE=--upgrade)
	$(LOCK) --group install --output-file requirements-install.lock
	$(LOCK) --group audit --output-file requirements-audit.lock
	$(LOCK) pyproject.toml --group build --output-file requirements.lock
	$(LOCK) --group server --constraints requirements.lock \
		--output-file requirements-server.lock
	$(LOCK) pyproject.toml --group dev --constraints requirements.lock \
		--output-file requirements-dev.lock

$(BIN)/uv: requirements-install.lock
	@$(PYTHON) -c '$(SUPPORTED)' || { echo $(NEEDED) >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --requirement $<
	@touch $@

# The files "installed" and "installed-dev" remember that nothing has to be done.
$(VENV)/installed: $(BIN)/uv requirements.lock pyproject.toml
	$(UV) sync $(INTO_VENV) --require-hashes requirements.lock
	$(UV) install $(INTO_VENV) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	$(UV) install $(INTO_VENV) --require-hashes --requirement requirements-dev.lock
	@touch $@

$(AUDIT)/installed: $(BIN)/uv requirements-audit.lock
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(AUDIT)
	$(UV) sync --python $(AUDIT)/bin/python --quiet --require-hashes requirements-audit.lock
	@touch $@
