# make demo, test, bench, lint: each makes the environment it needs. Python 3.11 or newer: make PYTHON=python3.12 test
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

export MPLBACKEND ?= Agg

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test bench lint dev clean

help:
	@echo "make demo   thresholds of the catalogue and figures, under out/"
	@echo "make test   the whole test suite"
	@echo "make bench  the benchmarks"
	@echo "make lint   ruff and mypy"
	@echo "make dev    the environment with everything a developer needs"
	@echo "make clean  remove what the others made"

# Stamps in the environment say which extras it holds; pyproject.toml makes them stale.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "spinodal needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: pyproject.toml $(VENV)/.made
	@echo "installing spinodal"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.test $(VENV)/.lint: $(VENV)/.%: pyproject.toml $(VENV)/.made
	@echo "installing spinodal[$*]"
	@$(PIP) install --editable '.[$*]'
	@touch $@

dev: pyproject.toml $(VENV)/.made
	@echo "installing spinodal[test,lint,fast]"
	@$(PIP) install --editable '.[test,lint,fast]'
	@touch $(VENV)/.run $(VENV)/.test $(VENV)/.lint

demo: $(VENV)/.run
	$(BIN)/python -m spinodal demo --output out/

test: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist loadfile

bench: $(VENV)/.test
	$(BIN)/python -m pytest -q -o python_files='bench_*.py' -o python_functions='bench_* test_*' --benchmark-only benchmarks

# mypy finds the package by its name through the link; see pyproject.toml.
lint: $(VENV)/.lint
	$(BIN)/ruff check .
	@mkdir -p $(VENV)/typing && ln -sfn ../.. $(VENV)/typing/spinodal
	MYPYPATH=$(VENV)/typing $(BIN)/mypy

clean:
	rm -rf $(VENV) build out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
