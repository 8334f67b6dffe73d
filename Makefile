# Every target brings its own environment: `make run` on a fresh clone is enough.

PORT ?= 8000
DATA ?= data
ARGS ?=
# `make test` leaves two kinds out: SLOW=1 runs the slow ones too, BROWSER=1 those that
# drive a browser. Much of a test is waiting, so there are more processes than cores;
# JOBS=0 is one.
SLOW ?=
BROWSER ?=
JOBS ?= 4
MARKS = -m "not ($(if $(SLOW),none,slow) or $(if $(BROWSER),none,browser))"
PYTHON = .venv/bin/python

.PHONY: setup run test lint lock bench clean

setup:
	@.ci/setup

run: setup
	$(PYTHON) run_proxy.py serve --demo --port $(PORT) --data "$(DATA)" $(ARGS)

# Where the environment forbids compiled files, each of a thousand processes would compile
# everything for itself.
test: export PYTHONDONTWRITEBYTECODE =
test: setup
	$(PYTHON) -m pytest -n $(JOBS) $(MARKS) $(ARGS)

lint: setup
	$(PYTHON) -m flake8
	$(PYTHON) -m mypy

# The lock holds no index address, so that it installs from any mirror.
# It keeps what is pinned; `make lock ARGS=--upgrade` moves to the newest versions.
lock:
	$$(.ci/python) -m venv build/lock
	build/lock/bin/python -m pip install --quiet uv
	build/lock/bin/uv pip compile setup.cfg --quiet \
	    --extra postgres --extra otel --extra test \
	    --universal --python-version 3.12 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command 'make lock' --output-file .ci/requirements.lock \
	    $(ARGS)
	rm -rf *.egg-info

bench: setup
	$(PYTHON) tests/bench/overhead.py $(ARGS)

clean:
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .hypothesis htmlcov .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
