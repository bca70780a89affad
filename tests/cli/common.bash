# SPDX-License-Identifier: Apache-2.0
# Shared by the command tests: programs on the PATH, a folder of its own for each test.
bats_require_minimum_version 1.5.0

PZ_BIN=${PZ_BIN:-$BATS_TEST_DIRNAME/../../build/bin}
PATH=$PZ_BIN:$PATH
SHOP=$BATS_TEST_DIRNAME/../../sample-data
# tests/crash/killat.so is loaded in front of the programs, and of their sanitizer where they have one
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0"

setup() {
    skipped_file
    cd "$BATS_TEST_TMPDIR" || exit 1
}

# skip_file WHY: said in setup_file and followed by `return`, it skips each test of the file, as bats' own skip is
# a failure there. A file with a setup of its own calls skipped_file in it.
skip_file() {
    echo "$1" >"$BATS_FILE_TMPDIR/skipped"
}

skipped_file() {
    [ ! -e "$BATS_FILE_TMPDIR/skipped" ] || skip "$(cat "$BATS_FILE_TMPDIR/skipped")"
}

# free_ports N: the first of N ports in a row where nobody listens, below those that the kernel gives to clients.
free_ports() {
    local port k used=1
    while [ "$used" -ne 0 ]; do
        port=$((20000 + RANDOM % 12000)) used=0
        for ((k = port; k < port + $1; k++)); do
            if (exec 3<>"/dev/tcp/127.0.0.1/$k") 2>/dev/null; then used=1; fi
        done
    done
    echo "$port"
}

# A small shop: every tenth user of the sample data.
small_shop() {
    awk -F, 'NR == 1 || substr($1, 5, 1) == "0"' "$SHOP/interactions.csv" >inter.csv
    pz-import -q -o shop.pzd --interactions inter.csv --items "$SHOP/items.csv"
}
