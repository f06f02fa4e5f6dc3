# Needs python3 (3.11 or newer, with its venv module) and make; no root, no GPU. `make help` lists the targets.
PYTHON ?= python3
VENV   ?= .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
NB     ?=
LAB    ?=

.DEFAULT_GOAL := help
DOCS   := $(VENV)/.docs

.PHONY: help env run test test-real test-browser lab export readme refresh check types lint docs clean sex identity diagnosis rhythm notes benchmarks

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(STAMP)  ## the environment in .venv (PYTHON=python3.12 to choose the interpreter); done once
	@:
$(STAMP): settings.ini setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with: make env PYTHON=python3.12"; exit 1; }
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment. On Debian or Ubuntu install python3-venv, or name another one: make env PYTHON=..."; exit 1; }
	$(PY) -m pip install --use-pep517 --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

run: env  ## sample data, then every notebook top to bottom in a fresh kernel; what came out goes to results/notebooks/
	@$(PY) -m ecg_nb.dev.notebooks run

test: env  ## every test, on sample data
	@ECG_NB_SAMPLE=1 $(PY) -m ecg_nb.dev.notebooks test

test-real: env  ## the tests on the real recordings in data/, a quarter of an hour (NB="13_rhythm" for some of them)
	@$(PY) -m ecg_nb.dev.notebooks test --timeout 1800 $(NB)

test-browser: env  ## the notebooks with widgets, in JupyterLab in a real Chromium or Chrome, on sample data
	@ECG_NB_SAMPLE=1 $(PY) -m ecg_nb.dev.in_browser

lab: env  ## JupyterLab (LAB="--no-browser --port 8899" hands options on)
	@$(VENV)/bin/jupyter lab --ServerApp.root_dir=. $(LAB) nbs/index.ipynb

export: env  ## notebooks -> ecg_nb/, and clean the notebooks
	@$(VENV)/bin/nbdev_export
	@$(VENV)/bin/nbdev_clean

readme: env  ## nbs/index.ipynb, executed -> README.md
	@$(PY) -m ecg_nb.dev.notebooks refresh index 26_results
	@$(PY) -m ecg_nb.dev.notebooks readme

refresh: env  ## execute notebooks in place and keep the cleaned outputs (NB="10_formats 02_preprocess"; default all)
	@$(PY) -m ecg_nb.dev.notebooks refresh $(NB)

check: env  ## package, notebooks and README.md agree, the widgets' scripts are in order, types hold
	@$(PY) -m ecg_nb.dev.notebooks check

types: env  ## mypy reads the rooms that others build on
	@$(PY) -m mypy

$(DOCS): $(STAMP)
	$(PY) -m pip install --use-pep517 --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

docs: $(DOCS)  ## notebooks, API, commands, results and cards as one site in _docs/, every link checked
	@$(PY) -m ecg_nb.dev.site

lint:  ## ESLint reads the widgets' JavaScript (asks npm for it)
	@npx --yes eslint@9 ecg_nb

sex: env  ## train the sex and age models on all of PTB-XL (hours on a CPU) -> results/sex/
	@$(PY) -m ecg_nb train sex

identity: env  ## train the encoders that recognise people on all of PTB-XL (an hour on a CPU), and systems 1 and 2 anew -> results/identity/
	@$(PY) -m ecg_nb train identity
	@$(PY) -m ecg_nb train closed-set

diagnosis: env  ## train the diagnosis models on all of PTB-XL (hours on a CPU) -> results/diagnosis/
	@$(PY) -m ecg_nb train diagnosis

rhythm: env  ## train the rhythm models on PTB-XL, test them on CPSC2018 too (an hour on a CPU) -> results/rhythm/
	@$(PY) -m ecg_nb train rhythm

notes: env  ## train the networks that read a report beside the ECG (half an hour on a CPU) -> results/notes/
	@$(PY) -m ecg_nb train notes

benchmarks: env  ## speed beside the peers -> results/benchmarks/
	@$(PY) -m ecg_nb.dev.benchmarks

clean:  ## remove what was built (not data/, not results/, not the environment)
	@rm -rf build dist *.egg-info _proc _docs results/notebooks .hypothesis .mypy_cache
	@find ecg_nb nbs -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf
