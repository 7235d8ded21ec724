# `make` lists the verbs. Everything runs in .venv, which is made when it is missing or its requirements changed.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
VENV_READY := $(VENV)/ready
# The checkout is the collection: a link puts it where Ansible looks. Others come with the PyPI package `ansible`.
LINK := build/collections/ansible_collections/maas_billing/platform
READY := $(VENV_READY) $(LINK)

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build/collections
# Which sandbox `demo`, `cluster-up` and `cluster-down` mean; several can run side by side.
export MAAS_SANDBOX ?= default
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/build/hypothesis
# The scenarios are at the top, where Molecule looks by itself only with a warning; and its state is not shared between
# checkouts that happen to be called the same.
export MOLECULE_GLOB := molecule/*/molecule.yml
export MOLECULE_EPHEMERAL_DIRECTORY := $(CURDIR)/build/molecule

.PHONY: help
help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# -- Use ---------------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: cluster-up ## From nothing to models that answer to keys, in a sandbox cluster on this machine
	ansible-playbook maas_billing.platform.site -i inventories/sandbox
	ansible-playbook maas_billing.platform.verify -i inventories/sandbox
	@python -m tools.demo

.PHONY: cluster-up
cluster-up: $(READY) ## Start the sandbox cluster (the first time builds its programs: about 10 minutes)
	@python -m sandbox up --name $(MAAS_SANDBOX)

.PHONY: cluster-down
cluster-down: $(READY) ## Stop the sandbox cluster and forget it
	@python -m sandbox down --name $(MAAS_SANDBOX)

# -- Checks ------------------------------------------------------------------------------------------------------------

.PHONY: test
test: $(READY) ## The checks below but for those of `test-all`, in two lanes, until one fails; with the time each took
	@MAKE="$(MAKE)" python -m tools.lanes "lint unit docs sanity package contract module access" "molecule fleet walk"

.PHONY: test-all
test-all: $(READY) ## `test`, and then what takes longer than it may
	@$(MAKE) test
	@MAKE="$(MAKE)" python -m tools.lanes "privileges failures kills versions benchmark"

.PHONY: lint
lint: $(READY) ## Style and types: ruff, yamllint, mypy, ansible-lint
	@python -m tools.role_readmes --check
	ruff format --check .
	ruff check .
	yamllint --strict .
	mypy
	ansible-lint

.PHONY: unit
unit: $(READY) ## Tests of pure code, with Python only
	pytest tests/unit tests/property

.PHONY: docs
docs: $(READY) ## The guides and the reference as HTML in build/docs/html; a warning is a failure
	@python -m tools.docs

.PHONY: sanity
sanity: $(READY) ## ansible-test sanity on the built and installed tarball
	@python -m tools.sanity

.PHONY: package
package: $(READY) ## galaxy-importer on the built tarball, as Galaxy and Automation Hub run it
	@python -m tools.importer

.PHONY: module
module: $(READY) ## Tests of the modules and of the sandbox, in a sandbox cluster of their own
	tools/with_sandbox.sh maas-test pytest tests/module tests/sandbox

.PHONY: contract
contract: $(READY) ## Our compact definitions and what we render, against the full ones of upstream, where these are at hand
	tools/with_sandbox.sh maas-contract pytest -rs tests/contract

.PHONY: access
access: $(READY) ## The chain as its users meet it: limits, changes, verify against breaks, no key anywhere
	tools/with_sandbox.sh maas-access pytest tests/access

.PHONY: fleet
fleet: $(READY) ## Two clusters by one run: each its own, whatever becomes of the other
	tools/with_sandbox.sh maas-fleet-oslo tools/with_sandbox.sh maas-fleet-bergen pytest tests/fleet

.PHONY: walk
walk: $(READY) ## Every command of the docs as printed, in a new checkout and a home folder of its own
	pytest tests/walk

.PHONY: privileges
privileges: $(READY) ## Accounts with no more rights than they need: all works, and each right is needed
	tools/with_sandbox.sh maas-privileges pytest tests/privileges

.PHONY: failures
failures: $(READY) ## What goes wrong on clusters: told by name, cause and cure in bounded time, mended by the next run
	tools/with_sandbox.sh maas-failures pytest tests/failures

.PHONY: kills
kills: $(READY) ## Twenty kills at random moments, each completed, where `failures` has four; MAAS_SEED=... repeats a trial
	MAAS_KILLS=20 tools/with_sandbox.sh maas-kills pytest tests/failures/test_interrupted.py

.PHONY: molecule
molecule: $(READY) ## Each role and the chain: install, again, check, verify, remove; in a cluster of their own
	@rm -rf $(MOLECULE_EPHEMERAL_DIRECTORY)
	MAAS_SANDBOX=maas-molecule MAAS_KIND=maas-molecule molecule test --all

.PHONY: versions
versions: $(READY) ## Each minor of ansible-core from 2.16 on, with the Pythons of this machine (ONLY=2.16 for one of them)
	@python -m tools.versions --only "$(ONLY)"

.PHONY: benchmark
benchmark: $(READY) ## apply_set beside kubectl and kubernetes.core, in a sandbox cluster of its own
	tools/with_sandbox.sh maas-benchmark pytest -s tests/benchmark

# -- Housekeeping ------------------------------------------------------------------------------------------------------

.PHONY: clean
clean: ## Stop the sandbox cluster; remove the Python environment and everything built in this folder
	@if [ -x $(VENV)/bin/python ]; then $(VENV)/bin/python -m sandbox down --name $(MAAS_SANDBOX); fi
	rm -rf $(VENV) build .ansible

$(VENV_READY): requirements-dev.txt tools/make_venv.sh
	@tools/make_venv.sh $(VENV) $<
	@touch $@

$(LINK):
	@mkdir -p $(@D)
	@ln -sfn ../../../.. $@
