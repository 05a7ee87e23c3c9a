# `make run` and `make test` are all a new user needs; each sets up what is missing.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv$(if $(filter-out python3,$(PYTHON)),-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
TESTS ?= tests

.PHONY: help run send dead-letters replay redeliver providers docs test check format bench clean
help:  ## Show what there is
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/tools  ## Run both functions and the queue here: PORT= PROCESSOR_PORT= QUEUE_PORT=
	@exec $(BIN)/python -m tools.run

send: $(VENV)/tools  ## Send a signed sample: SOURCE= [EVENT=] [COUNT=] [URL=]
	@$(BIN)/python -m tools.send "$(or $(SOURCE),github)" $(if $(EVENT),--event "$(EVENT)") \
		$(if $(COUNT),--count "$(COUNT)") $(if $(URL),--url "$(URL)")

CHOSEN = $(if $(PROJECT),--project "$(PROJECT)") $(if $(SOURCE),--source "$(SOURCE)") $(if $(TYPE),--type "$(TYPE)") \
	$(if $(REASON),--reason "$(REASON)") $(if $(ID),--id "$(ID)") $(if $(OLDER),--older "$(OLDER)") \
	$(if $(NEWER),--newer "$(NEWER)")

dead-letters: $(VENV)/tools  ## Show what could not be done: PROJECT= SOURCE= TYPE= REASON= ID= OLDER= NEWER= LIMIT=
	@$(BIN)/python -m tools.dead_letters $(CHOSEN) $(if $(LIMIT),--limit "$(LIMIT)")

replay: $(VENV)/tools  ## Give dead letters another try: the same choices, and DRY_RUN=1 AGAIN=1 FORCE=1 RATE=
	@$(BIN)/python -m tools.replay $(CHOSEN) $(if $(DRY_RUN),--dry-run) $(if $(AGAIN),--again) \
		$(if $(FORCE),--force) $(if $(RATE),--rate "$(RATE)")

redeliver: $(VENV)/tools  ## Ask GitHub for what it failed to deliver: SOURCE= REPO= (or ORG= or APP=1) HOOK= SINCE= DRY_RUN=1 API=
	@$(BIN)/python -m tools.redeliver "$(or $(SOURCE),github)" $(if $(REPO),--repo "$(REPO)") $(if $(ORG),--org "$(ORG)") \
		$(if $(APP),--app) $(if $(HOOK),--hook "$(HOOK)") $(if $(SINCE),--since "$(SINCE)") $(if $(DRY_RUN),--dry-run) \
		$(if $(API),--api "$(API)")

providers: $(VENV)/tools  ## Print every provider that is known
	@$(BIN)/python -m tools.docs table

docs: $(VENV)/tools  ## Write docs/providers.md and terraform/providers.json out of the rows
	@$(BIN)/python -m tools.docs

test: $(VENV)/tests  ## Run all tests: PYTHON=python3.13 TESTS=tests/receiver
	$(BIN)/python -m pytest $(TESTS)

check: $(VENV)/tests  ## Run the linter, the type checker and the tests of the documents
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy functions tools tests benchmarks
	$(BIN)/python -m pytest -q tests/test_documents.py

format: $(VENV)/tests  ## Format the code
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench: $(VENV)/tests  ## Measure receiver, schemes, ledgers and replay, each beside a baseline
	$(BIN)/python -m benchmarks.bench

clean:  ## Remove what the other verbs made
	rm -rf .venv* .local

$(VENV)/tools $(VENV)/tests: $(VENV)/%: %/requirements.txt functions/receiver/requirements.txt functions/processor/requirements.txt tools/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Surehook needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing $< into $(VENV)" && $(BIN)/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
