# `make help` lists what there is. Everything a target needs is set up by it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/dev.txt

# A uv on PATH serves; otherwise a pinned one goes into a folder of this checkout.
UV := $(shell command -v uv || echo .tools/bin/uv)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.tools/bin/uv:
	@$(PYTHON) -m venv --help >/dev/null 2>&1 || { echo "error: $(PYTHON) with the venv module is needed (Debian: apt-get install python3-venv)" >&2; exit 2; }
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check 'uv==$(UV_VERSION)'

$(VENV)/.ready: $(LOCK) pyproject.toml | $(filter .tools/bin/uv,$(UV))
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python $(LOCK)
	$(UV) pip install --quiet --no-deps --python $(BIN)/python --editable .
	@touch $@

.PHONY: setup
setup: $(VENV)/.ready ## Make .venv with the locked dependencies and the netanomaly command

.PHONY: lock
lock: | $(filter .tools/bin/uv,$(UV)) ## Resolve the dependencies anew into requirements/
	UV="$(UV)" requirements/lock

.PHONY: run
run: setup ## Train, evaluate and register a detector on the bundled NSL-KDD data
	$(BIN)/netanomaly run configs/nsl-kdd.json

.PHONY: compile
compile: setup ## Compile the pipelines: what the package carries, and build/training.yaml for upload
	$(BIN)/python -m pipelines.compile
	$(BIN)/netanomaly compile --out build $(if $(IMAGE_PREFIX),--image-prefix '$(IMAGE_PREFIX)')

# DOCKER names the docker command; BASE_IMAGE another base; IMAGE_PREFIX a registry and repository.
IMAGE_ARGUMENTS := $(if $(IMAGE_PREFIX),--prefix '$(IMAGE_PREFIX)')

.PHONY: images
images: setup ## Build the image of every stage that is not there yet
	$(BIN)/python -m images.build $(IMAGE_ARGUMENTS)

.PHONY: image
image: setup ## Build one stage's image: make image STAGE=train
	$(BIN)/python -m images.build $(IMAGE_ARGUMENTS) $(or $(STAGE),$(error say which: make image STAGE=train))

.PHONY: offline-base
offline-base: ## Make the base image from Debian packages, where no registry can be reached (root)
	images/offline-base.sh

.PHONY: push
push: images ## Push the images that the registry lacks: make push IMAGE_PREFIX=registry.example.org/netanomaly
	$(BIN)/python -m images.push $(IMAGE_ARGUMENTS)

.PHONY: format
format: setup ## Format the code
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

.PHONY: lint
lint: setup ## Style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two S3 servers that the registry is tested against, built once into the user's cache where there is Go.
# `make test` does it by itself in CI and as root; others ask for it, since it takes minutes.
.PHONY: test-servers
test-servers: setup ## Build the S3 servers that the registry's tests can use
	$(BIN)/python -m tests.store.servers

BUILD_SERVERS := $(if $(or $(CI),$(filter 0,$(shell id -u))),$(if $(shell command -v go),test-servers))

.PHONY: test
test: lint $(BUILD_SERVERS) ## Everything that CI checks
	.ci/with-docker $(BIN)/pytest --numprocesses auto --dist loadgroup

BENCH_ROWS ?= 100000 1000000

.PHONY: bench
bench: setup ## Time a whole run against the original workflow (BENCH_ROWS="10000000" for more)
	$(BIN)/python -m tests.bench.end_to_end --rows $(BENCH_ROWS)

# NSL-KDD, ADBench and KDD99 as in tests/bench/quality_data.py; BENCH_DATA names their folder.
BENCH_DATA ?= ../shared/data
SEEDS ?= 5

.PHONY: bench-quality
bench-quality: setup ## Judge every detector on every data set; writes docs/quality.md
	$(BIN)/python -m tests.bench.quality --data $(BENCH_DATA) --seeds $(SEEDS) --write docs/quality.md

.PHONY: bench-images
bench-images: images ## Sizes and start times of the stage images
	$(BIN)/python -m tests.bench.stage_images

.PHONY: bench-registry
bench-registry: setup ## Time the registry on a folder and on S3 servers, near and 25 ms away
	$(BIN)/python -m tests.bench.registry

# Long tests may take longer than a test that hangs.
SOAK := $(BIN)/pytest -o faulthandler_timeout=3600

.PHONY: soak
soak: soak-registry soak-images ## Every long test

# Per server: two minutes of random faults and kills, an outage of a minute; and two thousand random histories.
.PHONY: soak-registry
soak-registry: setup $(BUILD_SERVERS) ## Registrations under faults, kills and a minute's outage (SOAK_SECONDS=3600 for more)
	NETANOMALY_SOAK_SECONDS=$(or $(SOAK_SECONDS),120) NETANOMALY_SOAK_EXAMPLES=2000 \
	  $(SOAK) -rP tests/store/test_soak.py tests/store/test_states.py

# A thousand containers that fail at once and a thousand that do not; `make test` starts forty.
.PHONY: soak-images
soak-images: images ## Two thousand short containers, each reported as it ended
	NETANOMALY_SOAK_STAGES=2000 $(SOAK) tests/e2e/test_docker_launcher.py -k under_load

.PHONY: clean
clean: ## Remove what the targets made, but not runs/
	rm -rf build dist .venv .tools .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
