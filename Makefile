# Every target that a person needs, and no more. `make` alone prints this help.
VENV    := .venv
BIN     := $(VENV)/bin
UV      := 0.13.9
MEMBERS := core cli verifier $(wildcard services/*)

# Model files and evaluation faces for development, where they lie beside the checkout.
ifneq ($(wildcard ../shared/models),)
export LOOKOUT_MODEL_MIRROR ?= $(abspath ../shared/models)
export LOOKOUT_FACES ?= $(abspath ../shared/faces)
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo up test verify-production chaos lint format lock clean

help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.done ## Install everything into .venv, as locked

$(VENV)/.done: requirements.lock $(MEMBERS:%=%/pyproject.toml)
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(MEMBERS:%=-e %)
	@touch $@

demo: setup ## Footage in, an alert at the console, everyone else forgotten (SOURCE=rtsp://… WATCHLIST=folder for your own)
	@$(BIN)/lookout demo $(if $(SOURCE),--source '$(SOURCE)') $(if $(WATCHLIST),--watchlist '$(WATCHLIST)')

up: setup ## The local stack in the foreground, with a live status table (Ctrl-C ends it)
	@$(BIN)/lookout up

test: setup ## All tests; those that need what is not here are skipped, and say why
	@$(BIN)/pytest $(ARGS)

verify-production: setup ## Images, chart, rules, dashboards, ACLs and traces, against the real programs (needs root and apt)
	@$(BIN)/pytest tests/production -v $(ARGS)

chaos: setup ## Fault after fault on a local stack under load, and the account of each (half an hour; root for full disks)
	@$(BIN)/lookout chaos $(ARGS)

lint: setup ## Style, types and the rings of the architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/lint-imports >/dev/null || $(BIN)/lint-imports
	@$(BIN)/mypy

format: setup ## Put the code into the house's format
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

lock: setup ## Resolve the dependencies anew into requirements.lock (UPGRADE=1 for newer versions)
	$(BIN)/uv lock --quiet $(if $(UPGRADE),--upgrade)
	$(BIN)/uv export --quiet --format requirements.txt --all-packages --all-groups --no-emit-workspace --no-header --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(if $(UPGRADE),--upgrade) deploy/images/tools.in --output-file deploy/images/tools.txt

clean: ## Remove what the other targets made (not the caches under ~/.cache/lookout)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .lookout alerts build
