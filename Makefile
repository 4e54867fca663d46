# What can be done with a checkout. `make` alone prints the list.
# Everything goes into .venv, from the versions and hashes in requirements.lock.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
DATA ?= data
PORT ?= 8080
WORKERS ?= 1
SEED ?= 1
ARGS ?=

BIN := .venv/bin
STAMP := .venv/.set-up
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install

.PHONY: help
help: ## Print this list
	@echo "make TARGET [NAME=value ...]"
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: setup
setup: $(STAMP) ## Make .venv with Onefold and the locked versions of everything it needs
	@:

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Onefold needs Python 3.11 or newer; name one with PYTHON=..." >&2; exit 1; }
	@echo "Setting up .venv; the first time this takes a minute"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) --root-user-action=ignore --require-hashes -r requirements.lock
	@$(PIP) --root-user-action=ignore --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: demo
demo: setup ## Play a small customer story on a fresh server and show what became of it [ARGS=--exit]
	@$(BIN)/onefold demo $(ARGS)

# The secret of the first project is shown only once, so it is kept beside the data.
.PHONY: serve
serve: setup ## Serve what is in DATA, made when absent [DATA=data PORT=8080 WORKERS=1]
	@if [ ! -e "$(DATA)/control.db" ]; then \
		made=$$(mktemp); \
		$(BIN)/onefold init --data "$(DATA)" > "$$made" || { rm -f "$$made"; exit 1; }; \
		mv "$$made" "$(DATA)/project.json"; \
		echo "made $(DATA); its ids and secret are in $(DATA)/project.json"; \
	fi
	@exec $(BIN)/onefold serve --data "$(DATA)" --port $(PORT) --workers $(WORKERS)

.PHONY: test
test: setup ## Run every test but the long ones
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

.PHONY: test-all
test-all: setup ## Run every test, the long ones too
	@$(BIN)/python -m pytest -n auto --dist loadfile -m 'long or not long' $(ARGS)

.PHONY: check
check: setup ## Check format, lint, types and house rules
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted; run make fmt" >&2; exit 1; }
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/test_tidy.py

.PHONY: fmt
fmt: setup ## Format the code and repair what the linter can repair
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: sim
sim: setup ## Run the simulation with one seed [SEED=1]
	@$(BIN)/python -m tests.simulation --seed $(SEED) $(ARGS)

.PHONY: bench
bench: setup ## Measure, and write benchmarks/results/latest.json
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: docs
docs: setup ## Write the reference pages anew from the tables in the code
	@$(BIN)/python -m tests.docs.generate

.PHONY: lock
lock: setup ## Write requirements.lock anew, with the newest versions that pyproject.toml allows
	@$(BIN)/python -c 'import uv' 2>/dev/null || $(PIP) --root-user-action=ignore uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --extra dev pyproject.toml -o requirements.lock

.PHONY: ci
ci: check test ## What has to pass before a change is taken
