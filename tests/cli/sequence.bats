# SPDX-License-Identifier: Apache-2.0
# The optional encoder in the programs. Small settings: what is learned is tested in tests/unit/test_sequence.c.
load common

# train OUTPUT OPTIONS...
train() {
    local out=$1
    shift
    pz-train -o "$out" --no-tune -p sequence.dim=16 -p sequence.hidden=16 -p sequence.layers=1 \
        -p sequence.epochs=1 "$@" shop.pzd
}

@test "the encoder is learned when it is asked for, the same at any thread count, and published" {
    small_shop
    pz-train -q -o plain.pzm --no-tune shop.pzd
    train one.pzm -q -j1 -p sequence=on
    train four.pzm -q -j4 -p sequence=on
    cmp one.pzm four.pzm
    run ! cmp -s one.pzm plain.pzm
    pz-deploy publish -q home.pzc one.pzm
    pz-recommend home.pzc --user u0040 --num 5 >flat.csv
    pz-recommend one.pzm --user u0040 --num 5 | cmp - flat.csv
}

@test "auto leaves out an encoder that adds nothing or that nothing can judge" {
    small_shop
    run -2 train bad.pzm -p sequence=perhaps
    pz-train -q -o plain.pzm --no-tune shop.pzd
    train auto.pzm -p sequence=auto 2>log
    grep -q 'sequence is left out: without tuning' log
    cmp auto.pzm plain.pzm
    pz-train -o idle.pzm --tune 1 -p sequence=auto -p sequence.dim=16 -p sequence.epochs=1 \
        -p weight.sequence=0 shop.pzd 2>log
    grep -q 'sequence adds nothing here: left out' log
    awk -F, -v OFS=, 'NR > 1 { $3 = 1704090254 } 1' inter.csv | pz-import -q -o timeless.pzd --interactions -
    pz-train -o timeless.pzm --tune 1 -p sequence=auto timeless.pzd 2>log
    grep -q 'sequence is left out: the times say nothing of order' log
}

@test "up to half a million events the encoder is deeper, and reads all three times with any number, unless settings say otherwise" {
    local quick="--no-tune -p sequence=on -p transitions=off -p factors=off -p spectral=off -p sequence.dim=8
        -p sequence.hidden=8 -p sequence.epochs=1"
    size() { zstdcat "$1" | grep -aoE '"(layers|negatives|pairs)": [0-9.]+' | awk '{ printf "%s%.3g", s, $2; s = " " }'; }
    made() {
        B=$(dirname "$PZ_BIN") "$BATS_TEST_DIRNAME/../../scripts/make-synthetic" "$1" 20000 50 |
            pz-import -q -o "$1.pzd" --interactions -
    }
    made 500000
    made 500001
    pz-train -q $quick -o small.pzm 500000.pzd
    pz-train -q $quick -o large.pzm 500001.pzd
    pz-train -q $quick -p sequence.layers=3 -p sequence.negatives=9 -p sequence.pairs=0.001 -o told.pzm 500000.pzd
    [ "$(size small.pzm)" = "2 1.5 512" ]
    [ "$(size large.pzm)" = "1 1.5 256" ]
    [ "$(size told.pzm)" = "3 0.001 9" ]
}

@test "tuning tries the encoder by default, but not under a time budget" {
    small_shop
    local small="-p sequence.dim=16 -p sequence.epochs=1"
    tries() { pz-train -q -o "$1.pzm" --tune 1 "${@:2}" shop.pzd && pz-train --trials "$1.pzm" | grep -q '^sequence'; }
    tries plain $small
    run ! tries off -p sequence=off
    run ! tries timed --tune-time 600
    run ! tries limited --timeout 600
    cmp off.pzm timed.pzm
    tries both --timeout 600 -p sequence=auto $small
    pz-train -o untuned.pzm --no-tune shop.pzd 2>log
    run ! grep -q sequence log
}

@test "at --timeout and at Ctrl-C the model holds the best so far" {
    small_shop
    train late.pzm -q --timeout 1 -p sequence=on -p sequence.epochs=1000 -p sequence.pairs=1000
    pz-recommend late.pzm --user u0040 --num 3 | grep -q '^u0040,'
    setsid pz-train -v -o stopped.pzm --no-tune -p sequence=on -p sequence.dim=16 -p sequence.epochs=1000 \
        -p sequence.pairs=1000 shop.pzd 2>log &
    while kill -0 $! && ! grep -q 'sequence: epoch 2' log; do sleep 0.1; done
    kill -INT $!
    wait $!
    grep -q 'stopped early' log
    pz-recommend stopped.pzm --user u0040 --num 3 | grep -q '^u0040,'
}

@test "--update-time: the encoder learns from what is new; the same at any thread count while its passes end in time" {
    small_shop
    sort -t, -k3,3n <(tail -n +2 inter.csv) >sorted
    { head -1 inter.csv && head -n -300 sorted; } | pz-import -q -o shop.pzd --interactions -
    { head -1 inter.csv && tail -n 300 sorted; } | pz-import -q -o day.pzd --interactions -
    train old.pzm -q -p sequence=on
    pz-train -q --update old.pzm -o plain.pzm day.pzd
    pz-train -q --update old.pzm --update-time 0 -o none.pzm day.pzd
    cmp plain.pzm none.pzm
    pz-train -q -j1 --update old.pzm --update-time 500 -o one.pzm day.pzd
    pz-train -q -j4 --update old.pzm --update-time 500 -o four.pzm day.pzd
    cmp one.pzm four.pzm
    lists() { pz-recommend -q "$1" --all-users -n 5 | cut -d, -f1,2; }
    run ! cmp -s <(lists plain.pzm) <(lists one.pzm)
    pz-train -q --no-tune -o without.pzm shop.pzd
    pz-train --update without.pzm --update-time 5 -o x.pzm day.pzd 2>log
    grep -q 'update-time has no effect' log
    run -2 pz-train -q --update-time 5 -o x.pzm shop.pzd
    [[ $output == *"--update-time goes with --update"* ]]
}

@test "--update-time is heeded" {
    small_shop
    train old.pzm -q -p sequence=on -p sequence.epochs=1000 -p sequence.pairs=0.5
    { head -1 inter.csv && tail -n 2000 inter.csv | awk -F, -v OFS=, '{ $3 += 8000000 } 1'; } | pz-import -q -o day.pzd --interactions -
    took() { pz-train -q -j1 --json --update old.pzm "$@" -o x.pzm day.pzd | jq .cpu_seconds; }
    none=$(took)
    some=$(took --update-time 0.1)
    all=$(took --update-time 500)
    echo "$none $some $all"
    awk -v a="$none" -v b="$some" -v c="$all" 'BEGIN { exit !(b - a > 0.05 && c - a > 2 * (b - a)) }' # on any machine
}
