# The commands of the README. CI calls the same, nothing else.
.DEFAULT_GOAL := help
PATTERN ?= hybrid_train_deploy
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := .venv/bin/python
STAMP := .venv/.ready
# Bytecode is written at installation: without it every command pays a second for compiling what it imports.
export PYTHONDONTWRITEBYTECODE :=

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(STAMP)  ## uv and the locked environment

$(STAMP): pyproject.toml uv.lock
	@command -v uv >/dev/null 2>&1 || test -x .uv/bin/uv || { $(PYTHON) -m venv .uv && .uv/bin/pip install --quiet uv; }
	$(UV) sync --locked --all-extras --compile-bytecode --quiet
	$(RUN) -m compileall -q landbridge flows tasks
	@touch $@

demo: setup  ## the main job on real data: train, deploy, new data, retrain, redeploy under load (PATTERN=…)
	$(RUN) scenarios/demo.py $(PATTERN)

demo-all: setup  ## all five patterns, one after the other
	$(RUN) scenarios/demo.py all

demo-down:  ## end what the demos started, and delete what they left
	@test ! -x .venv/bin/landbridge || LANDBRIDGE_HOME=$(CURDIR)/.demo .venv/bin/landbridge down --jobs
	rm -rf .demo

test: setup lint  ## lint, types, architecture, and all tests but those below
	@$(MAKE) --no-print-directory -j 2 types quick

# Three at once on two cores: many of them wait.
quick: setup
	$(RUN) -m pytest -n 3 --ignore tests/azure --ignore tests/cluster

test-slow: setup  ## all patterns, with real training; services killed; rules tried on more inputs
	$(RUN) -m pytest -m "(slow or hypothesis) and not cluster and not azure" --hypothesis-profile=thorough -n 2

test-chaos: setup  ## runs, jobs and hosts killed at exact moments
	$(RUN) -m pytest -m chaos -n 2

test-azure: setup  ## the Azure ML SDK against a double of Azure on this machine
	$(RUN) -m pytest tests/azure -m "azure and not slow" -n 2

test-azure-slow: setup  ## the same, killed after any request, and whole scenarios
	$(RUN) -m pytest tests/azure -m "azure and slow" -n 2

test-cluster: setup  ## tests on two real Kubernetes clusters, as root; the first run builds them for a quarter of an hour
	$(RUN) -m pytest tests/cluster -m "cluster and not slow" -n 0

test-cluster-slow: setup  ## the other patterns on them, and their faults while a scenario runs
	$(RUN) -m pytest tests/cluster -m "cluster and slow" -n 0

lab-build: setup  ## what the two clusters are made of, into the cache; the first time it takes minutes
	$(RUN) -m tests.cluster.lab build

lab-up: setup  ## the two clusters, to work with: /run/landbridge-lab/onprem.kubeconfig and cloud.kubeconfig
	$(RUN) -m tests.cluster.lab up

lab-down: setup  ## end them, and leave nothing but the cache
	$(RUN) -m tests.cluster.lab down

check: lint types  ## lint, types, architecture

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: setup
	$(RUN) -m mypy
	.venv/bin/lint-imports

generate: setup  ## schemas and reference pages, from the code
	$(RUN) -m landbridge.files.schema
	$(RUN) -m landbridge.files.schema --docs docs/reference
	$(RUN) -m landbridge.files.errors_page docs/errors.md
	$(RUN) -m landbridge.files.azure_pages docs/reference
	$(RUN) -m landbridge.cli.reference docs/reference/cli.md
	$(RUN) -m landbridge.operations.drivers_page docs/reference/drivers.md

bench: setup  ## what we claim, measured here
	$(RUN) benchmarks/startup.py
	$(RUN) benchmarks/placement.py
	$(RUN) benchmarks/redeploy.py
	$(RUN) benchmarks/overhead.py
	$(RUN) -m benchmarks.azure_plan

bench-cluster: setup  ## what one process asks of a cluster of 1,000 pretended nodes; the first run builds it for a quarter of an hour
	$(RUN) -m benchmarks.cluster_scale

clean:  ## the environment and what demos left
	rm -rf .venv .uv .demo

.PHONY: help setup demo demo-all demo-down generate test test-slow test-chaos test-azure test-azure-slow test-cluster test-cluster-slow lab-build lab-up lab-down check lint types quick bench bench-cluster clean
