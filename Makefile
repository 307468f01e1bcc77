# Two commands are enough on a fresh Debian 12 or Ubuntu 24.04:
#
#   make demo                a team of agents reviews this repository (REPO=/path for another one,
#                            ARGS='--budget 5' for its options; ARGS=--help)
#   make test                builds everything and runs the tests
#
# Both look for the system packages they need and offer to install what is missing (YES=1: without
# asking). The others:
#
#   make check               everything that must hold before a change goes in; some minutes
#   make check STEPS='format tidy'   some of its steps; tools/check.py lists them
#   make torture             the unit tests under ASan, with every allocation failing in turn
#   make bench               the benchmarks and their peers, as a table and as build/bench.jsonl
#   make bench ARGS='--quick exec_bench'     some of them; tools/bench.py --help
#   make bench-peers-install JavaScript agent frameworks to compare with, into build/peers, by npm
#   make install PREFIX=/usr/local   (DESTDIR= is honoured)
#   make package             build/agent-sdk_VERSION_ARCH.deb
#   make format              applies the format
#   make abi-update          writes the lists of exported symbols and public structs anew
#   make clean               removes build/
#
# The work is done by CMake, its presets and the scripts in tools/; this file only calls them.

JOBS   ?= $(shell nproc)
PREFIX ?= /usr/local
export CTEST_PARALLEL_LEVEL = $(JOBS)
export CMAKE_BUILD_PARALLEL_LEVEL = $(JOBS)
ifneq ($(shell command -v ccache),)
export CMAKE_C_COMPILER_LAUNCHER ?= ccache
endif

.PHONY: help demo test check torture bench bench-peers-install install package format abi-update clean dev release

help:
	@sed -n '/^# Two/,/^$$/s/^# \{0,1\}//p' Makefile

# Configures quietly when all is well, then builds. Standard output is left to what is asked for.
define build
@cmake --preset $(1) $(2) >build/configure-$(1).log 2>&1 || { cat build/configure-$(1).log >&2; exit 1; }
@cmake --build build/$(1) >&2
endef

build:
	@mkdir -p build

dev: build
	@tools/deps test
	$(call build,dev)

release: build
	@tools/deps demo >&2
	$(call build,release)

# REPO goes by the environment, as it was typed: neither make nor the shell reads anything into it.
demo: export override REPO := $(value REPO)
demo: release
	@ARGS="$(ARGS)" AGENT_BIN="$(CURDIR)/build/release/bin/agent" BUILD_DIR="$(CURDIR)/build/release" \
	    sh examples/repo_review/demo.sh

test: dev
	@ctest --test-dir build/dev --output-on-failure --label-exclude slow

check: build
	@tools/deps check
	@tools/check.py $(STEPS)

torture: build
	@tools/deps check
	$(call build,asan)
	@AGT_TORTURE=all ctest --test-dir build/asan --output-on-failure --label-regex unit

bench: build
	@tools/deps bench
	$(call build,release)
	@cmake --build build/release --target bench
	@tools/bench.py build/release $(ARGS)

# Without their install scripts. Nothing else ever needs npm.
bench-peers-install: build
	@mkdir -p build/peers && cp bench/peers/js/package.json build/peers/
	@npm install --prefix build/peers --ignore-scripts --no-audit --no-fund

install: build
	@tools/deps demo
	$(call build,release,-DCMAKE_INSTALL_PREFIX="$(PREFIX)")
	@cmake --install build/release

package: build
	@tools/deps package
	$(call build,package)
	@cd build/package && cpack -G DEB -B .. >cpack.log || { cat cpack.log; exit 1; }
	@ls build/*.deb

format:
	@tools/fmt

abi-update: dev
	@tools/abi.py --update build/dev

clean:
	rm -rf build
