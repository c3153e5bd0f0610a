# The commands of this project. A newcomer needs two: make run, make test.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One more than there are processors: a third of the time a test waits for a socket or a child.
WORKERS = $(shell $(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)')

ROOMS := loyalty ledger drivers offline_store pos_plugin central_server

# Python keeps what it has compiled, whatever the machine says: tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup run words test test-kernel check windows long replay office sim mutants bench deb lint read clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; choose one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (once; a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --only-binary=:all: --constraint constraints.txt --editable '.[camera,server,parquet,plots,bench,test]'
	@touch $(READY)

# Over a head office that is there already, such as one of make office: make run OFFICE=year
OFFICE ?=
run: setup
	@exec $(BIN)/pos-plugin demo $(if $(OFFICE),--head-office $(OFFICE))

# The catalogues in step with the texts of the product; then translate what is empty in loyalty/locale/*/LC_MESSAGES/*.po.
words: setup
	@$(BIN)/pybabel --quiet extract --mapping babel.cfg --no-default-keywords --keyword Reason:2 --keyword say:1 --keyword translated:1 --keyword text:1 --no-location --omit-header --sort-output --output loyalty/locale/pos-plugin.pot loyalty pos_plugin central_server/pages
	@for language in tr de fr es; do $(BIN)/pybabel --quiet update --no-fuzzy-matching --ignore-obsolete --omit-header --input loyalty/locale/pos-plugin.pot --domain pos-plugin --output-dir loyalty/locale --locale $$language --init-missing || exit 1; done
	@$(BIN)/pybabel --quiet compile --use-fuzzy --domain pos-plugin --directory loyalty/locale

# What every change must pass, on a bare machine: under five minutes.
test: setup
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint read
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m "not slow and not long and not postgres and (not browser or main_path)"

# The drivers against the devices of a real kernel, in a virtual machine (docs/testing-in-a-real-kernel.md): under four minutes.
# One case: make test-kernel CASES="-k unplug"
test-kernel: setup
	$(BIN)/python -m pytest -q tests/kernel $(CASES)

# All that `make test` leaves out: the real PostgreSQL, a real Chromium, a real year, a real kernel, the package.
check: setup
	POS_REQUIRE_BROWSER=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "(slow or postgres or browser) and not main_path and not long"
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-kernel replay deb windows

# What is of Windows alone, as far as types tell.
windows: setup
	$(BIN)/mypy --platform win32 $(foreach room,$(ROOMS),-p $(room))

# The whole of what `make check` shows a part of: every cut of the power in every way, a year of real baskets, ten million keys.
long: setup
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m long

# The Debian package of both commands, in dist; as root on a Debian it is tried as well, in a copy of the machine that is thrown away.
deb:
	packaging/deb.sh dist
	@if [ "$$(id -u)" = 0 ]; then packaging/try-deb.sh dist/pos-plugin_*.deb; else echo "Not tried: that needs root."; fi

# The tests, read and compiled once, beside lint: each worker would do it again.
read:
	@$(BIN)/python -m pytest -qq --collect-only >/dev/null

# How the code reads, what it may import, its types, and that the examples in its docstrings are true.
lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q --doctest-modules --ignore central_server/migrations $(ROOMS)

# A year of a real store through the till, with the server going away and coming back.
replay: setup
	$(BIN)/python -m bench.replay --till 367

# A head office with a real year, to look at: make office DIR=year, with SHOPS=3 only the three busiest. Then: make run OFFICE=year
DIR ?= year
SHOPS ?= 0
office: setup
	@$(BIN)/python -m bench.office $(DIR) --shops $(SHOPS)

# Seeds of the simulator: the real code under every accident. One again, line by line: python -m bench.simulator --trace SEED
SEEDS ?= 500
FROM ?= 0
sim: setup
	$(BIN)/python -m bench.simulator --seeds $(SEEDS) --from $(FROM)

# Does a test notice when loyalty/ or ledger/ says something else? Fails under 85 %. Ten to twenty minutes on two processors.
mutants: setup
	$(BIN)/python -m bench.mutants

# Each number of docs/performance.md beside its peer. Say where a real disk is: make bench BENCH_DIR=/var/tmp
bench: setup
	@for name in checkout concurrent decode members feed tamper drain ingest backfill program receipt first_byte intercept scan; do $(BIN)/python -m bench $$name || exit 1; done

clean:
	rm -rf $(VENV) .kernel mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
