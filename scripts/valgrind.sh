#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job on a twentieth of sample-data/ under valgrind: no error, no lost memory in any program.
set -euo pipefail
cd "$(dirname "$0")/.."
B=$PWD/${B:-build}/bin shop=$PWD/sample-data dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive
# libgomp keeps its threads' memory to the end: possibly lost is not asked about
under() {
    echo "$*"
    valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
        "$B/$1" "${@:2}" -q >out
}
awk 'NR == 1 || NR % 20 == 0' "$shop/interactions.csv" >clicks.csv
under pz-import -o shop.pzd --interactions clicks.csv --items "$shop/items.csv" --users "$shop/users.csv"
under pz-import --check shop.pzd
under pz-eval --split leave-last --no-tune shop.pzd
under pz-train --tune 1 -o home.pzm shop.pzd
"$B/pz-deploy" publish -q home.pzc home.pzm
under pz-event put home.pzc --user u0042 --item i0500 --type Purchase
under pz-event put-items home.pzc --item i0001 --properties '{"PRICE": 9.5}'
under pz-event export home.pzc -o day.pzd
under pz-deploy publish home.pzc home.pzm
under pz-recommend home.pzc --user u0042 --num 5 --filter 'INCLUDE ItemID WHERE Items.PRICE < 20' --explain --json
under pz-recommend home.pzc --all-users --num 5 --max-per CATEGORY_L1=2 --format csv
echo "valgrind: no error, nothing lost"
