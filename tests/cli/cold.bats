# SPDX-License-Identifier: Apache-2.0
load common

@test "cold items are ranked among themselves, and the share of the first week's audience is told" {
    small_shop
    pz-eval -q --json --no-tune --split cold-items:10% --at 10,25 shop.pzd >cold.json
    [ "$(grep -c first_week_audience_reached_at_25 cold.json)" -eq 2 ]
    [ "$(grep -c first_week_audience_reached_exploring_at_25 cold.json)" -eq 2 ]
    grep -q '"protocol": *"cold-items:10%"' cold.json
    pz-eval -q --json --no-tune --split cold-items:10% --at 10,25 --threads 2 shop.pzd >again.json
    [ "$(grep -v -e _seconds -e _memory cold.json)" = "$(grep -v -e _seconds -e _memory again.json)" ]
}

# reach exploring|plain OPTION...: the model's share at 25, in hundredths
reach() {
    local key=first_week_audience_reached_at_25
    [ "$1" = plain ] || key=first_week_audience_reached_exploring_at_25
    shift
    pz-eval -q --json --no-tune --split cold-items:10% --at 25 "$@" shop.pzd |
        sed -n "s/^    \"$key\": *\([0-9.]*\).*/\1/p" | awk '{ print int(100 * $1) }'
}

@test "items that nobody had reach their audience by their attributes" {
    small_shop
    [ "$(reach plain)" -gt 20 ]
    [ "$(reach plain -p content=off)" -lt 10 ]
    [ "$(reach exploring)" -gt 20 ]
    [ "$(reach exploring)" -ne "$(reach plain)" ]
}

@test "the first week's audience: all where all is within a week, in lists of each length" {
    small_shop
    awk -F, -v OFS=, 'NR > 1 { $3 = sprintf("%d", ($3 - 1700000000) / 1000) } 1' inter.csv >week.csv
    pz-import -q -o week.pzd --interactions week.csv --items "$SHOP/items.csv"
    pz-eval -q --json --no-tune --split cold-items:10% --at 10,25 week.pzd >r.json
    jq -e '.metrics | .first_week_audience_reached_at_10 < .first_week_audience_reached_at_25' r.json
}

@test "in a simulated shop exploration finds the good new items within days, at no cost" {
    B=$(dirname "$PZ_BIN") "$BATS_TEST_DIRNAME/../../scripts/explore-sim" >table
    # weight, share found, median days, clicks a page
    awk '{ gsub("%", "") } $1 == "0.00" { found = $2; clicks = $4 } $1 == "0.30" { more = $2; days = $3; also = $4 }
        $1 == "1.00" { all = $4 } END { exit !(more > 2 * found && days <= 7 && also > 0.98 * clicks && all < clicks / 2) }' table
}

@test "what was shown often is explored less" {
    awk -F, -v OFS=, 'NR == 1 { print "USER_ID,ITEM_ID,TIMESTAMP,IMPRESSION"; next }
        { shown = "x"; for (i = 0; i < 40; i++) shown = shown "|x"; print $1, $2, $3, shown }' <(
        echo USER_ID,ITEM_ID,TIMESTAMP
        for u in 1 2 3 4 5; do for i in 1 2 3; do echo "u$u,i$i,$((1700000000 + i))"; done; done) >inter.csv
    printf 'ITEM_ID,COLOUR\ni1,a\ni2,a\ni3,b\nx,a\ny,a\n' >items.csv
    pz-import -q -o shop.pzd --interactions inter.csv --items items.csv
    pz-train -q -o home.pzm --no-tune shop.pzd
    pz-recommend home.pzm --input <(echo userId; seq 60) --exploration-weight 1 --num 1 >tops.csv
    [ "$(wc -l <tops.csv)" -eq 61 ]
    run ! grep -q ,x,1, tops.csv
    grep -q ,y,1, tops.csv
}
