# SPDX-License-Identifier: Apache-2.0
load common

@test "import, train, publish, recommend, event: the event changes the next answer" {
    small_shop
    pz-train -q -o home.pzm --no-tune shop.pzd
    pz-deploy publish -q home.pzc home.pzm
    pz-recommend home.pzc --user u0040 --num 10 >before.csv
    [ "$(head -1 before.csv)" = "user_id,item_id,rank,score,source" ]
    [ "$(wc -l <before.csv)" -eq 11 ]
    first=$(sed -n 2p before.csv | cut -d, -f2)
    pz-event put home.pzc --user u0040 --item "$first" --type Purchase
    pz-recommend home.pzc --user u0040 --num 10 >after.csv
    run ! grep -q ",$first," after.csv
    run ! cmp -s before.csv after.csv
}

@test "a user nobody knows gets popular items, and personal ones after his first event" {
    small_shop
    pz-train -q -o home.pzm --no-tune shop.pzd
    pz-deploy publish -q home.pzc home.pzm
    pz-deploy set -q home.pzc exploration-weight 0 # what is explored is another item every day
    pz-recommend home.pzc --user stranger --num 3 >cold.csv
    [ "$(cut -d, -f5 cold.csv | sort -u | grep -v source)" = popular ]
    pz-event put home.pzc --user stranger --item i0500 --type View
    pz-recommend home.pzc --user stranger --num 3 >warm.csv
    [ "$(cut -d, -f5 warm.csv | sort -u | grep -v source)" = session ]
}

@test "a session's events count for the user who joins it" {
    small_shop
    pz-train -q -o home.pzm --no-tune shop.pzd
    pz-deploy publish -q home.pzc home.pzm
    pz-event put home.pzc --session s9 --item i0500 --type View
    pz-event put home.pzc --session s9 --user late --item i0501 --type View
    pz-event export -q home.pzc >events.csv
    [ "$(grep -c '^late,' events.csv)" -eq 2 ]
}

@test "a repeated event id is kept once" {
    small_shop
    pz-train -q -o home.pzm --no-tune shop.pzd
    pz-deploy publish -q home.pzc home.pzm
    for i in 1 2 3; do
        pz-event put home.pzc --user u --item i0500 --type View --event-id same
    done
    [ "$(pz-event stats --json home.pzc | jq .events)" -eq 1 ]
}

@test "PutEvents requests are read as they are" {
    small_shop
    pz-train -q -o home.pzm --no-tune shop.pzd
    pz-deploy publish -q home.pzc home.pzm
    echo '{"trackingId":"t","sessionId":"s","userId":"u7","eventList":[{"eventType":"View","sentAt":1735689700,"properties":"{\"itemId\":\"i0007\",\"eventValue\":2.5}"}]}' |
        pz-event put -q home.pzc
    run -0 pz-event export -q home.pzc
    [ "${lines[1]}" = "u7,i0007,1735689700,View,2.5" ]
}

@test "a bad event line is named and later ones are not acknowledged" {
    small_shop
    pz-train -q -o home.pzm --no-tune shop.pzd
    pz-deploy publish -q home.pzc home.pzm
    printf 'USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\nu,i0001,View,1735689700\nu,i0002,View,soon\n' >bad.csv
    run -65 --separate-stderr pz-event put home.pzc bad.csv
    [[ $stderr == *bad.csv:3*TIMESTAMP* ]]
}

@test "rollback goes back, gc keeps what answers" {
    small_shop
    pz-train -q -o home.pzm --no-tune shop.pzd
    for i in 1 2 3 4; do pz-deploy publish -q home.pzc home.pzm; done
    pz-deploy rollback -q home.pzc
    [ "$(pz-deploy status --json home.pzc | jq .version)" -eq 3 ]
    pz-deploy gc -q --keep 0 home.pzc
    [ "$(pz-deploy list --json home.pzc | jq length)" -eq 2 ]
    pz-recommend home.pzc --user u0040 >/dev/null
}

@test "the same data and seed give the same model at any thread count" {
    small_shop
    pz-train -q -j 1 -t 2 -o a.pzm shop.pzd
    pz-train -q -j 4 -t 2 -o b.pzm shop.pzd
    cmp a.pzm b.pzm
    zstd -qt a.pzm
}

@test "eval reports the contract's keys and beats popularity" {
    small_shop
    pz-eval -q --json --no-tune --split users:50% shop.pzd >out.json
    jq -e '.protocol and .users and .seed and .train.cpu_seconds' out.json
    jq -e '.metrics.mean_reciprocal_rank_at_25 and .metrics.precision_at_10 and .metrics.coverage' out.json
    jq -e '.intervals.normalized_discounted_cumulative_gain_at_25 | length == 2' out.json
    jq -e '.lift.popularity.normalized_discounted_cumulative_gain_at_25.interval[0] > 0' out.json
}

@test "a truncated model is refused and the campaign keeps answering" {
    small_shop
    pz-train -q -o home.pzm --no-tune shop.pzd
    pz-deploy publish -q home.pzc home.pzm
    head -c 20000 home.pzm >cut.pzm
    run -65 pz-deploy publish home.pzc cut.pzm
    [ "$(pz-deploy status --json home.pzc | jq .version)" -eq 1 ]
}

@test "related items, a ranking and batch JSON lines" {
    small_shop
    pz-train -q -o home.pzm --no-tune shop.pzd
    run -0 pz-recommend home.pzm --item i0500 -n 2
    [ "${lines[0]}" = "for_item_id,item_id,rank,score,source" ]
    run -0 pz-recommend home.pzm --user u0040 --rank i0001,nosuch,i0002
    [ "${#lines[@]}" -eq 4 ]
    [[ ${lines[3]} == u0040,nosuch,3,0,unknown ]]
    echo '{"userId":"u0040"}' | pz-recommend -q home.pzm --input - -n 2 --format jsonl >batch.jsonl
    jq -e '.input.userId == "u0040" and (.output.recommendedItems | length == 2) and .error == null' batch.jsonl
}

@test "usage errors are 2, missing input 66, and say what to do" {
    run -2 pz-train
    run -2 pz-train --recipee x
    [[ $output == *"did you mean"* ]]
    run -66 pz-recommend nosuch.pzm --user u
    for p in pz-import pz-train pz-eval pz-recommend pz-deploy pz-event; do
        run -0 "$p" --help
        run -0 "$p" --version
    done
}
