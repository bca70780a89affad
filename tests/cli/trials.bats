# SPDX-License-Identifier: Apache-2.0
# pz-train --trial and --with-trials: searches as jobs of a scheduler.
load common

setup_file() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_FILE_TMPDIR" || return 1
    small_shop
    for k in 1 2 3; do pz-train -q --trial $k/3 "${SEARCH[@]}" shop.pzd >s$k.json; done
}

SEARCH=(--tune 2 -p sequence=off)

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp "$BATS_FILE_TMPDIR"/{shop.pzd,inter.csv,s?.json} .
}

@test "one search and its fit make the bytes of a plain training; a line is the same at any thread count" {
    pz-train -q "${SEARCH[@]}" -o plain.pzm shop.pzd
    pz-train -q --trial 1/1 "${SEARCH[@]}" shop.pzd >one.json
    [ "$(wc -l <one.json)" -eq 1 ]
    pz-train -q --with-trials one.json -o one.pzm shop.pzd
    cmp plain.pzm one.pzm
    pz-train -q -j 3 --trial 2/3 "${SEARCH[@]}" shop.pzd | cmp - s2.json
    # further searches begin elsewhere
    run ! cmp -s <(jq -c .trials s1.json) <(jq -c .trials s2.json)
    cmp <(jq -c .trials s1.json) <(jq -c .trials one.json)
}

@test "what a search learned of the encoder is finished on all data, by the same bytes wherever" {
    local alone="--tune 1 -p transitions=off -p factors=off -p spectral=off -p content=off -p recent=off -p sequence=on
        -p sequence.dim=16 -p sequence.hidden=16 -p sequence.pairs=0.03"
    # times that tell of order only: no slice is held out
    awk -F, -v OFS=, 'NR > 1 { $3 = ++n[$1] } 1' inter.csv | pz-import -q -o order.pzd --interactions -
    pz-train -q $alone -o plain.pzm order.pzd
    pz-train -q -j 3 --trial 1/1 $alone order.pzd >one.json
    pz-train -q --with-trials one.json -o one.pzm order.pzd
    cmp plain.pzm one.pzm
    jq -e '.parts[] | select(.scorer == "sequence").reached == 0.03' one.json
    # other data know nothing of it, and what came last in time is read from the start
    pz-train -q --tuned-from plain.pzm -o again.pzm order.pzd
    pz-train -q $alone -o timed.pzm shop.pzd
    run ! grep -q reached <(pz-train --info timed.pzm --json)
    run ! grep -q reached <(pz-train --info again.pzm --json)
}

@test "the best of the searches is taken, in whatever order and however many files they come" {
    best=$(jq -s 'max_by([.check.value, -.trial]).trial' s1.json s2.json s3.json)
    pz-train --with-trials s1.json s2.json s3.json -o a.pzm shop.pzd 2>talk
    grep -q "search $best of 3 is the best" talk
    run ! grep -q missing talk
    cat s3.json s1.json s2.json | pz-train -q --with-trials - -o b.pzm shop.pzd
    pz-train -q --with-trials s2.json --with-trials s3.json --with-trials s1.json -o c.pzm shop.pzd
    cmp a.pzm b.pzm
    cmp a.pzm c.pzm
    pz-train --info a.pzm --json | jq -e --slurpfile s s$best.json '.check.value - $s[0].check.value | fabs < 1e-12'
    # one that failed is told, not refused; twice the same is no harm
    pz-train --with-trials s1.json s3.json s3.json -o d.pzm shop.pzd 2>talk
    grep -q 'of 3 searches these are missing: 2$' talk
}

@test "a search that was asked for other lists is of another work" {
    pz-train -q --trial 2/3 "${SEARCH[@]}" --tune-for next shop.pzd >next.json
    run -65 pz-train -q --with-trials s1.json next.json -o mixed.pzm shop.pzd
    [ ! -e mixed.pzm ]
}

@test "searches made in one call are those made apart" {
    pz-train -q --with-trials s1.json s2.json s3.json -o apart.pzm shop.pzd
    pz-train --searches 3 "${SEARCH[@]}" -o at-once.pzm shop.pzd 2>talk
    cmp apart.pzm at-once.pzm
    grep -q 'search [123] of 3 is the best' talk
    pz-train -q "${SEARCH[@]}" -o plain.pzm shop.pzd
    pz-train -q --searches 1 "${SEARCH[@]}" -o one.pzm shop.pzd
    cmp plain.pzm one.pzm
    for more in "--trial 1/3" "--dry-run" "--with-trials s1.json" "--holdout leave-last --holdout-out t.pzd" "--update plain.pzm"; do
        # shellcheck disable=SC2086 # words on purpose
        run -2 pz-train --searches 3 $more -o x.pzm shop.pzd
    done
    for n in 0 10001 x; do run -2 pz-train --searches $n -o x.pzm shop.pzd; done
}

@test "searches of other data or another question, and what is no search, are refused" {
    head -400 inter.csv >other.csv
    pz-import -q -o other.pzd --interactions other.csv
    run -65 pz-train --with-trials s1.json -o x.pzm other.pzd
    [[ $output == *"s1.json:1: the search was made on other data"* ]]
    pz-train -q --trial 2/3 --tune 1 -p sequence=off shop.pzd >less.json
    run -65 pz-train --with-trials s1.json less.json -o x.pzm shop.pzd
    [[ $output == *"less.json:1: the search was made with other data or options"* ]]
    pz-train -q --trial 2/4 "${SEARCH[@]}" shop.pzd >of4.json
    run -65 pz-train --with-trials s1.json of4.json -o x.pzm shop.pzd
    echo '{"trial":1,"of":3}' >no.json
    run -65 pz-train --with-trials no.json -o x.pzm shop.pzd
    run -65 pz-train --with-trials inter.csv -o x.pzm shop.pzd
    jq -c '.parts[0].scorer = "nosuch"' s1.json >damaged.json
    run -65 pz-train --with-trials damaged.json -o x.pzm shop.pzd
    [[ $output == *nosuch* ]]
    jq -c ".softmax_scale = -1" s1.json >damaged.json
    run -65 pz-train --with-trials damaged.json -o x.pzm shop.pzd
    jq -c ".trend.power = 1e9" s1.json >damaged.json
    run -65 pz-train --with-trials damaged.json -o x.pzm shop.pzd
    [ ! -e x.pzm ]
    for k in 0/3 4/3 1 x/3 1/99999; do run -2 pz-train --trial $k shop.pzd; done
    run -2 pz-train --trial 1/2 -o x.pzm shop.pzd
    run -2 pz-train --with-trials s1.json --tune 3 -o x.pzm shop.pzd
    run -2 pz-train --with-trials s1.json --update x.pzm -o y.pzm shop.pzd
}

@test "the example of the manual: searches under GNU parallel" {
    command -v parallel >/dev/null || skip "GNU parallel is not installed"
    # shellcheck disable=SC1083 # parallel's own braces
    parallel --will-cite -j 2 pz-train -q -j 1 --trial {}/3 "${SEARCH[*]}" shop.pzd '>' trial.{} ::: 1 2 3
    for k in 1 2 3; do cmp trial.$k s$k.json; done
    pz-train -q --with-trials trial.* -o home.pzm shop.pzd
    pz-train -q --with-trials s?.json -o here.pzm shop.pzd
    cmp home.pzm here.pzm
}
