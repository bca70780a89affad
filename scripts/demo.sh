#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job on sample-data/, each command shown before it runs.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-deps.sh
make -s -j"$(nproc)" all
PATH=$PWD/build/bin:$PATH
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
shop=$PWD/sample-data
cd "$dir"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '$ %s\n' "$*"; eval "$*"; }

say "1. Import: CSV and Personalize's schemas become one dataset file"
show "pz-import -o shop.pzd --interactions $shop/interactions.csv --items $shop/items.csv \
--users $shop/users.csv --schema $shop/interactions.schema.json --schema $shop/items.schema.json \
--schema $shop/users.schema.json"
say "2. Evaluate: a tenth of the users held out, popularity beside the model"
show "pz-eval -q --tune 2 --split personalize shop.pzd | grep -E 'protocol|metric|at_10|at_25|coverage'"
say "3. Train on everything"
show "pz-train --tune 2 -o home.pzm shop.pzd"
say "4. Publish: from now on home.pzc answers"
show "pz-deploy publish home.pzc home.pzm"
say "5. Recommend for a user"
show "pz-recommend home.pzc --user u0042 --num 5"
say "6. The user buys something; the next answer knows"
show "pz-event put home.pzc --user u0042 --item i0500 --type Purchase"
show "pz-recommend home.pzc --user u0042 --num 5"
say "7. Rules at the moment of asking: a filter, and why an item is there"
show "pz-recommend home.pzc --user u0042 --num 3 --filter 'INCLUDE ItemID WHERE Items.PRICE < 20 AND Items.STOCK > 0'"
show "pz-recommend home.pzc --user u0042 --num 1 --explain --json"
say "8. Everybody's recommendations as CSV"
show "pz-recommend home.pzc --all-users --num 10 -o all.csv && wc -l < all.csv && head -4 all.csv"
