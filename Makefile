# make demo: set up and serve the app on the embedded voice.  make test: set up and run lint, types and every test.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
PORT ?= 7860

.PHONY: setup demo test lint pythons clean

setup: .venv/setup.stamp
demo: .venv/setup.stamp
	$(BIN)/undertone serve --bundle assets/demo --port $(PORT)

test: .venv/test.stamp lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/browser

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p undertone

# What pip would install for each Python, whichever one this machine has; nothing is installed.
pythons: | .venv/bin/python
	for version in 3.11 3.12 3.13; do $(BIN)/python -m pip install --quiet --dry-run --ignore-installed --only-binary=:all: \
		--python-version $$version --target .venv/$$version '.[test]' || exit 1; done

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Undertone needs Python 3.11, 3.12 or 3.13; set PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/setup.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/test.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	# Only the speaker encoder's weights are used, so none of what its package asks for (some of it must be compiled).
	$(BIN)/python -m pip install --quiet --no-deps resemblyzer
	touch $@ .venv/setup.stamp

clean:
	rm -rf .venv
