# `make demo` and `make test` are all that a fresh machine needs; `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
DEBIAN := chromium docker-compose mosquitto mosquitto-clients openssl poppler-utils postgresql prometheus prometheus-alertmanager prometheus-mqtt-exporter sqlite3 systemd

.PHONY: help demo test check format bench accuracy simulate docs vendor pictures pins install programs clean
help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/demo.stamp ## the whole thing in one terminal: broker, 458 cameras, the daemon (no root needed)
	@$(BIN)/camwatch demo $(ARGS)

test: check programs ## every check and every test, against real servers
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/dev.stamp ## format, lint, types, layers, spelling, drift of generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python -m docs.generate --check
	$(BIN)/python -m deploy.grafana.generate --check

format: $(VENV)/dev.stamp ## lay out the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/dev.stamp programs ## measure speed and memory beside the peers; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks $(ARGS)

accuracy: $(VENV)/dev.stamp programs ## hold camwatch against the truth: make accuracy ARGS="all-outage-types --speed 10", or "--faults"
	$(BIN)/python -m benchmarks.accuracy $(ARGS)

simulate: $(VENV)/dev.stamp ## play the daemon's life under drawn faults: SEEDS=2000, or one: SEED=17 KEEP=3,5 CAMERAS=c1
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED) $(if $(KEEP),--keep $(KEEP)) $(if $(CAMERAS),--cameras $(CAMERAS)),--seeds $(or $(SEEDS),200)) $(ARGS)

docs: $(VENV)/dev.stamp ## write the generated documents anew
	$(BIN)/python -m docs.generate
	$(BIN)/python -m deploy.grafana.generate

vendor: $(VENV)/dev.stamp ## fetch the pages' few front-end files of others anew (needs npm; nothing else does)
	$(BIN)/python -m frontend.vendor

pictures: $(VENV)/dev.stamp programs ## take the pictures of the pages anew, for the documentation
	$(BIN)/python -m docs.pictures

pins: $(VENV)/dev.stamp ## resolve the dependencies anew
	./requirements/pin

programs: ## install the Debian programs that tests and benchmarks talk to
	@missing=; for p in amtool chromium docker-compose pdftotext mosquitto mosquitto_sub mosquitto_passwd openssl promtool prometheus prometheus-alertmanager prometheus-mqtt-exporter initdb sqlite3 systemd-analyze; do \
	  PATH="$$PATH:/usr/sbin:$$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')" command -v $$p >/dev/null || missing=1; done; \
	if [ -n "$$missing" ]; then echo "installing $(DEBIAN)"; $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(DEBIAN); fi

install: $(VENV)/dev.stamp ## make .venv with all that development needs

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml requirements/demo.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/demo.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml requirements/dev.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/demo.stamp

clean: ## remove what the build made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
