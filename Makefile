# Python >= 3.11 with venv, and make: nothing else is needed for `make demo`.

.DEFAULT_GOAL := help
.PHONY: help env lock demo test lint bare campaign bench clean

# Where it is set, each of the many processes that tests start would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

python := .venv/bin/python
inputs := pyproject.toml requirements/environment.sh
# Half of the time tests wait, for a disk, a broker, an edge: two for each core of a small machine.
workers := 4
shares := --dist=loadfile --no-loadscope-reorder

# `make campaign kills` and `make campaign NAME=kills` say the same: after `campaign`, a second word
# is a name and no target.
ifeq (campaign,$(firstword $(MAKECMDGOALS)))
NAME ?= $(word 2,$(MAKECMDGOALS))
ifneq (,$(word 2,$(MAKECMDGOALS)))
.PHONY: $(word 2,$(MAKECMDGOALS))
$(eval $(word 2,$(MAKECMDGOALS)):;@:)
endif
endif

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

env: .venv/test.stamp  ## everything a developer needs, in .venv

.venv/demo.stamp: requirements/demo.lock $(inputs)
	@PYTHON='$(PYTHON)' sh requirements/environment.sh demo
	@touch $@

.venv/test.stamp: requirements/test.lock $(inputs)
	@PYTHON='$(PYTHON)' sh requirements/environment.sh test
	@touch $@

# What the figures are compared with is no part of what is tested: an environment of its own.
.venv/bench.stamp: requirements/bench.lock $(inputs)
	@PYTHON='$(PYTHON)' sh requirements/environment.sh bench
	@touch $@

lock: .venv/test.stamp  ## write requirements/*.lock again (UPGRADE=1: with the newest versions)
	@UPGRADE='$(UPGRADE)' sh requirements/lock.sh

demo: .venv/demo.stamp  ## a whole site at work, until Ctrl-C or for SECONDS=20; or STORY=siege
	@exec .venv/bin/sentrypost demo $(if $(SECONDS),--seconds $(SECONDS)) \
		$(if $(STORY),--story $(STORY))

test: .venv/test.stamp  ## every test (ARGS="-k broker" for some)
	@sh requirements/peers.sh
	@exec $(python) -m pytest --numprocesses=$(workers) $(shares) $(ARGS)

lint: .venv/test.stamp  ## style, types, layers
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .
	@$(python) -m mypy
	@.venv/bin/lint-imports

bare:  ## make demo as a stranger has it, and where more and more is missing (SECONDS=15)
	@sh requirements/peers.sh
	@sh tests/bare.sh $(or $(SECONDS),15)

campaign: .venv/test.stamp  ## one long run by NAME, into docs/campaigns.md (no name: the list)
	@exec $(python) -m tests.campaigns $(NAME) $(ARGS)

bench: .venv/bench.stamp  ## the fast figures, into docs/bench.md (ARGS=policy for some)
	@exec .venv/bench/bin/python -m tests.bench $(ARGS)

clean:  ## remove what make and the tools made
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@rm -rf dist build requirements/dlib-shim/build requirements/dlib-shim/*.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
