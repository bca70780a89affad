#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The rules of the house that a compiler does not check. Prints each breach; fails when there is one.
#
# usage: scripts/lint.sh [deep]    deep: also what takes minutes, clang, clang-tidy and cppcheck
set -euo pipefail
cd "$(dirname "$0")/.."
B=${B:-build}
breaches=0
mapfile -t lib < <(find lib -name '*.[ch]' | sort)
mapfile -t sources < <(find lib -name '*.c' | sort)
mapfile -t cmd < <(find cmd -name '*.[ch]' | sort)
mapfile -t headers < <(find lib -name '*.h' | sort)

# report TITLE: reads breaches from stdin, one per line
report() {
    local n=0 line
    while IFS= read -r line; do
        echo "$1: $line"
        n=$((n + 1))
    done
    breaches=$((breaches + n))
}

# A layer may include only itself and those before it; cmd may include all.
layers() {
    grep -nH -E '^#include "' "${lib[@]}" | awk -F: '
        BEGIN { n = split("base table text data import model train live filter rank campaign answer eval serve", l, " ")
                for (i = 1; i <= n; i++) at[l[i]] = i }
        {
            split($1, from, "/"); split($3, quoted, "\""); split(quoted[2], to, "/")
            # a name without a folder is a neighbour in the same layer
            if (index(quoted[2], "/") && at[to[1]] + 0 == 0) print $1 ":" $2 ": unknown layer " to[1]
            else if (at[to[1]] > at[from[2]]) print $1 ":" $2 ": " from[2] " may not see " to[1]
        }'
}

# Third-party headers: HEADER  where it may be included (a regular expression over paths).
one_module() {
    local header where
    while read -r header where; do
        grep -lE "^#include <$header" "${lib[@]}" "${cmd[@]}" | grep -vE "^($where)$" |
            sed "s|\$|: may not include <$header>|" || true
    done <<'RULES'
omp\.h lib/base/par\.[ch]
csv\.h lib/text/(csv|rows)\.c
jansson\.h lib/base/json\.[ch]
zstd\.h lib/(table|text)/[a-z_]*\.c
xxhash\.h lib/table/hash\.c
lmdb\.h lib/live/db\.[ch]
microhttpd\.h lib/serve/net/http\.c
nettle/ lib/serve/net/sigv4\.c
cblas\.h lib/model/dense\.c
mpi\.h lib/base/ranks_mpi\.c
RULES
}

# libpq is loaded by one module and called by one.
libpq() {
    grep -nE 'libpq-fe|dlopen|live/hosts/pq\.h' "${lib[@]}" "${cmd[@]}" | grep -vE '^lib/live/hosts/(pq\.[ch]|journal\.c):' || true
}

# Bits of sets are moved by base/bits.h alone; kernels that make or read 64 rows at a time take whole words.
bit_sets() {
    grep -nE '<< \(?[a-z]+ % 64|\[[a-z]+ / 64\] (>>|[|&]=)' "${lib[@]}" "${cmd[@]}" | grep -vE '^lib/base/bits\.h:' || true
}

# const is not cast away, neither plainly (-Wcast-qual) nor by way of an integer, but where a library of others has
# no const and only reads.
casts() {
    grep -nE '\*\)\(uintptr_t\)' "${lib[@]}" "${cmd[@]}" |
        grep -vE '^lib/(base/json\.h|text/decode\.c|live/db\.h|serve/net/http\.c):' || true
}

# A prototype needs a comment right above it; one comment may serve a run of prototypes.
undocumented() {
    awk 'FNR == 1 { covered = 0; inside = 0; open = 0 }
        open      { if (/;[ \t]*(\/\*.*)?$/) open = 0; next }
        inside    { if (/\*\//) { inside = 0; covered = 1 } next }
        /^[ \t]*\/\*/ { if (!/\*\//) inside = 1; else covered = 1; next }
        /^(static inline |extern )?[a-z].*\(/ && !/^typedef/ {
            if (!covered) print FILENAME ":" FNR ": no comment above: " $0
            if (!/[;}][ \t]*(\/\*.*)?$/) open = 1
            next
        }
        { covered = 0 }' "${headers[@]}"
}

# A scorer is known by name in its own folder and in the list of scorers alone: code elsewhere asks the
# interface. What a scorer builds on is below (FOLDER needs OTHER); other meanings of the words are let pass.
scorer_names() {
    local names built_on other_meaning
    names=$(sed -n 's/^    \.name = "\([a-z]*\)",$/\1/p' lib/model/*/*.c | paste -sd'|')
    built_on='lib/model/content/content\.[ch]:.*transitions|lib/model/sessions/sessions\.c:.*transitions|lib/model/sequence/(fit|net|cost)\.c:.*factors'
    other_meaning='lib/model/recipe\.c:.*popularity-count|lib/live/open\.c:.*"sessions"|lib/rank/rank\.c:.*"personal"|lib/eval/verdict\.h:|lib/eval/judge\.c:.*rival|lib/eval/windows\.c:.*"live"'
    grep -nE "\"($names)\"|\bpz_($names)\b|#include \"model/($names)/" "${lib[@]}" "${cmd[@]}" |
        grep -vE "^lib/model/($names)/[a-z_]*\.[ch]:[0-9]*:.*(\"|pz_|model/)\1\b" |
        grep -vE "^lib/model/(parts\.h|scorer\.c):" |
        grep -vE "^($built_on)" | grep -vE "^($other_meaning)" || true
}

# Headers keep the form of contracts.
contracts() {
    awk -f scripts/contracts.awk "${headers[@]}"
}

# A header whose first comment says "Private to FOLDER/" is included there alone (and by tests).
private_headers() {
    local h of
    for h in "${headers[@]}"; do
        of=$(sed -n '2,4s|^/\* Private to \([a-z/]*\)/.*|\1|p' "$h")
        [ -n "$of" ] || continue
        grep -lF "#include \"${h#lib/}\"" "${lib[@]}" "${cmd[@]}" | grep -v "^lib/$of/" |
            sed "s|\$|: ${h#lib/} is private to $of/|" || true
    done
}

# From the line of "{" in column 0 to that of "}" in column 0.
too_long() {
    awk 'FNR == 1 { at = 0 }
        /^\{/ { at = FNR; head = before }
        /^\}/ { if (at && FNR - at > 60) print FILENAME ":" at ": " FNR - at " lines: " head; at = 0 }
        !/^[ \t]/ { before = $0 }' "${sources[@]}" "${cmd[@]}"
    for f in "${lib[@]}" "${cmd[@]}"; do
        [ "$(wc -l <"$f")" -le 800 ] || echo "$f: more than 800 lines"
    done
    for f in cmd/*.c; do
        [ "$(wc -l <"$f")" -lt 300 ] || echo "$f: 300 lines or more; a program is option table, main and glue"
    done
}

# Every program has a page whose OPTIONS come from its table; mandoc finds nothing to warn of.
man_pages() {
    local f name
    for f in "$B"/bin/pz-*; do
        name=${f##*/}
        if [ ! -f "man/$name.1.in" ]; then
            echo "man/$name.1.in: missing"
        elif ! grep -qx '@OPTIONS@' "man/$name.1.in"; then
            echo "man/$name.1.in: no line @OPTIONS@"
        fi
        "$f" --help | sed -n '/^Commands/,$s/^  \([a-z][a-z-]*\) .*/\1/p' | while read -r sub; do
            sed '/^\.Sh DESCRIPTION/q' "man/$name.1.in" | grep -qE "^\.Cm .*\b$sub\b" ||
                echo "man/$name.1.in: $sub is missing in the synopsis"
        done
    done
    make -s B="$B" man >&2 || echo "make man fails"
    "$B"/bin/pz-train -p list | awk 'NR > 1 { print $1 }' | while read -r name; do
        grep -qF ".It Cm $name No = " "$B"/man/pz-train.1 || echo "man/pz-train.1.in: setting $name is missing"
    done
    for f in "$B"/man/*.1 man/*.[157]; do
        [ ! -f "$f" ] || mandoc -Tlint -W warning "$f" || true
    done
}

# Files that clang-format would change.
formatting() {
    git ls-files '*.c' '*.h' | xargs -P "$(nproc)" -n 20 clang-format --dry-run 2>&1 |
        sed -n 's/: warning: code should be clang-formatted.*//p' || true
}

# Lines over the 100 columns of .clang-format, which leaves comments alone.
too_wide() {
    git ls-files '*.c' '*.h' | xargs awk 'length > 100 { print FILENAME ":" FNR ": " length " columns" }'
}

# optional TOOL: true when it is installed; says so when not
optional() {
    command -v "$1" >/dev/null 2>&1 || { echo "lint: $1 is not installed, skipped" >&2; return 1; }
}

# What tools leave behind has no place beside the sources, committed or not.
left_over() { find . -path ./build -prune -o -path ./.git -prune -o -type f \( -name '*.orig' -o -name '*.rej' \) -print; }

report layers < <(layers)
report 'left over' < <(left_over)
report modules < <(one_module)
report libpq < <(libpq)
report casts < <(casts)
report bits < <(bit_sets)
report prototypes < <(undocumented)
report scorers < <(scorer_names)
report size < <(too_long)
report width < <(too_wide)
report contracts < <(contracts)
report private < <(private_headers)
if optional clang-format; then
    report format < <(formatting)
fi
if optional mandoc; then
    report man < <(man_pages)
fi
if optional shellcheck; then
    report shellcheck < <(shellcheck -x -f gcc scripts/*.sh scripts/pz-daily scripts/pz-weekly scripts/make-sample-data .ci/run || true)
fi
if [ "${1:-}" != deep ]; then
    echo "lint: $breaches breaches"
    [ "$breaches" -eq 0 ]
    exit
fi
if optional cppcheck; then
    # varFuncNullUB: POSIX makes NULL a (void *); invalidPointerCast: columns are cut from one block
    report cppcheck < <(cppcheck -q -j "$(nproc)" --std=c11 -Ilib -I. --enable=warning,portability \
        --inline-suppr --suppress=missingIncludeSystem --suppress=varFuncNullUB --suppress=invalidPointerCast \
        --library=scripts/cppcheck.cfg \
        --template='{file}:{line}: {severity}: {message} [{id}]' --template-location='' lib cmd 2>&1 || true)
fi
if optional clang; then # the build itself is gcc's; -k: all that is wrong, not the first
    report clang < <(MAKEFLAGS='' make -s -k -j"$(nproc)" CC=clang B="$B/clang" WERROR=1 all unit 2>&1 | grep -E "warning:|error:" || true)
fi
if optional clang-tidy; then
    mapfile -t mpi < <(mpicc --showme:compile 2>/dev/null | xargs -r -n 1 printf -- '--extra-arg=%s\n')
    if [ ${#mpi[@]} -eq 0 ]; then # the module of MPI is read where its header is
        mapfile -t sources < <(printf '%s\n' "${sources[@]}" | grep -v ranks_mpi)
    fi
    report clang-tidy < <(printf '%s\n' "${sources[@]}" "${cmd[@]}" | xargs -P "$(nproc)" -n 8 sh -c '
        clang-tidy --quiet "$@" -- -std=c11 -D_GNU_SOURCE -Ilib -I. -fopenmp -DPZ_VERSION=\"0\" 2>/dev/null' sh "${mpi[@]}" |
        grep -E "warning:|error:" || true)
fi
echo "lint: $breaches breaches"
[ "$breaches" -eq 0 ]
