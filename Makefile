# SPDX-License-Identifier: Apache-2.0
# pz: the only makefile. `make help` lists the targets; everything is built under $(B).

CC      ?= cc
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
DESTDIR ?=
B       ?= build
SAN     ?=
NATIVE  ?=
WERROR  ?=

VERSION := 0.1.0

# The layers of lib/, each may include only itself and those to its left (checked by make lint).
LAYERS   := base table data model rank campaign eval serve
PROGRAMS := pz-import pz-train pz-eval pz-deploy pz-recommend pz-event

PZ_WARN   := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
             -Wformat=2 -Wundef $(if $(WERROR),-Werror)
PZ_CFLAGS := -std=c11 -D_GNU_SOURCE -Ilib -I. -fopenmp -fno-math-errno -fno-trapping-math -ffp-contract=off \
             -DPZ_VERSION='"$(VERSION)"' $(PZ_WARN) $(if $(NATIVE),-march=native) \
             $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all -DPZ_NO_CLONES)
# OpenBLAS: the serial build by name, whatever libblas the machine prefers; our loops are parallel.
BLAS_DIR  := $(firstword $(wildcard /usr/lib/*/openblas-serial))
PZ_LIBS   := -Wl,--as-needed -L$(BLAS_DIR) -lopenblas -lcsv -ljansson -lzstd -lxxhash -llmdb \
             -lmicrohttpd -lnettle -lm
PZ_LDFLAGS := -fopenmp $(if $(SAN),-fsanitize=$(SAN))

LIB_SRC  := $(foreach l,$(LAYERS),$(sort $(wildcard lib/$(l)/*.c)))
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
LIB      := $(B)/libpz.a
BIN      := $(PROGRAMS:%=$(B)/bin/%)
UNIT     := $(patsubst tests/unit/%.c,$(B)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))

all: $(BIN)

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(PZ_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/bin/%: $(B)/cmd/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $^ $(PZ_LDFLAGS) $(LDFLAGS) $(PZ_LIBS)

$(B)/tests/%: $(B)/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $^ $(PZ_LDFLAGS) $(LDFLAGS) -lcmocka $(PZ_LIBS)

unit: $(UNIT)

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PHONY: all unit clean
.SECONDARY:
