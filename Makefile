# Everything a person runs. `make` alone says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run test check format docs lock bench faults clean

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.set-up

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## the environment: .venv, pinned packages, Java 17 and Maven

$(STAMP): requirements.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make setup: needs Python 3.11 or later as '$(PYTHON)' (or: make setup PYTHON=/path/to/python3)" >&2; exit 69; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make setup: $$($(PYTHON) --version) is too old, 3.11 or later is needed (make setup PYTHON=/path/to/python3)" >&2; exit 69; }
	@echo "setting up .venv from requirements.txt; the first time takes a minute or two" >&2
	@if command -v uv >/dev/null; then \
	    uv venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" .venv && \
	    uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.txt && \
	    uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	    { $(PYTHON) -m venv .venv || { echo "make setup: Python's venv is missing (on Debian: apt-get install python3-venv)" >&2; exit 69; }; } && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@$(BIN)/python -c 'import sys; from processors.broker.prerequisites import main; sys.exit(main())'
	@touch $(STAMP)

run: setup ## the main job (KAFKA=required: fail where no Kafka can be had)
	@$(BIN)/multichannel run $(if $(KAFKA),--kafka $(KAFKA))

test: check ## every check and every test
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --max-worker-restart 0 -m "not long" # restarted, xdist may wait for ever

check: setup ## format, lint, types, layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## put the code into its form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: setup ## write the documents that are made from the code
	@$(BIN)/python -m docs.generate

lock: ## resolve pyproject.toml anew into requirements.txt (needs uv)
	@command -v uv >/dev/null || { echo "make lock: needs uv (pip install uv)" >&2; exit 69; }
	@uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-emit-index-url --no-header --generate-hashes -o requirements.txt pyproject.toml

bench: setup ## measure; figures are printed, nothing is asserted
	@for script in benchmarks/*.py; do grep -q __main__ $$script || continue; echo "== $$script"; $(BIN)/python -m benchmarks.$$(basename $$script .py); done

faults: setup ## the long fault suite and the long fuzz
	@MULTICHANNEL_FUZZ=100000 $(BIN)/python -m pytest tests/codec/test_fuzz.py --timeout 3600 -o faulthandler_timeout=4000
	@$(BIN)/python -m pytest -m long --timeout 3600 -o faulthandler_timeout=4000

clean: ## away with what was made: environment, broker data, caches
	@if [ -x $(BIN)/multichannel ]; then $(BIN)/multichannel broker stop || true; fi
	@rm -rf .venv .broker .cache .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
