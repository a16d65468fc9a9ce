.DEFAULT_GOAL := help
PY := .venv/bin/python

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: setup ## set-up, then `wayfare demo`; options by ARGS="--for 120 --json"
	.venv/bin/wayfare demo $(ARGS)

test: check ## set-up, checks, then every test with the real servers
	.venv/bin/pytest $(ARGS)

check: setup ## lint, types, import contracts, generated docs; writes nothing
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
	$(PY) docs/generate.py --check

fmt: setup ## format and fix what can be fixed
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

docs: setup ## write the generated reference pages and the picture
	$(PY) docs/generate.py

bench: setup ## measure against peers: one table and bench/results.json
	$(PY) -m bench $(ARGS)

lock: setup ## resolve the dependencies anew and write locks/*.txt; one package: ARGS="--upgrade-package numpy"
	local/lock.sh $(ARGS)

setup: ## prerequisites, .venv and the servers' jars; instant when nothing changed
	@local/setup.sh

.PHONY: help demo test check fmt docs bench lock setup
