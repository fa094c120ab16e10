# What people type. Everything runs inside .venv, which `.ci/setup` makes; a second run of anything starts at once.
PY := .venv/bin/python

.PHONY: help setup setup-dev run test check format journey bench seed-large clean
help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## the environment only
	@sh .ci/setup

setup-dev: ## the environment with what tests and checks need
	@sh .ci/setup dev

# exec: make's own child is then the supervisor, which ends everything when make is gone
run: setup ## the whole system on this machine: PORT=8000 SANDBOX_PORT=8001
	@exec $(PY) manage.py run

test: setup-dev ## the whole suite, on SQLite and on MySQL/MariaDB: TESTS='workflow -k ship'
	@exec $(PY) .ci/test.py $(TESTS)

check: setup-dev ## format, lint, types, import contracts, migrations, settings, generated files
	@exec $(PY) .ci/check.py

format: setup-dev ## puts the code into the house's format
	@$(PY) -m ruff format . && $(PY) -m ruff check --fix-only --quiet .

journey: setup ## one order's whole life against the running system: PORT=8000
	@exec $(PY) manage.py journey

bench: setup ## how fast, beside how it could be done, as tables kept in var/bench/: BENCH='--only polling'
	@exec $(PY) manage.py bench $(BENCH)

ORDERS ?= 100000
seed-large: setup ## a large believable database, to be measured with `manage.py measure_lists`: ORDERS=1000000
	@exec $(PY) manage.py seed_large --orders $(ORDERS)

clean: ## throws away the environment and all local data
	rm -rf .venv var
