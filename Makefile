# Everything a person types here starts with `make`; `make` alone lists it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SCALE ?= 1
# Workers share the tests as tests/conftest.py says; what needs Airflow comes first, since it takes longest. One more than
# there are cores: tests wait for servers a third of the time.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST := $(BIN)/pytest -q -n $(WORKERS) --maxprocesses 5 --no-loadscope-reorder
COMPILE := $(BIN)/uv pip compile --python-version 3.11 --generate-hashes --no-header --no-annotate
.DEFAULT_GOAL := help
.PHONY: help install demo clean-demo test check lint unit bench lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/.installed ## make .venv from requirements.lock (uv; plain pip when uv cannot be had or cannot fetch)

.venv/.installed: requirements.lock setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv && \
	  $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock || \
	  $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable . --config-settings editable_mode=compat
	touch $@

demo: install ## a whole city on this machine, seen through Airflow (ONCE=1: show it once and exit; SCALE=20: 2 million persons)
	$(BIN)/python -m sandbox.demo --scale $(SCALE) $(if $(ONCE),--once)

clean-demo: install ## remove the demo's data
	$(BIN)/python -m sandbox.demo --clean

check: install ## lint, types, layers, catalog and unit tests, side by side; under a minute once types were checked before
	$(MAKE) --no-print-directory --jobs 2 unit lint

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/gateway check --offline

unit: install
	$(PYTEST) tests/unit

test: install ## every test, DAGs in a real Airflow included; skipped with their reason are those whose server or browser is missing
	$(PYTEST)

bench: install ## ratios to the physical limit, and build/bench.json
	$(BIN)/python -m sandbox.bench

lock: ## resolve requirements.lock anew from setup.cfg, and from it what the image installs and is built with
	$(COMPILE) setup.cfg --extra dev --extra celery --upgrade -o requirements.lock
	$(COMPILE) setup.cfg --extra celery --constraint requirements.lock -o docker/requirements.lock
	echo 'setuptools>=77' | $(COMPILE) - --upgrade -o docker/build.lock

clean: ## remove .venv and build
	rm -rf .venv build *.egg-info
