# The door to the project: works on a fresh clone, before configure.
#
#   make               configure when needed, and build          the program is objs/nuncio
#   make run           install what is missing, build, and serve conf/nuncio.yaml
#   make test          install what is missing, build, unit tests, end-to-end tests
#   make unit | e2e    either kind of test alone                 T=base/str selects
#   make fuzz          each fuzzer for FUZZ_SECONDS, on its corpus
#   make bench         the benchmark, side by side with other proxies
#   make lint          include floors, static analysis, formatting
#   make install       DESTDIR= is honoured
#   make clean | distclean
#
#   BUILDDIR=objs              another build folder
#   CONFIGURE_ARGS=            passed to ./configure when it is run

BUILDDIR ?= objs
CONFIGURE_ARGS ?=
FUZZ_SECONDS ?= 10
JOBS ?= $(shell nproc 2> /dev/null || echo 1)

BUILD = $(MAKE) --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(JOBS)) \
	-f $(BUILDDIR)/Makefile

.PHONY: all run test unit e2e fuzz bench lint install clean distclean setup-run setup-test

all: $(BUILDDIR)/Makefile
	@$(BUILD) all

$(BUILDDIR)/Makefile:
	./configure --builddir=$(BUILDDIR) $(CONFIGURE_ARGS)

setup-run setup-test: setup-%:
	@auto/setup $* $(BUILDDIR)

run: setup-run
	@$(MAKE) --no-print-directory all
	$(BUILDDIR)/nuncio -p $(CURDIR) -c conf/nuncio.yaml

test: setup-test
	@$(MAKE) --no-print-directory all
	@$(BUILD) unit
	@$(BUILD) e2e

unit: $(BUILDDIR)/Makefile
	@$(BUILD) unit "T=$(T)"

e2e: $(BUILDDIR)/Makefile
	@$(BUILD) e2e "T=$(T)"

fuzz:
	@auto/setup fuzz objs-fuzz
	@$(MAKE) --no-print-directory BUILDDIR=objs-fuzz \
		CONFIGURE_ARGS="--with-fuzz --with-cc=clang" fuzz-here

.PHONY: fuzz-here
fuzz-here: $(BUILDDIR)/Makefile
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(BUILD) fuzz "T=$(T)"

bench:
	@$(MAKE) --no-print-directory BUILDDIR=objs-release CONFIGURE_ARGS=--with-release all
	NUNCIO=$(CURDIR)/objs-release/nuncio t/bench/run

lint:
	@auto/setup lint
	@t/lint/all

install: $(BUILDDIR)/Makefile
	@$(BUILD) install DESTDIR=$(DESTDIR)

clean:
	@test ! -f $(BUILDDIR)/Makefile || $(BUILD) clean

distclean:
	rm -rf objs objs-asan objs-fuzz objs-release objs-lint
