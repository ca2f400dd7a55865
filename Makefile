# Each target is one thin line; what it does lives in local/. Plain `make` prints this list.
PYTHON := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup demo test up down lint fmt lock bench docs

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

setup: ## Install everything below this folder (.venv, .opsplane); immediate when nothing changed
	@sh local/setup.sh

demo: setup ## Run the main job end to end on the local stack
	@$(PYTHON) -m local.demo

test: setup ## Lint, then run every test; fails if either does
	@$(PYTHON) -m local.lint; lint=$$?; $(PYTHON) -m pytest -n 2 --dist worksteal && exit $$lint

up: setup ## Start the stack and the app, ready to be called; Ctrl-C stops the app
	@$(PYTHON) -m local.up

down: ## Stop the stack that `make up` leaves running; data stay
	@test ! -x $(PYTHON) || $(PYTHON) -m local.stack down

lint: setup ## Check style, types, import directions, known weaknesses and secrets
	@$(PYTHON) -m local.lint

fmt: setup ## Format the code and apply safe fixes
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format .

lock: setup ## Resolve requirements*.in into hash-pinned locks
	@sh local/lock.sh

bench: setup ## Run the benchmarks, each beside its peer
	@$(PYTHON) -m bench

docs: setup ## Write the generated reference pages
	@$(PYTHON) -m local.docs write
