# Everything a new user or contributor runs. Needs Python 3.11 or newer, make and git; uses uv when it is there.

PORT ?= 8000
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/python manage.py
WORKERS ?= auto
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
# Tests that ask no database need not run on a second one.
NO_DATABASE := --ignore=tests/billing/gateways $(foreach name,docs layers mutations settings translations,--ignore=tests/test_$(name).py)
FOR_LINT := SECRET_KEY=only-for-checking-the-code-nothing-is-signed-with-it-ever-0123456789 \
	ALLOWED_HOSTS=pay.example.com BASE_URL=https://pay.example.com PRODUCT_API_TOKEN=only-for-checking \
	SANDBOX_ALLOWED=true BEHIND_TLS_PROXY=true DATABASE_URL=sqlite:///var/lint.sqlite3
FOR_DEMO := DEBUG=true DEMO=true BASE_URL=http://localhost:$(PORT) DATABASE_URL=sqlite:///var/demo.sqlite3 \
	SANDBOX_FILE=var/demo-sandbox.sqlite3 EMAIL_URL=filemail:///$(CURDIR)/var/demo-mail LOG_LEVEL=WARNING

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-postgres soak lint format shots mutations messages lock clean

help: ## List what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '  make %-14s %s\n' "$$name" "$$what"; done

setup: $(BIN)/.ready ## Make .venv with everything in the lock

$(BIN)/.ready: requirements-dev.lock
	@if command -v uv >/dev/null; then \
		uv venv --quiet --clear --python $(PYTHON) .venv && uv pip install --quiet --require-hashes -r requirements-dev.lock; \
	else \
		rm -rf .venv && $(PYTHON) -m venv .venv && $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock; \
	fi
	@touch $@

demo: setup ## Seed a company in every state and serve it on http://localhost:8000 (PORT= changes it)
	@mkdir -p var
	@$(FOR_DEMO) $(RUN) migrate --verbosity 0
	@$(FOR_DEMO) $(RUN) createcachetable
	@$(FOR_DEMO) $(RUN) seed_demo
	@$(FOR_DEMO) $(RUN) send_notifications --loop & mail=$$!; \
		$(FOR_DEMO) $(RUN) reconcile_payments --loop & payments=$$!; \
		trap 'kill $$mail $$payments 2>/dev/null' EXIT INT TERM; \
		$(FOR_DEMO) $(RUN) runserver --noreload --insecure 127.0.0.1:$(PORT)

test: setup ## Run the whole suite on SQLite
	@$(if $(CHROMIUM),,echo "No Chromium on this machine: the browser tests are left out.")
	$(BIN)/python -m pytest -n $(WORKERS) $(if $(CHROMIUM),-m "",)

test-postgres: setup ## Run the suite on PostgreSQL (POSTGRES_URL= changes the server)
	DATABASE_URL=$(or $(POSTGRES_URL),postgres://postgres@127.0.0.1:5432/postgres) $(BIN)/python -m pytest -n $(WORKERS) $(NO_DATABASE)

soak: setup ## Play the faults for long: years of many accounts by many seeds (SOAK_SEEDS=, SOAK_ACCOUNTS=), races, crashes
	SOAK_SEEDS=$(or $(SOAK_SEEDS),200) SOAK_ACCOUNTS=$(or $(SOAK_ACCOUNTS),1000) SOAK_DAYS=$(or $(SOAK_DAYS),1826) \
		SOAK_ROUNDS=500 SOAK_PERMUTATIONS=1000 SOAK_CRASHES=20 SOAK_EXAMPLES=500 $(BIN)/python -m pytest -n $(WORKERS) tests/faults

lint: setup ## Check style, types, layers, templates, migrations and the settings for production
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(FOR_LINT) $(BIN)/mypy
	$(BIN)/lint-imports
	git ls-files -z 'templates/*.html' | xargs -0 $(BIN)/djade --check --target-version 5.2
	$(BIN)/codespell
	$(FOR_LINT) $(RUN) makemigrations --check --dry-run
	$(FOR_LINT) $(RUN) check --deploy --fail-level WARNING

format: setup ## Put code and templates into shape
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	git ls-files -z 'templates/*.html' | xargs -0 $(BIN)/djade --target-version 5.2

shots: setup ## Take screenshots of every page of the demo into shots/
	$(FOR_DEMO) $(BIN)/python -m tests.shots

mutations: setup ## Break a copy of the code in named ways and expect the suite to notice
	$(BIN)/python -m tests.mutations

messages: setup ## Collect and compile translations (needs gettext)
	$(FOR_LINT) $(RUN) makemessages --locale nl --no-location --no-obsolete --ignore '.venv/*' --ignore 'tests/*'
	msgfmt --check -o locale/nl/LC_MESSAGES/django.mo locale/nl/LC_MESSAGES/django.po

lock: ## Resolve the dependencies anew (needs uv)
	uv pip compile --quiet --upgrade --generate-hashes --universal --no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra dev pyproject.toml -o requirements-dev.lock
	uv pip compile --quiet --generate-hashes --universal --no-header --no-annotate --no-emit-index-url --no-emit-find-links --constraint requirements-dev.lock pyproject.toml -o requirements.lock

clean: ## Take away the demo's data
	rm -rf var shots
