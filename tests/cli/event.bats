# SPDX-License-Identifier: Apache-2.0
# pz-event: what is put, in which forms, and that it is there.
load common

setup_file() {
    export PATH=$PZ_BIN:$PATH
    local shop=$BATS_TEST_DIRNAME/../../sample-data
    cd "$BATS_FILE_TMPDIR" || return 1
    awk -F, 'NR == 1 || substr($1, 4, 2) == "40"' "$shop/interactions.csv" >inter.csv
    pz-import -q -o shop.pzd --interactions inter.csv --items "$shop/items.csv" --users "$shop/users.csv"
    pz-train -q -o home.pzm --no-tune shop.pzd
    pz-deploy publish -q home.pzc home.pzm
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp -r "$BATS_FILE_TMPDIR/home.pzc" .
}

events() {
    pz-event stats --json home.pzc | jq .events
}

# until_events N: wait until N events are there; false after ten seconds
until_events() {
    for _ in $(seq 200); do
        [ "$(events)" -ge "$1" ] && return 0
        sleep 0.05
    done
    return 1
}

@test "an event from options carries all its fields" {
    pz-event put home.pzc --user 'u "1"' --session s --item i,1 --type View --value 2.5 --time 1735689700123 \
        --event-id e --recommendation-id RID-1 --impression a,b --properties '{"deviceType":"phone","age":3}'
    run -0 --separate-stderr pz-event export home.pzc
    [ "${lines[0]}" = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,IMPRESSION,RECOMMENDATION_ID,DEVICE_TYPE,AGE" ]
    [ "${lines[1]}" = '"u ""1""","i,1",1735689700,View,2.5,a|b,RID-1,phone,3' ]
}

@test "a PutEvents request over several lines, with fields where older clients put them" {
    cat >put.json <<'EOF'
{
  "trackingId": "t", "sessionId": "s", "userId": "u",
  "eventList": [
    {"eventType": "View", "sentAt": 1735689700, "itemId": "a", "impression": ["x", "y"],
     "properties": "{\"itemId\":\"not this\",\"brace\":\"}{ \\\"\"}"},
    {"eventType": "View", "sentAt": "1735689701", "properties": {"itemId": 7, "eventValue": "2.5",
     "recommendationId": "RID-2"}, "metricAttribution": {"eventAttributionSource": "mail"}}
  ]
}
{"sessionId": "s", "eventType": "Click", "itemId": "b", "sentAt": "2025-01-01T00:01:42Z"}
EOF
    pz-event put -q home.pzc put.json
    run -0 --separate-stderr pz-event export home.pzc
    [ "${lines[0]}" = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,IMPRESSION,BRACE,RECOMMENDATION_ID,EVENT_ATTRIBUTION_SOURCE" ]
    [ "${lines[1]}" = 'u,a,1735689700,View,,x|y,"}{ """,,' ]
    [ "${lines[2]}" = 'u,7,1735689701,View,2.5,,,RID-2,mail' ]
    [ "${lines[3]}" = 'u,b,1735689702,Click,,,,,' ]
}

@test "CSV with any names and other columns, JSON Lines, and zstd" {
    printf 'user_id;ItemId;EVENT-TYPE;device\nu;a;View;phone\nu;b;View;\n' >a.csv
    printf '\n{"USER_ID":"u","ITEM_ID":"c","eventType":"View","device":["p","q"]}\n\n' | zstd -q >b.jsonl.zst
    pz-event put -q --now home.pzc a.csv
    pz-event put -q home.pzc b.jsonl.zst
    pz-event export -q home.pzc | cut -d, -f1,2,4,6 >got.csv
    printf 'USER_ID,ITEM_ID,EVENT_TYPE,DEVICE\nu,a,View,phone\nu,b,View,\nu,c,View,p|q\n' | cmp - got.csv
}

@test "what cannot be an event is named by line and column, and nothing of it is stored" {
    long=$(head -c 257 /dev/zero | tr '\0' x)
    while IFS='@' read -r text message; do
        printf '{"userId":"u","eventType":"View","itemId":"a"}\n%b\n' "$text" >bad.jsonl
        rm -rf home.pzc && cp -r "$BATS_FILE_TMPDIR/home.pzc" .
        run -65 --separate-stderr pz-event put home.pzc bad.jsonl
        [[ $stderr == *"bad.jsonl:2: "*$message* ]] || { echo "$text: $stderr" && return 1; }
        [[ $stderr == *"(1 before it are stored)"* ]]
        [ "$(events)" -eq 1 ]
    done <<EOF
{"userId":"u","eventType":"View",@JSON
{"userId":"u","eventType":"View"}}@JSON
{"userId":"u","userId":"v","eventType":"View"}@duplicate
not json@JSON
{"eventType":"View"}@userId
{"userId":"u"}@eventType: is missing
{"userId":"$long","eventType":"View"}@userId: is longer than 256 bytes
{"userId":"a\\\\u0000b","eventType":"View"}@
{"userId":true,"eventType":"View"}@userId: must be a string
{"userId":["u"],"eventType":"View"}@userId: must be a string
{"userId":{"id":"u"},"eventType":"View"}@userId: must be a plain value
{"userId":"u","eventType":"View","eventValue":"much"}@eventValue: is not a number
{"userId":"u","eventType":"View","eventValue":1e39}@eventValue: is not a number
{"userId":"u","eventType":"View","sentAt":"yesterday"}@sentAt: is not a time
{"userId":"u","eventType":"View","impression":["a|b"]}@impression: has a value with '|'
{"userId":"u","eventType":"View","properties":"{\\\\"a\\\\":"}@properties
{"userId":"u","eventType":"View","properties":"[1]"}@properties: must be a JSON object
{"userId":"u","eventType":"View","properties":{"userId":"v"}}@belongs on the event
{"userId":"u","eventType":"View","properties":{"a":{"b":1}}}@a: must be a plain value
{"userId":"u","eventType":"View","properties":{"a b":1}}@cannot be the name of a column
{"sessionId":"s","userId":"u","eventList":{}}@eventList: must be an array
{"sessionId":"s","userId":"u","eventList":[{"eventType":"View"},{"itemId":"a"}]}@event 2 of the list: eventType
{"sessionId":"s","userId":"u","eventList":[7]}@event 1 of the list
\\\\xff\\\\xfe@JSON
EOF
}

@test "an open brace, an empty input and a file that is not there are errors" {
    printf '{"userId":"u",\n"eventType":"View"\n' >open.json
    run -65 --separate-stderr pz-event put home.pzc open.json
    [[ $stderr == *"open.json:1: JSON"* ]]
    : >empty
    run -65 pz-event put home.pzc empty
    run -66 pz-event put home.pzc nosuch.csv
    run -66 pz-event put nosuch.pzc --user u --type View
    run -65 pz-event put home.pzc --user u --item i
    run -2 pz-event put home.pzc --user u --type View --value x
    run -2 pz-event put home.pzc --user u --type View --time soon
    [ "$(events)" -eq 0 ]
}

@test "large values are kept whole: ids of 256 bytes, properties beyond 10 KB" {
    id=$(head -c 256 /dev/zero | tr '\0' i)
    text=$(head -c 20000 /dev/zero | tr '\0' t)
    printf '{"userId":"%s","sessionId":"%s","itemId":"%s","eventType":"%s","eventId":"%s","properties":{"note":"%s"}}\n' \
        "$id" "$id" "$id" "$id" "$id" "$text" >big.jsonl
    pz-event put -q home.pzc big.jsonl
    pz-event export -q home.pzc | tail -1 | cut -d, -f1,2,4,6 >got
    printf '%s,%s,%s,%s\n' "$id" "$id" "$id" "$text" | cmp - got
}

@test "bad records can be left out, named and counted" {
    printf 'USER_ID,EVENT_TYPE\nu,View\n,View\nu\nu,View\n,View\nu,View\n' >mixed.csv
    run -0 --separate-stderr pz-event put --json --no-item --now --max-errors 3 home.pzc mixed.csv
    [ "$output" = '{"read":6,"stored":3,"duplicate":0,"conflicting":0,"bad":3,"last":3}' ]
    [[ $stderr == *mixed.csv:3*mixed.csv:4*mixed.csv:6* ]]
    run -65 pz-event put --no-item --now --max-errors 2 home.pzc mixed.csv
    [ "$(events)" -eq 5 ]
}

@test "times in another unit, and dates that cannot be, are said" {
    printf 'USER_ID,EVENT_TYPE,sentAt\nu,View,1735689700123\nu,View,1735689700\n' >ms.csv
    run -0 --separate-stderr pz-event put --no-item home.pzc ms.csv
    [[ $stderr == *"partly in milliseconds"* ]]
    printf 'USER_ID,EVENT_TYPE,sentAt\nu,View,1735689\nu,View,99999999999\n' >odd.csv
    run -0 --separate-stderr pz-event put --no-item home.pzc odd.csv
    [[ $stderr == *"2 events are dated before 1980 or after tomorrow"* ]]
}

@test "a slow pipe's events are seen before it ends, and SIGTERM keeps them" {
    mkfifo pipe
    pz-event put home.pzc pipe 2>err.txt &
    pid=$!
    exec 8>pipe
    echo '{"userId":"u","itemId":"a","eventType":"View"}' >&8
    until_events 1
    printf '{"userId":"u","itemId":"a","event' >&8
    echo 'Type":"View"}' >&8
    until_events 2
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    exec 8>&-
    [ "$status" -eq 130 ]
    grep -q '2 read, 2 stored' err.txt
    [ "$(events)" -eq 2 ]
}

@test "kill -9 of a writer: every acknowledged event is there" {
    seq 1 200000 | sed 's/.*/u&,View/; 1i USER_ID,EVENT_TYPE' >many.csv
    pz-event put -q --no-item --now --acks home.pzc many.csv >acks.txt &
    pid=$!
    until_events 3000
    kill -9 "$pid"
    wait "$pid" || true
    acked=$(grep '}$' acks.txt | tail -1 | jq .stored)
    [ "$acked" -ge 3000 ]
    [ "$acked" -lt 200000 ] || skip "the writer was done before the kill"
    [ "$(events)" -ge "$acked" ]
    pz-event put home.pzc --user u1 --type View
}

@test "items and users from requests, CSV and JSON Lines replace whole rows" {
    echo '{"datasetArn":"arn","items":[{"itemId":"a","properties":"{\"price\":9.5,\"categoryL2\":\"x|y\"}"},
           {"itemId":"b","properties":{"stock":3,"new":true,"creationTimestamp":1735689700123}}]}' |
        pz-event put-items -q home.pzc
    printf 'ITEM_ID,PRICE,STOCK\nb,1,2\n' | pz-event put-items -q home.pzc
    pz-event put-items home.pzc --item c --properties '{"STOCK":1}'
    pz-event export -q --table items home.pzc >items.csv
    printf 'ITEM_ID,PRICE,CATEGORY_L2,STOCK\na,9.5,x|y,\nb,1,,2\nc,,,1\n' | cmp - items.csv
    echo '{"users":[{"userId":"u","properties":"{\"membership\":\"gold\"}"}]}' | pz-event put-users -q home.pzc
    echo '{"userId":"v","MEMBERSHIP":null,"AGE_BAND":"18-24"}' | pz-event put-users -q home.pzc
    pz-event export -q --table users home.pzc >users.csv
    printf 'USER_ID,MEMBERSHIP,AGE_BAND\nu,gold,\nv,,18-24\n' | cmp - users.csv
}

@test "rows must have the types of the model's columns; others may be new" {
    run -65 pz-event put-items home.pzc --item a --properties '{"PRICE":"dear"}'
    [[ $output == *'PRICE: must be a number: "dear"'* ]]
    run -65 pz-event put-items home.pzc --item a --properties '{"STOCK":1.5}'
    [[ $output == *'STOCK: is not a whole number'* ]]
    run -65 pz-event put-items home.pzc --item a --properties '{"STOCK":9007199254740994}'
    [[ $output == *'STOCK: is a number out of range'* ]]
    run -65 pz-event put-items home.pzc --item a --properties '{"CREATION_TIMESTAMP":"soon"}'
    [[ $output == *'CREATION_TIMESTAMP: is not a time'* ]]
    run -65 pz-event put-items home.pzc --item a --properties '{"price":1,"PRICE":2}'
    [[ $output == *'stands twice'* ]]
    run -65 pz-event put-items home.pzc --item a --properties 'price=1'
    run -0 pz-event put-items home.pzc --item a --properties '{"PRISE":1}'
    [[ $output == *"PRISE is not in the model; it is kept, filters know it; did you mean PRICE?"* ]]
    run -65 --separate-stderr pz-event put-items home.pzc - <<<'{"PRICE":1}'
    [[ $stderr == *"standard input:1: itemId: is missing"* ]]
}

@test "an exported dataset has the model's types, merges with its data, and counts nothing twice" {
    pz-event put home.pzc --user u0040 --item i0001 --type View --session s --time 1735689700
    pz-event put home.pzc --session other --item i0001 --type View --time 1735689700
    pz-event put-items home.pzc --item i0001 --properties '{"PRICE":5,"CATEGORY_L1":"1"}'
    run -0 --separate-stderr pz-event export home.pzc -o day.pzd
    [[ $stderr == *"--live-seen 2 --rows-seen 3"* ]]
    [[ $stderr == *"1 events left out"* ]]
    pz-event export -q --json home.pzc -o again.pzd |
        jq -e '. == {exported: 2, left_out: 1, nulled: 0, live_seen: 2, rows_seen: 3}'
    cmp day.pzd again.pzd
    pz-import -q --merge -o all.pzd "$BATS_FILE_TMPDIR/shop.pzd" day.pzd
    pz-import --export items all.pzd -q -o items.csv
    grep -q '^i0001,1,,5.*,' items.csv
    run -1 pz-event export home.pzc --after 3 --rows-after 3 -o none.pzd
    [ ! -e none.pzd ]
    # the session joins after the export: its earlier event is news
    pz-event put home.pzc --user u0040 --item i0002 --type View --session other --time 1735689700
    [ "$(pz-event export -q home.pzc --after 2 | wc -l)" -eq 3 ]
}

@test "forgetting acts on live events, on the row, and on the model's history" {
    [ "$(pz-recommend -q home.pzc --user u0040 -n 1 | tail -1 | cut -d, -f5)" = personal ]
    pz-event put home.pzc --user u0040 --item i0001 --type View --session s
    pz-event put-users home.pzc --user u0040 --properties '{"MEMBERSHIP":"gold"}'
    run -0 --separate-stderr pz-event forget --json home.pzc --user u0040
    jq -s -e '.[0] | .events_removed == 1 and .sessions_removed == 1 and .rows_removed == 1 and .number == 3
           and .model_events_unused > 0' <<<"$output"
    [ "$(pz-recommend -q home.pzc --user u0040 -n 1 | tail -1 | cut -d, -f5)" != personal ]
    [ "$(pz-event export -q --table forgotten home.pzc | tail -1)" = u0040 ]
    [ "$(pz-event export -q --table users home.pzc | wc -l)" -eq 1 ]
    pz-event put home.pzc --user u0040 --item i0002 --type View
    pz-recommend -q home.pzc --user u0040 -n 1
    run -2 pz-event forget home.pzc
}

@test "stats say counts, the newest of each type, and the lag" {
    SOURCE_DATE_EPOCH=1735689800 pz-event put home.pzc --user u --type View
    pz-event put home.pzc --user u --type Purchase --time 1735689000
    SOURCE_DATE_EPOCH=1735689900 pz-event stats --json home.pzc >stats.json
    jq -e '.events == 2 and .last == 2 and .lag_seconds == 100 and .types.View.events == 1
           and .types.Purchase.newest == "2024-12-31T23:50:00Z" and .forgotten == 0' stats.json
    run -0 pz-event stats home.pzc
    [[ $output == *"events     2"*"Purchase"* ]]
}

@test "a campaign that may only be read still answers, with its live events" {
    pz-event put home.pzc --user stranger --item i0001 --type View
    chmod -R a-w home.pzc
    chmod a+rX . home.pzc home.pzc/* home.pzc/*/*
    as=()
    if [ "$(id -u)" -eq 0 ]; then
        command -v setpriv >/dev/null || skip "needs setpriv to be somebody else than root"
        as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
        "${as[@]}" test -r home.pzc/current -a -x "$PZ_BIN/pz-recommend" || skip "nobody may not come here"
    fi
    run -0 --separate-stderr "${as[@]}" pz-recommend home.pzc --user stranger -n 1
    [[ ${lines[1]} == *,session ]]
    run -0 "${as[@]}" pz-event stats --json home.pzc
    run -73 "${as[@]}" pz-event put home.pzc --user u --type View
    chmod -R u+w home.pzc
}

@test "a device or a named pipe as output is written to, never replaced" {
    pz-event put home.pzc --user u --item i0001 --type View
    mkfifo pipe
    pz-event export -q home.pzc -o pipe &
    cat pipe >got.csv
    wait $!
    [ -p pipe ]
    [ "$(wc -l <got.csv)" -eq 2 ]
    run -74 pz-event export -q home.pzc -o /dev/full
    [ -c /dev/full ]
}

@test "a model trained on an exported dataset knows what live events it has seen" {
    for i in 1 2 3; do pz-event put home.pzc --user u0040 --item "i000$i" --type View; done
    pz-event put-items home.pzc --item i0001 --properties '{"PRICE":5}'
    pz-event export -q home.pzc -o day.pzd
    pz-event put home.pzc --user u0040 --item i0004 --type View
    pz-import -q --merge -o all.pzd "$BATS_FILE_TMPDIR/shop.pzd" day.pzd
    pz-train -q --no-tune --recipe popularity-count -o next.pzm all.pzd
    pz-deploy publish -q home.pzc next.pzm
    pz-deploy status --json home.pzc | jq -e '.live_seen == 3 and .rows_seen == 4 and .last_event == 5'
    # in another campaign the numbers mean nothing
    pz-deploy publish -q other.pzc next.pzm
    pz-deploy status --json other.pzc | jq -e '.live_seen == 0'
    run -2 pz-deploy publish --live-seen 9 home.pzc next.pzm
    [[ $output == *"last live number of home.pzc is 5"* ]]
}

@test "one live store serves several campaigns, and pz-event takes it by its own name" {
    cp -r home.pzc other.pzc
    pz-event put -q shop.pzl --user u --item a --type View
    pz-deploy set -q home.pzc live ../shop.pzl
    pz-deploy set -q other.pzc live "$PWD/shop.pzl"
    pz-event put -q home.pzc --user u --item b --type View
    for store in home.pzc other.pzc shop.pzl; do
        pz-event export -q "$store" | cut -d, -f2 | tail -n +2 | cmp - <(printf 'a\nb\n')
    done
    pz-recommend -q other.pzc --user u --seen only -n 5 --explain | grep -q . 
    [ ! -e home.pzc/live ]
    # what a store holds is not left behind
    cp -r "$BATS_FILE_TMPDIR/home.pzc" own.pzc
    pz-event put -q own.pzc --user u --item a --type View
    run -2 --separate-stderr pz-deploy set own.pzc live ../shop.pzl
    [[ $stderr == *"own.pzc/live holds 1 events"* ]]
    mv own.pzc/live own.pzl
    pz-deploy set -q own.pzc live ../own.pzl
    [ "$(pz-event stats --json own.pzc | jq .events)" -eq 1 ]
    run -66 --separate-stderr pz-event stats shpo.pzl
}

@test "one event id for two items or users is reported, not counted as a repeat in silence" {
    printf '%s\n' userId,itemId,eventType,eventId u,a,View,e u,b,View,e u,a,View,e v,a,View,e >two.csv
    run -0 --separate-stderr pz-event put --json --now home.pzc two.csv
    jq -e '.read == 4 and .stored == 1 and .duplicate == 3 and .conflicting == 2' <<<"$output"
    [[ $stderr == *'event id "e" was stored before for another user or item: not stored again (user u, item b)'* ]]
    run -0 --separate-stderr pz-event put home.pzc --user w --item c --type View --event-id e
    [[ $stderr == *"for another user or item: not stored"* ]]
}

@test "export --for gives what a model lacks, and a delta that was left out is noticed" {
    base=$BATS_FILE_TMPDIR/home.pzm
    run -1 --separate-stderr pz-event export --for "$base" -o d0.pzd home.pzc
    [ ! -e d0.pzd ]
    pz-event put -q home.pzc --user u --item i0001 --type View
    pz-event put-items -q home.pzc --item i0001 --properties '{"PRICE":3}'
    pz-event export -q --for "$base" -o d1.pzd home.pzc
    pz-event put -q home.pzc --user u --item i0002 --type View
    pz-event export -q --after 1 --rows-after 2 -o d2.pzd home.pzc
    pz-event put -q home.pzc --user u --item i0003 --type View
    pz-event export -q --after 3 --rows-after 2 -o d3.pzd home.pzc
    pz-train -q --update "$base" -o h1.pzm d1.pzd
    run -65 --separate-stderr pz-train --update h1.pzm -o h3.pzm d3.pzd
    [[ $stderr == *"lack events 2-3 of the live store"* ]]
    [ ! -e h3.pzm ]
    run -65 --separate-stderr pz-import --merge -o all.pzd d3.pzd "$BATS_FILE_TMPDIR/shop.pzd" d1.pzd
    [[ $stderr == *"lack events 2-3 of the live store"* ]]
    # in any order, overlapping and repeated, the whole is the whole
    pz-import -q --merge -o all.pzd d3.pzd d1.pzd "$BATS_FILE_TMPDIR/shop.pzd" d2.pzd d1.pzd
    pz-train -q --update h1.pzm -o h3.pzm d3.pzd d2.pzd
    run -1 pz-event export --for h3.pzm -o d4.pzd home.pzc
    pz-train -q --no-tune -o full.pzm all.pzd
    run -1 pz-event export --for full.pzm -o d4.pzd home.pzc
    [ ! -e d4.pzd ]
    # a day of rows alone is a day
    pz-event put-items -q home.pzc --item i0002 --properties '{"PRICE":4}'
    pz-event export -q --for h3.pzm -o d5.pzd home.pzc
    pz-train -q --update h3.pzm -o h5.pzm d5.pzd
    pz-recommend -q h5.pzm --user u --filter 'INCLUDE ItemID WHERE Items.PRICE = 4' --seen keep | grep -q ,i0002,
    run -1 pz-event export --for h5.pzm -o d6.pzd home.pzc
    run -2 pz-event export --for h5.pzm --after 2 -o d6.pzd home.pzc
}

@test "a file whose columns have other names is refused with their names; --map reads it" {
    printf 'user_id,product_id,event_time,EVENT_TYPE\nu,i1,2025-01-01T00:00:00Z,View\n' >other.csv
    run -65 --separate-stderr pz-event put home.pzc other.csv
    [[ $stderr == *"no column for the item"*"its columns are user_id, product_id, event_time, EVENT_TYPE"* ]]
    run -65 --separate-stderr pz-event put --map ITEM_ID=product_id home.pzc other.csv
    [[ $stderr == *"no column for the time"*"event_time"* ]]
    run -65 --separate-stderr pz-event put --map ITEM_ID=product,TIMESTAMP=event_time home.pzc other.csv
    [[ $stderr == *"--map: there is no column product;"* ]]
    run -2 pz-event put --map ITEM_ID home.pzc other.csv
    [ "$(events)" -eq 0 ]
    pz-event put -q --map ITEM_ID=product_id,TIMESTAMP=event_time home.pzc other.csv
    pz-event export -q home.pzc | tail -1 | cmp - <(echo u,i1,1735689600,View,)
    # a record of JSON
    echo '{"userId":"u","item":"i2","eventType":"View","ts":1735689700}' >other.jsonl
    run -65 --separate-stderr pz-event put home.pzc other.jsonl
    [[ $stderr == *"itemId: is missing; other columns are item, ts"* ]]
    run -65 --separate-stderr pz-event put --map ITEM_ID=item home.pzc other.jsonl
    [[ $stderr == *"ts looks like it"* ]]
    pz-event put -q --map ITEM_ID=item --map TIMESTAMP=ts home.pzc other.jsonl
    pz-event export -q home.pzc | tail -1 | cmp - <(echo u,i2,1735689700,View,)
    # rows
    printf 'sku,PRICE\ni0001,3\n' >rows.csv
    run -65 --separate-stderr pz-event put-items home.pzc rows.csv
    [[ $stderr == *"no column for the id"*"its columns are sku, PRICE"* ]]
    pz-event put-items -q --map ITEM_ID=sku home.pzc rows.csv
}

@test "sessions and users called null are none, and strangers stay strangers" {
    for id in null undefined None NaN ''; do
        printf '{"userId":"u901","sessionId":"%s","itemId":"a","eventType":"View"}\n' "$id"
        printf '{"userId":"u902","sessionId":"%s","itemId":"b","eventType":"View"}\n' "$id"
    done >null.jsonl
    run -0 --separate-stderr pz-event put home.pzc null.jsonl
    [[ $stderr == *'8 ids of users or sessions are "null", "undefined" or the like: taken as none'* ]]
    pz-event export -q home.pzc | awk -F, '$1 == "u901" { print $2 }' | sort -u | cmp - <(echo a)
    [ "$(pz-event stats --json home.pzc | jq .sessions)" -eq 0 ]
    # an event that is nobody's does not keep the others out
    printf '%s\n' userId,itemId,eventType,timestamp null,a,View,1735689700 u903,c,View,1735689700 >nobody.csv
    run -0 --separate-stderr pz-event put --json home.pzc nobody.csv
    jq -e '.read == 2 and .stored == 1 and .bad == 1' <<<"$output"
    [[ $stderr == *"1 records that are nobody's then are left out"* ]]
    run -65 pz-event put home.pzc --user undefined --item a --type View
}

@test "an event's time is its own, also when its properties have one" {
    echo '{"sessionId":"s","userId":"u","eventList":[{"eventType":"View","sentAt":1760000000,"properties":"{\"itemId\":\"a\",\"timestamp\":139.47}"}]}' >film.json
    run -0 --separate-stderr pz-event put home.pzc film.json
    [[ $stderr == *"1 properties called timestamp or sentAt are passed over"* ]]
    pz-event export -q home.pzc | tail -1 | cmp - <(echo u,a,1760000000,View,)
}

@test "properties have the types of the model's columns, and export loses no event over one" {
    sed '1s/$/,DISCOUNT/; 2,$s/$/,1/' "$BATS_FILE_TMPDIR/inter.csv" >inter.csv
    pz-import -q -o shop.pzd --interactions inter.csv
    pz-train -q --no-tune -o home.pzm shop.pzd
    pz-deploy publish -q num.pzc home.pzm
    run -65 --separate-stderr pz-event put num.pzc --user u --item a --type View --properties '{"DISCOUNT":"ten percent"}'
    [[ $stderr == *'DISCOUNT: must be a number: "ten percent"'* ]]
    echo '{"userId":"u","itemId":"a","eventType":"View","discount":"ten"}' >ten.jsonl
    run -65 pz-event put num.pzc ten.jsonl
    # a store by itself knows no columns: the event is kept and the cell is null
    pz-event put -q num.pzl ten.jsonl
    pz-event put -q num.pzl --user u --item b --type View --properties '{"DISCOUNT":2}'
    run -0 --separate-stderr pz-event export --json --for home.pzm -o day.pzd num.pzl
    [[ $stderr == *"1 values are null in the export"* ]]
    jq -e '.exported == 2 and .nulled == 1' <<<"$output"
    pz-import -q --export interactions day.pzd -o day.csv
    [ "$(grep -c '^u,' day.csv)" -eq 2 ]
}

@test "forget takes many users, by option, file and pipe; --purge leaves no trace" {
    for u in A B C D E; do pz-event put -q home.pzc --user "u-$u" --session "s-$u" --item i0001 --type View --event-id "e-$u"; done
    pz-event forget -q --user u-A --user u-B home.pzc
    [ "$(events)" -eq 3 ]
    printf 'USER_ID,WHY\nu-C,asked\n' >ids.csv
    pz-event forget -q --json --file ids.csv home.pzc >receipt
    jq -s -e '.[0].user == "u-C" and .[0].events_removed == 1 and .[1].before != .[1].after' receipt
    after=$(jq -r 'select(.file).after' receipt)
    pz-event forget -q --json --user nobody home.pzc | jq -s -e --arg h "$after" '.[1].before == $h'
    printf 'u-D\nnobody\n' | pz-event forget -q home.pzc
    [ "$(events)" -eq 1 ]
    [ "$(pz-event export -q --table forgotten home.pzc | sort | tr '\n' ' ')" = "USER_ID nobody u-A u-B u-C u-D " ]
    grep -qa u-A home.pzc/live/data.mdb
    pz-event forget -q --purge --user u-A --user u-B --user u-C home.pzc
    for trace in u-A u-B u-C s-A e-A; do run -1 grep -a "$trace" home.pzc/live/data.mdb; done
    grep -qa u-E home.pzc/live/data.mdb
    [ "$(stat -c %a home.pzc/live home.pzc/live/data.mdb | tr '\n' ' ')" = "700 600 " ]
    pz-recommend -q home.pzc --user u-A -n 1 | tail -1 | grep -q popular
    run -2 pz-event forget home.pzc </dev/null
    # nor in what is kept of users put since training
    { echo USER_ID; echo zz-gone; seq -f 'put%.0f' 1500; } >users.csv
    pz-event put-users -q home.pzc users.csv
    grep -qa zz-gone home.pzc/versions/0001/users.flat
    pz-event put-users -q home.pzc --user put1 --properties '{}'
    pz-event forget -q --purge --user zz-gone home.pzc
    pz-recommend -q home.pzc --user put7 -n 1 >/dev/null
    run -1 grep -ra zz-gone home.pzc
    grep -qa put7 home.pzc/versions/0001/users.flat
}

@test "publishing a model that lacks a day in between names what is missing" {
    pz-event put -q home.pzc --user u --item i0001 --type View
    pz-event put -q home.pzc --user u --item i0002 --type View
    pz-event export -q --after 1 -o d2.pzd home.pzc
    pz-train -q --no-tune -o late.pzm "$BATS_FILE_TMPDIR/shop.pzd" d2.pzd
    run -65 --separate-stderr pz-deploy publish home.pzc late.pzm
    [[ $stderr == *"the model's data lack events 1 of the live store"* ]]
    pz-event export -q -o d1.pzd home.pzc
    pz-train -q --no-tune -o whole.pzm "$BATS_FILE_TMPDIR/shop.pzd" d2.pzd d1.pzd
    pz-deploy publish -q home.pzc whole.pzm
}

@test "a damaged live store is 65 for those who need it, and the model answers alone" {
    [ -z "${SAN:-}" ] || skip "a sanitizer takes the signal itself"
    for i in 1 2 3 4 5 6 7 8 9; do echo "{\"userId\":\"u$i\",\"itemId\":\"i0001\",\"eventType\":\"View\"}"; done |
        pz-event put -q home.pzc
    size=$(stat -c %s home.pzc/live/data.mdb)
    for cut in $((size / 2)) 12288 5000 1; do
        rm -rf cut.pzc && cp -r home.pzc cut.pzc
        truncate -s "$cut" cut.pzc/live/data.mdb
        run -65 --separate-stderr pz-event put cut.pzc --user u1 --item i0001 --type View
        [[ $stderr == *damaged* ]]
        run -65 pz-event stats cut.pzc
        run -65 pz-event export cut.pzc
        run -0 --separate-stderr pz-recommend cut.pzc --user u1 -n 2
        [ "${#lines[@]}" -eq 3 ]
        [[ $stderr == *"the live store is damaged: the model answers alone"* ]]
    done
}

@test "a live store that lost the names of its tables is damaged, not new" {
    pz-event put -q home.pzc --user u --item i0001 --type View
    for at in $(grep -abo forgotten home.pzc/live/data.mdb | cut -d: -f1); do
        dd if=/dev/zero of=home.pzc/live/data.mdb bs=1 seek=$((at - 8)) count=48 conv=notrunc 2>/dev/null
    done
    run -65 pz-event stats home.pzc
    run -65 pz-event put home.pzc --user u --item i0002 --type View
    run -65 pz-deploy check home.pzc
    run -0 pz-recommend home.pzc --user u -n 1
    [[ $output == *"live store is damaged"* ]]
}

@test "compaction gives back free pages; stats say what is free and who may only read can look" {
    awk 'BEGIN { print "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP,EVENT_ID"; for (i = 0; i < 5000; i++) print "u" i % 7 ",i0001,View,1735689700,e" i }' |
        pz-event put -q home.pzc
    seq 0 6 | sed 's/^/u/' | pz-event forget -q home.pzc
    before=$(pz-event stats --json home.pzc | jq .bytes)
    pz-event stats --json home.pzc | jq -e '.free_bytes > .bytes / 2 and .oldest_reader.pid == 0'
    pz-deploy compact --json home.pzc | jq -e ".before == $before and .after < $before / 2"
    [ ! -e home.pzc/live.compact ]
    pz-event stats home.pzc | grep -q 'forgotten  7 users'
    # a store that was moved to another disk stays there
    mv home.pzc/live disk
    ln -s ../disk home.pzc/live
    size=$(stat -c %s disk/data.mdb)
    pz-event put -q home.pzc --user u --item i0001 --type View --properties "{\"a\":\"$(head -c 20000 /dev/zero | tr '\0' a)\"}"
    pz-event forget -q --purge --user u home.pzc
    pz-deploy compact -q home.pzc
    [ -L home.pzc/live ]
    [ ! -e home.pzc/live.compact ]
    [ ! -e disk.compact ]
    [ "$(stat -c %s disk/data.mdb)" -le "$size" ]
    rm home.pzc/live
    mv disk home.pzc/live
    chmod -R a-w home.pzc/live
    pz-event stats home.pzc | grep -q '^size'
    pz-event export -q home.pzc | wc -l
    chmod -R u+w home.pzc/live
}

@test "what was bought before the newest 6000 live events is still bought" {
    local bought='EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Purchase")'

    pz-recommend -q home.pzc --user fan --num 10000 | cut -f1 | cut -d, -f2 >before
    grep -qx i0001 before
    { echo USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE
      echo fan,i0001,1735689700,Purchase
      for i in $(seq 6000); do echo fan,i0002,$((1735689700 + i)),View; done; } >busy.csv
    pz-event put -q home.pzc busy.csv
    run ! grep -q i0001 <(pz-recommend -q home.pzc --user fan --num 10000)
    run ! grep -q i0001 <(pz-recommend -q home.pzc --user fan --num 10000 --seen keep --filter "$bought")
    pz-recommend -q home.pzc --user fan --num 10000 --seen keep | grep -q i0001
    # and they are counted, all of them
    run ! grep -q i0002 <(pz-recommend -q home.pzc --user fan --num 10000 --seen keep \
        --filter 'EXCLUDE ItemID WHERE COUNT(Interactions WHERE EVENT_TYPE = "View") >= 6000')
    pz-recommend -q home.pzc --user fan --num 10000 --seen keep \
        --filter 'EXCLUDE ItemID WHERE COUNT(Interactions WHERE EVENT_TYPE = "View") >= 6001' | grep -q i0002
}

# What a training reads of live data is what was put: no word of a client means "no value".
@test "what is acknowledged is in the export, and means after a training what it meant live" {
    for w in None NaN N/A '\N' null; do
        jq -nc --arg w "$w" '{userId: "u0040", itemId: "i0002", eventType: $w, CHANNEL: $w, timestamp: 1795000000},
            {userId: "u0040", itemId: $w, eventType: "View", timestamp: 1795000000}'
    done | pz-event put -q home.pzc
    printf '%s\n' '{"itemId":"None","CATEGORY_L1":"None","CATEGORY_L2":"x | None "}' \
        '{"itemId":"i0001","CATEGORY_L1":" NULL ","CATEGORY_L2":" y|z "}' | pz-event put-items -q home.pzc
    echo '{"userId":"u0040","itemId":"i0001","eventType":" Click ","timestamp":1795000001}' | pz-event put -q home.pzc
    count() {
        for f in 'Items.CATEGORY_L1 = "None"' 'Items.CATEGORY_L1 = "NULL"' 'Items.CATEGORY_L2 HAS EXACTLY ("x", "None")' \
            'Items.CATEGORY_L2 IN ("z")' 'Interactions.EVENT_TYPE = "none"' 'Interactions.EVENT_TYPE = "\\N"' \
            'Interactions.EVENT_TYPE = "Click"'; do
            pz-recommend -q home.pzc --check-filter --user u0040 --json --filter "INCLUDE ItemID WHERE $f" | jq .pass
        done | paste -sd' '
    }
    live=$(count)
    run -0 pz-event export home.pzc -o new.pzd
    [[ $output != *"left out"* && $output == *"13 events and rows"* ]]
    [ "$(pz-import --export interactions new.pzd | grep -cE '^u0040,(None|NaN|N/A|\\N|null),')" -eq 5 ]
    [ "$(pz-import --export interactions new.pzd | grep -cE '^u0040,i0002,1795000000,([^,]+),,\1$')" -eq 5 ]
    pz-train -q --update home.pzc -o new.pzm new.pzd
    pz-deploy publish -q home.pzc new.pzm
    [ "$(count)" = "$live" ]
    [ "$live" = "1 1 1 1 1 1 1" ]
}

@test "what no dataset can hold is refused when it is put" {
    long=$(head -c 100001 /dev/zero | tr '\0' x)
    id=$(head -c 257 /dev/zero | tr '\0' x)
    run -65 pz-event put-items home.pzc - <<<"{\"itemId\":\"a\",\"NOTE\":\"$long\"}"
    [[ $output == *"NOTE: is longer than 100,000 bytes"* ]]
    run -65 pz-event put home.pzc - <<<"{\"userId\":\"u\",\"itemId\":\"a\",\"eventType\":\"View\",\"NOTE\":\"$long\"}"
    [[ $output == *"NOTE: is longer than 100,000 bytes"* ]]
    run -65 pz-event put home.pzc - <<<"{\"userId\":\"u\",\"itemId\":\"a\",\"eventType\":\"View\",\"impression\":[\"b\",\"$id\"]}"
    [[ $output == *"impression: has an item id longer than 256 bytes"* ]]
    run -65 pz-event put home.pzc - <<<'{"userId":"u","itemId":"a","eventType":"  "}'
    [[ $output == *"eventType: is missing"* ]]
}

@test "a client that makes a type or a column of every id does not keep the rest from an export" {
    seq 300 | sed 's/.*/{"userId":"u","itemId":"a","eventType":"view_&","timestamp":&}/' | pz-event put -q home.pzc
    run -0 pz-event export home.pzc -o types.pzd
    [[ $output == *'events have the type "other"'* ]]
    pz-import --export interactions types.pzd >types.csv
    [ "$(wc -l <types.csv)" -eq 301 ]
    [ "$(pz-import --merge -o all.pzd "$BATS_FILE_TMPDIR/shop.pzd" types.pzd 2>&1 | grep -c merged)" -eq 1 ]
    seq 4500 | sed 's/.*/{"userId":"u","itemId":"b","eventType":"View","c&":"v","timestamp":&}/' | pz-event put -q home.pzc
    run -0 pz-event export home.pzc -o columns.pzd
    [[ $output == *"500 values are null"* ]]
}
