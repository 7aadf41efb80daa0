# make demo: set up and serve the app on the embedded voice.  make test: set up and run lint, types and every test.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
PORT ?= 7860

.PHONY: setup demo test lint pythons requirements lock audit licences clean

setup: .venv/setup.stamp
demo: .venv/setup.stamp
	$(BIN)/undertone serve --bundle assets/demo --port $(PORT)

# Bytecode is kept also where the environment says otherwise: tests start some hundred processes, which would compile anew.
test: export OMP_NUM_THREADS = 1
test: export PYTHONDONTWRITEBYTECODE =
test: .venv/test.stamp lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore tests/browser
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/browser

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p undertone

# What pip would install for each Python, whichever one this machine has; nothing is installed.
pythons: | .venv/bin/python
	for version in 3.11 3.12 3.13; do $(BIN)/python -m pip install --quiet --dry-run --ignore-installed --only-binary=:all: \
		--python-version $$version --target .venv/$$version '.[test]' || exit 1; done

# What a Space installs, from pyproject.toml; a test holds both together.
requirements: .venv/setup.stamp
	$(BIN)/python -m undertone.app.hosting.requirements > requirements.txt

# The versions of everything, for installs that are to be the same everywhere: pip install --constraint constraints.txt
lock: .venv/release.stamp
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-annotate --no-emit-index-url \
		--no-emit-find-links --custom-compile-command 'make lock' --upgrade pyproject.toml --output-file constraints.txt

# Known holes of these versions; asks the Python Package Index about each of them.
audit: .venv/release.stamp
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

# The licences of what serving needs, as the packages that are installed here name them.
licences: .venv/release.stamp
	{ printf '# Licences of what serving needs\n\nMade by `make licences`, as the packages name them.\n\n'; \
	$(BIN)/pip-licenses --format markdown --order name --packages $$($(BIN)/uv pip compile --quiet --extra compiled --no-annotate \
		--no-header --no-emit-index-url --no-emit-find-links pyproject.toml | sed 's/[=;[ ].*//'); } > LICENCES.md

.venv/release.stamp: .venv/setup.stamp
	$(BIN)/python -m pip install --quiet --editable '.[release]'
	touch $@

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Undertone needs Python 3.11, 3.12 or 3.13; set PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/setup.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[compiled]'
	touch $@

.venv/test.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	# Only the speaker encoder's weights are used, so none of what its package asks for (some of it must be compiled).
	$(BIN)/python -m pip install --quiet --no-deps resemblyzer
	touch $@ .venv/setup.stamp

clean:
	rm -rf .venv
