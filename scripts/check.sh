#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Build with warnings as errors and run every test. Ends with "N passed, N failed, N skipped".
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-deps.sh
B=${B:-build}
make -s -j"$(nproc)" WERROR=1 SAN="${SAN:-}" B="$B" all unit

out=$(mktemp)
trap 'rm -f "$out"' EXIT
broken=0

for test in "$B"/tests/test_*; do
    case $test in *.d | *.o) continue ;; esac
    [ -x "$test" ] || continue
    echo "# ${test##*/}"
    CMOCKA_MESSAGE_OUTPUT=TAP "$test" >"$out.one" 2>&1 || true
    cat "$out.one"
    # a crashed test program prints no plan's worth of results
    planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$out.one" | tail -1)
    ran=$(grep -c -E '^(not )?ok ' "$out.one" || true)
    [ "${planned:-x}" = "$ran" ] || { echo "not ok - ${test##*/} ended early"; broken=$((broken + 1)); }
    cat "$out.one" >>"$out"
    rm -f "$out.one"
done
export PZ_BIN; PZ_BIN=$(cd "$B/bin" && pwd)
if compgen -G 'tests/cli/*.bats' >/dev/null; then
    bats --tap tests/cli >"$out.one" 2>&1 || true
    tee -a "$out" <"$out.one"
    planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$out.one" | tail -1)
    ran=$(grep -c -E '^(not )?ok ' "$out.one" || true)
    [ "${planned:-x}" = "$ran" ] || broken=$((broken + 1))
    rm -f "$out.one"
fi

skipped=$(grep -c -E '^ok .*# (skip|SKIP)' "$out" || true)
passed=$(($(grep -c -E '^ok ' "$out" || true) - skipped))
failed=$(($(grep -c -E '^not ok ' "$out" || true) + broken))
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
