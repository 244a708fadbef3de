SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sirocco
UV_VERSION := 0.13.9
UV_HOME := $(CACHE)/uv-$(UV_VERSION)
UV := $(UV_HOME)/bin/uv
PYTHON := .venv/bin/python
KIND := $(PYTHON) -m tests.kind

# Fake GPUs of the cluster's node.
GPUS ?= 8
# More arguments for pytest, e.g. PYTEST_ARGS="-k rollout -x".
PYTEST_ARGS ?=
PYTEST := .venv/bin/pytest --durations=10

export PATH := $(CACHE)/bin:$(UV_HOME)/bin:$(PATH)
export UV_SYSTEM_CERTS := 1
export DOCKER_BUILDKIT := 1
# Where this is set, as in many containers, each start of the operator compiles a thousand modules again.
export PYTHONDONTWRITEBYTECODE :=

# Three hundred models at once: beside others, neither would keep its time.
ANY_SPEC := tests/api/test_any_spec.py
PARTS := lint test-unit prepare test-chart test-api test-vllm test-e2e

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/.synced ## from nothing to an answer of a real model in a cluster
	$(KIND) tools --for demo
	$(PYTHON) -m tests.demo

.PHONY: test
test: ## lint and every test, each part with its seconds; stops at the first that fails
	@times=""; \
	for part in $(PARTS); do \
	  started=$$SECONDS; echo "=== $$part"; \
	  $(MAKE) $$part || { echo "=== $$part FAILED after $$((SECONDS - started)) s"; exit 1; }; \
	  times="$$times$$(printf '%-12s %5d s' $$part $$((SECONDS - started)))"$$'\n'; \
	done; \
	printf '=== all green\n%s%-12s %5d s\n' "$$times" total $$SECONDS

.PHONY: lint
lint: .venv/.synced ## ruff, mypy and the layers of imports
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy operator/src serving/src charts/generate examples tests
	.venv/bin/lint-imports

.PHONY: test-unit
test-unit: .venv/.synced ## pure functions: seconds
	$(PYTEST) tests/unit $(PYTEST_ARGS)

.PHONY: prepare
prepare: .venv/.synced ## build the tools and images that the tests need and are not current
	$(KIND) prepare

.PHONY: test-chart
test-chart: .venv/.synced ## what Helm 4 and Helm 3 render, and what its alerts fire on
	$(KIND) tools --for chart --for monitoring
	$(PYTEST) -n 2 --dist loadfile tests/chart tests/monitoring $(PYTEST_ARGS)

.PHONY: test-api
test-api: .venv/.synced ## the operator against a real API server
	$(KIND) tools --for api --for chart
	$(PYTEST) -n 4 --dist loadgroup tests/api --ignore $(ANY_SPEC) $(PYTEST_ARGS)
	$(PYTEST) $(ANY_SPEC) $(PYTEST_ARGS) || [ $$? = 5 ] # 5: none was selected

.PHONY: test-vllm
test-vllm: .venv/.synced ## the serving layer in a real vLLM on the CPU, in Docker and its compose
	$(KIND) tools --for chart --for compose --for monitoring
	$(KIND) images
	$(PYTEST) -n 2 --dist loadgroup tests/serving tests/compose $(PYTEST_ARGS)

.PHONY: test-e2e
test-e2e: .venv/.synced ## everything in a kind cluster, with a real vLLM
	$(KIND) tools --for chart --for monitoring
	$(KIND) ready --gpus $(GPUS)
	$(PYTEST) -n 4 --dist loadgroup tests/e2e $(PYTEST_ARGS)

.PHONY: test-faults
test-faults: .venv/.synced ## outages of minutes, a thousand objects, lost nodes; not part of `make test`
	$(KIND) tools --for api --for chart
	$(KIND) ready --gpus $(GPUS)
	$(PYTEST) tests/faults $(PYTEST_ARGS)

.PHONY: test-integrations
test-integrations: .venv/.synced ## with what others make: Jaeger, Prometheus Operator, KEDA …; not part of `make test`
	$(KIND) tools --for chart --for monitoring --for integrations
	$(KIND) ready --gpus $(GPUS)
	$(PYTEST) tests/integrations $(PYTEST_ARGS)

.PHONY: bench
bench: .venv/.synced ## how fast the operator is with many resources, and what figures for autoscaling cost
	$(KIND) tools --for api
	$(PYTHON) -m tests.bench.operator_scale
	$(PYTHON) -m tests.bench.metrics_scrape

.PHONY: bench-serving
bench-serving: .venv/.synced ## what the serving layer costs beside stock vLLM on the CPU
	$(KIND) images
	$(PYTHON) -m tests.bench.serving_overhead_cpu

.PHONY: bench-fire
bench-fire: .venv/.synced ## whether the limits hold under 10,000 requests of 200 clients
	$(KIND) images
	$(PYTHON) -m tests.bench.fire

.PHONY: format
format: .venv/.synced ## put the code into its form
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

.PHONY: generate
generate: .venv/.synced ## write again what is generated: CRD, reference pages, dashboards, install.yaml
	$(KIND) tools --for chart
	$(PYTHON) -m sirocco_operator.api.crd.kubernetes_types
	$(PYTHON) -m sirocco_operator.api.crd.definition
	$(PYTHON) -m sirocco_operator.api.crd.reference
	$(PYTHON) -m sirocco_operator.status.reference
	$(PYTHON) -m charts.generate.dashboards
	$(PYTHON) -m tests.chart.install_manifest

.PHONY: tools
tools: .venv/.synced ## build the pinned tools into the cache folder
	$(KIND) tools

.PHONY: cluster
cluster: .venv/.synced ## a kind cluster with GPUS=8 fake GPUs, and Docker where there is none
	$(KIND) up --gpus $(GPUS)

.PHONY: images
images: .venv/.synced ## build the project's images and load them into the cluster
	$(KIND) load

.PHONY: cluster-down
cluster-down: .venv/.synced ## remove the cluster, and stop Docker where `make cluster` started it
	$(KIND) down

$(UV):
	@echo "==> uv $(UV_VERSION)"
	rm -rf $(UV_HOME).new
	PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --target $(UV_HOME).new uv==$(UV_VERSION) \
	  || { echo "uv could not be installed: is pip there (Debian: apt-get install python3-pip) and PyPI reachable?"; exit 1; }
	rm -rf $(UV_HOME) && mv $(UV_HOME).new $(UV_HOME)

.venv/.synced: uv.lock pyproject.toml operator/pyproject.toml serving/pyproject.toml | $(UV)
	$(UV) sync --locked
	@touch $@
