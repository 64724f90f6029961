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
	@if [ -t 1 ]; then bold=$$'\033[1m' plain=$$'\033[0m'; fi; \
	awk -F ':.*## ' -v bold="$${bold:-}" -v plain="$${plain:-}" \
	  '/^[a-z][a-z-]*:.*## / {printf "  %s%-16s%s %s\n", bold, $$1, plain, $$2}' $(MAKEFILE_LIST)

.tools/bin/uv:
	@$(PYTHON) -m venv --help >/dev/null 2>&1 || { echo "error: $(PYTHON) with the venv module is needed (Debian: apt-get install python3-venv)" >&2; exit 2; }
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check 'uv==$(UV_VERSION)'

$(VENV)/.ready: $(LOCK) pyproject.toml | $(filter .tools/bin/uv,$(UV))
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python $(LOCK)
	$(UV) pip install --quiet --no-deps --python $(BIN)/python --editable .
	@# A run is a dozen processes: what they import is compiled once, also where the environment asks for no bytecode.
	$(BIN)/python -m compileall -q components
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
compile: setup ## Compile the pipelines: what the package carries, and build/*.yaml for upload
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

.PHONY: join-images
join-images: setup ## Join what `make push` pushed from two kinds of machine, below build/machines
	$(BIN)/python -m images.join $(IMAGE_ARGUMENTS)

OVERLAY ?= standalone
.PHONY: manifests
manifests: setup ## Write build/manifests for kubectl apply -k: make manifests OVERLAY=cluster IMAGE_PREFIX=registry.example.org/netanomaly
	manifests/with-image '$(OVERLAY)' "$$($(BIN)/netanomaly images $(if $(IMAGE_PREFIX),--image-prefix '$(IMAGE_PREFIX)') | awk '$$1 == "$(if $(filter serving/%,$(OVERLAY)),serve,register)" {print $$2}')" build/manifests

# A local Kubernetes with Kubeflow Pipelines: docker, kind, kubectl. docs/cluster.md.
.PHONY: kind-up
kind-up: images ## Make a kind cluster with Kubeflow Pipelines and the stage images in it
	manifests/kind/up

.PHONY: kind-load
kind-load: images ## Load the stage images into the kind cluster anew
	manifests/kind/load

.PHONY: kind-e2e
kind-e2e: setup ## Test the pipeline on the kind cluster (most of an hour)
	manifests/kind/e2e

.PHONY: kind-down
kind-down: ## Remove the kind cluster
	manifests/kind/down

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

# Servers that the registry and `make push` are tested against, built once into the user's cache where there is Go.
# `make test` does it by itself in CI and as root; others ask for it, since it takes minutes.
.PHONY: test-servers
test-servers: setup ## Build the S3 servers and the container registry that tests can use
	$(BIN)/python -m tests.store.servers
	$(BIN)/python -m tests.e2e.container_registry

.PHONY: test-seaweedfs
test-seaweedfs: setup ## Test the registry on SeaweedFS, the store that Kubeflow Pipelines brings (needs Go)
	weed=$$($(BIN)/python -m tests.store.seaweedfs) && \
	  PATH="$$weed:$$PATH" $(BIN)/pytest --numprocesses auto --dist loadgroup tests/store -k weed

# An MLflow server of PyPI, in an environment of its own in the user's cache: 700 MB, once.
.PHONY: test-mlflow
test-mlflow: setup ## Test tracking on an MLflow server
	$(BIN)/python -m tests.tracking.mlflow_server
	NETANOMALY_TEST_MLFLOW=1 $(BIN)/pytest tests/tracking

# Clients of PyPI, each in an environment of its own below .cache: 400 MB, once.
.PHONY: test-clients
test-clients: setup ## Test the server with Triton's and KServe's clients and schemathesis
	NETANOMALY_TEST_CLIENTS=1 $(BIN)/pytest tests/clients

.PHONY: lock-clients
lock-clients: | $(filter .tools/bin/uv,$(UV)) ## Resolve the clients of test-clients anew
	cd tests/clients && for each in *.in; do "$(shell command -v $(UV) || echo $(CURDIR)/$(UV))" pip compile --quiet --universal --generate-hashes \
	  --python-version 3.11 --no-emit-index-url --no-header --no-annotate "$$each" --output-file "$${each%.in}.txt"; done

# Its API server with nothing behind it, built once into the user's cache: seven minutes of processor time.
.PHONY: test-kubernetes
test-kubernetes: setup ## Test deploying against a real Kubernetes API server (needs Go)
	$(BIN)/python -m tests.kubernetes.api_server
	$(BIN)/pytest tests/kubernetes

# And what checks workflows and manifests, where kubectl is not there.
.PHONY: test-tools
test-tools: setup ## Build the commands that tests of workflows and manifests use
	$(BIN)/python -m tests.tools

BUILD_TESTED_WITH := $(if $(or $(CI),$(filter 0,$(shell id -u))),$(if $(shell command -v go),test-servers test-tools))

# The tests start thousands of processes: what they import is compiled once, also where the environment asks for no bytecode.
.PHONY: test
test: export PYTHONDONTWRITEBYTECODE :=
test: lint $(BUILD_TESTED_WITH) ## Everything that CI checks
	.ci/with-docker $(BIN)/pytest --numprocesses auto --dist loadgroup
	$(if $(CI),.ci/other-pythons)

.PHONY: test-other-pythons
test-other-pythons: setup ## Unit and contract tests with the other Python versions that are tested; `make test` does it in CI
	.ci/other-pythons

.PHONY: test-lowest
test-lowest: | $(filter .tools/bin/uv,$(UV)) ## Unit and contract tests with the lowest versions that pyproject.toml allows
	UV="$(UV)" .ci/lowest

BENCH_ROWS ?= 100000 1000000

.PHONY: bench
bench: setup ## Time a whole run against the original workflow (BENCH_ROWS="10000000" for more)
	$(BIN)/python -m tests.bench.end_to_end --rows $(BENCH_ROWS)

# NSL-KDD, ADBench and KDD99 as in tests/bench/quality_data.py; BENCH_DATA names their folder.
BENCH_DATA ?= ../shared/data
SEEDS ?= 5

.PHONY: bench-quality
bench-quality: setup ## Judge every detector on every data set, 90 minutes, resumable; writes docs/quality.md
	$(BIN)/python -m tests.bench.quality --data $(BENCH_DATA) --seeds $(SEEDS) --minutes 90 --write docs/quality.md

.PHONY: bench-quality-quick
bench-quality-quick: setup ## The same on 8,000 rows of each set, 10 minutes, resumable
	$(BIN)/python -m tests.bench.quality --data $(BENCH_DATA) --rows 8000 --seeds 1 --promise-seeds 5 --minutes 10

# BENCH_LOGS are real logs of flows for the bootstrap; those that are not there are left out.
BENCH_LOGS ?= $(addprefix $(BENCH_DATA)/,zeek/ctu50/008.conn.log.labeled.xz kddcup99/kddcup99.csv.xz unsw-nb15/UNSW_NB15_training-set.csv.xz \
  binetflow/test2-malicious.binetflow.xz suricata/test6-malicious.suricata.json.xz)
.PHONY: bench-drift
bench-drift: setup ## How often monitoring cries wolf, and names a change: 50 seeds, 10 minutes
	$(BIN)/python -m tests.bench.drift --seeds 50 $(foreach log,$(BENCH_LOGS),--log $(log))

# NSL-KDD, KDD99 and UNSW-NB15 below BENCH_DATA.
TRIALS ?= 32

.PHONY: bench-tuning
bench-tuning: setup ## Tune on eight labelled sets and judge on held-out classes, half an hour, resumable; writes docs/tuning.md
	$(BIN)/python -m tests.bench.tuning --data $(BENCH_DATA) --trials $(TRIALS) --write docs/tuning.md

.PHONY: bench-traffic
bench-traffic: setup ## Rows a second and memory of reading what sensors write
	$(BIN)/python -m tests.bench.traffic
	$(BIN)/python -m tests.bench.captures --data $(BENCH_DATA)
	$(BIN)/python -m tests.bench.scans --data $(BENCH_DATA)

.PHONY: bench-incidents
bench-incidents: setup ## Whether days not seen bring the incidents that alerts_per_day promises, 400 days, 5 minutes
	$(BIN)/python -m tests.bench.incident_budget

SCORE_ROWS ?= 1000000

.PHONY: bench-score
bench-score: setup ## Flows a processor second and memory from a Zeek log to alerts, and how soon a new file is scored (SCORE_ROWS="1000000 10000000" for more)
	$(BIN)/python -m tests.bench.score --rows $(SCORE_ROWS)
	$(BIN)/python -m tests.bench.score --latency

.PHONY: bench-images
bench-images: images ## Sizes and start times of the stage images, peak memory of every stage with 1M rows
	$(BIN)/python -m tests.bench.stage_images
	$(BIN)/python -m tests.bench.stage_memory

.PHONY: bench-registry
bench-registry: setup ## Time the registry on a folder and on S3 servers, near and 25 ms away
	$(BIN)/python -m tests.bench.registry

BENCH_SECONDS ?= 20

.PHONY: bench-serve
bench-serve: setup ## Latency, throughput and memory of the server, beside KServe's; some minutes, on a quiet machine
	$(BIN)/python -m tests.bench.serving --seconds $(BENCH_SECONDS)

# What takes longer than this hangs, in a long test too.
SOAK := $(BIN)/pytest -o faulthandler_timeout=7200

.PHONY: soak
soak: soak-registry soak-follow soak-retraining soak-mutants soak-attacks soak-traffic soak-serve soak-images ## Every long test

# On each server two minutes of random faults and kills, and an outage of a minute; five hundred random histories.
SOAK_SECONDS ?= 120

.PHONY: soak-registry
soak-registry: setup ## Long tests of the registry: faults, kills, an outage (SOAK_SECONDS=3600 for more)
	NETANOMALY_SOAK_SECONDS=$(SOAK_SECONDS) NETANOMALY_SOAK_EXAMPLES=500 \
	  $(SOAK) -rP tests/store/test_soak.py tests/store/test_states.py

# Two hundred files, and as many looks at them killed, on a folder and on a bucket each; at every step of a commit besides.
SOAK_KILLS ?= 1000

.PHONY: soak-follow
soak-follow: setup ## Kill a follower a thousand times: each record is scored once (SOAK_KILLS=10000 for more)
	NETANOMALY_SOAK_KILLS=$(SOAK_KILLS) $(SOAK) -rP tests/following/test_kills.py

# Two monitors at once, each time none, one or both of them killed.
SOAK_RETRAININGS ?= 100

.PHONY: soak-retraining
soak-retraining: setup ## Two monitors find the same window a hundred times, with kills: one training for each (SOAK_RETRAININGS=1000 for more)
	NETANOMALY_SOAK_RETRAININGS=$(SOAK_RETRAININGS) $(SOAK) -rP -k two_monitors tests/monitoring/test_retraining.py

.PHONY: soak-mutants
soak-mutants: setup ## Ten thousand altered documents of each kind that a registry has
	$(BIN)/python -m tests.attacks.mutants --count 10000

.PHONY: soak-attacks
soak-attacks: setup ## Files that decode to hundreds of mebibytes, and what memory it takes to refuse them
	NETANOMALY_SOAK=1 $(SOAK) --durations 10 tests/attacks/test_parquet.py tests/attacks/test_text.py tests/attacks/test_sensor_logs.py

.PHONY: soak-traffic
soak-traffic: setup ## Ten thousand damaged logs of each format: rows, or one clear line
	NETANOMALY_SOAK_MUTATIONS=10000 $(SOAK) -q -k damaged tests/unit/traffic/test_laws.py tests/unit/traffic/test_variants.py

.PHONY: soak-serve
soak-serve: setup ## Ten thousand mutated requests of each form; a hundred moves while the registry fails; ten minutes of load
	NETANOMALY_SOAK_MUTATIONS=10000 $(SOAK) -q -k strangers tests/serving/test_answers.py
	NETANOMALY_SOAK_MOVES=100 $(SOAK) -rP tests/serving/test_failing_registry.py
	NETANOMALY_SOAK_SECONDS=600 $(SOAK) -rP tests/serving/test_soak.py

# Some ten minutes: what `make test` does with forty quick containers and one light image, with two thousand and with all.
.PHONY: soak-images
soak-images: images ## Long tests of images: two thousand short containers, every image built a second time
	NETANOMALY_SOAK=1 $(SOAK) --durations 0 --durations-min 1 tests/e2e/test_docker_launcher.py tests/e2e/test_builds.py -k 'under_load or second_build'

# What reads bytes of others is given spoilt ones; those that were findings are left in build/fuzz.
FUZZ_SECONDS ?= 600

.PHONY: fuzz
fuzz: setup ## Fuzz readers of files, documents and answers (FUZZ_SECONDS=3600 for more)
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

.PHONY: clean
clean: ## Remove what the targets made, but not runs/
	rm -rf build dist .venv .venv-* .tools .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
