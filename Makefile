# One word per habit. `make demo` and `make test` set everything up themselves, once.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# e.g. PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu" for a torch without CUDA
PIP_ARGS ?=
ROUNDS ?= 1
# Where `make release-check` tries the wheel, e.g. PYTHONS="python3.11 python3.12 python3.13".
PYTHONS ?= $(PYTHON)
BIN := .venv/bin
# Where `make servers` finds the programs transformers and litellm.
TEACHGYM_SERVERS ?= .venv-servers/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt $(PIP_ARGS)
FAST := not slow and not gpu and not network and not servers
# Neighbours stay together, as far as both processes have work: they share what is made for a file.
PARALLEL := -n 2 --dist worksteal
PACKAGING := setup.cfg pyproject.toml constraints.txt
# One thread per process: the models are small, and spinning threads only fight over the cores.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= PASSIVE
export OPENBLAS_NUM_THREADS ?= 1
# Else the processes of tests compile all tests and the package again, where it is set.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test check format lint types contracts tests coverage shaken slow servers gpu release-check docs clean help

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: .venv/.run ## teach the embedded student for some seconds and show what it learned
	$(BIN)/teachgym run --env SkillList --student tiny --teacher alp --seed 0

test: .venv/.dev ## install what tests need, then check everything
	$(MAKE) check

check: format-check lint ## all checks, as CI runs them, two at a time
	$(MAKE) --jobs=2 docs types contracts
	$(MAKE) fast

.PHONY: format-check
format-check:
	$(BIN)/ruff format --check .

format: ## rewrite the code in the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: ## ruff
	$(BIN)/ruff check .

types: ## mypy --strict
	$(BIN)/mypy

contracts: ## who may import whom
	$(BIN)/lint-imports

tests: fast ## fast tests

.PHONY: fast
fast:
	$(BIN)/pytest $(PARALLEL) -m "$(FAST)"

coverage: ## the same, measured: it takes two thirds longer
	$(BIN)/coverage erase
	$(BIN)/pytest $(PARALLEL) --cov --cov-report= -m "$(FAST)"
	$(BIN)/coverage report --skip-covered --sort=cover --fail-under=95

shaken: ## the fast tests in random order beside busy processes, ROUNDS times (one by default)
	@trap 'kill $$(jobs -p) 2>/dev/null' EXIT; \
	for cpu in $$(seq $$(nproc)); do (while :; do :; done) & done; \
	for round in $$(seq $(ROUNDS)); do \
		$(BIN)/pytest -q $(PARALLEL) -p randomly -m "$(FAST)" || exit 1; \
	done

slow: ## the tests that train for minutes, and more drawn examples of the others
	$(BIN)/pytest $(PARALLEL) -m "slow and not gpu and not network and not servers"
	$(BIN)/pytest $(PARALLEL) --hypothesis-profile thorough -m "hypothesis and $(FAST)"

servers: $(TEACHGYM_SERVERS)/litellm ## the chat client against servers of others, in an environment of their own
	TEACHGYM_SERVERS=$(abspath $(TEACHGYM_SERVERS)) $(BIN)/pytest -m servers

.venv-servers/bin/litellm:
	test -x .venv-servers/bin/python || $(PYTHON) -m venv .venv-servers
	.venv-servers/bin/pip install --quiet $(PIP_ARGS) torch "transformers[serving]" "litellm[proxy]>=1.80"

floor: ## core tests on the oldest versions that setup.cfg allows, in an environment of their own
	test -x .venv-floor/bin/python || $(PYTHON) -m venv .venv-floor
	sed -n '/^install_requires/,/^$$/s/>=/==/p' setup.cfg > .venv-floor/requirements.txt
	.venv-floor/bin/pip install --quiet $(PIP_ARGS) --requirement .venv-floor/requirements.txt pytest hypothesis
	PYTHONPATH=. .venv-floor/bin/pytest -q -p no:anyio -m "$(FAST)" tests/types/test_types.py \
		tests/test_answers.py tests/students/test_simulated.py tests/students/local/test_decoding.py \
		tests/students/test_texts.py tests/students/local/test_varlen.py

gpu: ## the tests that need a CUDA device, and the speed benchmark on it
	$(BIN)/pytest -m gpu
	$(BIN)/python -m teachgym.benchmarks.speed --device cuda

release-check: .venv/.dev ## what a release needs: builds, an empty environment for each of PYTHONS, floor, licences, audit
	rm -rf build dist
	$(BIN)/python -m build --outdir dist . >/dev/null
	$(BIN)/twine check --strict dist/*
	test $$(stat --format=%s dist/*.whl) -lt 15000000
	for python in $(PYTHONS); do $(MAKE) try-wheel PYTHON=$$python || exit 1; done
	$(MAKE) floor
	.venv-wheel/bin/pip install --quiet pip-licenses pip-audit
	.venv-wheel/bin/pip-licenses --ignore-packages teachgym --fail-on "GNU General Public License v3 (GPLv3);GNU Affero General Public License v3"
	if $(BIN)/python -c "from urllib.request import urlopen; urlopen('https://pypi.org/pypi/pip/25.0/json', timeout=10)" 2>/dev/null; \
		then .venv-wheel/bin/pip-audit --progress-spinner off --skip-editable; \
		else echo "The advisories of pypi.org cannot be reached from here, so nothing was audited."; fi

.PHONY: try-wheel
try-wheel:
	rm -rf .venv-wheel
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/pip install --quiet --constraint constraints.txt $(PIP_ARGS) dist/*.whl
	cd .venv-wheel && bin/python --version && bin/teachgym doctor && for student in simulated tiny small; do \
		task=$$([ $$student = small ] && echo word-problems || echo arithmetic-and-strings); \
		HF_HUB_OFFLINE=1 bin/teachgym run --quiet --student $$student --task $$task --steps 1 --examples-per-step 20 \
			--limit 100 --out runs/$$student || exit 1; \
	done

docs: ## build the site into site/
	$(BIN)/python docs/make_cards.py
	$(BIN)/python docs/make_notebook_pages.py
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_results.py
	mkdir -p docs/board && cp benchmarks/results/*.suite.json docs/board
	for suite in benchmarks/results/*.suite.json; do cp $${suite%.suite.json}.jsonl docs/board || exit 1; done
	$(BIN)/teachgym board docs/board
	$(BIN)/python docs/check_prose.py
	$(BIN)/codespell *.md docs teachgym/ envs agents benchmarks examples
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean: ## remove everything that can be made again
	rm -rf .venv .venv-floor .venv-servers .venv-wheel build dist site *.egg-info .coverage* .mypy_cache .pytest_cache .ruff_cache

.venv/.run: $(PACKAGING)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) --editable .
	touch $@

.venv/.dev: $(PACKAGING)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) --editable ".[dev]"
	touch $@ .venv/.run
