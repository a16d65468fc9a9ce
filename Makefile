.DEFAULT_GOAL := help
PY := .venv/bin/python

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

check: ## lint, types and import contracts; writes nothing
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

fmt: ## format and fix
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

.PHONY: help check fmt
