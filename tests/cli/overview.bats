# SPDX-License-Identifier: Apache-2.0
# The examples of pz(7) run as they stand, one after the other: the job by hand, pz-weekly, pz-daily, and the export.
load common

# The literal blocks of the page as a script a block: 1.sh, 2.sh, ...
blocks() {
    awk '/^\.Bd -literal/ { inside = 1; n++; print "set -euo pipefail" >n ".sh"; next }
         /^\.Ed/ { inside = 0 }
         inside { gsub(/\\e/, "\\"); print >n ".sh" }' "$BATS_TEST_DIRNAME/../../man/pz.7"
}

@test "the jobs of the overview page run as they stand" {
    blocks
    [ -f 4.sh ]
    [ ! -f 5.sh ]
    awk -F, 'NR == 1 || substr($1, 5, 1) == "0"' "$SHOP/interactions.csv" >clicks.csv
    cp "$SHOP/items.csv" items.csv
    PATH=$PATH:$BATS_TEST_DIRNAME/../../scripts

    bash 1.sh >1.out 2>/dev/null
    grep -q '^42,i[0-9]*,25,' 1.out

    pz-event put -q home.pzc --user u0010 --item i0500 --type Purchase
    bash 2.sh >/dev/null
    [ "$(pz-deploy status home.pzc --json | jq .version)" = 2 ]
    # the full training knows the event, and nothing counts twice
    pz-import --export interactions work/base.pzd | grep -q '^u0010,i0500,.*Purchase'
    [ "$(pz-recommend -q home.pzc --user u0010 --why i0500 --json | jq -r .fate)" = seen ]

    pz-event put -q home.pzc --user u0010 --item i0600 --type Purchase
    bash 3.sh
    [ "$(pz-deploy status home.pzc --json | jq .version)" = 3 ]

    bash 4.sh 2>/dev/null
    [ "$(wc -l <all.csv)" -gt 1000 ]
}
