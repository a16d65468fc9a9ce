.DEFAULT_GOAL := help
PY := .venv/bin/python

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

demo: setup ## set-up, then `wayfare demo`; options by ARGS="--for 120 --json"
	.venv/bin/wayfare demo $(ARGS)

test: check ## set-up, checks, then every test with the real servers and a browser
	@local/setup.sh --browser
	.venv/bin/pytest $(ARGS)

check: setup ## lint, types, import contracts, generated docs; writes nothing
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
	$(PY) docs/generate.py --check
	$(PY) -m monitoring.generate --check

fmt: setup ## format and fix what can be fixed
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

docs: setup ## write the generated reference pages and the picture
	$(PY) docs/generate.py
	$(PY) -m monitoring.generate

bench: setup ## measure against peers: one table and bench/results.json
	$(PY) -m bench $(ARGS)

bench-compare: setup ## the results of `make bench` against an earlier run's: ARGS=release/results.json
	$(PY) -m bench.compare $(ARGS)

soak: setup ## the streams under faults, checked against their log: MINUTES=5, KILLS=100 kills of ingest, or OUTAGES=10 minutes without each server; SEED= repeats one
	$(PY) -m bench.soak $(if $(KILLS),--kills $(KILLS),$(if $(OUTAGES),--outages $(OUTAGES),--minutes $(or $(MINUTES),5))) $(if $(SEED),--seed $(SEED)) $(ARGS)

lock: setup ## resolve the dependencies anew and write locks/*.txt; one package: ARGS="--upgrade-package numpy"
	local/lock.sh $(ARGS)

setup: ## prerequisites, .venv and the servers' jars; instant when nothing changed
	@local/setup.sh

# -- images, charts, cluster, release: what Jenkins calls ----------------------------------------------------------------

tools: ## the pinned tools of the targets below, built once; prints where they are
	@local/tools/build.sh $(ARGS)

images: ## build the images; some only by ARGS="front stream"
	docker/build.sh $(ARGS)

pin-images: ## write the digests of the base images, where a registry can be reached
	docker/pin.sh

scan: ## SBOM, licences and known vulnerabilities of the images
	docker/scan.sh $(ARGS)

audit: setup ## known vulnerabilities of the locked dependencies
	docker/audit.sh

charts: setup ## lint, schema, unit tests and generated README of the charts
	charts/check.sh

test-images: setup images ## start every image and look inside
	.venv/bin/pytest tests/deploy/images $(ARGS)

test-compose: setup images ## the compose file, checked by the compose tool; Wayfare's part of it run
	.venv/bin/pytest tests/deploy/compose $(ARGS)

test-jenkins: setup ## the Jenkinsfile, run by an interpreter of its syntax
	jenkins/test.sh

cluster: ## a Kubernetes on this machine, for trying out; `make cluster-down` ends it
	local/cluster/up.sh

cluster-down: ## end that cluster
	local/cluster/down.sh

test-cluster: setup images ## install, upgrade, break and uninstall on a real Kubernetes: $KUBECONFIG, or one made here
	tests/deploy/cluster/run.sh $(ARGS)

publish-images: ## push the images: REGISTRY=host/path TAG=version
	docker/publish.sh

publish-chart: ## package, sign and push the chart: REGISTRY=host/path VERSION=semver
	charts/publish.sh

preview: setup ## a change in a namespace of its own: ARGS=up, smoke or down; NAMESPACE= REGISTRY= TAG=
	jenkins/preview.sh $(ARGS)

deploy: ## install or upgrade: ENVIRONMENT=staging NAMESPACE=wayfare REGISTRY=host/path TAG=version
	charts/deploy.sh

smoke: setup ## a quote and a ping through a running installation: PRICING_URL= EVENTS_URL= TOKEN_FILE=
	tests/deploy/smoke.sh

.PHONY: help demo test check fmt docs bench bench-compare soak lock setup tools images pin-images scan audit charts test-images test-compose \
	test-jenkins cluster cluster-down test-cluster publish-images publish-chart preview deploy smoke
