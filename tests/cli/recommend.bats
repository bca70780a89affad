# SPDX-License-Identifier: Apache-2.0
# pz-recommend: every rule of its man page on the sample shop.
load common

setup_file() {
    cd "$BATS_FILE_TMPDIR" || exit 1
    awk -F, 'NR == 1 || substr($1, 5, 1) == "0"' "$SHOP/interactions.csv" >inter.csv
    pz-import -q -o shop.pzd --interactions inter.csv --items "$SHOP/items.csv" --users "$SHOP/users.csv"
    pz-train -q -o home.pzm --no-tune shop.pzd
    pz-train -q -o near.pzm --no-tune --recipe related-items shop.pzd
    pz-train -q -o order.pzm --no-tune --recipe personalized-ranking shop.pzd
    pz-deploy publish -q home.pzc home.pzm
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    HOME_PZM=$BATS_FILE_TMPDIR/home.pzm
    NEAR=$BATS_FILE_TMPDIR/near.pzm
    ORDER=$BATS_FILE_TMPDIR/order.pzm
    cp -r "$BATS_FILE_TMPDIR/home.pzc" home.pzc
}

# items COLUMN of an answer in CSV
column() { tail -n +2 | cut -d, -f"$1"; }

# category_of FILE: the first category of each item of an answer
category_of() { tail -n +2 "$1" | cut -d, -f2 | while read -r i; do grep "^$i," "$SHOP/items.csv" | cut -d, -f2; done; }

@test "the seen rule: the recipe's default is said, exclude, keep and only act" {
    awk -F, '$1 == "u0040" { print $2 }' "$BATS_FILE_TMPDIR/inter.csv" | sort -u >seen
    pz-recommend "$HOME_PZM" -u u0040 --json | tee out.json | jq -e '.rules.seen == "exclude"'
    [ "$(jq -r '.itemList[].itemId' out.json | sort | comm -12 - seen | wc -l)" -eq 0 ]
    pz-recommend -q "$HOME_PZM" -u u0040 --seen only -n 1000 | column 2 | sort >only
    cmp only seen
    pz-recommend "$HOME_PZM" -u u0040 --seen keep -n 1000 | column 2 | sort | comm -12 - seen | cmp - seen
    pz-recommend "$NEAR" -i i0500 --json | jq -e '.rules.seen == "keep"'
}

@test "the seen rule by event type and age" {
    awk -F, '$1 == "u0040" && $4 == "Purchase" { print $2 }' "$BATS_FILE_TMPDIR/inter.csv" | sort -u >bought
    [ -s bought ]
    pz-recommend -q "$HOME_PZM" -u u0040 --seen only --seen-types purchase -n 1000 | column 2 | sort | cmp - bought
    last=$(awk -F, '$1 == "u0040" { print $3 }' "$BATS_FILE_TMPDIR/inter.csv" | sort -n | tail -1)
    awk -F, -v t="$((last - 864000))" '$1 == "u0040" && $3 >= t { print $2 }' "$BATS_FILE_TMPDIR/inter.csv" |
        sort -u >recent
    pz-recommend -q "$HOME_PZM" -u u0040 --seen only --seen-age 10d --now "$last" -n 1000 | column 2 | sort |
        cmp - recent
    run -2 pz-recommend "$HOME_PZM" -u u0040 --seen-age soon
    [[ $output == *"--seen-age"*30d* ]]
}

@test "at most N items of a category" {
    pz-recommend "$HOME_PZM" -u u0040 -n 8 --max-per CATEGORY_L1=2 >out.csv
    [ "$(wc -l <out.csv)" -eq 9 ]
    category_of out.csv | sort | uniq -c | awk '$1 > 2 { exit 1 }'
    run -2 pz-recommend "$HOME_PZM" -u u0040 --max-per CATEGRY_L1=2
    [[ $output == *"did you mean CATEGORY_L1"* ]]
}

@test "diversity: more categories, the best item still first" {
    pz-recommend "$HOME_PZM" -u u0040 -n 8 >plain.csv
    pz-recommend "$HOME_PZM" -u u0040 -n 8 --diversify 0.9:CATEGORY_L2 >diverse.csv
    [ "$(sed -n 2p plain.csv | cut -d, -f2)" = "$(sed -n 2p diverse.csv | cut -d, -f2)" ]
    [ "$(category_of diverse.csv | sort -u | wc -l)" -gt "$(category_of plain.csv | sort -u | wc -l)" ]
    pz-recommend "$HOME_PZM" -u u0040 -n 8 --diversify 0 | cmp - plain.csv
}

@test "promotions: a share of the places, named, the same for the same seed" {
    pz-recommend "$HOME_PZM" -u u0040 -n 10 --promote spring:30 --json >a.json
    jq -e '[.itemList[] | select(.promotionName == "spring")] | length == 3' a.json
    jq -e '.itemList | length == 10' a.json
    pz-recommend "$HOME_PZM" -u u0040 -n 10 --promote spring:30 --json | cmp - a.json
    run -2 pz-recommend "$HOME_PZM" -u u0040 --promote a:60 --promote b:50
    [[ $output == *"110 %"* ]]
    run -2 pz-recommend "$ORDER" -u u0040 --rank i0001,i0002 --promote a:50
}

@test "a promotion has a filter of its own, and the request's acts on the others only" {
    cheap='INCLUDE ItemID WHERE Items.PRICE < $P'
    dear='INCLUDE ItemID WHERE Items.PRICE > 50'
    pz-recommend "$HOME_PZM" -u u0040 -n 10 --promote "cheap:20:$cheap" --promote-values cheap:P=6 --filter "$dear" \
        --json >a.json
    price() { while read -r i; do grep "^$i," "$SHOP/items.csv" | cut -d, -f4; done; }
    jq -r '.itemList[] | select(.promotionName) | .itemId' a.json | price >promoted
    jq -r '.itemList[] | select(.promotionName | not) | .itemId' a.json | price >others
    [ "$(wc -l <promoted)" -eq 2 ]
    awk '$1 >= 6 { exit 1 }' promoted
    awk '$1 <= 50 { exit 1 }' others
    pz-deploy set home.pzc filter cheap 'INCLUDE ItemID WHERE Items.PRICE < 6'
    pz-recommend home.pzc -u u0040 -n 10 --promote cheap:20:cheap --filter "$dear" -f csv | grep -c ,promotion |
        grep -qx 2
    run -2 pz-recommend "$HOME_PZM" -u u0040 --promote "cheap:20:$cheap"
    run -2 pz-recommend "$HOME_PZM" -u u0040 --promote cheap:20:cheap
    [[ $output == *"no named filters"* ]]
}

@test "a boost raises, a factor of 0 leaves out" {
    books() { tail -n +2 | cut -d, -f2 | while read -r i; do grep "^$i," "$SHOP/items.csv"; done | grep -c ",$cat,"; }
    cat=$(sed -n 2p "$SHOP/items.csv" | cut -d, -f2)
    before=$(pz-recommend "$HOME_PZM" -u u0040 -n 30 | books || true)
    after=$(pz-recommend "$HOME_PZM" -u u0040 -n 30 --boost "Items.CATEGORY_L1 = \"$cat\": 5" | books || true)
    [ "$after" -gt "$before" ]
    [ "$(pz-recommend "$HOME_PZM" -u u0040 -n 30 --boost "Items.CATEGORY_L1 = \"$cat\": 0" | books || true)" -eq 0 ]
    pz-recommend "$HOME_PZM" -u u0040 --boost "Items.PRICE > 10: 1.2" --json --explain |
        jq -e '.rules.boosts["Items.PRICE > 10"] == 1.2 and ([.itemList[].explanation.rules[]] | index("boost=1.2"))'
}

@test "a boolean column alone is a condition for a boost" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu,a,1\nv,b,2\n' >i.csv
    printf 'ITEM_ID,SALE\na,true\nb,false\n' >items.csv
    pz-import -q -o d.pzd --interactions i.csv --items items.csv
    pz-train -q --no-tune -r popularity-count -o m.pzm d.pzd
    [ "$(pz-recommend -q m.pzm -u w --boost 'Items.SALE: 0' | column 2)" = b ]
    # and in a recipe without scores an unknown item of a list has none either
    [ "$(pz-recommend -q m.pzm -u w --rank zz,a | tail -n 1)" = w,zz,2,,unknown ]
}

@test "exploration: none at 0, nothing else at 1, as the campaign is set otherwise" {
    sources() { column 5 | sort -u | paste -sd' '; }
    [ "$(pz-recommend "$HOME_PZM" -u u0040 --exploration-weight 0 | sources)" = personal ]
    [ "$(pz-recommend "$HOME_PZM" -u u0040 --exploration-weight 1 -n 3 | sources)" = exploration ]
    [ "$(pz-recommend "$HOME_PZM" -u u0040 | sources)" = "exploration personal" ]
    pz-recommend "$HOME_PZM" -u u0040 --exploration-weight 1 --exploration-age 10 -n 3 | column 2 |
        while read -r i; do
            [ "$(grep "^$i," "$SHOP/items.csv" | cut -d, -f6)" -gt "$((1711756800 - 11 * 86400))" ]
        done
    pz-deploy set home.pzc exploration-weight 0
    [ "$(pz-recommend home.pzc -u u0040 | sources)" = personal ]
    pz-recommend "$HOME_PZM" -u u0040 --seed 7 | cmp -s - <(pz-recommend "$HOME_PZM" -u u0040) && false
    pz-recommend "$HOME_PZM" -u u0040 --explain --json |
        jq -e '[.itemList[] | select(.source == "exploration") | .explanation.rules[0] | test("exploration=")] | all'
}

@test "exploration: what the user was shown since training gives way, for him alone" {
    explored() { pz-recommend home.pzc -u "$1" --exploration-weight 1 -n 3 | column 2 | sort; }
    mine=$(explored u0040) other=$(explored u0041)
    jq -nc --arg ids "$mine" '{trackingId: "t", sessionId: "s", userId: "u0040", eventList:
        [range(50) | {eventType: "View", sentAt: 1711756800, itemId: "nosuch", impression: ($ids / "\n")}]}' |
        pz-event put -q home.pzc
    [ "$(comm -12 <(echo "$mine") <(explored u0040))" = "" ]
    [ "$(explored u0041)" = "$other" ]
}

@test "rotation: what the user was shown gives way" {
    first=$(pz-recommend home.pzc -u u0040 -n 1 | column 2)
    echo '{"trackingId":"t","sessionId":"s","userId":"u0040","eventList":[{"eventType":"View","sentAt":1735689700,"itemId":"nosuch","impression":["'"$first"'"]}]}' |
        pz-event put -q home.pzc
    pz-recommend home.pzc -u u0040 -n 1 | column 2 | grep -qx "$first"
    pz-recommend home.pzc -u u0040 -n 1 --rotate 0.99 | column 2 | grep -vqx "$first"
    pz-recommend home.pzc -u u0040 -n 1 --rotate 0.99:1h --now 1735776100 | column 2 | grep -qx "$first"
    pz-recommend home.pzc -u u0040 -n 1 --rotate 0.99 --why "$first" | grep -q ": later: "
    run -2 pz-recommend home.pzc -u u0040 -n 1 --rotate 0.5:0s
}

@test "pages: no item twice, none lost, whatever the user does in between" {
    pz-recommend home.pzc -u u0040 -n 15 | column 2 >whole
    token=start
    for page in 1 2 3; do
        run -0 --separate-stderr pz-recommend home.pzc -u u0040 -n 5 --page-token $token
        printf '%s\n' "${lines[@]}" | column 2 >>pages
        token=${stderr##*--page-token }
        pz-event put -q home.pzc --user u0040 --item i050$page --type View
    done
    cmp pages whole
    run -2 pz-recommend home.pzc -u u0050 -n 5 --page-token "$token"
    [[ $output == *"first page"* ]]
    run -0 --separate-stderr pz-recommend home.pzc -u u0040 -n 5 --page-token start --filter-values A=1 \
        --filter 'INCLUDE ItemID WHERE Items.PRICE > $A'
    token=${stderr##*--page-token }
    run -2 pz-recommend home.pzc -u u0040 -n 5 --page-token "$token" --filter-values A=2 \
        --filter 'INCLUDE ItemID WHERE Items.PRICE > $A'
    pz-recommend home.pzc -u u0040 -n 5 --page-token "$token" --filter-values A=1 \
        --filter 'INCLUDE ItemID WHERE Items.PRICE > $A'
    run -2 pz-recommend home.pzc -u u0040 -n 5 --page-token "$token" --filter-values A=1 --seen keep \
        --filter 'INCLUDE ItemID WHERE Items.PRICE > $A'
}

@test "a context that is no truth value is refused" {
    awk -F, 'NR == 1 { print $0 ",MOBILE"; next } { print $0 "," (NR % 3 ? "true" : "false") }' "$SHOP/interactions.csv" >inter.csv
    pz-import -q -o mobile.pzd --interactions inter.csv
    pz-train -q --no-tune -p sequence=off -o mobile.pzm mobile.pzd
    run -2 pz-recommend mobile.pzm -u u0040 --context MOBILE=banana
    [[ $output == *'MOBILE is true or false, not "banana"'* ]]
    pz-recommend mobile.pzm -u u0040 --context MOBILE=TRUE >a
    pz-recommend mobile.pzm -u u0040 --context MOBILE=1 | cmp a
}

@test "everybody: users known from live events in, forgotten ones out" {
    n=$(pz-recommend -q home.pzc --all-users -n 1 | wc -l)
    pz-recommend -q home.pzc --all-users -n 1 | cut -d, -f1 | grep -qx u0040
    pz-event put -q home.pzc --user visitor --item i0001 --type View
    pz-event forget -q home.pzc --user u0040
    pz-recommend -q home.pzc --all-users -n 1 >all
    cut -d, -f1 all | grep -qx visitor
    run -1 grep -q '^u0040,' all
    [ "$(wc -l <all)" = "$n" ]
    pz-event put -q home.pzc --user u0040 --item i0001 --type View # who comes back is back
    pz-recommend -q home.pzc --all-users -n 1 | cut -d, -f1 | grep -qx u0040
}

@test "an objective raises what it asks for" {
    mean() { tail -n +2 | cut -d, -f2 | while read -r i; do grep "^$i," "$SHOP/items.csv" | cut -d, -f4; done |
        awk '{ s += $1 } END { print int(100 * s / NR) }'; }
    off=$(pz-recommend "$HOME_PZM" -u u0040 -n 20 | mean)
    low=$(pz-recommend "$HOME_PZM" -u u0040 -n 20 --objective Items.PRICE=low | mean)
    high=$(pz-recommend "$HOME_PZM" -u u0040 -n 20 --objective Items.PRICE=high | mean)
    [ "$low" -gt "$off" ]
    [ "$high" -gt "$low" ]
    run -2 pz-recommend "$HOME_PZM" -u u0040 --objective CATEGORY_L1=low
}

@test "explanations: the history's shares sum to what the additive parts gave" {
    for who in "--history i0500" "-u u0040" "-u u0050"; do
        # shellcheck disable=SC2086
        pz-recommend "$HOME_PZM" $who -n 25 --explain --json >out.json
        jq -e '[.itemList[].explanation | (([.because[].share] | add) + .rest
            - ([.scores["transitions", "factors", "spectral", "content"] // 0] | add)) | fabs] | max < 1e-4' out.json
        jq -e '[.itemList[].explanation | ((.scores | add) - .blend) | fabs] | max < 1e-5' out.json
    done
    pz-recommend "$HOME_PZM" -u u0040 -n 2 --explain --objective PRICE=low >out.csv
    [ "$(head -1 out.csv)" = "user_id,item_id,rank,score,source,model_rank,blend,scores,because,rules" ]
    sed -n 2p out.csv | grep -q 'transitions=.*,i[0-9]*=.*,objective='
    echo '{"userId":"u0040"}' | pz-recommend -q "$HOME_PZM" --input - -n 2 -f jsonl --explain |
        jq -e '.output.explanations | length == 2 and .[0].modelRank == 1'
}

@test "why an item is or is not in the answer" {
    pz-recommend "$HOME_PZM" -u u0040 -n 3 >out.csv
    first=$(sed -n 2p out.csv | cut -d, -f2)
    seen=$(awk -F, '$1 == "u0040" { print $2; exit }' "$BATS_FILE_TMPDIR/inter.csv")
    pz-recommend "$HOME_PZM" -u u0040 -n 3 --why "$first" | grep -q ": listed: place 1 "
    pz-recommend "$HOME_PZM" -u u0040 -n 3 --why "$seen" | grep -q ": seen: .* at 20"
    pz-recommend "$HOME_PZM" -u u0040 -n 3 --why nosuch | grep -q ": unknown: "
    pz-recommend "$HOME_PZM" -u u0040 -n 3 --filter 'INCLUDE ItemID WHERE Items.PRICE < 0 AND Items.STOCK > 1' \
        --why "$first" | grep -qx "$first: filtered: it does not pass the filter: Items.PRICE < 0"
    pz-recommend "$HOME_PZM" -u u0040 -n 3 --why "$seen" --json | jq -e '.fate == "seen" and .eventType and .time'
    pz-recommend "$HOME_PZM" -u u0040 -n 50 | sed -n 51p | cut -d, -f2 >last
    pz-recommend "$HOME_PZM" -u u0040 -n 3 --why "$(cat last)" | grep -q ": later: place 50 of "
}

@test "batch: Personalize's lines in and out, errors where they are" {
    cat >in.jsonl <<'JSON'
{"userId": "u0040"}
{"userId": 7}
{"userId": "u0040", "itemList": ["i0003","nosuch","i0001"]}
{"itemId": "i0500"}
{"history": ["i0500", "i0501"]}
{"nobody": true}
{"userId": "u0040"
neither CSV nor JSON
JSON
    run -0 --separate-stderr pz-recommend "$HOME_PZM" --input in.jsonl -n 3 -f jsonl
    [[ $stderr == *"3 rows could not be answered"* ]]
    [ "${#lines[@]}" -eq 8 ]
    jq -e '.input == {"userId":"u0040"} and .error == null and (.output.scores | length == 3)' <<<"${lines[0]}"
    jq -e '.output.recommendedItems | length == 3' <<<"${lines[1]}"
    jq -e '.output.recommendedItems | length == 3 and .[2] == "nosuch"' <<<"${lines[2]}"
    jq -e '.output.recommendedItems | length == 3' <<<"${lines[3]}"
    jq -e '.output.recommendedItems | length == 3' <<<"${lines[4]}"
    jq -e '.output == null and (.error.errorMessage | test("userId"))' <<<"${lines[5]}"
    jq -e '.error.errorMessage | test("JSON")' <<<"${lines[6]}"
    jq -e '.input == "neither CSV nor JSON" and .error.errorMessage and .output == null' <<<"${lines[7]}"
    run -65 pz-recommend "$HOME_PZM" --input in.jsonl -n 3
    [[ $output == *"in.jsonl:6: neither userId nor itemId"* ]]
}

@test "batch: what a line has in another form than it must is said, not passed over" {
    cat >in.jsonl <<'JSON'
{"userId": ["u0040"]}
{"itemId": true, "userId": "u0040"}
{"userId": "u0040", "itemList": ["i0001", null]}
{"userId": "u0040", "itemList": []}
{"userId": "u0040", "context": "phone"}
{"userId": "u0040", "context": {"SESSION_ID": ["a"]}}
{"userId": "u0040", "history": {"i0001": 1}}
JSON
    run -0 pz-recommend -q "$HOME_PZM" --input in.jsonl -n 1 -f jsonl
    [ "$(jq -r '.error.errorMessage' <<<"$output" | paste -sd' ')" = "userId: must be a string itemId: must be a string \
itemList: must be a list of strings itemList: is empty context: must be an object of plain values \
context: must be an object of plain values history: must be a list of strings" ]
    # as GetPersonalizedRanking has it; an empty history, and no context, are fine
    echo '{"userId":"u0040","inputList":["i0003","i0001"],"history":[],"context":null}' |
        pz-recommend -q "$HOME_PZM" --input - -f jsonl |
        jq -e '.error == null and (.output.recommendedItems | sort == ["i0001", "i0003"])'
}

@test "batch: a row's own numResults is not heeded, and that is said once, with its line" {
    printf '%s\n' '{"userId":"u0040"}' '{"userId":"u0050","numResults":9}' '{"userId":"u0060","numResults":9}' >in.jsonl
    run -0 --separate-stderr pz-recommend "$HOME_PZM" --input in.jsonl -n 2 -f jsonl
    [ "$(jq -s -c 'map(.output.recommendedItems | length)' <<<"$output")" = "[2,2,2]" ]
    [ "$(grep -c numResults <<<"$stderr")" -eq 1 ]
    [[ $stderr == *"in.jsonl:2: numResults is not heeded"*"2 items of --num"* ]]
    run -0 --separate-stderr pz-recommend "$HOME_PZM" --input <(printf 'USER_ID,num_results\nu0040,\nu0050,9\n') -n 2
    [[ $stderr == *":3: numResults is not heeded"* ]]
}

@test "an item that is looked at is not among what is recommended beside it" {
    item=$(pz-recommend -q home.pzc -u u0040 -n 1 | column 2)
    run -1 grep -q ",$item," <(pz-recommend -q home.pzc -u u0040 --item "$item" -n 500)
    run -0 pz-recommend -q home.pzc -u u0040 --item "$item" --why "$item" -n 5
    [[ $output == *": itself: "* ]]
}

@test "batch: names in any spelling; a file without a header is told by its first line" {
    echo '{"USER_ID":"u0040"}' | pz-recommend -q home.pzc --input - -n 1 -f jsonl | jq -e '.output.recommendedItems[0]'
    run -65 pz-recommend -q home.pzc --input <(printf 'u0040\nu0050\n') -n 1
    [[ $output == *"the columns of the first line are u0040"* ]]
}

@test "batch from CSV and for everybody, the same at any thread count" {
    printf 'USER_ID\nu0040\nstranger\n' | pz-recommend "$HOME_PZM" --input - -n 2 >out.csv
    [ "$(head -1 out.csv)" = "user_id,item_id,rank,score,source" ]
    [ "$(grep -c '^u0040,.*,personal$' out.csv)" -eq 2 ]
    [ "$(grep -c '^stranger,.*,popular$' out.csv)" -eq 2 ]
    pz-recommend -q "$HOME_PZM" --all-users -n 5 -j 1 >one.csv
    pz-recommend -q "$HOME_PZM" --all-users -n 5 -j 4 >four.csv
    cmp one.csv four.csv
    cut -d, -f1 one.csv | sed 1d | sort -u >asked
    tail -n +2 "$SHOP/users.csv" | cut -d, -f1 | sort | cmp - asked
    pz-recommend -q "$NEAR" --all-items -n 2 | head -1 | grep -qx 'for_item_id,item_id,rank,score,source'
}

@test "a batch answers as single questions do" {
    for u in u0040 u0050 stranger; do pz-recommend home.pzc -u $u -n 7 --max-per CATEGORY_L1=2; done |
        grep -v user_id >single.csv
    printf 'userId\nu0040\nu0050\nstranger\n' |
        pz-recommend -q home.pzc --input - -n 7 --max-per CATEGORY_L1=2 | tail -n +2 | cmp - single.csv
    # in blocks of any length, every source and kind of question among them
    for u in $(cut -d, -f1 "$SHOP/users.csv" | sed -n '2,28p') stranger; do pz-recommend -q home.pzc -u "$u" -n 5 -f jsonl; done >single.jsonl
    pz-recommend -q home.pzc --item i0001 -n 5 -f jsonl >>single.jsonl
    pz-recommend -q home.pzc -u u0040 --rank i0001,i0002,nosuch -f jsonl >>single.jsonl
    jq -c .input single.jsonl | pz-recommend -q home.pzc --input - -n 5 -f jsonl | cmp - single.jsonl
}

@test "memory does not grow with the number of questions" {
    [ -z "${SAN:-}" ] || skip "a sanitizer keeps memory of its own"
    peak() { # in pages of 4 kB
        awk -v n="$1" 'BEGIN { print "userId"; for (i = 0; i < n; i++) print "u0040" }' >users.csv
        /usr/bin/env python3 - "$HOME_PZM" <<'PY'
import resource, subprocess, sys
subprocess.run(["pz-recommend", "-q", sys.argv[1], "--input", "users.csv", "-o", "/dev/null"], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PY
    }
    command -v python3 >/dev/null || skip "python3 is not here"
    small=$(peak 5000)
    large=$(peak 20000)
    [ "$large" -lt $((small + small / 10)) ]
}

@test "nobody known, nothing known, one event: every recipe answers" {
    for m in "$HOME_PZM" "$NEAR"; do
        pz-recommend "$m" -u nobody -i nothing -n 3 >out.csv
        [ "$(grep -c ,popular out.csv)" -eq 3 ]
    done
    pz-recommend "$ORDER" -u nobody --rank x,i0001,y --json |
        jq -e '[.personalizedRanking[].itemId] == ["i0001","x","y"] and .personalizedRanking[0].score == 1'
    pz-recommend "$ORDER" -u nobody --rank y,x,y,i0001,x,i0001 --json |
        jq -e '[.personalizedRanking[].itemId] == ["i0001","y","x"]'
    pz-recommend "$HOME_PZM" --history i0500 -n 3 | grep -c ',session$' | grep -qx 3
    run -2 pz-recommend "$ORDER" -u nobody
    run -2 pz-recommend "$HOME_PZM"
    run -2 pz-recommend "$HOME_PZM" -u u0040 --all-users
}

@test "little data: every recipe answers whom and what it knows or does not" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP\na,x,1\nb,x,2\n' | pz-import -q -o one.pzd --interactions -
    # fifty users of one event: item i0 has eight of them, the others seven
    awk 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP"; for (i = 0; i < 50; i++) print "u" i ",i" i % 7 "," i }' |
        pz-import -q -o single.pzd --interactions -
    answer() { pz-recommend -q --exploration-weight 0 "$@" | tail -n +2 | cut -d, -f2,5 | paste -sd' '; }
    for recipe in user-personalization popularity-count trending-now related-items similar-items personalized-ranking; do
        for tune in --no-tune --tune=2; do
            pz-train -q -o one.pzm $tune --recipe $recipe one.pzd
            pz-train -q -o single.pzm $tune --recipe $recipe single.pzd
            case $recipe in
                personalized-ranking)
                    [ "$(answer one.pzm -u nobody --rank y,x)" = "x,popular y,unknown" ]
                    [ "$(answer single.pzm -u nobody --rank i1,y,i0)" = "i0,popular i1,popular y,unknown" ]
                    [ "$(answer single.pzm -u u1 --rank y,i1)" = "i1,popular y,unknown" ]
                    continue ;;
                *items) one=(-i nothing) alone=(-i x) unknown=(-i nothing) known=(-i i1) ;;
                *) one=(-u nobody) alone=(-u a) unknown=(-u nobody -i nothing) known=(-u u1) ;;
            esac
            [ "$(answer one.pzm "${one[@]}")" = "x,popular" ]
            run -0 --separate-stderr pz-recommend one.pzm "${alone[@]}" --seen exclude -n 1
            [ "${#lines[@]}" -eq 1 ]
            [[ $stderr == *"fewer than 1"* ]]
            [ "$(answer single.pzm "${unknown[@]}" -n 2)" = "i0,popular i1,popular" ]
            [ "$(answer single.pzm "${known[@]}" --seen exclude -n 9 | tr ' ' '\n' | cut -d, -f1 | sort | paste -sd' ')" = \
                "i0 i2 i3 i4 i5 i6" ]
        done
    done
}

@test "attributes speak for new items in related-items, for all in similar-items" {
    # ten users each went from a red item to a blue one; item n is blue and new
    awk 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP"
        for (u = 0; u < 40; u++) { print u ",red" u % 4 "," u; print u ",blue" u % 4 "," u + 1 } }' >inter.csv
    { echo ITEM_ID,COLOUR && printf '%s,red\n' red{0..3} && printf '%s,blue\n' blue{0..3} n; } >items.csv
    pz-import -q -o shop.pzd --interactions inter.csv --items items.csv
    for recipe in related-items similar-items; do
        pz-train -q --no-tune --recipe $recipe -o near.pzm shop.pzd
        pz-recommend -q near.pzm -i red0 -n 9 --explain --json |
            jq -c '[.itemList[] | {(.itemId): .explanation.scores.content}] | add' >$recipe
    done
    jq -e '.n > 2 * .blue1 and .blue1 > 0' related-items
    jq -e '.n == .blue1 and .blue1 > 0' similar-items
}

@test "answering does not load the library that only learning needs" {
    command -v ldd >/dev/null || skip "ldd is not here"
    run -0 ldd "$(command -v pz-train)"
    [[ $output == *openblas* ]]
    run -0 ldd "$(command -v pz-recommend)"
    [[ $output != *openblas* ]]
}

@test "every example of the manual runs as it stands" {
    ln -s "$SHOP" sample-data
    awk '/^\.Bd -literal/ { on = 1; next } /^\.Ed/ { on = 0 } on' "$BATS_TEST_DIRNAME/../../man/pz-recommend.1.in" |
        sed 's/\\e/\\/g' >examples
    [ "$(grep -c '^pz-recommend' examples)" -gt 25 ]
    rm -r home.pzc
    while IFS= read -r line; do
        bash -o pipefail -c "$line" >out </dev/null 2>err || { echo "$line"; cat err; false; }
        case $line in *recommend*) [ -s out ] || [[ $line == *" -o "* ]] || { echo "no answer: $line"; false; } ;; esac
    done <examples
    [ "$(wc -l <all.csv)" -gt 9000 ]
}

@test "columns of items in every format, as they are now" {
    col=$(head -1 "$SHOP/items.csv" | cut -d, -f2)
    item=$(pz-recommend -q home.pzc -u u0040 -n 1 | column 2)
    [ "$(pz-recommend -q home.pzc -u u0040 -n 1 --columns "price,$col" | head -1)" = "user_id,item_id,rank,score,source,PRICE,$col" ]
    price=$(grep "^$item," "$SHOP/items.csv" | cut -d, -f4)
    [ "$(pz-recommend -q home.pzc -u u0040 -n 1 --columns PRICE --json | jq '.itemList[0].metadata.PRICE | tonumber == '"$price")" = true ]
    pz-recommend -q home.pzc -u u0040 -n 1 --columns PRICE -f jsonl | jq -e '.output.metadata[0].PRICE'
    pz-event put-items -q home.pzc --item "$item" --properties '{"PRICE": 7.25}'
    pz-recommend -q home.pzc -u u0040 -n 1 --columns PRICE,"$col" | tail -1 | grep -q ',7.25,$'
    run -2 pz-recommend home.pzc -u u0040 --columns PRIZE
    [[ $output == *"Items has no column \"PRIZE\"; did you mean PRICE?"* ]]
}

@test "an answer has an id that is its own, a ranking its member's name" {
    a=$(pz-recommend -q home.pzc -u u0040 --json | jq -r .recommendationId)
    [[ $a =~ ^RID-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$ ]]
    [ "$(pz-recommend -q home.pzc -u u0040 -f jsonl | jq -r .output.recommendationId)" = "$a" ]
    [ "$(pz-recommend -q home.pzc -u u0050 --json | jq -r .recommendationId)" != "$a" ]
    pz-recommend -q home.pzc -u u0040 --rank i0001,i0002 --json | jq -e '.personalizedRanking | length == 2'
    pz-event put -q home.pzc --user u0040 --item i0001 --type View --recommendation-id "$a" ||
        echo '{"userId":"u0040","sessionId":"s","trackingId":"t","eventList":[{"eventType":"View","sentAt":1735689700,"itemId":"i0001","recommendationId":"'"$a"'"}]}' | pz-event put -q home.pzc
}

@test "a table for people: aligned, with reasons in words" {
    run -0 pz-recommend -q home.pzc -u u0040 -n 3 -f table --explain
    [[ ${lines[0]} == "rank  item "*"score "*"source "*"why" ]]
    [[ ${lines[1]} == "1     i"*"because of i"*" %)"* ]]
    at=${lines[0]%%score*}
    [[ ${lines[1]:${#at}:2} == "0." ]]
    script -qec "pz-recommend -q home.pzc -u u0040 -n 3" /dev/null | grep -q '^rank  item' # a terminal
    pz-recommend -q home.pzc -u u0040 -n 3 | head -1 | grep -q '^user_id,'                 # a pipe
}

@test "somebody unknown is told so; what is popular needs nobody" {
    run -0 pz-recommend home.pzc -u stranger -n 2
    [[ $output == *'nothing is known of user "stranger"'* ]]
    run -0 pz-recommend home.pzc -u u0040 -n 2
    [[ $output != *"nothing is known"* ]]
    run -2 pz-recommend home.pzc
    [[ $output == *"for whom?"* ]]
    pz-train -q --recipe popularity-count -o popular.pzm "$BATS_FILE_TMPDIR/shop.pzd"
    [ "$(pz-recommend -q popular.pzm -n 4 | wc -l)" = 5 ]
}

@test "segments: the users that are likeliest to want an item, or items of a kind" {
    item=$(pz-recommend -q home.pzc -u u0040 -n 1 --seen keep --exploration-weight 0 | column 2)
    pz-recommend -q home.pzc --segment-item "$item" -n 5 >users
    [ "$(head -1 users)" = "for_item_id,user_id,rank,score" ]
    [ "$(wc -l <users)" = 6 ]
    # nobody outside has a larger share than the last one inside: shares are of the softmax with everything kept
    share() { pz-recommend -q home.pzc -u "$1" -n 1000 --seen keep --exploration-weight 0 -f csv | grep ",$item," | cut -d, -f4; }
    tail -n +2 users | while IFS=, read -r _ user _ score; do
        awk -v a="$(share "$user")" -v b="$score" 'BEGIN { exit !(a > b * .999 && a < b * 1.001) }'
    done
    last=$(tail -1 users | cut -d, -f4)
    for u in u0000 u0050 u0070; do
        grep -q ",$u," users || awk -v a="$(share $u)" -v b="$last" 'BEGIN { exit !(a <= b * 1.001) }'
    done
    pz-recommend -q home.pzc --segment-where 'Items.CATEGORY_L1 = "Kitchen"' -n 3 -f jsonl |
        jq -e '.input.itemAttributes and (.output.recommendedUsers | length == 3)'
    printf '{"itemAttributes":"ITEMS.CATEGORY_L1 = \\"Kitchen\\""}\n{"itemId":"%s"}\n{"itemId":"nosuch"}\n' "$item" |
        pz-recommend -q home.pzc --input - --segments -n 5 -f jsonl >lines
    [ "$(sed -n 2p lines | jq -r '.output.recommendedUsers | join(" ")')" = "$(tail -n +2 users | cut -d, -f2 | paste -sd' ')" ]
    sed -n 3p lines | jq -e '.error.errorMessage'
    OMP_NUM_THREADS=1 pz-recommend -q home.pzc --segment-item "$item" -n 5 | cmp - users
    run -2 pz-recommend home.pzc --segment-where 'Items.NOSUCH = 1'
}

@test "parts make the whole, compressed as their names say" {
    pz-recommend -q home.pzc --all-users -n 2 | tail -n +2 | sort >whole
    for i in 1 2 3; do pz-recommend -q home.pzc --all-users -n 2 --part $i/3 -o part$i.csv.zst; done
    for i in 1 2 3; do zstd -dcq part$i.csv.zst | tail -n +2; done | sort | cmp - whole
    [ "$(zstd -dcq part1.csv.zst | wc -l)" -gt 1 ]
    pz-recommend -q home.pzc --all-users -n 2 -o all.csv.gz
    gzip -dc all.csv.gz | tail -n +2 | sort | cmp - whole
    pz-recommend -q home.pzc --all-users -n 300 -o long.csv.gz # more than one member
    pz-recommend -q home.pzc --all-users -n 300 | cmp - <(gzip -dc long.csv.gz)
    for bad in 0/3 4/3 x 1/; do run -2 pz-recommend home.pzc --all-users --part $bad; done
}

@test "the lines of the manual for GNU parallel and for a Slurm array make the whole" {
    page=$BATS_TEST_DIRNAME/../../man/pz-recommend.1.in
    pz-recommend -q home.pzc --all-users --num 25 | tail -n +2 | sort >whole
    # what an array's task is told
    sed -n "s/^\.Dl sbatch --array=1-8 --wrap .(aq\(.*\)\\\\(aq$/\1/p" "$page" >task
    [ -s task ]
    for i in 1 2 3 4 5 6 7 8; do SLURM_ARRAY_TASK_ID=$i bash -eu task; done
    for i in 1 2 3 4 5 6 7 8; do zstd -dcq "all.$i.csv.zst" | tail -n +2; done | sort | cmp - whole
    rm all.*
    command -v parallel >/dev/null || skip "GNU parallel is not installed"
    sed -n 's/^\.Dl parallel /parallel --will-cite /p' "$page" >line
    bash -eu line
    for i in 1 2 3 4 5 6 7 8; do zstd -dcq "all.$i.csv.zst" | tail -n +2; done | sort | cmp - whole
}

@test "a manifest says what an output is made of; a part that is whole is not made again" {
    part() { pz-recommend --all-users -n 3 --part "$1/3" --manifest -o "part$1.csv.zst" home.pzc; }
    for i in 1 2 3; do part $i; done 2>/dev/null
    ! command -v xxhsum >/dev/null || jq -e --arg h "$(xxhsum -q -H2 part1.csv.zst | cut -d' ' -f1)" '.output.hash == $h' part1.csv.zst.manifest.json
    jq -e ".output.bytes == $(stat -c %s part1.csv.zst) and .rows == $(zstd -dcq part1.csv.zst | sed 1d | wc -l) and .asked > 0 and .failed == 0" part1.csv.zst.manifest.json
    jq -e '.inputs.version == 1 and (.inputs.model | length == 32) and .inputs.live >= 0' part1.csv.zst.manifest.json
    # started again as it was: what is whole stays, byte and inode
    cp part1.csv.zst first && ls -i part*.zst >inodes
    rm part2.csv.zst
    printf x >>part3.csv.zst
    part 1 2>said && grep -q 'part1.csv.zst is already whole' said
    part 2 && part 3
    cmp part1.csv.zst first
    [ "$(stat -c %i part1.csv.zst)" = "$(awk '{ print $1; exit }' inodes)" ]
    [ "$(for i in 1 2 3; do zstd -dcq part$i.csv.zst | sed 1d; done | sort | cmp - <(pz-recommend -q home.pzc --all-users -n 3 | sed 1d | sort) && echo same)" = same ]
    # other options, another model, a setting, an event: made again
    whole() { part 1 2>&1 | grep -q 'already whole'; }
    whole
    pz-recommend -q --all-users -n 4 --part 1/3 --manifest -o part1.csv.zst home.pzc
    [ "$(zstd -dcq part1.csv.zst | cut -d, -f3 | sort -u | wc -l)" -eq 5 ]
    ! whole
    whole
    pz-event put -q home.pzc --user newcomer --item i0001 --type View
    ! whole
    whole
    pz-deploy set -q home.pzc exploration-weight 0
    ! whole
    whole
    pz-deploy publish -q home.pzc "$HOME_PZM"
    ! whole
    # of a file of questions its bytes count, not its name
    printf 'userId\nu0040\n' >q.csv
    pz-recommend -q home.pzc --input q.csv --manifest -o a.csv
    mv q.csv r.csv
    pz-recommend home.pzc --input r.csv --manifest -o a.csv 2>&1 | grep -q 'already whole'
    echo u0041 >>r.csv
    pz-recommend home.pzc --input r.csv --manifest -o a.csv
    grep -q u0041 a.csv
    run -2 pz-recommend home.pzc --all-users --manifest
    run -2 pz-recommend home.pzc --user u0040 --manifest -o one.csv
}

@test "GNU parallel makes the parts, again after some died, as the manual says" {
    command -v parallel >/dev/null || skip "GNU parallel is not installed"
    sed -n 's/^\.Dl parallel pz-recommend/parallel pz-recommend/p' "$BATS_TEST_DIRNAME/../../man/pz-recommend.1.in" | tail -1 |
        sed 's/--all-users/& -n 2/' >line
    grep -q -- '--manifest' line
    bash -e ./line 2>/dev/null
    ls all.*.zst | wc -l | grep -qx 8
    cat all.*.csv.zst | zstd -dcq | grep -v ^user_id | sort | cmp - <(pz-recommend -q home.pzc --all-users -n 2 | sed 1d | sort)
    rm all.3.csv.zst
    stat -c '%i %n' all.*.zst >before
    bash -e ./line 2>/dev/null
    [ "$(stat -c '%i %n' all.*.zst | diff before - | grep -c '^[<>]')" -eq 1 ]
}

@test "a wide batch has one row a user" {
    pz-recommend -q home.pzc --all-users -n 3 >long
    pz-recommend -q home.pzc --all-users -n 3 --wide >wide
    [ "$(head -1 wide)" = user_id,item_1,item_2,item_3 ]
    awk -F, 'NR > 1 { a[$1] = a[$1] "," $2; if (!($1 in n)) { n[$1]; o[++k] = $1 } } END { for (i = 1; i <= k; i++) print o[i] a[o[i]] }' long | cmp - <(sed 1d wide)
    # fewer items than asked for: as many cells
    pz-recommend -q home.pzc --all-users -n 4 --wide --filter 'INCLUDE ItemID WHERE Items.PRICE > 1e9' | sed 1d | sort -u -t, -k2 | grep -qE '^[^,]+,,,,$'
    printf 'userId,itemList\nu0040,i0001|i0002\n' >ranking.csv
    run -65 pz-recommend home.pzc --input ranking.csv --wide
    [[ $output == *"no place for a ranking"* ]]
    run -2 pz-recommend home.pzc --all-users --wide -f jsonl
    run -2 pz-recommend home.pzc --user u0040 --wide
    run -2 pz-recommend home.pzc --all-users --wide --explain
}

@test "a batch into a folder is called as Personalize calls it" {
    mkdir out
    printf '{"userId":"u0040"}\n{"nobody":1}\n' >users.json
    run -0 --separate-stderr pz-recommend home.pzc --input users.json -n 2 -o out
    [[ $stderr == *"1 rows could not be answered"* ]]
    [ "$(ls out)" = users.json.out ]
    jq -s -e '.[0].output.recommendedItems and .[1].error.errorMessage' out/users.json.out
    pz-recommend -q home.pzc --input users.json -n 2 -o out/ --manifest
    jq -e '.failed == 1 and .asked == 2' out/users.json.out.manifest.json
    run -2 pz-recommend home.pzc --all-users -o out
    run -2 pz-recommend home.pzc --input - -o out </dev/null
}

@test "a batch that lacks memory says try again and leaves no output" {
    [ -z "${SAN:-}" ] || skip "a sanitizer has the allocator itself"
    cc -shared -fPIC -o fa.so "$BATS_TEST_DIRNAME/../faults/failalloc.c" -ldl
    batch() { env "$@" OMP_NUM_THREADS=1 LD_PRELOAD=./fa.so pz-recommend -q home.pzc --all-users --num 3 -o out.csv; }
    local n failed=0 at status
    batch PZ_ALLOC_COUNT=count
    n=$(tail -n 1 count)
    for k in $(seq 40); do
        at=$((n * k / 41)) status=0
        rm -f out.csv
        batch PZ_ALLOC_AT=$at 2>said || status=$?
        [ $status = 0 ] || { failed=$((failed + 1)); [ $status = 75 ]; [ ! -e out.csv ]; grep -q memory said; }
    done
    [ $failed -gt 5 ]
}

@test "what a stranger's id holds neither ends a line of a message or a table nor speaks to the terminal" {
    esc=$'a\033[31m\nb'
    run -0 --separate-stderr pz-recommend "$HOME_PZM" -u "$esc" -n 1
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == *'user "a?[31m?b"'* ]]
    run -66 pz-recommend "$esc" -u u
    [ "${#lines[@]}" -eq 1 ]
    [[ $output != *$'\033'* ]]
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu,a,1\nv,b,2\n' >i.csv
    printf 'ITEM_ID,TITLE\na,"one\ntwo"\nb,three\n' >items.csv
    pz-import -q -o d.pzd --interactions i.csv --items items.csv
    pz-train -q --no-tune -r popularity-count -o m.pzm d.pzd
    run -0 pz-recommend -q m.pzm -u w -f table
    [ "${#lines[@]}" -eq 3 ]
    [[ $output == *"one?two"* ]]
}
