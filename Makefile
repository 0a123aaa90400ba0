# `make run` and `make test` need Python 3.11 or newer, make and git; the rest is installed in .venv.
PYTHON ?= python3
EVENT ?= alb-get
ARGS ?=

# Names are those of the manifests; the first environment of samconfig.toml is the default one.
first = $(shell sed -n 's/^ *$(1) *= *"\(.*\)".*/\1/p' samconfig.toml | head -n 1)
APP = $(call first,AppName)
SERVICE = $(patsubst copilot/%/manifest.yml,%,$(shell grep -l '^type: Backend Service' copilot/*/manifest.yml))
ENV ?= $(call first,EnvName)
BOUNDARY = $(call first,PermissionsBoundary)
FUNCTION := $(if $(filter $(ENV),$(call first,EnvName)),, --config-env $(ENV))
# `sam` takes the region from samconfig.toml, if it says one; Copilot has to use the same.
REGION := $(call first,region)
ifneq ($(REGION),)
export AWS_REGION := $(REGION)
export AWS_DEFAULT_REGION := $(REGION)
endif

LOCKS := requirements-dev.txt
COMPILE := uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export SAM_CLI_TELEMETRY ?= 0

.PHONY: help run test lint build invoke deploy weights destroy lock install
.DEFAULT_GOAL := help

help: ## show this list
	@sed -n 's/^\([a-z]*\)::*.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

run: .venv/installed ## both targets behind the listener, on this machine (ARGS="--help")
	@portable run $(if $(ENV),--env $(ENV)) $(ARGS)

test:: .venv/installed ## every test that this machine allows
	@pytest $(ARGS)

lint:: .venv/installed ## formatting, types, templates
	ruff format --check .
	ruff check .
	mypy
	cfn-lint template.yaml data/template.yaml alb/template.yaml alb/alarms.yaml

build: .venv/installed ## the image, with Docker
	sam build

invoke: build ## the function once, with Docker (EVENT=alb-post, see tests/events)
	sam local invoke ApiFunction --event tests/events/$(EVENT).json

deploy: .venv/installed ## everything, in this order (ENV=prod)
	portable check --env $(ENV)
	sam build
	copilot app init $(APP) --resource-tags application=$(APP)$(BOUNDARY:%= --permissions-boundary %)
	copilot env init --name $(ENV) --profile $(or $(AWS_PROFILE),default) --default-config
	copilot svc init --name $(SERVICE)
	copilot env deploy --name $(ENV)
	sam deploy --config-env data-$(ENV)
	sam deploy$(FUNCTION)
	sam deploy --config-env alb-$(ENV)
	sam deploy --config-env alarms-$(ENV)
	IMAGE=$$(portable image --env $(ENV)) && export IMAGE && \
	copilot svc deploy --name $(SERVICE) --env $(ENV)

weights: .venv/installed ## shift traffic to the two weights of samconfig.toml (ENV=prod)
	sam deploy --config-env alb-$(ENV)

destroy: .venv/installed ## the reverse of deploy; each step asks first (ENV=prod)
	portable check --teardown --env $(ENV)
	copilot svc delete --name $(SERVICE) --env $(ENV)
	sam delete --config-env alarms-$(ENV)
	sam delete --config-env alb-$(ENV)
	sam delete$(FUNCTION)
	sam delete --config-env data-$(ENV)
	copilot env delete --name $(ENV)
	portable leftovers --env $(ENV) --delete

lock:: .venv/installed ## the lock files, from pyproject.toml
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) --extra dev --no-emit-package portable-cli pyproject.toml -o requirements-dev.txt

install: .venv/installed ## .venv, with what is locked

# What is the repository's own: the command line, its tests, its benchmarks.
-include cli/cli.mk

.venv/installed: pyproject.toml $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, $(PYTHON) is " + sys.version.split()[0] + ": make PYTHON=python3.13" if sys.version_info < (3, 11) else 0)'
	@echo "Installing into .venv (once)"
	@$(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/^ *#/p' $(firstword $(LOCKS)) > .venv/uv.txt
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement .venv/uv.txt
	@uv pip sync --quiet --python .venv/bin/python --require-hashes $(LOCKS)
	@uv pip install --quiet --python .venv/bin/python --no-deps --editable . --requirements pyproject.toml --extra dev
	@.venv/bin/python -m portable.check.published
	@touch $@
