# `make demo` and `make test` are all that a fresh machine needs; `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
DEBIAN := chromium docker-compose mosquitto mosquitto-clients openssl poppler-utils postgresql prometheus prometheus-alertmanager prometheus-mqtt-exporter sqlite3 systemd

TEXTS := --no-location --sort-by-file -c Translators:
CATALOGUES := --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width 100

# What the prose check reads. To add once they are clean: benchmarks simulator tests, and the two documents left out.
PROSE := $(filter-out docs/reference/notifications.md docs/reference/benchmarks.md,$(wildcard *.md docs/*.md docs/*/*.md)) src config deploy $(filter-out tools/prose,$(wildcard tools/*))

.PHONY: help demo install system-deps test unit check format simulate bench accuracy docs docs-site translations screenshots lock vendor clean
help: ## list the targets
	@awk -F':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Run
demo: $(VENV)/demo.stamp ## run everything in one terminal: broker, 458 cameras, the daemon (no root needed)
	@$(BIN)/camwatch demo $(ARGS)

##@ Set up
install: $(VENV)/dev.stamp ## install the development environment into .venv

system-deps: ## install the Debian programs that tests and benchmarks talk to
	@missing=; for p in amtool chromium docker-compose pdftotext mosquitto mosquitto_sub mosquitto_passwd openssl promtool prometheus prometheus-alertmanager prometheus-mqtt-exporter initdb sqlite3 systemd-analyze; do \
	  PATH="$$PATH:/usr/sbin:$$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')" command -v $$p >/dev/null || missing=1; done; \
	if [ -n "$$missing" ]; then echo "installing $(DEBIAN)"; $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(DEBIAN); fi

##@ Check and test
test: check system-deps ## run every check and every test, against real servers
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

unit: $(VENV)/dev.stamp ## run the unit tests, without a server or root; they must cover the pure packages in full
	$(BIN)/pytest -n 2 --hypothesis-profile unit --cov --cov-fail-under=100 tests/unit $(ARGS)

check: $(VENV)/dev.stamp ## check format, lint, types, layers, spelling, prose, generated files, the site
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/codespell -D - -D tools/prose/dictionary.txt $(PROSE)
	$(BIN)/python -m tools.prose $(PROSE)
	$(BIN)/python -m tools.docs --check
	$(BIN)/python -m deploy.grafana.generate --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

format: $(VENV)/dev.stamp ## format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

simulate: $(VENV)/dev.stamp ## simulate the daemon under random faults: SEEDS=2000, or one: SEED=17 KEEP=3,5 CAMERAS=c1
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED) $(if $(KEEP),--keep $(KEEP)) $(if $(CAMERAS),--cameras $(CAMERAS)),--seeds $(or $(SEEDS),200)) $(ARGS)

##@ Measure
bench: $(VENV)/dev.stamp system-deps ## measure speed and memory beside the peers; write docs/reference/benchmarks.md
	$(BIN)/python -m benchmarks $(ARGS)

accuracy: $(VENV)/dev.stamp system-deps ## compare camwatch with the truth: make accuracy ARGS="all-outage-types --speed 10", or "--faults"
	$(BIN)/python -m benchmarks.accuracy $(ARGS)

##@ Generate
docs: $(VENV)/dev.stamp ## write the generated documents and dashboards
	$(BIN)/python -m tools.docs
	$(BIN)/python -m deploy.grafana.generate

docs-site: $(VENV)/dev.stamp ## build the documentation as a site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

translations: $(VENV)/dev.stamp ## bring the translation catalogues up to date with the texts in the code
	@texts=$$(mktemp) && trap 'rm "$$texts"' EXIT && set -e; \
	$(BIN)/pybabel -q extract -F babel.cfg $(TEXTS) -o $$texts .; \
	$(BIN)/pybabel -q update -D camwatch -i $$texts -d src/camwatch/locales $(CATALOGUES); \
	$(BIN)/pybabel -q extract -F deploy/grafana/babel.cfg -k tr -k forms:1,2 $(TEXTS) -o $$texts .; \
	$(BIN)/pybabel -q update -D grafana -i $$texts -d deploy/grafana/locales $(CATALOGUES)

screenshots: $(VENV)/dev.stamp system-deps ## take the screenshots of the documentation
	$(BIN)/python -m tools.screenshots

lock: $(VENV)/dev.stamp ## resolve the dependencies and pin them with hashes
	./requirements/lock.sh

vendor: $(VENV)/dev.stamp ## fetch the third-party front-end files (needs npm; nothing else does)
	$(BIN)/python -m tools.vendor_frontend.vendor

clean: ## remove what the build made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist site

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
