# SPDX-License-Identifier: Apache-2.0
# Probes: pz-recommend --probe, --check-probe and the setting, on a catalogue of 4,000 items in ten topics, of which few are met by
# many; half of them cost less than 50.
load common

setup_file() {
    cd "$BATS_FILE_TMPDIR" || exit 1
    awk 'BEGIN {
        srand(1)
        print "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE"
        for (u = 0; u < 900; u++)
            for (k = 0; k < 12; k++) {
                x = rand()
                printf "u%d,i%d,%d,View\n", u, u % 10 * 400 + int(x * x * x * 400), 1000000 + k * 50000
            }
    }' >inter.csv
    awk 'BEGIN {
        print "ITEM_ID,PRICE"
        for (i = 0; i < 4000; i++)
            printf "i%d,%d\n", i, i % 100
    }' >items.csv
    pz-import -q -o shop.pzd --interactions inter.csv --items items.csv
    pz-train -q -o home.pzm --no-tune shop.pzd
    pz-deploy publish -q home.pzc home.pzm
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp -r "$BATS_FILE_TMPDIR/home.pzc" home.pzc
}

@test "what a probe finds of the exact lists is measured" {
    pz-recommend home.pzc --check-probe --probe 0.1 -n 5 --json | tee out.json |
        jq -e '.users == 200 and .probed == 200 and .recall > .9 and .recall <= 1 and .looked < .5 and .cpuMs > 0'
    pz-recommend home.pzc --check-probe -n 5 >out
    [ "$(wc -l <out)" -eq 6 ]
    [[ $(head -1 out) == *recall* ]]
}

@test "a probe is never silent, and an exact answer says that it is" {
    run --separate-stderr pz-recommend home.pzc -u u40 -n 5 --probe 0.1 --json
    [[ $stderr == *probe* ]]
    jq -e '.probed > 0 and .probed < 1 and (.itemList | length) == 5' <<<"$output"
    for rule in '--max-per PRICE=2' '--diversify .3' '--explain' '--probe 1' '--rank i1,i2' \
        '--promote a:20'; do
        # shellcheck disable=SC2086
        run --separate-stderr pz-recommend home.pzc -u u40 -n 5 --probe 0.1 $rule --json
        jq -e '.probed == 0' <<<"$output"
        [[ $stderr != *"(probe)"* ]]
    done
    pz-recommend home.pzc -u u40 -n 5 --json | jq -e 'has("probed") | not'
    printf 'userId\nu40\nu41\n' | pz-recommend home.pzc --input - --format jsonl -n 5 --probe 0.1 2>said |
        jq -se 'all(.output.probed > 0)'
    grep -q 'probe' said
}

@test "exact answers are the same bytes beside the setting, which is said" {
    pz-recommend home.pzc -u u40 -n 5 >exact
    pz-deploy set home.pzc probe 0.1
    pz-recommend home.pzc -u u40 -n 5 --json 2>/dev/null | jq -e '.probed > 0'
    pz-recommend home.pzc -u u40 -n 5 --probe 1 | cmp - exact
    run -2 pz-deploy set home.pzc probe 2
}

@test "filters, seen items and items that came since training hold in a probe" {
    pz-recommend -q home.pzc -u u40 -n 20 --probe 0.05 --filter 'INCLUDE ItemID WHERE Items.PRICE < 50' --columns PRICE |
        tail -n +2 | tee out | awk -F, '$NF >= 50 { exit 1 }'
    [ "$(wc -l <out)" -eq 20 ]
    awk -F, '$1 == "u40" { print $2 }' "$BATS_FILE_TMPDIR/inter.csv" | sort -u >seen
    [ "$(pz-recommend -q home.pzc -u u40 -n 20 --probe 0.05 | tail -n +2 | cut -d, -f2 | sort | comm -12 - seen | wc -l)" -eq 0 ]
    { echo USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE; seq -f 'u%.0f,fresh,1600000,View' 100 400; } >events.csv
    pz-event put -q home.pzc events.csv
    pz-recommend -q home.pzc -u u49 -n 25 | grep fresh
    pz-recommend -q home.pzc -u u49 -n 25 --probe 0.05 | grep fresh
}
