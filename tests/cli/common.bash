# SPDX-License-Identifier: Apache-2.0
# Shared by the command tests: programs on the PATH, a folder of its own for each test.
bats_require_minimum_version 1.5.0

PZ_BIN=${PZ_BIN:-$BATS_TEST_DIRNAME/../../build/bin}
PATH=$PZ_BIN:$PATH
SHOP=$BATS_TEST_DIRNAME/../../sample-data

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
}

# A small shop: every tenth user of the sample data.
small_shop() {
    awk -F, 'NR == 1 || substr($1, 5, 1) == "0"' "$SHOP/interactions.csv" >inter.csv
    pz-import -q -o shop.pzd --interactions inter.csv --items "$SHOP/items.csv"
}
