# What people type. Everything happens in a Debian root and a virtual machine that the scripts
# under tests/vm/ make and cache; a machine needs git, make and root, nothing else. The project
# itself is built by meson: see docs/HACKING.md.

KERNEL ?=
MINUTES ?= 15
VM = tests/vm/run $(if $(KERNEL),--kernel $(KERNEL))

.DEFAULT_GOAL := help
.PHONY: help demo check test test-all test-client test-kernels test-recovery test-upgrade test-panics test-drivers selftests deb dist bench soak fuzz shell enter clean-cache

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20
	@echo
	@echo "  KERNEL=7.3, 6.18, ... takes another kernel of the Debian archive."

demo: ## watch an unprivileged program receive by zero copy (about two minutes, the first time five)
	@$(VM) --build release -- /src/tests/demo/demo

check: ## the quick part of the tests, natively, for who is changing something (a minute)
	@tests/vm/test check

test: ## what every change has to pass, natively and in the virtual machine
	@tests/vm/test $(if $(KERNEL),--kernel $(KERNEL))

test-all: ## the same with every crash point, what is built by clang, and test-recovery (half an hour)
	@tests/vm/test $(if $(KERNEL),--kernel $(KERNEL)) --all

test-client: ## libzcrx-client alone, built and tested on an older Debian, and linked statically (a minute)
	@tests/vm/test-client

test-kernels: ## what can run on each kernel that the archive has, with a table (an hour)
	@tests/vm/test-kernels

test-recovery: ## the daemon killed at every point, and restarted under traffic (ten minutes)
	@tests/vm/test $(if $(KERNEL),--kernel $(KERNEL)) recovery

test-upgrade: ## from FROM=revision (the newest release) to this tree, under traffic (ten minutes, again two)
	@tests/vm/test-upgrade $(FROM)

test-panics: ## what kills the kernel where payload is out of its reach, in machines that may die (ten minutes)
	@tests/vm/test-panics $(if $(KERNEL),--kernel $(KERNEL))

test-drivers: ## the lease tests on the quirks of each driver; writes docs/DRIVERS.md (half an hour)
	@tests/vm/test-drivers $(if $(KERNEL),--kernel $(KERNEL))

selftests: ## the kernel's own tests of NICs on the simulated one (a quarter of an hour)
	@tests/vm/selftests $(if $(KERNEL),--kernel $(KERNEL))

deb: ## the Debian packages, into OUT=deb, and what lintian says of them (two minutes)
	@tests/vm/deb $(or $(OUT),deb)

dist: ## the source tarball, and packages for Fedora from it, into OUT=dist (two minutes)
	@tests/vm/dist $(or $(OUT),dist)

bench: ## what it costs; writes the tables of docs/PERFORMANCE.md (half an hour)
	@tests/vm/bench $(if $(KERNEL),--kernel $(KERNEL))

soak: ## random clients and faults for MINUTES=15, with nothing left over; SEED=n repeats one
	@$(VM) --build release --timeout $$(($(MINUTES) * 60 + 1800)) -- \
		/src/tests/soak/soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

fuzz: ## look for inputs that break the daemon or a parser, SECONDS=60 for each
	@tests/vm/fuzz $(SECONDS)

shell: ## a shell in the virtual machine, with the project installed
	@$(VM) --timeout 86400 -- bash

enter: ## a shell in the Debian root, to build and run things natively
	@tests/vm/enter

clean-cache: ## forget the root, the kernels and all builds
	@tests/vm/clean
