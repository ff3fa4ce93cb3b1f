# Thin on purpose: each target is one command in an environment of its own, .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help up test check fmt bench lock clean ui ui-check types screenshots trace-screenshots docs reference image-check dist sbom release-check audit

VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
UI := fuseline/api/static/index.html
UI_SOURCES := $(shell find ui/src ui/public ui/index.html ui/vite.config.ts -type f 2>/dev/null)
PYTEST_ARGS ?=
SCREENSHOTS ?= build/screenshots
# --docs writes those of the documentation anew.
SCREENSHOTS_ARGS ?=
# A viewer of traces that runs, and where it takes OTLP over gRPC.
VIEWER ?= http://localhost:6006
OTLP ?= http://localhost:4317
# Two, however many cores there are: tests of faults need time to themselves.
PYTEST_PARALLEL ?= --numprocesses 2 --dist loadfile --no-loadscope-reorder
DIST ?= dist
AUDITED := runtime dev build docs release
# Whoever forbids it has each process of the tests compile every module anew.
unexport PYTHONDONTWRITEBYTECODE
# The time of the last commit, so that what is built anew is the same.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1700000000)
# Each has a lock of its own, for the Dockerfile.
EXTRAS := a2a apprise archive otlp
COMPILE := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock"

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

up: $(VENV)/.runtime ## Start everything with the demo; Ctrl-C stops it
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(UI) || echo "the web UI is not built; the rest works" >&2; \
	else echo "no Node.js on PATH: without the web UI"; fi
	$(BIN)/fuseline up --demo

ui: $(UI) ## Build the web UI (needs Node.js 20 or newer)

$(UI): ui/node_modules/.package-lock.json $(UI_SOURCES)
	cd ui && npm run --silent build -- --logLevel warn

ui/node_modules/.package-lock.json: ui/package.json ui/package-lock.json ui/.npmrc
	cd ui && npm ci --no-audit --no-fund

ui-check: ui/node_modules/.package-lock.json $(UI) ## Lint, types, tests and size of the web UI
	cd ui && npm run --silent lint && npm run --silent check && npm run --silent test && npm run --silent size

types: $(VENV)/.dev ui/node_modules/.package-lock.json ## Write docs/openapi.json and the types made of it again (needs Node.js 20)
	$(BIN)/python -m fuseline.api.openapi_dump docs/openapi.json
	$(BIN)/python -m fuseline.api.bodies_dump fuseline/schemas/agent_bodies.py
	cd ui && npm run --silent types && npm run --silent bounds

screenshots: $(VENV)/.dev $(UI) ## Every page of the web UI as PNG into $(SCREENSHOTS) (needs Node.js and Chromium)
	$(BIN)/python -m tests.e2e.browser.screenshots $(SCREENSHOTS) $(SCREENSHOTS_ARGS)

trace-screenshots: $(VENV)/.dev $(UI) ## The pictures of docs/telemetry.md anew, from the Phoenix at $(VIEWER)
	$(BIN)/python -m tests.e2e.browser.trace_screenshots $(VIEWER) $(OTLP)

docs: $(VENV)/.docs ## Build the documentation site into build/site; a broken link is an error
	$(BIN)/python -m docs_tools build

reference: $(VENV)/.dev ## Write docs/reference anew, from the types, the commands and docs/openapi.json
	$(BIN)/python -m docs_tools reference

test: $(VENV)/.dev ## Run all tests
	@# Before the tests divide, so that nobody reads files that are being written.
	@if command -v npm >/dev/null && command -v chromium chromium-browser google-chrome >/dev/null; then \
	  $(MAKE) --no-print-directory $(UI) || echo "the web UI is not built; its tests are skipped" >&2; fi
	$(BIN)/python -m pytest $(PYTEST_PARALLEL) $(PYTEST_ARGS)

check: $(VENV)/.dev ## Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(VENV)/.dev ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.bench ## Run the benchmarks side by side
	$(BIN)/python -m benchmarks

dist: $(VENV)/.release $(UI) ## Build source distribution and wheel into dist/, the same bytes each time
	rm -rf $(DIST)
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) $(BIN)/python -m build --no-isolation --outdir $(DIST) .

sbom: $(VENV)/.release ## Write what Fuseline and its web UI are made of, as CycloneDX, into dist/
	mkdir -p $(DIST)
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file $(DIST)/fuseline.cdx.json requirements/runtime.txt
	cd ui && npm sbom --package-lock-only --sbom-format cyclonedx > $(abspath $(DIST))/fuseline-ui.cdx.json

release-check: $(VENV)/.dev $(VENV)/.release $(UI) ## Build twice, compare, check, install the wheel alone, start it (needs Node.js)
	$(BIN)/python -m tests.release.distributions

audit: $(VENV)/.release ## Ask for known vulnerabilities of all that is locked (needs the network and Node.js)
	$(BIN)/pip-audit --strict --disable-pip --require-hashes $(foreach lock,$(AUDITED),-r requirements/$(lock).txt)
	cd ui && npm audit --package-lock-only

image-check: $(VENV)/.dev ## Run the Dockerfile's stages in folders, without Docker (needs Node.js)
	$(BIN)/python -m tests.deploy.build_stages $(IMAGE_EXTRAS)

lock: ## Compile requirements/*.txt again (needs uv on PATH)
	uv pip compile $(COMPILE) --group dev pyproject.toml -o requirements/dev.txt
	uv pip compile $(COMPILE) -c requirements/dev.txt pyproject.toml -o requirements/runtime.txt
	uv pip compile $(COMPILE) -c requirements/dev.txt --group build -o requirements/build.txt
	uv pip compile $(COMPILE) -c requirements/dev.txt requirements/bench.in -o requirements/bench.txt
	uv pip compile $(COMPILE) -c requirements/dev.txt --group docs -o requirements/docs.txt
	for extra in $(EXTRAS); do \
	  uv pip compile $(COMPILE) -c requirements/dev.txt --extra $$extra pyproject.toml -o requirements/extra-$$extra.txt || exit; \
	done
	uv pip compile $(COMPILE) -c requirements/dev.txt --group release -o requirements/release.txt

clean: ## Remove the environment, what was built, and the caches
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# The first Python that is new enough; one that is too old is named in the error.
$(BIN)/python:
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	  if command -v "$$python" >/dev/null && \
	     "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "making $(VENV) with $$("$$python" --version)"; \
	    "$$python" -m venv "$(VENV)" && exit 0; \
	    rm -rf "$(VENV)"; \
	    echo "$$python could not make a virtual environment (on Debian: apt install python3-venv)" >&2; \
	    exit 1; \
	  fi; \
	done; \
	echo "Fuseline needs Python 3.11 or newer; found: $$(python3 --version 2>&1 || echo none)." >&2; \
	echo "Install one so that python3 or python3.11 ... python3.14 is on PATH." >&2; \
	exit 1

$(VENV)/.runtime: $(BIN)/python requirements/build.txt requirements/runtime.txt pyproject.toml
	$(PIP) install --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.release: $(VENV)/.runtime requirements/release.txt
	$(PIP) install --require-hashes -r requirements/release.txt
	@touch $@

# The peers that the benchmarks compare with are wanted nowhere else.
$(VENV)/.bench: $(VENV)/.dev $(wildcard requirements/bench.txt)
	$(if $(wildcard requirements/bench.txt),$(PIP) install --require-hashes -r requirements/bench.txt)
	@touch $@

# Building the site needs more than the tests do.
$(VENV)/.docs: $(VENV)/.dev $(wildcard requirements/docs.txt)
	$(if $(wildcard requirements/docs.txt),$(PIP) install --require-hashes -r requirements/docs.txt)
	@touch $@
