# Daily commands. `make help` lists them. GNU make and Python 3.11 or newer are all that they need.

PYTHON ?= python3
PORT ?= 8000
DATABASE_URL ?=
PYTEST_ARGS ?=
BENCH_ARGS ?=

BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
ADDRESS := http://127.0.0.1:$(PORT)
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
SCHEMA := docs/openapi.yaml
# Checks look at no data and at nobody's settings: development, with an empty database in memory.
NO_DATA := DEBUG=on DATABASE_URL=sqlite://:memory:

.DEFAULT_GOAL := help
.PHONY: help run demo test test-sqlite test-postgresql check lint types schema-check openapi client-typescript client-python baselines replay torture torture-quick torture-controls hostility mutation bench format audit lock clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

run: .venv/.runtime ## install, migrate, make the demo data once, serve on http://127.0.0.1:8000 (PORT= changes it), and send mail
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) demo --if-empty --address $(ADDRESS)
	@echo "Serving on $(ADDRESS) (stop with Ctrl-C)"
	@export PUBLIC_URL=$(ADDRESS); \
	$(MANAGE) db_worker --verbosity 0 & worker=$$!; \
	$(MANAGE) runserver 127.0.0.1:$(PORT) & server=$$!; \
	trap "kill $$worker $$server 2>/dev/null" EXIT; trap "exit 130" INT; trap "exit 143" TERM HUP; \
	wait $$server

demo: .venv/.runtime ## make the demo companies in the database and list their sign-ins
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) demo --address $(ADDRESS)

test: test-sqlite ## run all tests on SQLite, and on PostgreSQL too where DATABASE_URL names a server
ifneq ($(filter postgres%,$(DATABASE_URL)),)
test: test-postgresql
endif

test-sqlite: .venv/.development ## run all tests on SQLite
	DATABASE_URL=sqlite:///db.sqlite3 $(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

test-postgresql: .venv/.development ## run all tests on the PostgreSQL server that DATABASE_URL names
	@case "$(DATABASE_URL)" in postgres*) ;; *) \
		echo "Set DATABASE_URL, for example to postgres://postgres@127.0.0.1:5432/fintrack"; exit 1 ;; esac
	DATABASE_URL=$(DATABASE_URL) $(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

check: lint types schema-check ## everything a change must pass besides the tests
	$(NO_DATA) $(MANAGE) check
	$(NO_DATA) $(MANAGE) makemigrations --check --dry-run

lint: .venv/.development ## formatting, lint rules, and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: .venv/.development ## static types
	$(NO_DATA) $(BIN)/mypy

schema-check: .venv/.development ## compare the API with its recorded description, docs/openapi.yaml
	@$(NO_DATA) $(MANAGE) spectacular --validate --fail-on-warn --file .venv/openapi.yaml
	@diff -u $(SCHEMA) .venv/openapi.yaml \
		|| { echo "The API and $(SCHEMA) differ. If that is meant, run: make openapi"; exit 1; }

openapi: .venv/.development ## write the description of the API to docs/openapi.yaml
	$(NO_DATA) $(MANAGE) spectacular --validate --fail-on-warn --file $(SCHEMA)

client-typescript: ## types for TypeScript and the example, compiled, in build/clients/typescript (needs npm)
	@mkdir -p build/clients
	@rm -rf build/clients/typescript
	@cp -R clients/typescript build/clients/
	cd build/clients/typescript && npm ci --no-progress
	cd build/clients/typescript && npm run generate -- ../../../$(SCHEMA) && npm run build

client-python: .venv/.development ## the Python package fintrack_client in build/clients/python
	@mkdir -p build/clients/python
	$(BIN)/openapi-python-client generate --meta none --overwrite --fail-on-warning --path $(SCHEMA) \
		--config clients/python/config.yml --output-path build/clients/python/fintrack_client

baselines: .venv/.development ## write the reviewed counts of SQL statements anew (on both databases, where DATABASE_URL names a server)
	REFRESH_BASELINES=1 DATABASE_URL=sqlite:///db.sqlite3 $(BIN)/python -m pytest -q fintrack/tests/test_query_counts.py
ifneq ($(filter postgres%,$(DATABASE_URL)),)
	REFRESH_BASELINES=1 $(BIN)/python -m pytest -q fintrack/tests/test_query_counts.py
endif

replay: .venv/.development ## replay real receivables over HTTP on a database of their own, and prove the books
	$(BIN)/python benchmarks/replay_receivables.py

torture: .venv/.development ## kill, restart and cut off a private installation under 100,000 operations, and compare (SEED= repeats a run)
	$(BIN)/python -m torture --operations 100000 --kills 300 --restarts 10 --lock-seconds 30 $(if $(SEED),--seed $(SEED))

torture-quick: .venv/.development ## the same for less than a minute
	$(BIN)/python -m torture --operations 20000 --kills 30 --restarts 3 --seconds 45 $(if $(SEED),--seed $(SEED))

torture-controls: .venv/.development ## plant one fault after the other, each of which the torture must find
	$(BIN)/python -m torture --controls

hostility: .venv/.development ## send the API ten thousand generated requests as each role, and every hostile value to every field
	HOSTILE_CASES=10000 $(BIN)/python -m pytest -n auto fintrack/tests/test_generated_requests.py fintrack/tests/test_hostile_values.py $(PYTEST_ARGS)

mutation: .venv/.development ## change the rules of money, rights and record one by one: the tests must notice (half an hour; TRIGGER_MUTANTS=2000: all)
	$(BIN)/python -m mutmut run --max-children 2
	$(BIN)/python -m mutmut results
	$(BIN)/python -m audit.tests.trigger_mutants --sample $(or $(TRIGGER_MUTANTS),100)

bench: .venv/.development ## run the benchmarks in some minutes and list the goals (FULL=yes: 1,000,000 invoices; docs/performance.md)
	@case "$(DATABASE_URL)" in postgres*) ;; *) \
		echo "Set DATABASE_URL, for example to postgres://postgres@127.0.0.1:5432/postgres"; exit 1 ;; esac
	DATABASE_URL=$(DATABASE_URL) $(BIN)/python benchmarks/goals.py $(if $(FULL),--full) $(BENCH_ARGS)

format: .venv/.development ## format the code and fix what can be fixed by rule
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

audit: .venv/.development ## look for known vulnerabilities in the locked packages (asks a public database)
	$(BIN)/pip-audit --requirement requirements.txt --require-hashes --disable-pip --strict

lock: .venv/.development ## resolve requirements*.in into requirements*.txt (UPGRADE=--upgrade takes the newest)
	$(LOCK) $(UPGRADE) requirements.in --output-file requirements.txt
	$(LOCK) $(UPGRADE) requirements-dev.in --output-file requirements-dev.txt

clean: ## remove the environment and all caches (never the data)
	rm -rf .venv build staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "FinTrack needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) --version 2>&1`."; \
		echo "Name another one with: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "Making the environment .venv"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "The venv module of Python is missing (Debian and Ubuntu: apt install python3-venv)."; exit 1; }

.venv/.runtime: requirements.txt | .venv/bin/python
	@echo "Installing the packages of requirements.txt"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --requirement requirements.txt
	@touch $@

.venv/.development: requirements.txt requirements-dev.txt | .venv/bin/python
	@echo "Installing the packages of requirements-dev.txt"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	@touch .venv/.runtime $@
