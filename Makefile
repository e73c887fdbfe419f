.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The constraint also reaches pip's isolated build environments.
export PIP_CONSTRAINT := $(CURDIR)/constraints/cpu.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test lint bench slow train clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/.installed: pyproject.toml constraints/cpu.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints/cpu.txt -e '.[dev]'
	@touch $@

demo: $(VENV)/.installed ## Set up, then run the whole line on sample posts: no key, no network
	$(BIN)/social-care demo --workspace demo-workspace

test: $(VENV)/.installed ## Set up, then run the tests
	$(BIN)/pytest -q -n 2 -m 'not slow'

slow: $(VENV)/.installed ## The slower real-server and crash checks
	$(BIN)/pytest -q -n 2 -m slow

lint: $(VENV)/.installed ## Style, types and the three floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed ## Measure; writes benchmarks/results.md
	$(BIN)/python -m benchmarks

train: ## Train the sentiment model again into out/model: make train DATA=folder
	@test -n "$(DATA)" || { echo "usage: make train DATA=folder (what it must hold: docs/model-card.md)"; exit 2; }
	$(PYTHON) -m venv build/train-venv
	build/train-venv/bin/pip install --quiet -c constraints/cpu.txt -e '.[train]'
	@mkdir -p out/model
	bash -o pipefail -c 'build/train-venv/bin/python -m sentiment.train --data "$(DATA)" --out out/model 2>&1 | tee out/model/train.log'

clean: ## Remove what make created
	rm -rf $(VENV) build dist *.egg-info demo-workspace
