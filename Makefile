# Two commands matter: `make train ARGS="loss=focal amp=O1"` and `make test`. Both set everything up first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

runs = $(1) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
PYTHON ?= $(shell for p in python3.11 python3; do if $(call runs,$$p); then echo $$p; exit; fi; done; echo python3)
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
JOBS ?= 2
# A file stays in one worker, with what its tests share. In the order of the folders: by number of tests, as is usual,
# the slowest files (few tests, whole processes) come last, and one worker waits for the other.
BY_FILE := --dist loadfile --no-loadscope-reorder
ARGS ?=
# Images often set it, and then every process that the tests start compiles trainer/ again, half a second.
unexport PYTHONDONTWRITEBYTECODE
MLFLOW := build/mlflow/bin/mlflow
CLEARML := build/clearml

.PHONY: help train test coverage test-real test-browser test-slurm test-ray test-trackers battery bench gpu check format reference docs messages lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

train: $(INSTALLED) ## cross-validate; overrides go in ARGS="loss=focal amp=O1"
	@set -f; $(PY) train.py $(ARGS)

test: $(INSTALLED) ## run the tests; ARGS="-k focal" picks some
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -n $(JOBS) $(BY_FILE) $(ARGS)

coverage: $(INSTALLED) ## run the tests and fail under 90 % line coverage
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -n $(JOBS) $(BY_FILE) --cov --cov-report=term-missing:skip-covered \
		--cov-fail-under=90 $(ARGS)

test-real: $(INSTALLED) ## run the tests of whole public data sets in FOLDWISE_REAL_DATA
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -n $(JOBS) $(BY_FILE) -m real_data $(ARGS)

test-browser: $(INSTALLED) ## run the tests of pages in headless Chromium, where it is installed
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -m browser $(ARGS)

test-slurm: $(INSTALLED) ## run the tests on a real Slurm, where Debian's slurm-wlm and munge are installed
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -m slurm $(ARGS)

test-ray: $(INSTALLED) ## run the tests on a real Ray cluster of several nodes, where the extra `ray` is installed
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -m ray $(ARGS)

test-trackers: $(INSTALLED) ## run the tests on a real MLflow server and on ClearML, which it installs in build/
	@$(MLFLOW) --version >/dev/null 2>&1 || { $(PYTHON) -m venv --clear build/mlflow && \
		build/mlflow/bin/pip install --disable-pip-version-check --quiet mlflow; }
	@test -d $(CLEARML)/clearml || $(PY) -m pip install --disable-pip-version-check --quiet --no-deps --target $(CLEARML) \
		clearml furl orderedmultidict pathlib2 pyjwt six
	@FOLDWISE_MLFLOW=$(CURDIR)/$(MLFLOW) FOLDWISE_CLEARML=$(CURDIR)/$(CLEARML) OMP_NUM_THREADS=1 $(PY) -m pytest -q -m trackers $(ARGS)

battery: $(INSTALLED) ## run the long fault and fuzz tests, then write docs/record/robustness.md
	@status=0; OMP_NUM_THREADS=1 $(PY) -m pytest -q -s -n $(JOBS) --dist worksteal -m battery $(ARGS) || status=$$?; \
		$(PY) -m tests.faults.scoreboard; exit $$status

bench: $(INSTALLED) ## compare speed with other trainers (installs them); ARGS="tab image --rounds 5"
	@$(PY) -m pip install --disable-pip-version-check --quiet --editable '.[bench]'
	@$(PY) -m benchmarks.speed.run $(ARGS)

gpu: $(INSTALLED) ## check everything about CUDA on the graphics card here, in under 8 minutes
	@$(PY) -m pip install --disable-pip-version-check --quiet --editable '.[bench]'
	@$(PY) -m benchmarks.gpu $(ARGS)

check: $(INSTALLED) ## lint, format check, types, import contracts
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports

format: $(INSTALLED) ## format the code and fix what ruff can fix
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

reference: $(INSTALLED) ## write docs/reference/ and docs/architecture.svg from the code
	@$(PY) -m trainer.config.reference > docs/reference/options.md
	@$(PY) -m trainer.cli.reference > docs/reference/commands.md
	@$(PY) -m benchmarks.look_formats > docs/reference/looks.md
	@$(PY) -m benchmarks.look_formats zh > docs/zh/reference/looks.md
	@$(PY) -m benchmarks.architecture

docs: $(INSTALLED) ## build the pages as a site in site/ (installs mkdocs-material)
	@$(PY) -m pip install --disable-pip-version-check --quiet --editable '.[docs]'
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet && echo "site/index.html"

messages: $(INSTALLED) ## put new messages into the catalogues of translations, and compile them
	@mkdir -p build
	@$(VENV)/bin/pybabel -q extract -k say --no-location --no-wrap -o build/messages.pot trainer
	@$(VENV)/bin/pybabel -q update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap \
		-i build/messages.pot -d trainer/wording/locale -D foldwise
	@$(VENV)/bin/pybabel -q compile -d trainer/wording/locale -D foldwise

lock: $(INSTALLED) ## pin pyproject.toml again, keeping pins that fit; ARGS="--upgrade-package rich"
	@CUSTOM_COMPILE_COMMAND="make lock" $(PY) -m piptools compile --quiet --extra dev --allow-unsafe --strip-extras \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.lock $(ARGS) pyproject.toml
	@sed -E -i.old '/^(cuda|nvidia|triton)[^;]*==[^;]*$$/ s/$$/ ; sys_platform == "linux"/' requirements.lock && rm requirements.lock.old

clean: ## remove caches and build files (keeps .venv and runs)
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage htmlcov build dist site *.egg-info
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# One line per package, drawn over itself on a terminal: pip is either silent for minutes or prints three lines each.
define SHOW_PIP
/^(Collecting|Processing) / { sub(".*/", "", $$2); line = "[" ++n "/" total "] " $$2 }
/^ *(Downloading|Using cached) .*[MG]B\)/ { line = "[" n "/" total "] " $$(NF-2) " " $$(NF-1) " " $$NF }
/^Installing collected/ { line = "unpacking (a few minutes, about 6 GB)" }
line != shown { printf (tty ? "\r\033[K  %s" : "  %s\n"), line; fflush(); shown = line }
END { if (tty) print "" }
endef
export SHOW_PIP

$(INSTALLED): requirements.lock pyproject.toml
	@$(call runs,$(PYTHON)) || { echo "Python 3.11 or newer is needed, '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | tail -n 1)."; \
		echo "Install Python 3.11, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; } >&2
	@$(PY) -m pip --version >/dev/null 2>&1 || { echo "Creating $(VENV) with $$($(PYTHON) --version)"; $(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing requirements.lock into $(VENV)"
	@set -o pipefail; if [ -t 1 ]; then tty=1; else tty=0; fi; \
		$(PY) -m pip install --disable-pip-version-check -r requirements.lock \
		| awk -v total=$$(grep -c == requirements.lock) -v tty=$$tty "$$SHOW_PIP"
	@PYTHONWARNINGS=ignore $(PY) -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@
