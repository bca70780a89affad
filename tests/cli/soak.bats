# SPDX-License-Identifier: Apache-2.0
# Two processes writing, ten reading, one publishing, all at the same time, for SOAK_SECONDS (3; make soak: 60):
# nothing acknowledged is lost or stored twice, no reader fails, and what was put is in the next answer.
load common
load serve

# goes_on DONE LEAST: until the time is over and the least is done, however slow the machine is
goes_on() {
    [ "$SECONDS" -lt "${SOAK_SECONDS:-3}" ] || [ "$1" -lt "$2" ]
}

# writer NAME: batches and single events with ids; NAME.acked holds the ids that were acknowledged
writer() {
    local n=0 i
    while goes_on "$n" 20; do
        for i in 1 2 3 4 5 6 7 8; do echo "$1,i000$i,View,$1-$((n + i))"; done >"$1.batch"
        { echo USER_ID,ITEM_ID,EVENT_TYPE,EVENT_ID && cat "$1.batch"; } | pz-event put -q --now soak.pzc || return 1
        cut -d, -f4 "$1.batch" >>"$1.acked"
        pz-event put soak.pzc --user "$1" --item i0009 --type View --event-id "$1-$((n + 9))" || return 1
        echo "$1-$((n + 9))" >>"$1.acked"
        # the same once more: a sender that tries again
        pz-event put -q soak.pzc --user "$1" --item i0009 --type View --event-id "$1-$((n + 9))" || return 1
        # read your writes: the newest item of the history is seen, in this process and at once
        pz-event put soak.pzc --user "$1-$n" --item i0001 --type View --event-id "$1-$((n + 10))" || return 1
        echo "$1-$((n + 10))" >>"$1.acked"
        pz-recommend -q soak.pzc --user "$1-$n" -n 1 --seen only | grep -q ',i0001,' || return 1
        pz-event put-items -q soak.pzc --item i0001 --properties "{\"STOCK\":$n}" || return 1
        n=$((n + 10))
    done
}

# reader NAME: NAME.answers counts the answers
reader() {
    local n=0
    until [ -e stop ]; do
        [ "$(pz-recommend -q soak.pzc --user w1 -n 5 | wc -l)" -eq 6 ] || return 1
        n=$((n + 1))
    done
    echo "$n" >"$1.answers"
}

publisher() {
    local n=0
    while goes_on "$n" 1; do
        pz-deploy publish -q soak.pzc home.pzm || return 1
        pz-deploy rollback -q soak.pzc || return 1
        pz-deploy gc -q --keep 1 soak.pzc || return 1
        n=$((n + 1))
    done
    echo "$n" >publisher.count
}

@test "two write, ten read, one publishes: nothing is lost and no reader fails" {
    awk -F, 'NR == 1 || substr($1, 4, 2) == "40"' "$SHOP/interactions.csv" >inter.csv
    pz-import -q -o shop.pzd --interactions inter.csv --items "$SHOP/items.csv"
    pz-train -q -o home.pzm --no-tune shop.pzd
    pz-deploy publish -q soak.pzc home.pzm
    export OMP_NUM_THREADS=1
    SECONDS=0
    pids=()
    for i in 1 2 3 4 5 6 7 8 9 10; do reader "r$i" & pids+=($!); done
    publisher & writers=($!)
    for i in 1 2; do writer "w$i" & writers+=($!); done
    failed=0
    for pid in "${writers[@]}"; do wait "$pid" || failed=$((failed + 1)); done
    touch stop
    for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
    [ "$failed" -eq 0 ]
    acked=$(sort -u w1.acked w2.acked | wc -l)
    [ "$acked" -gt 20 ]
    pz-event stats --json soak.pzc | jq -e ".events == $acked and .items == 1"
    # each writer's events, as its user's, in order and without a gap
    for i in 1 2; do
        pz-event export -q soak.pzc | awk -F, -v w="w$i" '$1 == w { print $2 }' | uniq -c | awk '{ print $1 }' |
            sort -u | cmp - <(echo 1)
        [ "$(pz-event export -q soak.pzc | grep -c "^w$i")" -eq "$(sort -u "w$i.acked" | wc -l)" ]
    done
    [ "$(cat publisher.count)" -ge 1 ]
    echo "# $acked events, $(cat r*.answers | awk "{ n += \$1 } END { print n }") answers, $(cat publisher.count) publications" >&3
}

@test "a server whose campaign changes every second answers all, from what is current, in flat memory" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    serve_campaigns
    pz-deploy set -q home.pzc filter kind 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("Books")'
    pz-deploy publish -q home.pzc home.pzm
    categories=$(tail -n +2 "$SHOP/items.csv" | awk -F, '{ printf "%s\"%s\":\"%s\"", (NR > 1 ? "," : "{"), $1, $2 } END { print "}" }')
    serve --no-auth home.pzc
    timeout $((${SOAK_SECONDS:-3} * 2 + 60)) python3 "$BATS_TEST_DIRNAME/../clients/soak.py" "${SOAK_SECONDS:-3}" "$PORT" "$SERVER" home.pzc home.pzm \
        "$categories" >soak.out || { cat soak.out server.err; false; }
    stop
    echo "# $(cat soak.out)" >&3
}
