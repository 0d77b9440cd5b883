# Everything a newcomer needs: `make run` and `make test`. The rest is for us.
# Needs: python3 (3.11 or newer) with venv and headers, gcc, make, openssl. No root, no Docker.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
RUN_OK := $(VENV)/.run-installed
TEST_OK := $(VENV)/.test-installed
BENCH_OK := $(VENV)/.bench-installed
CORE   := $(wildcard revocation/*.pyx revocation/*/*.pyx revocation/*/*.pxd revocation/*/*.pxi platform_api/*/*.pyx platform_api/*/*.pxd)
ARGS   ?=
# Tests run in this many processes, each with a database of its own; a file stays in one of them.
JOBS   ?= 2

.PHONY: run test test-slow search test-clients test-browser lint check coverage mutation fuzz bench aarch64 lock clean preflight

run: $(RUN_OK)
	$(BIN)/jpki demo $(ARGS)

test: $(TEST_OK)
	$(BIN)/python -m pytest -q -m "not slow and not clients and not browser" -n $(JOBS) --dist loadfile $(ARGS)

test-slow: $(TEST_OK)
	$(BIN)/python -m pytest -q -m slow $(ARGS)

# Every test that draws its inputs, with inputs that are new in each of ROUNDS rounds; a finding comes with its blob.
ROUNDS ?= 1
search: $(TEST_OK)
	@for round in $$(seq $(ROUNDS)); do \
	  $(BIN)/python -m pytest -q -m "not slow" -n $(JOBS) --dist loadfile --hypothesis-profile=search $(ARGS) \
	    $$(grep -rl --include='test_*.py' 'from hypothesis' tests) || exit 1; \
	done

# Real OCSP clients ask our responder; at the end stands what agreed. deploy/client-packages.sh gets them, as root;
# what is missing is skipped by name. Here only npm's package is fetched, by the hashes of its lock.
test-clients: $(TEST_OK)
	@npm ci --silent --prefix tests/clients/npm || echo "make: npm's package ocsp could not be had; its tests are skipped"
	$(BIN)/python -m pytest -q -m clients tests/clients $(ARGS)

# The customer's page in this machine's own Chromium (apt install chromium fonts-ipafont-gothic); skipped aloud
# without it. ARGS="--basetemp=DIR" or JPKI_SCREENSHOTS=DIR keeps the pictures.
test-browser: $(TEST_OK)
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements-browser.lock
	@test -x /usr/bin/chromium || echo "make: no /usr/bin/chromium; the tests of the customer's page are skipped"
	$(BIN)/python -m pytest -q -m browser tests/browser $(ARGS)

lint: $(TEST_OK)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

# The code that decides, line by line and branch by branch: acceptance, status, publish, the checker. Below 100 % it fails.
coverage: $(TEST_OK)
	$(BIN)/python -m coverage run --rcfile=tests/deciding.coveragerc -m pytest -q -m "not slow" tests/revocation tests/checker tests/responder/test_world.py $(ARGS)
	$(BIN)/python -m coverage report --rcfile=tests/deciding.coveragerc

# Changes that code and sees whether a test notices; minutes for each group. mutmut is installed only here.
mutation: $(TEST_OK)
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements-mutation.lock
	$(BIN)/python -m tests.mutation $(ARGS)

# Decoder and index reader under AddressSanitizer, 10^8 inputs, and the branches they reach; a finding fails it.
fuzz: $(TEST_OK)
	$(BIN)/python -m tests.fuzz all --executions 100000000 --json $(ARGS)

bench: $(BENCH_OK)
	$(BIN)/python -m benchmarks $(ARGS)

# The compiled core for aarch64, run under qemu-user. As root: it installs a cross compiler.
aarch64: $(TEST_OK)
	sh deploy/check-aarch64.sh

# One sentence for each thing that is missing on this machine, before anything is downloaded.
preflight:
	@sh deploy/preflight.sh $(PYTHON)

# The lock is installed as it is: pip refuses hashes together with an editable install, and an isolated
# build would fetch unpinned tools. So: pinned build tools first, then the pinned set, then ourselves.
$(RUN_OK): requirements-build.lock requirements.lock pyproject.toml setup.py $(CORE) | preflight
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing (once; a minute or two) ..."
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements-build.lock
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@# pip compiles what it copies, but we stay where we are; and where PYTHONDONTWRITEBYTECODE is set, each
	@# start of a process would compile the 200 and more that it imports anew.
	@$(BIN)/python -m compileall -q revocation platform_api
	@touch $@

# Neighbours that the core is measured against; the tests of the benchmarks need them too.
$(BENCH_OK): $(RUN_OK) requirements-bench.lock
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements-bench.lock
	@touch $@

$(TEST_OK): $(BENCH_OK) requirements-test.lock
	@echo "installing the test tools (once) ..."
	@$(PIP) install --require-hashes --no-deps --no-build-isolation -r requirements-test.lock
	@touch $@

# New locks, resolved with every index address left out. Slow (minutes): only when a dependency changes.
COMPILE = $(BIN)/pip-compile --quiet --config pyproject.toml
lock: $(RUN_OK)
	$(PIP) install pip-tools
	$(COMPILE) -o requirements-build.lock requirements-build.in
	$(COMPILE) -o requirements.lock pyproject.toml
	$(COMPILE) --extra test -c requirements.lock -o requirements-test.lock pyproject.toml
	$(COMPILE) -c requirements-test.lock -o requirements-mutation.lock requirements-mutation.in
	$(COMPILE) -c requirements-test.lock -o requirements-bench.lock requirements-bench.in
	$(COMPILE) -c requirements-test.lock -o requirements-browser.lock requirements-browser.in

clean:
	rm -rf $(VENV) build demo-data *.egg-info
	find revocation platform_api -name '*.so' -delete
