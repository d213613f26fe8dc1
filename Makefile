# reelhaul: `make help` lists the targets. `make demo` and `make test` work as the first command on a fresh clone.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
STAGE ?=
PARAMETERS ?=
REGION ?=
PROFILE ?=
VERSION ?=
OUTPUTS ?=
PORT ?=
FOOTAGE ?=
PYTEST ?=
PYTHONS ?=
FILES ?=
SEED ?=
# Of the commands that act on a stage.
WHERE = $(if $(REGION),--region '$(REGION)') $(if $(PROFILE),--profile '$(PROFILE)')
GIVEN = $(foreach given,$(PARAMETERS),--parameter '$(given)')
# Python keeps what it compiled: tests start hundreds of processes, and each would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE
# Twice as many as cores: many tests wait for a process, a time-out or a lock.
WORKERS := $(shell echo $$((2 * $$(nproc))))
# Tests without AWS, deployed coordinator or other processes; tests/MAP.md names them.
FAST := tests/core tests/flows tests/web tests/aws tests/test_settings.py tests/edge/coordinator tests/edge/http tests/edge/memory tests/edge/model tests/contracts/edge
# Files with something that `make test` leaves to the soak; tests/test_map.py demands all of them.
SOAKED := tests/simulation/test_soak.py tests/simulation/test_every_call_fails_once.py tests/support/test_interrupted.py tests/e2e/test_story.py tests/e2e/test_kills.py tests/e2e/test_kills_at_syscalls.py tests/e2e/test_demo.py tests/edge/camera/test_camera_leg_faults.py tests/edge/base/test_standard_streams.py tests/edge/commands/test_commands.py tests/differential tests/fuzzed tests/infra/test_processor_lights.py tests/infra/migration/test_postgres.py tests/odd/test_documents.py

.PHONY: help setup lock assets demo up local-aws camera test test-fast test-pythons test-newest coverage soak fuzz mutants mutmut api-docs check lint audit vulnerabilities sbom simulate simulate-bugs test-page test-browser screenshots types floors format cost bench-cloud bench-measurements bench-edge device-bundle test-device deploy plan rollback destroy stage release clean

help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## make .venv and install everything into it

$(READY): requirements/development.txt pyproject.toml setup.py infra/admin/pyproject.toml
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/development.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable . --editable ./infra/admin
	printf '%s\n' "$(CURDIR)" "$(CURDIR)/cloud" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/reelhaul_houses.pth"
	touch $(READY)

AUDIT := build/audit
SBOM := build/sbom-tools
MUTATION := build/mutation

# Each has more dependencies than the project, and of other versions: they get places of their own.
$(AUDIT)/.ready: requirements/audit.txt
	"$(PYTHON)" -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --require-hashes -r requirements/audit.txt
	touch $@

$(SBOM)/.ready: requirements/sbom.txt
	"$(PYTHON)" -m venv $(SBOM)
	$(SBOM)/bin/python -m pip install --quiet --require-hashes -r requirements/sbom.txt
	touch $@

$(MUTATION)/.ready: requirements/mutation.txt
	"$(PYTHON)" -m venv $(MUTATION)
	$(MUTATION)/bin/python -m pip install --quiet --require-hashes -r requirements/mutation.txt
	touch $@

lock: setup ## write requirements/ anew from pyproject.toml (hashes, no index addresses)
	$(BIN)/uv pip compile pyproject.toml --group cloud --group local --group development --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements/development.txt
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements/edge.txt
	$(BIN)/uv pip compile pyproject.toml --group edge-tests --constraint requirements/development.txt --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements/edge-tests.txt
	$(BIN)/uv pip compile infra/admin/pyproject.toml --constraint requirements/development.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements/admin.txt
	$(BIN)/uv pip compile pyproject.toml --group mutation --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements/mutation.txt
	printf 'setuptools\n' | $(BIN)/uv pip compile - --constraint requirements/development.txt --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements/build.txt
	printf 'checkov\nzizmor\n' | $(BIN)/uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements/audit.txt
	printf 'cyclonedx-bom\npip-audit\n' | $(BIN)/uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements/sbom.txt
	printf 'msgspec\n' | $(BIN)/uv pip compile - --constraint requirements/development.txt --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o cloud/requirements.txt

assets: setup ## build the page into the coordinator's package; needs Node.js 20 and, the first time, the npm registry
	$(BIN)/python -m infra.page

demo: setup ## haul generated footage (or FOOTAGE=DIR) into the local AWS and prove it: build/demo.json
	$(BIN)/python -m infra.page --where-possible
	$(BIN)/python -m infra.local.demo $(if $(FOOTAGE),--footage "$(FOOTAGE)")

up: setup ## the whole local stack, with a coordinator to use by hand; Ctrl-C ends it
	$(BIN)/python -m infra.page --where-possible
	$(BIN)/python -m infra.local.stack up $(if $(PORT),--port $(PORT)) $(if $(FOOTAGE),--footage "$(FOOTAGE)")

local-aws: setup ## only the strict local AWS, for outside clients: make local-aws PORT=5055
	$(BIN)/python -m infra.local.stack aws $(if $(PORT),--port $(PORT))

camera: setup ## only the camera simulator: make camera FOOTAGE=DIR PORT=8080
	$(BIN)/python -m infra.local.camera $(if $(FOOTAGE),--footage "$(FOOTAGE)") $(if $(PORT),--port $(PORT))

test: setup ## all tests, about seven minutes on two cores: make test PYTEST='-k spool'
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(PYTEST)

test-page: setup ## the page's modules in Node.js: format, types, unit tests; skipped where it is not installed
	$(BIN)/python -m infra.page --check

test-browser: setup ## the page in Debian's Chromium; skipped where it is not installed: make test-browser PYTEST='-k login'
	$(BIN)/python -m infra.page --where-possible
	$(BIN)/python -m pytest -n 2 --dist loadfile --browser tests/browser $(PYTEST)

screenshots: setup assets ## pictures of each view of the page, wide and narrow, light and dark: build/screenshots/
	$(BIN)/python -m tests.browser.screenshots

test-fast: setup ## tests without AWS or other processes, at most a minute: make test-fast PYTEST='-k gate'
	$(BIN)/python -m pytest -n 2 --dist worksteal $(FAST) $(PYTEST)

test-pythons: ## the edge client's tests on each of Python 3.10 to 3.14 that is on PATH: make test-pythons PYTHONS='python3.10 …'
	"$(PYTHON)" -m tests.pythons $(PYTHONS)

test-newest: setup ## the demo and the fast tests on the newest Python here, in a copy in a folder with a space in its name
	$(BIN)/python -m tests.newest_python

test-device: setup ## the archive for devices, installed on each Python here and in a clean Debian, without network; asks it before
	$(BIN)/python -m pytest --device tests/device $(PYTEST)

coverage: setup ## how much of core, flows, web and the haul the tests run: 98 % of lines and branches each
	$(BIN)/python -m tests.coverage_gate $(PYTEST)

simulate: setup ## 100,000 whole histories with faults, drawn from seeds: make simulate SEED=4711 SCHEDULES=2000
	$(BIN)/python -m tests.histories $(if $(SEED),--seed $(SEED)) $(if $(MUTED),--muted $(MUTED)) $(if $(SCHEDULES),--schedules $(SCHEDULES)) $(if $(MODE),--mode $(MODE))

soak: setup ## every EVERY-th call of the story fails once, 200 hauls are killed, 50,000 calls are made up, a million histories: make soak EVERY=20 PYTEST='-k seed-017'
	$(BIN)/python -m pytest -n 2 --dist worksteal --timeout 0 --soak $(if $(EVERY),--every $(EVERY)) $(SOAKED) $(PYTEST)
	$(BIN)/python -m tests.histories --schedules 1000000 --unlimited 100000

fuzz: setup ## 20,000 changed files of measurements: each is indexed or poison, two minutes: make fuzz SEED=7 FILES=20000
	$(BIN)/python -m tests.odd --files $(or $(FILES),20000) $(if $(SEED),--seed $(SEED))

mutants: setup ## plant bugs, and demand that tests notice: make mutants ONLY=gate
	$(BIN)/python -m tests.mutants $(if $(ONLY),--only "$(ONLY)")

simulate-bugs: setup ## plant bugs, and count the histories until one shows each: make simulate-bugs ONLY=gate
	$(BIN)/python -m tests.histories.planted $(if $(ONLY),--only "$(ONLY)")

mutmut: $(MUTATION)/.ready ## change the code that decides in each small way, and demand that fast tests notice: make mutmut ONLY=gates
	$(MUTATION)/bin/python -m tests.mutation $(if $(ONLY),--only "$(ONLY)")

api-docs: setup ## write the tables of docs/api.md anew from the routes; a test fails while they differ
	$(BIN)/python -m infra.api_docs

check: lint types floors test test-page test-browser ## what .ci/run runs

lint: setup ## ruff, bandit, cfn-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit --quiet --recursive -c pyproject.toml edge_client cloud infra examples
	mkdir -p build && $(BIN)/python -m infra.aws.template > build/storage.json
	$(BIN)/python -m infra.aws.watch > build/watch.json
	$(BIN)/cfn-lint build/storage.json build/watch.json

audit: setup $(AUDIT)/.ready ## checkov on both stacks, zizmor on the workflows; the first time installs them, under a minute
	mkdir -p build && $(BIN)/python -m infra.aws.template > build/storage.json
	$(BIN)/python -m infra.aws.watch > build/watch.json
	$(AUDIT)/bin/checkov --framework cloudformation --compact --quiet --skip-download -f build/storage.json build/watch.json
	$(AUDIT)/bin/zizmor --offline --persona pedantic .github/workflows

vulnerabilities: $(SBOM)/.ready ## known vulnerabilities of what is installed on devices, in Lambda and for operators; asks the network
	for lock in requirements/edge.txt cloud/requirements.txt requirements/admin.txt; do $(SBOM)/bin/pip-audit --strict --require-hashes --disable-pip -r "$$lock"; done

sbom: setup $(SBOM)/.ready ## what device, coordinator and operator's command consist of: build/sbom/*.cdx.json, and their licences
	mkdir -p build/sbom
	$(SBOM)/bin/cyclonedx-py requirements requirements/edge.txt --pyproject pyproject.toml --mc-type application --output-format JSON --output-reproducible -o build/sbom/edge-client.cdx.json
	$(SBOM)/bin/cyclonedx-py requirements cloud/requirements.txt --output-format JSON --output-reproducible -o build/sbom/coordinator.cdx.json
	$(SBOM)/bin/cyclonedx-py requirements requirements/admin.txt --pyproject infra/admin/pyproject.toml --mc-type application --output-format JSON --output-reproducible -o build/sbom/admin.cdx.json
	$(BIN)/python -m infra.licences

types: setup ## mypy, strict
	$(BIN)/mypy edge_client infra examples tests
	cd cloud && ../$(BIN)/mypy --config-file ../pyproject.toml app.py chalicelib

floors: setup ## import-linter: who may import whom
	$(BIN)/lint-imports

format: setup ## ruff, writing
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

cost: setup ## compute docs/cost.md from prices and measured calls
	$(BIN)/python -m infra.aws.cost

bench-cloud: setup ## measure the coordinator beside peers, and 100,000 sessions: make bench-cloud ONLY='starts signing'
	$(BIN)/python -m tests.benchmarks.cloud $(ONLY)

bench-measurements: setup ## index, ranges, lake and angles beside peers, ten minutes, 4 GB of memory: make bench-measurements ONLY='ranges imports'
	$(BIN)/python -m tests.benchmarks.measurements $(ONLY)

bench-edge: setup ## measure the edge client beside curl and SDKs, 38 minutes: make bench-edge ONLY=peak_rss_mib_12gib
	$(BIN)/python -m tests.benchmarks.edge $(if $(ONLY),--only $(ONLY))

device-bundle: setup ## the archive from which a device installs the client without a network: build/reelhaul-device-VERSION.tar.gz
	$(BIN)/python -m infra.device_bundle

deploy: setup assets ## stacks and coordinator of a stage: make deploy STAGE=prod PARAMETERS='AlarmAddress=crew@example.org'
	$(BIN)/python -m infra.aws.deploy --stage '$(or $(STAGE),$(error name the stage: make deploy STAGE=prod))' $(WHERE) $(GIVEN)

plan: setup assets ## what make deploy would change, in plain words; nothing is changed: make plan STAGE=prod
	$(BIN)/python -m infra.aws.plan --stage '$(or $(STAGE),$(error name the stage: make plan STAGE=prod))' $(WHERE) $(GIVEN)

rollback: setup ## the deploy before, once more; footage and records stay: make rollback STAGE=prod
	$(BIN)/python -m infra.aws.rollback --stage '$(or $(STAGE),$(error name the stage: make rollback STAGE=prod))' $(WHERE)

destroy: setup ## end a stage that holds no footage; bucket and table stay: make destroy STAGE=trial
	$(BIN)/python -m infra.aws.destroy --stage '$(or $(STAGE),$(error name the stage: make destroy STAGE=trial))' $(WHERE)

stage: setup assets ## only prepare build/STAGE to run chalice there, deploy nothing: make stage STAGE=prod OUTPUTS=stack.json
	$(BIN)/python -m infra.aws.prepare --stage '$(or $(STAGE),$(error name the stage: make stage STAGE=prod))' $(if $(OUTPUTS),--outputs "$(OUTPUTS)")

release: setup ## check, date, commit and tag a version; pushes nothing: make release VERSION=0.2.0
	$(BIN)/python -m infra.release '$(or $(VERSION),$(error name the version: make release VERSION=0.2.0))'

clean: ## remove what was built; the venv and the record of what is deployed stay
	if [ -d build ]; then find build -type f -not -path 'build/*/.chalice/deployed/*' -delete; find build -type l -delete; find build -type d -empty -delete; fi
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
