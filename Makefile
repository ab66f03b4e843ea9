# Two commands for a fresh machine with Python 3.10 to 3.13, pip, git and make. README.md has them as plain commands.
PYTHON ?= python3
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: run test test-adapters test-environments clean

run: .venv/run.stamp
	.venv/bin/nasbench run-all --pictures svg

test: .venv/test.stamp
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python -m pytest -n auto

# The packages in plugins/ against the real libraries; some are large, and some searches take minutes.
test-adapters: .venv/adapters.stamp
	.venv/bin/python -m pytest -n auto --import-mode=importlib plugins/*/tests

# The wheel alone, without PyTorch, on Python 3.10 and 3.13, in odd surroundings: no home, other code pages, full output.
test-environments: .venv/test.stamp
	.venv/bin/python tests/environments.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run.stamp: pyproject.toml constraints.txt | .venv/bin/python
	.venv/bin/python -m pip install -q -c constraints.txt -e '.[live,plots]'
	touch $@

.venv/test.stamp: pyproject.toml constraints.txt requirements/test.txt | .venv/bin/python
	.venv/bin/python -m pip install -q --require-hashes -r requirements/test.txt
	.venv/bin/python -m pip install -q --no-build-isolation -c constraints.txt -e '.[test,live,parquet]'
	touch $@ .venv/run.stamp

.venv/adapters.stamp: .venv/test.stamp $(wildcard plugins/*/pyproject.toml)
	.venv/bin/python -m pip install -q -c constraints.txt $(patsubst %/pyproject.toml,-e ./%,$(wildcard plugins/*/pyproject.toml))
	touch $@

clean:
	rm -rf .venv .nasbench
