# `make run` and `make test` are all a new user needs; each sets up what is missing.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv$(if $(filter-out python3,$(PYTHON)),-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
TESTS ?= tests

.PHONY: help run send dead-letters replay redeliver deploy url secret rotate rotate-done logs \
	providers docs test check checkov format lock bench prove fuzz judge soak clean
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

GCLOUD = $(if $(PROJECT),--project "$(PROJECT)")
REGIONAL = $(GCLOUD) $(if $(REGION),--region "$(REGION)")

deploy: $(VENV)/tools  ## Deploy with gcloud, without Terraform: PROJECT= REGION= DRY_RUN=1
	@$(BIN)/python -m tools.cloud.deploy $(REGIONAL) $(if $(DRY_RUN),--dry-run)

url: $(VENV)/tools  ## Print what to paste into the senders' forms: PROJECT= REGION= (or URL=)
	@$(BIN)/python -m tools.cloud.url $(REGIONAL) $(if $(URL),--url "$(URL)")

# A secret comes from standard input: what is on a command line is seen by others, and kept.
secret: $(VENV)/tools  ## Store the secret of a sender, from standard input: SOURCE= [TOKEN=1] PROJECT=
	@$(BIN)/python -m tools.cloud.secret "$(SOURCE)" $(if $(TOKEN),--token) $(GCLOUD)

rotate: $(VENV)/tools  ## Accept a new secret too, from standard input: SOURCE= [TOKEN=1] PROJECT=
	@$(BIN)/python -m tools.cloud.rotate "$(SOURCE)" $(if $(TOKEN),--token) $(GCLOUD)

rotate-done: $(VENV)/tools  ## Accept the new secret alone: SOURCE= [TOKEN=1] PROJECT=
	@$(BIN)/python -m tools.cloud.rotate "$(SOURCE)" --done $(if $(TOKEN),--token) $(GCLOUD)

logs: $(VENV)/tools  ## Show what was received and processed: [SOURCE=] [SINCE=1h] [LIMIT=50] PROJECT=
	@$(BIN)/python -m tools.cloud.logs $(GCLOUD) $(if $(SOURCE),--source "$(SOURCE)") $(if $(SINCE),--since "$(SINCE)") \
		$(if $(LIMIT),--limit "$(LIMIT)")

providers: $(VENV)/tools  ## Print every provider that is known
	@$(BIN)/python -m tools.docs table

docs: $(VENV)/tools  ## Write docs/providers.md and terraform/providers.json out of the rows
	@$(BIN)/python -m tools.docs

# Most of their time tests wait, so that two files at once take half as long; a file's tests share what they started.
test: $(VENV)/tests  ## Run all tests: PYTHON=python3.13 TESTS=tests/receiver
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(TESTS)

check: $(VENV)/tests  ## Run the linter, the type checker and the tests of the documents
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy functions tools tests benchmarks proof
	$(BIN)/python -m pytest -q tests/test_documents.py

# In an environment of its own: it has a hundred packages, which agree with ours on little.
checkov:  ## Look for what is insecure in terraform/
	@test -x .venv-checkov/bin/checkov || { $(PYTHON) -m venv .venv-checkov && \
		.venv-checkov/bin/pip install --quiet --disable-pip-version-check checkov==3.3.30; }
	@.venv-checkov/bin/checkov --directory terraform --framework terraform --var-file tests/terraform/everything.tfvars \
		--compact --quiet --skip-download

format: $(VENV)/tests  ## Format the code
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --annotation-style line \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

# It needs uv alone, which nothing else does: so it works where a lock can't be installed.
lock: $(BIN)/python  ## Write what each function installs, with hashes, out of its requirements.in: UPGRADE=1
	@$(PIP) uv==0.13.9
	@$(LOCK) functions/receiver/requirements.in --output-file functions/receiver/requirements.txt
	@$(LOCK) functions/processor/requirements.in --output-file functions/processor/requirements.txt \
		--constraint functions/receiver/requirements.txt

bench: $(VENV)/benchmarks  ## Measure everything beside a baseline, and write docs/bench.md with its chart: QUICK=1
	$(BIN)/python -m benchmarks.bench $(if $(QUICK),--quick)

prove: $(VENV)/tests  ## Try every fault against both functions and Google's emulators: EVENTS= ONLY="queue is down"
	$(BIN)/python -m proof.prove $(if $(EVENTS),--events "$(EVENTS)") $(if $(ONLY),--only "$(ONLY)")

fuzz: $(VENV)/proof  ## Let a fuzzer look for a surprise in what strangers can reach: SECONDS=10 TARGET=
	$(BIN)/python -m proof.fuzz $(if $(SECONDS),--seconds "$(SECONDS)") $(if $(TARGET),--target "$(TARGET)")

judge: $(VENV)/tests  ## Let the public conformance harness judge it: JUDGE=a-clone-of-it PYTHON_JUDGE=python3.13
	$(BIN)/python -m proof.judge $(if $(JUDGE),--clone "$(JUDGE)") $(if $(PYTHON_JUDGE),--python "$(PYTHON_JUDGE)")

soak: $(VENV)/tests  ## Load it for long at half of what it can, and watch its memory: MINUTES=30
	$(BIN)/python -m proof.soak $(if $(MINUTES),--minutes "$(MINUTES)")

clean:  ## Remove what the other verbs made
	rm -rf .venv* .local

PIP = $(BIN)/pip install --quiet --disable-pip-version-check
LOCKED := functions/receiver/requirements.txt functions/processor/requirements.txt

# pip wants hashes for all or for none: what has none comes second, and may not change what is locked.
$(VENV)/tools $(VENV)/tests $(VENV)/benchmarks $(VENV)/proof: $(VENV)/%: %/requirements.txt $(LOCKED) tools/requirements.txt | $(BIN)/python
	@echo "installing $< into $(VENV)" && $(PIP) $(LOCKED:%=-r %)
	@$(PIP) -r $< -c <(grep -h '^[a-z0-9]' $(LOCKED) | tr -d '\\')
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Surehook needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)
