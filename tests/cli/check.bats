# SPDX-License-Identifier: Apache-2.0
# pz-import --check: where each finding begins, from both sides of its border.
load common

# Interactions of N users with EACH events, a second apart, on standard output.
users() {
    awk -v n="$1" -v each="$2" 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP"
        for (u = 1; u <= n; u++) for (e = 1; e <= each; e++) print "u" u ",i" e "," 1600000000 + ++t }'
}

# one_event N TWO: N users, of whom TWO have a second event.
one_event() {
    awk -v n="$1" -v two="$2" 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP"
        for (u = 1; u <= n; u++) { print "u" u ",i1," 1600000000 + u; if (u <= two) print "u" u ",i2," 1600000000 + u } }'
}

# The lines of standard input are the interactions, those of items.csv, where there is one, the items.
# says ID LINE...: these findings of that id, and no others
says() {
    local id=$1 items=()
    shift
    cat >i.csv
    [ ! -e items.csv ] || items=(--items items.csv)
    [ ! -e schema.json ] || items+=(--schema schema.json)
    pz-import --check --json --interactions i.csv "${items[@]}" 2>/dev/null |
        jq -r --arg id "$id" '.insights[] | select(.id == $id) | "\(.severity) \(.column // "-") \(.count)"' >got
    diff got <(printf '%s' "${@/%/$'\n'}")
}

@test "amounts" {
    users 500 2 | says few-interactions
    users 333 3 | says few-interactions "serious - 999"
    users 25 4 | says few-active-users
    users 24 4 | says few-active-users "serious - 24"
    one_event 100 50 | says users-with-one
    one_event 100 49 | says users-with-one "note - 51"
    one_event 1000 10 | says users-with-one "note - 990"
    one_event 1000 9 | says users-with-one "serious - 991"
    users 30 10 | awk -F, 'NR == 1 { print $0 ",EVENT_TYPE"; next } { print $0 "," $2 }' | says many-event-types
    users 30 11 | awk -F, 'NR == 1 { print $0 ",EVENT_TYPE"; next } { print $0 "," $2 }' |
        says many-event-types "warning EVENT_TYPE 11"
    { users 9 1; echo u9,i1,1600000009; } | says duplicate-rows "note - 1"
    { users 8 1; echo u8,i1,1600000008; } | says duplicate-rows "warning - 1"
}

@test "times" {
    { users 2 2; echo u3,i1,315532800; } | says early
    { users 2 2; echo u3,i1,315532799; } | says early "warning TIMESTAMP 1"
    { users 2 2; printf '%s\n' u3,i1,5 u3,i2,5 u4,i1,7 u4,i2,7; } | says users-one-timestamp
    { users 2 2; printf '%s\n' u3,i1,5 u3,i2,5 u4,i1,7 u4,i2,7 u5,i1,8 u5,i2,8; } |
        says users-one-timestamp "warning TIMESTAMP 3"
    # Places in lists sorted by item: forwards and backwards, and the same by a clock.
    sorted() { awk -v by="$1" 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP"
        for (u = 1; u <= 40; u++) for (e = 1; e <= 4; e++) print u "," 10 + (by > 0 ? e : 5 - e) * (u + 3) "," e }'; }
    sorted 1 | says sorted-by-item "serious TIMESTAMP 160"
    sorted -1 | says sorted-by-item "serious TIMESTAMP 160"
    sorted 1 | awk -F, 'NR > 1 { $3 *= 2 } { print $1 "," $2 "," $3 }' | says sorted-by-item
}

@test "who does how much: over 100 events, and ten times what 95 in a hundred stay below" {
    bot() { awk -v n="$1" 'BEGIN { while (n-- > 0) print "bot,i" n "," 1500000000 + n }'; }
    { users 20 5; bot 100; } | says extreme-users
    { users 20 5; bot 101; } | says extreme-users "warning USER_ID 1"
    { users 20 20; bot 200; } | says extreme-users
    { users 20 20; bot 201; } | says extreme-users "warning USER_ID 1"
}

@test "ids" {
    printf '%s\n' ITEM_ID,X i1,1 i2,1 x,1 y,1 >items.csv
    users 2 4 | says ids-without-interactions "note ITEM_ID 2"
    users 2 4 | says ids-without-row "note ITEM_ID 2"
    printf '%s\n' ITEM_ID,X i1,1 x,1 y,1 z,1 >items.csv
    users 2 4 | says ids-without-interactions "warning ITEM_ID 3"
    users 2 4 | says ids-without-row "warning ITEM_ID 3"
    rm items.csv
    { users 2 2; printf '%s\n' '" a",i1,1' '"b ",i1,1' '"c""c",i1,1' 'd d,i1,1'; } | says awkward-ids "warning USER_ID 3"
}

# schema COLUMN KIND: of Items with a column that is categorical or textual
schema() {
    echo '{"type":"record","name":"Items","namespace":"com.amazonaws.personalize.schema","version":"1.0","fields":[
 {"name":"ITEM_ID","type":"string"},{"name":"'"$1"'","type":["null","string"],"'"$2"'":true}]}' >schema.json
}

# items COLUMN VALUE...: a table of items i1, i2, ... with one column
items() {
    local i=0 value
    echo "ITEM_ID,$1" >items.csv
    for value in "${@:2}"; do echo "i$((++i)),$value" >>items.csv; done
}

@test "numbers: three widths of the middle half beyond it, and columns of one value" {
    items X 2 3 -6 4 6 5 7 15
    users 2 2 | says outliers
    items X 2 3 -6.1 4 6 5 7 15.1
    users 2 2 | says outliers "note X 2"
    users 2 2 | says constant
    items CREATION_TIMESTAMP 2 3 -60 4 6 5 7 9000000000
    users 2 2 | says outliers
    users 2 2 | says future "warning CREATION_TIMESTAMP 1"
    items X 5 5 5
    users 2 2 | says constant "note X 3"
}

@test "categories and texts: how many, and how long" {
    local long
    long=$(printf '%1000s' '' | tr ' ' x)
    # shellcheck disable=SC2046 # words on purpose
    items CAT $(seq -f c%g 30) $(seq -f c%g 30)
    users 2 2 | says many-categories
    # shellcheck disable=SC2046
    items CAT $(seq -f c%g 31) $(seq -f c%g 31)
    users 2 2 | says many-categories "note CAT 31"
    schema CAT categorical
    items CAT a "$long" b a b a b
    users 2 2 | says long-values
    items CAT a "${long}x" b a b a b
    users 2 2 | says long-values "warning CAT 1"
    schema CAT textual
    long=$(printf '%20000s' '' | tr ' ' x)
    items CAT a "$long" "${long}x"
    users 2 2 | says long-values "warning CAT 1"
}

@test "cells that are empty: 70 in a hundred, of texts 85" {
    items X 1 2 3 4 5 6 7 '' '' ''
    users 2 2 | says incomplete-column
    users 2 2 | says incomplete-rows "note - 3"
    items X 1 2 3 4 5 6 '' '' '' ''
    users 2 2 | says incomplete-column "warning X 4"
    users 2 2 | says incomplete-rows "warning - 4"
    printf '%s\n' ITEM_ID,A,B,C,D,E,F,G,H,I,J i1,1,1,1,1,1,1,1,,, i2,1,1,1,1,1,1,,,, >items.csv
    users 2 2 | says incomplete-rows "warning - 1"
    schema TEXT textual
    items TEXT t t t t t t t t t t t t t t t t t '' '' ''
    users 2 2 | says incomplete-column
    items TEXT t t t t t t t t t t t t t t t t '' '' '' ''
    users 2 2 | says incomplete-column "warning TEXT 4"
    rm items.csv schema.json
    for column in EVENT_VALUE IMPRESSION; do
        { echo "USER_ID,ITEM_ID,TIMESTAMP,$column"; for i in 1 2 3 4 5 6 7; do echo "u$i,i,$i,1"; done; echo 'u8,i,8,
u9,i,9,
u10,i,10,'; } | says incomplete-column
        { echo "USER_ID,ITEM_ID,TIMESTAMP,$column"; for i in 1 2 3 4 5 6; do echo "u$i,i,$i,1"; done; echo 'u8,i,8,
u9,i,9,
u10,i,10,'; } | says incomplete-column "warning $column 3"
    done
}
