# Everything starts here; each target does its own set-up and may be run again.
#
#   make demo      the main job on a private broker, as a first lesson
#   make test      lint, then every test against real brokers, four side by side (12 minutes on two processors)
#   make soak      the full numbers (an hour and more)
#   make bench     timings against named peers, printed, not judged
#   make pilot     dist/dirac-mq-pilot-VERSION.{tar.gz,pyz}: all that a worker node needs beside M2Crypto
#   make docs      man pages and completions from the commands themselves
#   make install   the package alone, into .venv
#   make test-brokers  the broker's tests on RabbitMQ 4.0 and 4.3, unpacked from newer Debian releases
#   make lint      ruff, mypy, import-linter

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DIRAC  := .venv-dirac
SETUP  := .ci/debian-packages
PILOT  := packaging/pilot
WHEELS := build/pilot-wheels
DIST   ?= dist

# M2Crypto is built from source (swig, a compiler, OpenSSL's headers); the devbroker makes its PKI with openssl.
RUN_PACKAGES  := rabbitmq-server openssl swig gcc libc6-dev libssl-dev
# Other people's tools that the tests check us against.
TEST_PACKAGES := $(RUN_PACKAGES) erlang-eunit globus-proxy-utils amqp-tools bash zsh fish groff man-db tmux procps iproute2 runit

.PHONY: demo install test lint soak bench docs pilot clean test-brokers
.DEFAULT_GOAL := demo

demo: install
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

install: $(VENV)/.installed

test: $(VENV)/.dev $(DIRAC)/.installed $(WHEELS)/.fetched lint
	$(BIN)/pytest -m "not soak" -n 4 --dist loadfile

soak: $(VENV)/.dev $(DIRAC)/.installed
	$(BIN)/pytest -m soak

# RabbitMQ 4.0 on Erlang 27 and 4.3 on Erlang 29, beside this system's (not in CI; unpacked by root). Not below the
# checkout: a test broker that root starts runs as nobody, who may not come there.
OTHERS       := trixie forky
BROKERS      ?= /var/tmp/dirac-mq-brokers
BROKER_TESTS := tests/plugin tests/admin/test_rights.py

test-brokers: $(OTHERS:%=test-on-%)

test-on-%: $(VENV)/.dev $(DIRAC)/.installed
	@sh $(SETUP) --python $(PYTHON) debootstrap
	@sh .ci/other-broker $* $(BROKERS)/$*
	PATH="$(BROKERS)/$*/bin:$$PATH" RABBITMQ_HOME="$(BROKERS)/$*/rabbitmq" \
		$(BIN)/pytest -m "not soak" $(BROKER_TESTS)

bench: $(VENV)/.dev $(WHEELS)/.fetched
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/batches.py
	$(BIN)/python benchmarks/pipeline.py
	$(BIN)/python benchmarks/origin.py
	$(BIN)/python benchmarks/handshakes.py
	$(BIN)/python benchmarks/herdplan.py
	$(BIN)/python benchmarks/chain.py
	$(BIN)/python benchmarks/pilot.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: $(VENV)/.installed
	$(BIN)/python -m diracmq_cli.cli.docs .

pilot: $(WHEELS)/.fetched
	@$(BIN)/python $(PILOT)/build.py --wheels $(WHEELS) --out $(DIST)

$(WHEELS)/.fetched: $(PILOT)/requirements.txt | $(VENV)/.installed
	@rm -rf $(WHEELS)
	@$(BIN)/python -m pip download -q --no-deps --require-hashes --only-binary :all: -r $< -d $(WHEELS)
	@touch $@

$(VENV)/.packages: Makefile $(SETUP)
	@sh $(SETUP) --python $(PYTHON) $(RUN_PACKAGES)
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.packages
	@$(BIN)/python -m pip install -q --upgrade pip
	@$(BIN)/python -m pip install -q -e ".[consumer]"
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	@sh $(SETUP) --python $(PYTHON) $(TEST_PACKAGES)
	@$(BIN)/python -m pip install -q --group dev
	@touch $@

# DIRAC's own X509 code, in an environment of its own: its full set of dependencies is not wanted beside ours.
$(DIRAC)/.installed: tests/support/dirac-requirements.txt $(VENV)/.packages
	@$(PYTHON) -m venv $(DIRAC)
	@$(DIRAC)/bin/python -m pip install -q --upgrade pip
	@$(DIRAC)/bin/python -m pip install -q --no-deps -r tests/support/dirac-requirements.txt
	@touch $@

clean:
	rm -rf $(VENV) $(DIRAC) dist build .mypy_cache .ruff_cache .pytest_cache
