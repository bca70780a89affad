# SPDX-License-Identifier: Apache-2.0
load common

# A model of the sample shop with its items and users, made once for all tests of this file.
setup_file() {
    export SHOP_MODEL=$BATS_FILE_TMPDIR/home.pzm
    PATH=${PZ_BIN:-$BATS_TEST_DIRNAME/../../build/bin}:$PATH
    shop=$BATS_TEST_DIRNAME/../../sample-data
    pz-import -q -o "$BATS_FILE_TMPDIR/shop.pzd" --interactions "$shop/interactions.csv" \
        --items "$shop/items.csv" --users "$shop/users.csv"
    pz-train -q --no-tune --recipe popularity-count -o "$SHOP_MODEL" "$BATS_FILE_TMPDIR/shop.pzd"
}

# ids FILTER [OPTION...]: the recommended items
ids() {
    pz-recommend -q "$SHOP_MODEL" --filter "$@" | tail -n +2 | cut -d, -f2
}

@test "as many items come back as pass the filter, and the count says so" {
    kitchen=$(awk -F, '$2 == "Kitchen"' "$SHOP/items.csv" | wc -l)
    run -0 pz-recommend "$SHOP_MODEL" --check-filter --filter 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("Kitchen")'
    [ "$output" = "$kitchen of 1000 items pass" ]
    ids 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("Kitchen")' --user u0040 --num 1000 --seen keep | sort >got
    awk -F, '$2 == "Kitchen" { print $1 }' "$SHOP/items.csv" | sort >want
    diff want got
}

@test "too few is said, in words and in JSON, and never padded" {
    run -0 --separate-stderr pz-recommend "$SHOP_MODEL" --user u0040 --num 5 --filter 'INCLUDE ItemID WHERE ITEM_ID IN ("i0001", "i0002")' --seen keep
    [ "${#lines[@]}" -eq 3 ]
    [[ $stderr == *"fewer than 5"* ]]
    run -0 pz-recommend -q "$SHOP_MODEL" --json --user u0040 --num 5 --seen keep --filter 'INCLUDE ItemID WHERE ITEM_ID IN ("i0001", "i0002")'
    [ "$(jq -c '[.short, (.itemList | length)]' <<<"$output")" = "[true,2]" ]
}

@test "filter values by option, as JSON, and from batch lines" {
    f='INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ($C) AND Items.PRICE < $P'
    check() { pz-recommend -q "$SHOP_MODEL" --check-filter --json --filter "$f" "$@" | jq .pass; }
    n=$(check --filter-values 'C="Kitchen","Toys"' --filter-values P=20)
    [ "$n" -gt 0 ]
    [ "$n" -eq "$(check --filter-values '{"C":"\"Kitchen\",\"Toys\"","P":"20"}')" ]
    run -2 pz-recommend "$SHOP_MODEL" --user u0040 --filter "$f" --filter-values P=20
    [[ $output == *"no filter value C is given"* ]]
    printf '%s\n' '{"userId":"u0040","filterValues":{"C":"\"Kitchen\""}}' '{"userId":"u0040"}' \
        '{"userId":"u0040","filterValues":{"C":"\"Toys\"","P":"1"}}' >in.jsonl
    pz-recommend -q "$SHOP_MODEL" --input in.jsonl --filter "$f" --filter-values P=20 --format jsonl -n 3 >out.jsonl
    [ "$(jq -c '.output.recommendedItems | length' out.jsonl | paste -sd' ')" = "3 0 0" ]
    jq -es '.[0].error == null and (.[1].error | tostring | contains("no filter value C")) and .[2].output.short' out.jsonl
}

@test "rankings, related items, CSV rows and inline histories are filtered too" {
    f='INCLUDE ItemID WHERE Items.CATEGORY_L1 = "Kitchen"'
    run -0 pz-recommend -q "$SHOP_MODEL" --user u0040 --rank i0000,i0001,i0002,i0005 --filter "$f"
    want=$(grep -E '^i000[0125],Kitchen' "$SHOP/items.csv" | wc -l)
    [ "${#lines[@]}" -eq $((want + 1)) ]
    price=$(awk -F, '$1 == "i0001" { print $4 }' "$SHOP/items.csv")
    pz-recommend -q "$SHOP_MODEL" --item i0001 -n 1000 --filter 'INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE' |
        tail -n +2 | cut -d, -f2 | sort >got
    awk -F, -v price="$price" 'NR > 1 && $4 < price { print $1 }' "$SHOP/items.csv" | sort >want
    diff want got
    printf 'userId,filterValues\nu0040,"{""C"":""Toys""}"\nu0041,\n' >in.csv
    pz-recommend -q "$SHOP_MODEL" --input in.csv -n 1000 --seen keep --filter 'INCLUDE ItemID WHERE Items.CATEGORY_L1 = $C' \
        --filter-values C=Kitchen | awk -F, 'NR > 1 { print $1 }' | sort | uniq -c | awk '{ print $2, $1 }' >got
    printf 'u0040 125\nu0041 125\n' | diff - got
    run -0 pz-recommend "$SHOP_MODEL" --check-filter --history i0001,i0002,nosuch --filter 'INCLUDE ItemID WHERE Interactions.TIMESTAMP = NOW()'
    [ "$output" = "2 of 1000 items pass" ]
}

@test "a bad filter is wrong usage and says where and what was meant" {
    run -2 pz-recommend "$SHOP_MODEL" --user u0040 --filter 'INCLUDE ItemID WHERE Items.PRIZE < 3'
    [[ $output == *'character 22, at "Items.PRIZE < 3": Items has no column PRIZE; did you mean PRICE?'* ]]
    run -2 pz-recommend "$SHOP_MODEL" --check-filter
    [[ $output == *"need --filter"* ]]
}

@test "a filter sees event types that training left out" {
    pz-train -q --no-tune --recipe popularity-count --event View -o views.pzm "$BATS_FILE_TMPDIR/shop.pzd"
    for m in views.pzm "$SHOP_MODEL"; do
        pz-recommend -q "$m" --check-filter --user u0040 --filter 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")'
    done >counts
    [ "$(sort -u counts | wc -l)" -eq 1 ]
    bought=$(awk -F, '$1 == "u0040" && $4 == "Purchase" { print $2 }' "$SHOP/interactions.csv" | sort -u | wc -l)
    [ "$bought" -gt 0 ]
    [ "$(head -1 counts)" = "$bought of 1000 items pass" ]
}

@test "a purchase put a moment ago acts on the next query" {
    pz-deploy publish -q home.pzc "$SHOP_MODEL"
    f='EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Purchase") AND Interactions.TIMESTAMP > NOW() - 30d'
    n=$(pz-recommend -q home.pzc --check-filter --json --user u0040 --filter "$f" | jq .pass)
    [ "$n" -eq 1000 ]
    pz-event put -q home.pzc --user u0040 --item i0007 --type PURCHASE
    n=$(pz-recommend -q home.pzc --check-filter --json --user u0040 --filter "$f" | jq .pass)
    [ "$n" -eq 999 ]
}

@test "a campaign keeps filters by name, and only those that fit it" {
    pz-deploy publish -q home.pzc "$SHOP_MODEL"
    pz-deploy set -q home.pzc filter cheap 'INCLUDE ItemID WHERE Items.PRICE < $MAX'
    n=$(pz-recommend -q home.pzc --check-filter --json --filter cheap --filter-values MAX=10 | jq .pass)
    [ "$n" -eq "$(awk -F, 'NR > 1 && $4 < 10' "$SHOP/items.csv" | wc -l)" ]
    run -2 pz-recommend home.pzc --user u0040 --filter chep
    [[ $output == *"did you mean cheap?"* ]]
    run -2 pz-deploy set home.pzc filter worse 'INCLUDE ItemID WHERE Items.PRIZE < 3'
    [[ $output == *"did you mean PRICE?"* ]]
    run -2 pz-deploy set home.pzc filter worse cheap
    run -2 pz-recommend "$SHOP_MODEL" --user u0040 --filter cheap
    [[ $output == *"a model has no named filters"* ]]
}

@test "rows put a moment ago act on the next query, new columns too" {
    pz-deploy publish -q home.pzc "$SHOP_MODEL"
    count() { pz-recommend -q home.pzc --check-filter --json --filter "$@" | jq .pass; }
    n=$(count 'INCLUDE ItemID WHERE Items.STOCK > 0')
    stock=$(awk -F, '$1 == "i0000" { print $5 }' "$SHOP/items.csv")
    [ "$stock" -gt 0 ]
    sed -n '1p;/^i0000,/p' "$SHOP/items.csv" | sed "s/,$stock,/,0,/" | pz-event put-items -q home.pzc -
    [ "$(count 'INCLUDE ItemID WHERE Items.STOCK > 0')" -eq $((n - 1)) ]
    printf 'ITEM_ID,PROMO\ni0001,summer\n' | pz-event put-items -q home.pzc -
    [ "$(count 'INCLUDE ItemID WHERE Items.PROMO = "summer"')" -eq 1 ]
    run -2 pz-recommend "$SHOP_MODEL" --check-filter --filter 'INCLUDE ItemID WHERE Items.PROMO = "summer"'
    printf 'USER_ID,AGE_BAND,MEMBERSHIP\nu0040,65+,gold\n' | pz-event put-users -q home.pzc -
    [ "$(count 'INCLUDE ItemID WHERE ITEM_ID = "i0001" IF CurrentUser.MEMBERSHIP = "gold"' --user u0040)" -eq 1 ]
}

@test "a filter on an event type holds before and after its first event" {
    pz-deploy publish -q home.pzc "$SHOP_MODEL"
    f='EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Wishlist")'
    run -0 pz-recommend home.pzc --user u0040 --check-filter --filter "$f"
    [ "${lines[0]}" = 'pz-recommend: warning: filter: no interaction has the event type "Wishlist" (there are "AddToCart", "Purchase", "View")' ]
    [ "${lines[1]}" = "1000 of 1000 items pass" ]
    run -0 pz-deploy set home.pzc filter wish "$f"
    [[ $output == *'no interaction has the event type "Wishlist"'* ]]
    pz-event put -q home.pzc --user u0040 --item i0007 --type wishlist
    run -0 pz-recommend home.pzc --user u0040 --check-filter --filter wish
    [ "$output" = "999 of 1000 items pass" ]
}

@test "values that nothing has are named with what was perhaps meant" {
    check() { run -0 pz-recommend "$SHOP_MODEL" --check-filter --user u0040 --filter "$@"; }
    check 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("kitchens", "Toys")'
    [[ ${lines[0]} == *'warning: filter: no item has CATEGORY_L1 "kitchens"; did you mean Kitchen? (there are '* ]]
    [ "${#lines[@]}" -eq 2 ]
    check 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Purchased")'
    [[ ${lines[0]} == *'no interaction has the event type "Purchased"; did you mean Purchase?'* ]]
    check 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ($C)' --filter-values C='"Kitchn"'
    [[ ${lines[0]} == *'no item has CATEGORY_L1 "Kitchn"; did you mean Kitchen?'* ]]
    check 'INCLUDE ItemID WHERE Items.PRICE < 50 IF CurrentUser.MEMBERSHIP = "golden"'
    [[ ${lines[0]} == *'no user has MEMBERSHIP "golden"; did you mean gold?'* ]]
    check 'INCLUDE ItemID WHERE ITEM_ID IN ("i0001", "nosuch")'
    [[ ${lines[0]} == *'there is no item "nosuch"'* ]]
    [ "${lines[1]}" = "1 of 1000 items pass" ]
    run -0 pz-recommend "$SHOP_MODEL" --user u0040 --promote 'p:20:INCLUDE ItemID WHERE Items.CATEGORY_L1 = "Kichen"'
    [[ $output == *'no item has CATEGORY_L1 "Kichen"'* ]]
    run -0 pz-recommend "$SHOP_MODEL" --check-filter --user u0040 --filter 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("view, addtocart")'
    [ "${#lines[@]}" -eq 1 ]
}

@test "dates and times in columns of any form are compared with NOW() and dates" {
    printf 'ITEM_ID,DAY,OVER,MS,EAN\na,20211001,2021-11-01T00:10:00Z,1635725400000,4006381333931\nb,20211015,2021-12-01,1638316800000,4006381333948\nc,20211101,,,4006381333955\nd,20211102,2021-11-01 00:20:00,1635000000000,4006381333962\n' >items.csv
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu,a,1633046400\nu,b,1633046500\nv,c,1633046600\nw,d,1633046800\n' >i.csv
    pz-import -q -o d.pzd --interactions i.csv --items items.csv
    pz-train -q --no-tune -r popularity-count -o m.pzm d.pzd
    while read -r want filter; do
        values=
        [[ $filter != *'$D'* ]] || values=--filter-values=D=2021-11-02
        got=$(pz-recommend -q m.pzm --check-filter --json --now 2021-11-01T00:00:00Z --filter "INCLUDE ItemID WHERE $filter" $values | jq .pass)
        [ "$got" = "$want" ] || { echo "$filter: $got, not $want"; return 1; }
    done <<'END'
3 Items.DAY > 20211001
3 Items.DAY <= NOW()
2 Items.DAY < NOW()
1 Items.DAY >= "2021-11-02"
1 Items.DAY > NOW() + 23h
2 Items.OVER > NOW() + 15m
1 Items.OVER > $D
3 Items.OVER >= "2021-11-01T00:10:00Z"
2 Items.MS > NOW()
1 Items.MS < "2021-11-01"
1 Items.MS < Items.OVER - 5d
1 Items.EAN = 4006381333948
2 Items.DAY > 1633046400 AND Items.DAY < 20211102
2 Items.MS < 20211101 OR Items.MS > 1638316700
0 Items.MS < 3000
3 Items.OVER > 1635725300000
2 Items.EAN > 4006381333948
END
    run -2 pz-recommend m.pzm --check-filter --filter 'INCLUDE ItemID WHERE ITEM_ID < NOW()'
}

@test "what pages and other languages make of a filter is read" {
    want=$(pz-recommend -q "$SHOP_MODEL" --check-filter --filter 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("Kitchen") AND Items.PRICE <= 20')
    while IFS= read -r filter; do
        got=$(pz-recommend -q "$SHOP_MODEL" --check-filter --filter "$filter") || { echo "$filter"; return 1; }
        [ "$got" = "$want" ] || { echo "$filter: $got, not $want"; return 1; }
    done <<'END'
INCLUDE Item.ID WHERE item.CATEGORY_L1 IN (“Kitchen”) AND items.price <= 20;
include itemid where items.category_l1 in [„Kitchen“] && Items.PRICE ≤ 20
INCLUDE ItemID WHERE Items.CATEGORY_L1 == ‘Kitchen’ AND NOT Items.PRICE > 20
INCLUDE ItemID WHERE Items.CATEGORY_L1 = «Kitchen» AND NOT (Items.PRICE > 20 || Items.CATEGORY_L1 ≠ "Kitchen")
EXCLUDE ItemID WHERE Items.CATEGORY_L1 NOT_IN ("Kitchen") | EXCLUDE ItemID WHERE Items.PRICE > 20
END
    run -2 pz-recommend "$SHOP_MODEL" --check-filter --filter 'INCLUDE ItemID WHERE Items.PRICE < 3; x'
    [[ $output == *"nothing can follow the semicolon"* ]]
}

@test "every example of pz-filter(5) prints what the page says" {
    ln -s "$SHOP" sample-data
    # a line "$ ..." with what follows it up to output is a command; the page's escapes are undone
    sed -n '/^\.Bd -literal/,/^\.Ed/p' "$BATS_TEST_DIRNAME/../../man/pz-filter.5" |
        sed "s/\\\\(aq/'/g; s/\\\\-/-/g; s/\\\\e/\\\\/g" | awk '
            /^\.Ed/ { inside = 0; next }
            /^\$ / { n++; inside = 1; command = 1; printf "%s", "" >("out." n); print substr($0, 3) >("cmd." n); next }
            !inside { next }
            command && /^    / { print >("cmd." n); next }
            { command = 0; print >("out." n) }
            END { print n >"count" }'
    [ "$(cat count)" -eq "$(grep -c "^[$] " "$BATS_TEST_DIRNAME/../../man/pz-filter.5")" ]
    for i in $(seq "$(cat count)"); do
        bash "cmd.$i" >got 2>notes || true
        cat notes >>got
        diff "out.$i" got || { cat "cmd.$i"; return 1; }
    done
}

@test "a plain YYYYMMDD compares with a column of dates that import kept as seconds; truth has many words" {
    printf 'ITEM_ID,DAY,SALE\na,20211001,true\nb,20211015,false\nc,20211101,\nd,20211102,true\n' >items.csv
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu,a,1633046400\nu,b,1633046500\nv,a,1633046700\n' >i.csv
    pz-import -q -o d.pzd --interactions i.csv --items items.csv
    pz-train -q --no-tune -o m.pzm d.pzd
    pass() { pz-recommend -q m.pzm --check-filter --filter "INCLUDE ItemID WHERE $1" "${@:2}"; }
    [ "$(pass 'Items.DAY > 20211001')" = "3 of 4 items pass" ]
    [ "$(pass 'Items.DAY <= 20211101')" = "3 of 4 items pass" ]
    [ "$(pass 'Items.DAY = 20211015')" = "1 of 4 items pass" ]
    [ "$(pass 'Items.DAY IN ($D)' --filter-values 'D="20211015","20211102"')" = "2 of 4 items pass" ]
    [ "$(pass 'Items.SALE IN ("Y")')" = "2 of 4 items pass" ]
    [ "$(pass 'Items.SALE = "off"')" = "1 of 4 items pass" ]
    run pass 'Items.SALE = "perhaps"'
    [ "$status" -eq 2 ]
}

# The float nearest to 17.36 is more than 17.36, that nearest to 0.1, too; that nearest to 3.6 is less.
@test "columns of floats are compared as the decimals that were written" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_VALUE\nu,a,1700000000,3.6\nu,b,1700000001,0.1\n' >i.csv
    printf 'ITEM_ID,PRICE,LIST\na,17.36,17.36\nb,0.1,3.6\nc,3.6,0.1\n' >items.csv
    printf 'USER_ID,BUDGET\nu,17.36\n' >users.csv
    printf '[%s,%s,%s]' \
        '{"type":"record","name":"Interactions","fields":[{"name":"USER_ID","type":"string"},{"name":"ITEM_ID","type":"string"},{"name":"TIMESTAMP","type":"long"},{"name":"EVENT_VALUE","type":"float"}]}' \
        '{"type":"record","name":"Items","fields":[{"name":"ITEM_ID","type":"string"},{"name":"PRICE","type":"float"},{"name":"LIST","type":"double"}]}' \
        '{"type":"record","name":"Users","fields":[{"name":"USER_ID","type":"string"},{"name":"BUDGET","type":"float"}]}' >s.json
    pz-import -q -o d.pzd --interactions i.csv --items items.csv --users users.csv --schema s.json
    pz-train -q --no-tune -r popularity-count -o m.pzm d.pzd
    pz-deploy publish -q c.pzc m.pzm
    pass() { pz-recommend -q c.pzc --check-filter --user u --json --filter "INCLUDE ItemID WHERE $1" "${@:2}" | jq .pass; }
    for x in 17.36 0.1 3.6; do
        [ "$(pass "Items.PRICE = $x")" = 1 ]
        [ "$(pass "Items.PRICE IN (\"$x\")")" = 1 ]
        [ "$(pass "Items.PRICE >= \$X AND Items.PRICE <= \$X" --filter-values "X=$x")" = 1 ]
        [ "$(pass "Items.PRICE < $x OR Items.PRICE > $x")" = 2 ]
    done
    [ "$(pass 'Items.LIST = CurrentUser.BUDGET')" = 1 ]
    [ "$(pass 'Items.LIST <= Items.PRICE AND Items.LIST >= Items.PRICE')" = 1 ]
    [ "$(pass 'Interactions.EVENT_VALUE = 3.6')" = 1 ]
    [ "$(pass 'Interactions.EVENT_VALUE <= 0.1')" = 1 ]
    pz-event put-items -q c.pzc --item c --properties '{"PRICE":17.36}'
    pz-event put -q c.pzc --user u --item c --type rate --value 3.6
    [ "$(pass 'Items.PRICE = 17.36')" = 2 ]
    [ "$(pass 'Items.PRICE > 17.36')" = 0 ]
    [ "$(pass 'Interactions.EVENT_VALUE = 3.6')" = 2 ]
}

@test "what ends in 9999 ends after now, in whatever form the column has its times" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu,ever,1700000000\nu,soon,1700000001\nv,over,1700000002\nv,none,1700000003\n' >i.csv
    while read -r ever soon over; do
        printf 'ITEM_ID,UNTIL\never,%s\nsoon,%s\nnone,\n' "$ever" "$over" >items.csv
        pz-import -q -o old.pzd --interactions i.csv --items items.csv
        printf 'ITEM_ID,UNTIL\nsoon,%s\nover,%s\n' "$soon" "$over" >items.csv
        pz-import -q -o new.pzd --items items.csv
        pz-import -q --merge -o d.pzd old.pzd new.pzd
        pz-train -q --no-tune -r popularity-count -o m.pzm d.pzd
        pass() { pz-recommend -q m.pzm --check-filter --now 2026-01-01 --json --filter "INCLUDE ItemID WHERE $1" | jq .pass; }
        echo "$ever"
        [ "$(pass 'Items.UNTIL > NOW()')" = 2 ]
        [ "$(pass 'Items.UNTIL < NOW()')" = 1 ]
        [ "$(pass 'Items.UNTIL > "2031-01-01"')" = 1 ]
        [ "$(pass 'Items.UNTIL IS NULL')" = 1 ]
    done <<'FORMS'
9999-12-31 2030-01-01 2020-01-01
9999-12-31T23:59:59Z 2030-01-01T00:00:00Z 2020-01-01T00:00:00Z
31.12.9999 13.01.2030 14.01.2020
99991231 20300101 20200101
29991231 20300101 20200101
253402300799 1893456000 1577836800
253402214400000 1893456000000 1577836800000
FORMS
}
