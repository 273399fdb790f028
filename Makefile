# Polymetis. `make help` lists the targets; each sets up what it needs and does nothing twice.
SHELL := /bin/bash
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
.DELETE_ON_ERROR:
.PHONY: help setup build python models demo test sanitize bench lint fmt fuzz chaos clean

VENV := .venv
PYTHON := $(VENV)/bin/python
STAMPS := build/stamps
SEEDS ?= 0..2000
SECONDS_PER_TARGET ?= 600

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1|/' | while IFS='|' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

$(STAMPS)/debian: tools/debian-packages.txt tools/install-debian
	@mkdir -p $(STAMPS)
	tools/install-debian tools/debian-packages.txt
	@touch $@

$(STAMPS)/venv: python/requirements-dev.txt python/requirements-compile.txt $(STAMPS)/debian
	@test -x $(PYTHON) || python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r python/requirements-dev.txt -r python/requirements-compile.txt
	@touch $@

setup: $(STAMPS)/venv  ## Debian packages and the virtual environment .venv

build: setup  ## the C++ libraries, examples and tests, in build/dev
	@test -f build/dev/build.ninja || cmake --preset dev
	cmake --build --preset dev

python: setup  ## the wheels polymetis and axelera.runtime, installed into .venv
	tools/install-python

models: python  ## the three real networks, compiled into build/models
	$(PYTHON) -m polymetis.compile.recipes build/models

demo: python models  ## detects people and their poses on two virtual cards; pictures and a page in build/demo
	$(PYTHON) examples/demo

test: setup  ## everything that is checked before a change lands; AGAIN=1: also lanes that passed and whose files are the same
	$(PYTHON) tools/lanes.py $(if $(AGAIN),--again)

sanitize: setup  ## all C++ tests under AddressSanitizer, UBSan and ThreadSanitizer (long)
	$(PYTHON) tools/lanes.py asan-all tsan-all

bench: build python models  ## the benchmarks: a table and build/bench.json
	$(PYTHON) bench/run.py --output build/bench.json

lint: setup  ## style and types: clang-format, clang's thread annotations, ruff, mypy
	tools/lint

fmt: setup  ## formats all code
	git ls-files '*.cpp' '*.hpp' '*.h' '*.c' | xargs clang-format-19 -i
	$(PYTHON) -m ruff format python tests tools examples bench && $(PYTHON) -m ruff check --fix-only python tests tools examples bench

fuzz: setup  ## the fuzz targets, SECONDS_PER_TARGET (600) each
	tools/fuzz $(SECONDS_PER_TARGET)

chaos: build  ## seeded fault schedules in virtual time and, for a minute, on threads; SEEDS=a..b
	build/dev/bin/polymetis_chaos --seeds $(SEEDS)
	build/dev/bin/polymetis_chaos --seeds $(SEEDS) --threads --seconds 60

clean:  ## removes what was built; downloads and .venv stay
	find build -mindepth 1 -maxdepth 1 ! -name downloads -exec rm -rf {} + 2>/dev/null || true
