# SPDX-License-Identifier: Apache-2.0
# An objective in pz-eval: the rewards it measures, and what ranking for it does to them.
load common

@test "average rewards: worked by hand; off only measures" {
    # everybody had a, b, c; the truth of v is d (8), e (2) and g (a loss), of w f, which is worth nothing
    for u in 1 2 3 4 5 6; do printf '%s\n' "u$u,a,1" "u$u,b,2" "u$u,c,3" "u$u,d,4"; done >rows
    printf '%s\n' v,a,1 v,b,2 w,a,1 w,b,2 >>rows
    { echo USER_ID,ITEM_ID,TIMESTAMP; cat rows; } >inter.csv
    printf 'ITEM_ID,WORTH\na,1\nb,1\nc,1\nd,8\ne,2\nf,\ng,-5\n' >items.csv
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nv,d,9\nv,e,9\nv,g,9\nw,f,9\n' >truth.csv
    pz-import -q -o in.pzd --interactions inter.csv --items items.csv
    pz-import -q -o truth.pzd --interactions truth.csv
    pz-train -q -o m.pzm --recipe popularity-count in.pzd
    # v is shown c and d, the most popular not seen: 8 of 10; w has nothing to gain: 0
    pz-eval -q --json --at 2 --objective Items.WORTH=off m.pzm truth.pzd >off.json
    jq -e '(.metrics.average_rewards_at_k - 0.4) | fabs < 1e-6' off.json
    pz-eval -q --json --at 2 m.pzm truth.pzd | jq -e '.metrics.average_rewards_at_k == null'
    # at 1: c without, d with the objective
    pz-eval -q --json --at 1 --objective WORTH=off m.pzm truth.pzd | jq -e '.metrics.average_rewards_at_k == 0'
    pz-eval -q --json --at 1 --objective WORTH=medium m.pzm truth.pzd |
        jq -e '(.metrics.average_rewards_at_k - 0.4) | fabs < 1e-6'
    run -2 pz-eval -q --objective WORTH=most m.pzm truth.pzd
    run -2 pz-eval -q --objective PRICE=low m.pzm truth.pzd
}
