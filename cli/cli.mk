# Included by the Makefile of the repository, not part of a service that is made from it.
SKIPS ?= allowed
LOCKS += cli/requirements-dev.txt
BENCH := cli/benchmarks
SCAN := cli/scanners
SCANNERS := $(patsubst $(SCAN)/%.in,%,$(wildcard $(SCAN)/*.in))

.PHONY: bench rehearse scan

test:: .venv/installed
	@cd cli && pytest --skips=$(SKIPS) $(ARGS)

lint:: .venv/installed
	cd cli && mypy

rehearse: .venv/installed ## what the README says of deployment, against an emulated AWS, with Docker
	@cd cli && pytest tests/rehearsal -q -s --skips=forbidden $(ARGS)

bench: $(BENCH)/.venv/installed ## what it costs, next to the alternatives (ARGS="--list")
	@cd cli && benchmarks/.venv/bin/python -m benchmarks $(ARGS)

scan: .venv/installed $(SCANNERS:%=$(SCAN)/.venv/%/installed) ## security scanners, against what is accepted
	@cd cli && python -m scanners

lock:: .venv/installed
	$(COMPILE) -c requirements-dev.txt --extra dev cli/pyproject.toml -o cli/requirements-dev.txt
	$(COMPILE) -c requirements.txt $(BENCH)/requirements.in -o $(BENCH)/requirements.txt
	$(foreach name,$(SCANNERS),$(COMPILE) $(SCAN)/$(name).in -o $(SCAN)/$(name).txt &&) true

$(SCAN)/.venv/%/installed: $(SCAN)/%.txt .venv/installed
	@echo "Installing into $(SCAN)/.venv/$* (once)"
	@uv venv --quiet --clear --python .venv/bin/python $(SCAN)/.venv/$*
	@uv pip sync --quiet --python $(SCAN)/.venv/$*/bin/python --require-hashes $<
	@touch $@

$(BENCH)/.venv/installed: .venv/installed requirements.txt $(BENCH)/requirements.txt
	@echo "Installing into $(BENCH)/.venv (once)"
	@uv venv --quiet --clear --python .venv/bin/python $(BENCH)/.venv
	@uv pip sync --quiet --compile-bytecode --python $(BENCH)/.venv/bin/python --require-hashes $(BENCH)/requirements.txt
	@uv venv --quiet --clear --python .venv/bin/python $(BENCH)/.venv/lambda
	@uv pip sync --quiet --compile-bytecode --python $(BENCH)/.venv/lambda/bin/python --require-hashes requirements.txt
	@touch $@
