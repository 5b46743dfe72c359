# Everything a developer or CI runs. `make` alone tells what there is.
#
# Python >= 3.11 and make are all that a fresh machine needs: the rest is installed into .venv (Python packages, from the
# hash-locked requirements/dev.txt) and .cache (parts for the tests). A second run reuses both.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CODE := sidecar tests benchmarks examples helm/generate
PY := .venv/bin/python
VERSION = $(shell sed -nE 's/^version = "(.+)"/\1/p' pyproject.toml)
# The first Python on this machine that is new enough; PYTHON=... overrides.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$python -c '$(NEW_ENOUGH)' 2>/dev/null; then echo $$python; break; fi; done)

.PHONY: help
help: ## list these targets
	@echo 'kafka-sidecar: targets of this Makefile'
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target text; do \
		printf '  make %-13s %s\n' "$$target" "$$text"; done

.PHONY: install
install: .venv/installed ## install the locked Python packages into .venv

.venv/installed: requirements/dev.txt pyproject.toml
	@test -n '$(PYTHON)' || { echo 'No Python >= 3.11 was found: install one, or name it with make PYTHON=...' >&2; exit 1; }
	@test -x $(PY) || { echo "Creating .venv with $$($(PYTHON) --version)"; $(PYTHON) -m venv --clear .venv; }
	@echo "Installing $$(grep -c == requirements/dev.txt) locked packages into .venv"
	@$(PY) -m pip install --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt \
		| { grep --line-buffered -oE '^Collecting [^ ]+' || true; }
	@echo 'Installing kafka-sidecar itself, editable'
	@$(PY) -m pip install --disable-pip-version-check --quiet --no-build-isolation --no-deps --editable .
	@touch $@

.PHONY: demo
demo: install ## see the sidecar at work, with nothing but this repository
	@.venv/bin/kafka-sidecar demo

.PHONY: test
test: install ## run every test, on a real Kafka (installs what is missing for that)
	@$(PY) -m tests.parts
	@$(PY) -m pytest -m 'unit or model or property or simulation or scenarios or contract or integration or packaging or dashboard'

.PHONY: kubelet
kubelet: install ## run the pod tests on a real kubelet, as root (the first time it is built: some minutes)
	@$(PY) -m tests.parts
	@$(PY) -m tests.parts.node.build
	@$(PY) -m pytest -m kubelet

.PHONY: unit
unit: install ## run the unit tests: no Kafka, no network, within a minute
	@$(PY) -m pytest -m unit tests/unit

.PHONY: check
check: install ## lint, formatting, types, and which package may import which
	@echo 'ruff check';  $(PY) -m ruff check $(CODE)
	@echo 'ruff format'; $(PY) -m ruff format --check $(CODE)
	@echo 'mypy';        $(PY) -m mypy $(CODE)
	@echo 'imports';     $(PY) -m pytest --quiet tests/unit/test_imports.py

.PHONY: image
image: ## build the image kafka-sidecar:VERSION with the Docker engine of this machine (IMAGE_ARGS: more for docker build)
	@docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) $(IMAGE_ARGS) --tag kafka-sidecar:$(VERSION) .

.PHONY: screenshots
screenshots: install ## take the pictures of the live page for the README, of a real sidecar
	@$(PY) -m tests.parts
	@$(PY) -m tests.dashboard.screenshots

.PHONY: bench
bench: install ## measure against the bare client loop, as a table, and into build/bench.json and bench.md (NAMES: some of it; half an hour)
	@$(PY) -m tests.parts
	@$(PY) -m benchmarks --out build $(NAMES)

.PHONY: bench-compare
bench-compare: install ## compare the cost with that of another revision: make bench-compare BASE=HEAD~1 (NAMES: of what; three minutes)
	@test -n "$(BASE)" || { echo 'say which revision: make bench-compare BASE=HEAD~1' >&2; exit 2; }
	@$(PY) -m tests.parts
	@$(PY) -m benchmarks.compare $(BASE) $(NAMES)

.PHONY: memory-proof
memory-proof: install ## hold ten million records of lag below a kernel's limit of 128 MiB through an outage of two minutes, as root, and print the figures (five minutes)
	@$(PY) -m tests.parts
	@$(PY) -m pytest -s tests/integration/memory

.PHONY: flow
flow: install ## run the flush control and its rivals through all scenarios, into docs/FLOW-CONTROL.md and its pictures (ten minutes)
	@$(PY) -m tests.scenarios.document
	@$(PY) -m tests.scenarios.pictures

.PHONY: generate
generate: install ## write what is made from the program: references, the charts' schemas, the dashboards
	@$(PY) -m sidecar.settings.document > docs/SETTINGS.md
	@$(PY) -m sidecar.observe.metric_defs > docs/METRICS.md
	@$(PY) -m tests.model.document > docs/COMMIT-PROTOCOL.md
	@for part in schema components dashboards observability; do $(PY) -m helm.generate.$$part; done
	@$(PY) -m tests.packaging.charts

.PHONY: pictures
pictures: install ## draw the dashboards into docs/images, after some minutes of play on a real Kafka and Prometheus
	@$(PY) -m tests.dashboard.pictures

.PHONY: lock
lock: install ## choose new versions of all dependencies and lock them with their hashes
	@for lock in 'run pyproject.toml' 'image --group pyproject.toml:image' 'dev pyproject.toml --group dev'; do \
		set -- $$lock; echo "Locking requirements/$$1.txt"; \
		.venv/bin/uv pip compile "$${@:2}" --upgrade --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --custom-compile-command 'make lock' --quiet --output-file "requirements/$$1.txt"; done

.PHONY: clean
clean: ## remove everything that these targets made
	rm -rf .venv .cache requirements/wheelhouse .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find $(CODE) -name __pycache__ -prune -exec rm -rf {} +
