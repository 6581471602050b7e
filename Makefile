# Cairn. `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc)
CAIRN := build/release/bin/cairn

.PHONY: help setup build model demo demo-full test check fresh clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

build: ## the program, build/release/bin/cairn
	@tools/setup build
	@tools/build release cairn

model: build ## the demo's model, models/SmolLM2-135M-Instruct (93 MB to fetch)
	@CAIRN=$(CAIRN) tools/get_model.sh

demo: ## two instances on one store, then a table of what the tiers are worth (ten minutes after the build)
	@tools/demo

demo-full: ## the same table as published workloads have it: 15 users, six lengths, repeats (three hours; goes on where it ended early)
	@tools/demo --full

test: ## every test; installs what is missing first, then works offline
	@tools/setup build test
	@tools/build release
	@CAIRN=$(CAIRN) tools/get_model.sh
	@tools/run_tests release

check: ## format, tidy, build with warnings as errors, unit tests
	@tools/setup build test check
	@tools/check

fresh: ## both commands of the README in a new Debian 12 root (needs root)
	@tools/fresh

clean: ## removes build folders
	rm -rf build
