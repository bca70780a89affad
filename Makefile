# SPDX-License-Identifier: Apache-2.0
# pz: the only makefile. `make help` lists the targets; everything is built under $(B).

CC      ?= cc
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
DESTDIR ?=
MPI     ?=
B       ?= build$(if $(MPI),/mpi)
SAN     ?=
NATIVE  ?=
WERROR  ?=

VERSION := 0.1.0

# The layers of lib/, each may include only itself and those to its left (checked by make lint).
LAYERS   := base table text data import model train live filter rank campaign answer eval serve
PROGRAMS := pz-import pz-train pz-eval pz-deploy pz-recommend pz-event
LEARNERS := pz-train pz-eval

PZ_WARN   := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wcast-qual \
             -Wformat=2 -Wundef $(if $(WERROR),-Werror)
PZ_CFLAGS := -std=c11 -D_GNU_SOURCE -Ilib -I. -fopenmp -fno-math-errno -fno-trapping-math -ffp-contract=off \
             -DPZ_VERSION='"$(VERSION)"' $(PZ_WARN) $(if $(NATIVE),-march=native) \
             $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all -DPZ_NO_CLONES -Wno-pass-failed)
# OpenBLAS: the serial build by name, whatever libblas the machine prefers; our loops are parallel.
# Only programs that learn load it (its symbols are weak, see dense.c): it is half the time of a single answer.
BLAS_DIR  := $(firstword $(wildcard /usr/lib/*/openblas-serial))
PZ_BLAS   := -L$(BLAS_DIR) -Wl,--no-as-needed -lopenblas
PZ_LIBS   := -Wl,--as-needed -lcsv -ljansson -lzstd -lz -llzma -lbz2 -lxxhash -llmdb \
             -lmicrohttpd -lnettle -lm
# A program that gives one answer spends most of its time in the loader: what it needs of these is linked in, where
# there are static libraries. STATIC= links all of them as the others are.
STATIC    ?= csv jansson zstd z lzma bz2 xxhash lmdb
LINKED_IN := $(foreach l,$(if $(SAN),,$(STATIC)),$(if $(wildcard $(BLAS_DIR:%/openblas-serial=%)/lib$(l).a),-l:lib$(l).a))
PZ_LDFLAGS := -fopenmp $(if $(SAN),-fsanitize=$(SAN))

# MPI=1: training on several machines. One module knows MPI, and takes the place of another; without it nobody
# looks for MPI.
MPICC    ?= mpicc
RANKS    := $(if $(MPI),mpi,one)
# the compiler of a file, or the linker of a program: MPI's around ours for that module, and for pz-train
CC_OF     = $(if $(and $(MPI),$(filter lib/base/ranks_mpi pz-train,$(1))),OMPI_CC="$(CC)" MPICH_CC="$(CC)" $(MPICC),$(CC))

LIB_SRC  := $(filter-out lib/base/ranks_%.c,$(foreach l,$(LAYERS),$(sort $(wildcard lib/$(l)/*.c lib/$(l)/*/*.c)))) \
            lib/base/ranks_$(RANKS).c
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
LIB      := $(B)/libpz.a
BIN      := $(PROGRAMS:%=$(B)/bin/%)
UNIT     := $(patsubst tests/unit/%.c,$(B)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))

all: $(BIN)

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/lib/eval/page.o: lib/eval/page.css
$(B)/lib/serve/console.o: lib/serve/console.html
$(B)/lib/serve/cost.o: lib/serve/rates.json

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call CC_OF,$*) $(PZ_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# pz-NAME is cmd/pz-NAME.c and what is in cmd/NAME/
$(foreach p,$(PROGRAMS),$(eval $(B)/bin/$(p): $(patsubst %.c,$(B)/%.o,$(sort $(wildcard cmd/$(p:pz-%=%)/*.c)))))

# --version says the commit: an object of its own, so that a commit builds nothing else anew
COMMIT := $(shell git describe --always --dirty 2>/dev/null)
$(shell mkdir -p $(B) && echo 'extern const char pz_commit[]; const char pz_commit[] = "$(COMMIT)";' | cmp -s - $(B)/commit.c || \
    echo 'extern const char pz_commit[]; const char pz_commit[] = "$(COMMIT)";' >$(B)/commit.c)

$(B)/commit.o: $(B)/commit.c
	$(CC) $(CFLAGS) -c -o $@ $<

$(B)/bin/%: $(B)/cmd/%.o $(B)/commit.o $(LIB)
	@mkdir -p $(@D)
	$(call CC_OF,$*) $(CFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(PZ_LDFLAGS) $(LDFLAGS) $(if $(filter $*,$(LEARNERS)),$(PZ_BLAS)) \
	    $(if $(filter pz-recommend,$*),$(LINKED_IN)) $(PZ_LIBS)

$(B)/tests/%: $(B)/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $^ $(PZ_LDFLAGS) $(LDFLAGS) -lcmocka $(PZ_BLAS) $(PZ_LIBS)

# and each fuzz target with its seeds and past findings
FUZZ := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

$(B)/tests/test_fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/seeds.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $^ $(PZ_LDFLAGS) $(LDFLAGS) $(PZ_BLAS) $(PZ_LIBS)

unit: $(UNIT) $(FUZZ:%=$(B)/tests/test_%)

# ---- tools of our own: generators for sample and bench data, the crash shim of the tests
$(B)/scripts/%: scripts/%.c
	@mkdir -p $(@D)
	$(CC) $(PZ_CFLAGS) $(CFLAGS) -o $@ $< -lm

$(B)/scripts/bench-filter $(B)/scripts/bench-rank $(B)/scripts/explore-sim $(B)/scripts/model-costs $(B)/scripts/fit-costs: $(B)/scripts/%: scripts/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(PZ_CFLAGS) $(CFLAGS) -o $@ $^ $(PZ_LDFLAGS) $(LDFLAGS) $(if $(filter fit-costs,$*),$(PZ_BLAS)) $(PZ_LIBS)

$(B)/tests/killat.so: tests/crash/killat.c
	@mkdir -p $(@D)
	$(CC) $(filter-out -fsanitize=%,$(PZ_CFLAGS)) $(CFLAGS) -shared -fPIC -o $@ $< -ldl

$(B)/tests/failalloc.so: tests/faults/failalloc.c
	@mkdir -p $(@D)
	$(CC) $(filter-out -fsanitize=%,$(PZ_CFLAGS)) $(CFLAGS) -shared -fPIC -o $@ $< -ldl

unit: $(patsubst tests/crash/killat.c,$(B)/tests/killat.so,$(wildcard tests/crash/killat.c))

check:
	B=$(B) scripts/check.sh

check-asan:
	B=$(B)/asan SAN=address,undefined scripts/check.sh

# clang, because its OpenMP tells the sanitizer what it orders (archer); gcc's does not
check-tsan:
	CC=clang B=$(B)/tsan SAN=thread TSAN_OPTIONS=ignore_noninstrumented_modules=1 scripts/check.sh

# two writers, ten readers and a publisher on one campaign for a minute, then a server while its campaign changes every
# second (SOAK_SECONDS=300: five minutes, and its memory has to stay); check has three seconds of each
soak: all
	SOAK_SECONDS=$${SOAK_SECONDS:-60} PZ_BIN=$(abspath $(B))/bin bats tests/cli/soak.bats

check-valgrind: all
	B=$(B) scripts/valgrind.sh

lint: all
	B=$(B) scripts/lint.sh

lint-deep: all
	B=$(B) scripts/lint.sh deep

bench quality replay:
	@test -x scripts/$@.sh || { echo "scripts/$@.sh is not there yet" >&2; exit 1; }
	B=$(B) scripts/$@.sh

# every program under failing system calls and allocations, kills, full disks and damaged files, the endpoint too;
# FAULTS_RUNS of each kind (100): prints a table of counts and what was wrong
faults: all $(B)/tests/failalloc.so $(B)/tests/killat.so
	@command -v python3 >/dev/null || { echo "python3 is not installed: scripts/install-deps.sh --deep" >&2; exit 69; }
	tests/faults/faults.py $(B) $(FAULTS)

# several hosts on one log, under kills and without the database, and trainings on several ranks; the short forms are
# tests/cli/log.bats and ranks.bats. CLUSTER: which
check-cluster: all
	tests/cluster/cluster.py $(B)/bin $(CLUSTER)
	if command -v $(MPICC) >/dev/null; then $(MAKE) -s MPI=1 B=$(B)/mpi all; fi
	PZ_BIN=$(abspath $(B))/bin RANKS="1x1 1x2 1x4 2x1 2x2 2x4 3x1 3x2 3x4 4x1 4x2 4x4" bats tests/cli/ranks.bats tests/cli/trials.bats tests/cli/slurm.bats

bench-serve:
	B=$(B) scripts/bench.sh serve endpoint

bench-scale:
	B=$(B) scripts/bench.sh scale

# ---- fuzzing: every tests/fuzz/fuzz_*.c for FUZZ_SECONDS with clang's libFuzzer; findings stay in $(B)/fuzz
FUZZ_SECONDS ?= 60

fuzz:
	@$(MAKE) -s CC=clang SAN=fuzzer-no-link,address,undefined B=$(B)/fuzz $(FUZZ:%=$(B)/fuzz/tests/%)
	B=$(B)/fuzz scripts/fuzz.sh $(FUZZ_SECONDS) $(FUZZ)

$(B)/tests/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(LIB)
	$(CC) $(CFLAGS) -o $@ $^ -fopenmp -fsanitize=fuzzer,address,undefined $(LDFLAGS) $(PZ_BLAS) $(PZ_LIBS)

# ---- man pages: the OPTIONS section comes from the program's own option table, their foot says the version
MAN_FOOT := -e 's/^\.Os$$/.Os pz $(VERSION)/'
MAN1    := $(patsubst man/%.in,$(B)/man/%,$(sort $(wildcard man/*.1.in)))
MANREST := $(sort $(wildcard man/*.1 man/*.5 man/*.7))

man: $(MAN1)

$(B)/man/%.1: man/%.1.in $(B)/bin/%
	@mkdir -p $(@D)
	$(B)/bin/$* --help-options >$@.options
	$(B)/bin/$* --help-settings >$@.settings
	sed -e '/^@OPTIONS@$$/{r $@.options' -e 'd;}' -e '/^@SETTINGS@$$/{r $@.settings' -e 'd;}' $(MAN_FOOT) $< >$@.part
	rm -f $@.options $@.settings
	mv $@.part $@

# ---- install
BINDIR  = $(DESTDIR)$(PREFIX)/bin
MANDIR  = $(DESTDIR)$(PREFIX)/share/man
BASHDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR  = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
UNITDIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
SHAREDIR = $(DESTDIR)$(PREFIX)/share/pz

install: all man
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man7 $(BASHDIR) $(ZSHDIR) $(UNITDIR)
	install -m 755 $(BIN) $(BINDIR)
	install -m 755 scripts/try.sh $(BINDIR)/pz-try
	for p in $(MAN1); do install -m 644 $$p $(MANDIR)/man1 || exit 1; done
	for p in $(MANREST); do sed $(MAN_FOOT) $$p >$(MANDIR)/man$${p##*.}/$${p##*/} || exit 1; done
	ln -sf pz-daily.1 $(MANDIR)/man1/pz-weekly.1
	sed 's|@BINDIR@|$(PREFIX)/bin|' systemd/pz-serve.service >$(UNITDIR)/pz-serve.service
	install -m 644 systemd/pz-serve.socket systemd/*.timer $(UNITDIR)
	for j in daily weekly pull@; do sed 's|/usr/local/bin|$(PREFIX)/bin|' systemd/pz-$$j.service >$(UNITDIR)/pz-$$j.service || exit 1; done
	install -d $(SHAREDIR)
	install -m 755 scripts/pz-daily scripts/pz-weekly $(BINDIR)
	install -m 644 scripts/pz-job.sh scripts/pz.conf systemd/pz.cron systemd/pz.logrotate $(SHAREDIR)
	for p in $(PROGRAMS); do \
	    $(B)/bin/$$p --help-completion=bash >$(BASHDIR)/$$p && \
	    $(B)/bin/$$p --help-completion=zsh >$(ZSHDIR)/_$$p || exit 1; done

# The library for programs of others: pkg-config --cflags --libs --static pz
LIBDIR    = $(DESTDIR)$(PREFIX)/lib
PKGLIBDIR = $(PREFIX)/lib
INCDIR    = $(DESTDIR)$(PREFIX)/include/pz

install-dev: $(LIB)
	install -d $(LIBDIR)/pkgconfig
	install -m 644 $(LIB) $(LIBDIR)
	for h in $$(cd lib && find . -name '*.h'); do install -D -m 644 lib/$$h $(INCDIR)/$$h || exit 1; done
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(PKGLIBDIR)|; s|@VERSION@|$(VERSION)|; s|@BLAS_DIR@|$(BLAS_DIR)|' \
	    pz.pc.in >$(LIBDIR)/pkgconfig/pz.pc

uninstall:
	rm -f $(BINDIR)/pz-try $(PROGRAMS:%=$(BINDIR)/%) $(PROGRAMS:%=$(BASHDIR)/%) $(PROGRAMS:%=$(ZSHDIR)/_%)
	rm -f $(PROGRAMS:%=$(MANDIR)/man1/%.1) $(MANDIR)/man1/pz-weekly.1
	rm -f $(UNITDIR)/pz-serve.service $(UNITDIR)/pz-serve.socket
	rm -f $(foreach j,daily weekly pull@,$(BINDIR)/pz-$j $(UNITDIR)/pz-$j.service $(UNITDIR)/pz-$j.timer)
	rm -rf $(SHAREDIR)
	for p in $(MANREST); do rm -f $(MANDIR)/man$${p##*.}/$${p##*/}; done

dist:
	@mkdir -p dist
	git archive --format=tar.gz --prefix=pz-$(VERSION)/ -o dist/pz-$(VERSION).tar.gz HEAD

# Debian packages in dist/, built from a clean copy of what is committed; lintian looks at them where it is installed.
deb:
	rm -rf $(B)/deb && mkdir -p $(B)/deb/pz dist
	git archive HEAD | tar -x -C $(B)/deb/pz
	cd $(B)/deb/pz && dpkg-buildpackage -us -uc -b
	if command -v lintian >/dev/null; then lintian --fail-on error,warning $(B)/deb/*.changes; fi
	cp $(B)/deb/*.deb dist/

check-deb: deb
	scripts/check-deb.sh

help:
	@echo 'all        the six programs, in $(B)/bin (default)'
	@echo 'check      build with warnings as errors, run every test'
	@echo 'check-asan, check-tsan: the same, sanitized;  check-valgrind: the main job under valgrind'
	@echo 'faults     all programs under calls, allocations and disks that fail, kills, damaged files; FAULTS=kinds'
	@echo 'check-cluster  several hosts on one log: 10,000 pairs, kills, failover, a link cut, speed; CLUSTER=kinds; training on MPI; jobs under Slurm'
	@echo 'bench-serve  speed of the endpoint'
	@echo 'soak       writers, readers and a publisher at once, for a minute'
	@echo 'lint       layers, modules, comments, sizes, format, man pages, scripts: seconds, before each commit'
	@echo 'lint-deep  the same, and clang, clang-tidy, cppcheck'
	@echo 'man        man pages with the options spliced in, in $(B)/man'
	@echo 'fuzz       every parser for FUZZ_SECONDS ($(FUZZ_SECONDS)) each'
	@echo 'bench-scale  training, publishing and asking at 1,000 to 1,000,000 items, with growth exponents and goals'
	@echo 'bench      speed beside other tools, then the table of goals (BENCH_LARGE=1, BENCH_LIMIT=seconds of each);  quality  figures on real data;  replay  days of real data'
	@echo 'install    into DESTDIR/PREFIX ($(PREFIX));  uninstall;  dist;  deb;  clean'
	@echo 'install-dev  the library, its headers and a pkg-config file'
	@echo 'Settings: CC CFLAGS B=folder SAN=address,undefined WERROR=1 NATIVE=1 STATIC= (shared libraries); MPI=1: pz-train for several machines, in $(B)/mpi'

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PHONY: faults check-cluster soak all unit clean check check-asan check-tsan check-valgrind lint lint-deep bench bench-serve bench-scale quality replay fuzz man install install-dev uninstall dist deb check-deb help
.SECONDARY:
