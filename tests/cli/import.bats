# SPDX-License-Identifier: Apache-2.0
load common

# Five interactions, two of one user; written to $1 with the delimiter $2.
write_csv() {
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\n' | tr ',' "${2:-,}" >"$1"
    printf '%s\n' u1,i1,1700000000,View, u1,i2,1700000100,Purchase,2.5 u2,i1,1700000050,View, \
        u2,i3,1700000200,View,1 u3,i2,1700000300,View, | tr ',' "${2:-,}" >>"$1"
}

# A file of the interactions $2... (USER,ITEM,TIME) at $1.
rows() {
    local file=$1
    shift
    printf '%s\n' USER_ID,ITEM_ID,TIMESTAMP "$@" >"$file"
}

imp() { pz-import "$@" 2>err; }

# The import fails as bad data, says $1 and leaves no dataset.
refused() {
    local want=$1
    shift
    run -65 --separate-stderr pz-import -o out.pzd "$@"
    [[ $stderr == *"$want"* ]] || { echo "$stderr"; return 1; }
    [ ! -e out.pzd ]
    [ -z "$(find . -name '*.tmp')" ]
}

@test "comma, semicolon and tab are found, and give the same bytes" {
    write_csv a.csv ,
    write_csv b.csv ';'
    write_csv c.csv $'\t'
    for f in a b c; do imp -o $f.pzd --interactions $f.csv; done
    cmp a.pzd b.pzd
    cmp a.pzd c.pzd
}

@test "a delimiter inside quotes is no delimiter" {
    printf '"USER_ID","ITEM_ID","TIMESTAMP","A;B;C;D;E"\n"u;,1","i",1700000000,x\n' >a.csv
    imp -o a.pzd --interactions a.csv
    [ "$(pz-import --export interactions a.pzd | tail -1)" = '"u;,1",i,1700000000,x' ]
}

@test "JSON Lines give the bytes of the same CSV, numbers or strings" {
    write_csv a.csv
    cat >a.jsonl <<'J'
{"userId":"u1","itemId":"i1","timestamp":1700000000,"eventType":"View","eventValue":null}
{"userId":"u1","itemId":"i2","timestamp":"1700000100","eventType":"Purchase","eventValue":2.5}

{"timestamp":1700000050,"userId":"u2","itemId":"i1","eventType":"View"}
{"userId":"u2","itemId":"i3","timestamp":1700000200,"eventType":"View","eventValue":"1"}
{"userId":"u3","itemId":"i2","timestamp":1700000300,"eventType":"View"}
J
    imp -o a.pzd --interactions a.csv
    imp -o b.pzd --interactions a.jsonl
    cmp a.pzd b.pzd
}

@test "zstd is told by its magic, from a file or a pipe, whatever the name" {
    write_csv a.csv
    zstd -q -c a.csv >plain-name.csv
    imp -o a.pzd --interactions a.csv
    imp -o b.pzd --interactions plain-name.csv
    imp -o c.pzd --interactions - <plain-name.csv
    imp -o d.pzd --interactions - <a.csv
    for f in b c d; do cmp a.pzd $f.pzd; done
    head -c 40 plain-name.csv >cut.csv
    refused zstd --interactions cut.csv
}

@test "several files are one table, also of different forms" {
    write_csv a.csv
    sed -n '1p;2p;3p' a.csv >x.csv
    { sed -n 1p a.csv; sed -n '4,$p' a.csv; } | tr , ';' | zstd -q >y.zst
    imp -o a.pzd --interactions a.csv
    imp -o b.pzd --interactions x.csv --interactions y.zst
    cmp a.pzd b.pzd
    [[ $(tail -1 err) == *"read 5, kept 5, rejected 0, duplicate 0"* ]]
}

@test "columns are found by name in any order, case and underscores aside" {
    rows a.csv u1,i1,1700000000 u2,i1,1700000001
    printf 'timestamp,itemId,user_id\n1700000000,i1,u1\n1700000001,i1,u2\n' >b.csv
    printf 'Item-ID;UserId;TimeStamp\r\ni1;u1;1700000000\r\ni1;u2;1700000001\r\n' >c.csv
    printf '\xef\xbb\xbf USER_ID , ITEM_ID,TIMESTAMP\nu1,i1,1700000000\nu2,i1,1700000001\n' >d.csv
    for f in a b c d; do imp -o $f.pzd --interactions $f.csv || { cat err; false; }; done
    for f in b c d; do cmp a.pzd $f.pzd; done
}

@test "--map names columns that have other names" {
    rows a.csv u1,i1,1700000000
    printf 'customer,sku,at\nu1,i1,1700000000\n' >b.csv
    imp -o a.pzd --interactions a.csv
    imp -o b.pzd --interactions b.csv --map USER_ID=customer,ITEM_ID=sku --map TIMESTAMP=at
    cmp a.pzd b.pzd
    run -2 pz-import -q -o c.pzd --interactions b.csv --map USER_ID
    [[ $output == *"NAME=COLUMN"* ]]
}

@test "times in seconds, milli- and microseconds and ISO-8601 are one, and said" {
    rows seconds.csv u1,i1,1700000000 u2,i2,1700003600
    rows milliseconds.csv u1,i1,1700000000123 u2,i2,1700003600999
    rows microseconds.csv u1,i1,1700000000123456 u2,i2,1700003600999999
    rows ISO-8601.csv u1,i1,2023-11-14T22:13:20Z "u2,i2,2023-11-15 00:13:20.5+01:00"
    for f in seconds milliseconds microseconds ISO-8601; do
        imp -o $f.pzd --interactions $f.csv
        grep -q "TIMESTAMP is in $f" err
        cmp seconds.pzd $f.pzd
    done
    imp -q -o quiet.pzd --interactions seconds.csv
    [ ! -s err ]
}

@test "a time of another unit than its column's is a bad row" {
    rows a.csv u1,i1,1700000000 u1,i2,1700000001 u1,i3,1700000002000
    refused 'a.csv:4: column TIMESTAMP:' --interactions a.csv
}

@test "Personalize's schemas are taken unchanged and decide over the values" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,DEVICE,JUNK\nu1,i1,1700000000,View,1,x\nu2,i1,1700000001,View,2,y\n' >a.csv
    cat >s.json <<'J'
{"type": "record", "name": "Interactions", "namespace": "com.amazonaws.personalize.schema",
 "fields": [{"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
  {"name": "EVENT_TYPE", "type": "string"}, {"name": "TIMESTAMP", "type": "long"},
  {"name": "DEVICE", "type": ["null", "string"], "categorical": true}], "version": "1.0"}
J
    imp -o a.pzd --interactions a.csv --schema s.json
    grep -q 'column "JUNK" is left out: it is not in the schema' err
    [ "$(pz-import --info --json a.pzd | jq -r '.interactions_table.columns[] | .name + " " + .type')" = "DEVICE categorical" ]
    imp -o b.pzd --interactions a.csv
    [ "$(pz-import --info --json b.pzd | jq -r '.interactions_table.columns[0].type')" = long ]
    printf '{"type": "record", "name": "Interactions", "fields": [{"name": "USER_ID", "type": "string"}]}' >bad.json
    refused ITEM_ID --interactions a.csv --schema bad.json
}

@test "a schema makes a null an error where it allows none, and keeps the last digit of a long" {
    printf 'ITEM_ID,STOCK,PRICE\ni1,9007199254740993,1.5\n' >items.csv
    rows a.csv u1,i1,1700000000
    printf '%s' '{"type":"record","name":"Items","fields":[{"name":"ITEM_ID","type":"string"},{"name":"STOCK","type":"int"},{"name":"PRICE","type":"float"}]}' >s.json
    refused 'items.csv:2: column STOCK:' --interactions a.csv --items items.csv --schema s.json
    printf 'ITEM_ID,STOCK,PRICE\ni1,7,\n' >items.csv
    refused 'items.csv:2: column PRICE: is empty' --interactions a.csv --items items.csv --schema s.json
}

@test "without a schema the types are inferred, and --info shows them" {
    rows a.csv u1,i1,1700000000 u1,i2,1700000001
    cat >items.csv <<'C'
ITEM_ID,PRICE,COUNT,IN_STOCK,GENRES,TITLE,CREATION_TIMESTAMP,ZIP
i1,1.5,3,true,Comedy|Drama,"A long enough text that tells about the first of all the items here",1600000000,01234
i2,,4,false,Drama,"Another text, with words enough that nobody would take it for a category",1600000001,05678
i3,2,5,true,Comedy|Drama,"The third description is again of other words than the first two were",1600000002,01234
C
    imp -o a.pzd --interactions a.csv --items items.csv
    pz-import --info --json a.pzd |
        jq -r '.items_table.columns[] | "\(.name) \(.type) \(.nullable)"' >types
    cat >want <<'T'
PRICE double true
COUNT long false
IN_STOCK boolean false
GENRES categorical false
TITLE textual false
CREATION_TIMESTAMP long false
ZIP categorical false
T
    diff types want
    pz-import --info a.pzd | grep -q 'PRICE .*some empty'
}

@test "impressions and context columns are kept with their rows" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP,IMPRESSION,DEVICE\nu2,i1,1700000001,i1|i9|i8,phone\nu1,i1,1700000000,,tablet\n' >a.csv
    imp -o a.pzd --interactions a.csv
    pz-import --export interactions a.pzd >out.csv
    diff out.csv - <<'C'
USER_ID,ITEM_ID,TIMESTAMP,IMPRESSION,DEVICE
u1,i1,1700000000,,tablet
u2,i1,1700000001,i1|i9|i8,phone
C
    [ "$(pz-import --info --json a.pzd | jq '.items, .impressions' | tr '\n' ' ')" = "3 3 " ]
}

@test "bad rows: the first 20 on standard error, all with reasons in the reject file" {
    { echo USER_ID,ITEM_ID,TIMESTAMP; for i in $(seq 30); do echo "u$i,i,noon"; done; echo u,i,1700000000; } >a.csv
    imp -o a.pzd --interactions a.csv --reject r.jsonl --max-errors 30
    [ "$(grep -c '^pz-import: a.csv:[0-9]*: column TIMESTAMP: .*: "noon"$' err)" -eq 20 ]
    [ "$(wc -l <r.jsonl)" -eq 30 ]
    jq -se 'map(.line) == [range(2; 32)] and (.[29] | .file == "a.csv" and .row == "u30,i,noon" and .column == "TIMESTAMP")' r.jsonl
    [[ $(tail -1 err) == *"interactions: read 31, kept 1, rejected 30, duplicate 0" ]]
}

@test "--max-errors is a number or a share, and one more fails" {
    { echo USER_ID,ITEM_ID,TIMESTAMP; for i in 1 2; do echo "u,i$i,x"; done
      for i in $(seq 18); do echo "u,i,170000000$i"; done; } >a.csv
    imp -o a.pzd --interactions a.csv --max-errors 2
    imp -o b.pzd --interactions a.csv --max-errors 10%
    cmp a.pzd b.pzd
    refused "2 bad rows, and --max-errors allows 0" --interactions a.csv
    refused "allows 1" --interactions a.csv --max-errors 1
    refused "allows 9%" --interactions a.csv --max-errors 9%
    run -2 pz-import -o c.pzd --interactions a.csv --max-errors 101%
}

@test "--json prints the counts of an import, and what a merge holds" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP\na,x,1\na,x,1\nb,x,never\nb,y,2\n' >i.csv
    printf 'ITEM_ID,PRICE\nx,1\nx,2\ny,3\n' >items.csv
    pz-import -q --json --max-errors 1 -o a.pzd --interactions i.csv --items items.csv 2>/dev/null >got
    jq -e '. == {interactions: {read: 4, kept: 2, rejected: 1, duplicate: 1},
        items: {read: 3, kept: 2, rejected: 0, duplicate: 1, ids: 2, joined: 2}}' got
    pz-import -q --json --merge -o b.pzd a.pzd a.pzd | jq -e '. == {interactions: 2, users: 2, items: 2}'
}

@test "every row is accounted for: read = kept + rejected + duplicates, in every table" {
    rows a.csv u1,i1,5 u1,i1,5 u1,i1,6 ,i1,7 u2,i2,8 u2,i2,8 u2,i2,8 u3,i1
    printf 'ITEM_ID,A\ni1,1\ni2,2\ni1,3\n,4\n' >items.csv
    printf 'USER_ID,B\nu1,x\nu1,y\n' >users.csv
    imp -o a.pzd --interactions a.csv --items items.csv --users users.csv --max-errors 5
    [ "$(tail -1 err)" = "pz-import: interactions: read 8, kept 3, rejected 2, duplicate 3; items: read 4, kept 2, rejected 1, duplicate 1; users: read 2, kept 1, rejected 0, duplicate 1; items: 2 of 2 occur in interactions; users: 1 of 1 occur in interactions" ]
    [ "$(pz-import --export interactions a.pzd | wc -l)" -eq 4 ]
    [ "$(pz-import --export items a.pzd | tail -2 | tr '\n' ' ')" = "i1,3 i2,2 " ]
}

@test "a failed import accounts for its rows too" {
    rows a.csv u1,i1,5 u1,i1,x
    run -65 --separate-stderr pz-import -o a.pzd --interactions a.csv
    [[ $stderr == *"interactions: read 2, kept 1, rejected 1, duplicate 0" ]]
}

@test "rows that an import never compared are no duplicates" {
    { echo USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE; for i in $(seq 300); do echo "u,i,$((1700000000 + i)),t$i"; done; } >a.csv
    run -65 --separate-stderr pz-import -o a.pzd --interactions a.csv
    [[ $stderr == *"there are 300 event types, and at most 255 are possible"*"read 300, kept 300, rejected 0, duplicate 0" ]]
}

@test "empty files, headers without rows and missing files are said" {
    : >empty.csv
    printf '\n\n \n' >blank.csv
    printf 'USER_ID,ITEM_ID,TIMESTAMP\n' >header.csv
    refused 'empty.csv: the file is empty' --interactions empty.csv
    refused 'the file is empty' --interactions blank.csv
    refused 'header.csv: a header and no rows' --interactions header.csv
    run -66 pz-import -o out.pzd --interactions nosuch.csv
    [[ $output == *nosuch.csv* ]]
    rows a.csv u1,i1,5
    run -66 pz-import -o out.pzd --interactions a.csv --items nosuch.csv
    [ ! -e out.pzd ]
}

@test "a missing column is named, with what the file has and what to do" {
    printf 'USER,ITEM_ID,TIMESTAMP\nu,i,5\n' >a.csv
    refused 'Input CSV is missing the following columns: [USER_ID]; the file has: USER, ITEM_ID, TIMESTAMP; name them with --map USER_ID=USER' \
        --interactions a.csv
    printf 'USER_ID,ITEM_ID\nu,i\n' >c.csv
    refused 'if none of them is a time, say --no-time, which takes the order of rows' --interactions c.csv
    printf '{"itemId":"i","timestamp":5}\n' >a.jsonl
    refused 'Input JSON is missing the following columns: [USER_ID]; the file has: itemId, timestamp' --interactions a.jsonl
    printf '{"userId":"u","itemId":"i","timestamp":5}\n{"itemId":"i","timestamp":5}\n' >a.jsonl
    refused 'a.jsonl:2: column USER_ID: is empty' --interactions a.jsonl
    printf 'USER_ID,userId,ITEM_ID,TIMESTAMP\nu,v,i,5\n' >b.csv
    refused 'two columns stand for USER_ID' --interactions b.csv
}

@test "an unterminated quote costs its line and no other" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu1,"i1,5\nu2,i2,6\nu3,i3,7\n' >a.csv
    refused 'a.csv:2: a quote is opened and never closed' --interactions a.csv
    imp -o a.pzd --interactions a.csv --max-errors 1
    [ "$(pz-import --export interactions a.pzd | tail -2 | tr '\n' ' ')" = "u2,i2,6 u3,i3,7 " ]
    printf 'USER_ID,ITEM_ID,TIMESTAMP\n"u1"x,i1,5\n' >b.csv
    refused 'b.csv:2: there is text between a closing quote and the next delimiter' --interactions b.csv
    printf 'USER_ID,"ITEM_ID,TIMESTAMP\nu1,i1,5\n' >c.csv
    refused 'c.csv:1: the header line' --interactions c.csv
}

@test "NUL bytes and broken UTF-8 are bad rows" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu\0,i1,5\nu2,i\xff\xfe,6\nu3,i\xc3\xa9,7\n' >a.csv
    refused 'a.csv:2: column USER_ID:' --interactions a.csv
    imp -o a.pzd --interactions a.csv --max-errors 2
    grep -q 'a.csv:2: column USER_ID: .*NUL' err
    grep -q 'a.csv:3: column ITEM_ID: .*UTF-8' err
    [ "$(pz-import --export interactions a.pzd | tail -1)" = "u3,ié,7" ]
    printf '\xff\xfeU\0S\0' >utf16.csv
    refused 'UTF-16' --interactions utf16.csv
    printf '[{"userId":"u"}]' >array.json
    refused 'JSON array' --interactions array.json
}

@test "numbers out of range are bad rows, with their value" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_VALUE\nu,i,99999999999999999999999,1\nu,i,5,1e39\nu,i,5,inf\nu,i,6,1e30\n' >a.csv
    imp -o a.pzd --interactions a.csv --max-errors 3 --reject r.jsonl
    [ "$(jq -r '[.line, .column] | join(" ")' r.jsonl | tr '\n' ';')" = "2 TIMESTAMP;3 EVENT_VALUE;4 EVENT_VALUE;" ]
    grep -q '"99999999999999999999999"' err
    [ "$(pz-import --export interactions a.pzd | tail -1)" = "u,i,6,1e+30" ]
}

@test "fields of a megabyte are refused by name, and quoted lines go on" {
    { echo USER_ID,ITEM_ID,TIMESTAMP; head -c 1000000 /dev/zero | tr '\0' a; echo ,i1,5; echo u2,i2,6; } >a.csv
    refused 'a.csv:2: column USER_ID: is longer than 256 bytes: "aaaa' --interactions a.csv
    imp -o a.pzd --interactions a.csv --max-errors 1
    [ "$(wc -c <err)" -lt 1000 ]
    printf 'ITEM_ID,TEXT\ni1,"' >items.csv
    head -c 1000000 /dev/zero | tr '\0' '\n' >>items.csv
    printf '"\ni2,x\n' >>items.csv
    rows b.csv u1,i1,5
    imp -o b.pzd --interactions b.csv --items items.csv --max-errors 1
    grep -q 'items.csv:2: column TEXT: is longer than 100,000 bytes' err
    [ "$(pz-import --export items b.pzd | tail -1)" = i2,x ]
    { printf 'USER_ID,ITEM_ID,TIMESTAMP\n'; head -c 5000000 /dev/zero | tr '\0' a; } >c.csv
    refused 'a line of more than' --interactions c.csv
}

@test "--escape backslash reads quotes as Personalize's textual columns have them" {
    rows a.csv u1,i1,5
    cat >items.csv <<'C'
ITEM_ID,TEXT
i1,"a \"fine\" thing, c:\\ and ""more"""
C
    refused 'if quotes are written \", say --escape backslash' --interactions a.csv --items items.csv
    imp -o a.pzd --interactions a.csv --items items.csv --escape backslash
    [ "$(pz-import --export items a.pzd | tail -1)" = 'i1,"a ""fine"" thing, c:\ and ""more"""' ]
}

@test "arrays in JSON are impressions and categories; nested objects are left out" {
    cat >a.jsonl <<'J'
{"userId":"u","itemId":"i","timestamp":1700000000,"impression":["i","j"],"tags":["x","y"],"n":1.5,"ok":true}
{"userId":"u","itemId":"j","timestamp":1700000001,"tags":{"a":1}}
{"userId":"u","itemId":"j","timestamp":1700000002,"userId":"v"}
{"userId":"u","itemId":"j","timestamp":1700000003
{"userId":"u","itemId":"k","timestamp":1700000004,"tags":[],"n":null}
J
    imp -o a.pzd --interactions a.jsonl --max-errors 2
    grep -q 'a.jsonl: "tags" is left out, it holds objects' err
    grep -q 'a.jsonl:3: ' err
    grep -q 'a.jsonl:4: ' err
    diff <(pz-import --export interactions a.pzd) - <<'C'
USER_ID,ITEM_ID,TIMESTAMP,IMPRESSION,tags,n,ok
u,i,1700000000,i|j,x|y,1.5,true
u,j,1700000001,,,,
u,k,1700000004,,,,
C
}

@test "the generator of the speed bench writes the same bytes everywhere" {
    B=$(dirname "$PZ_BIN") run -0 --separate-stderr "$BATS_TEST_DIRNAME/../../scripts/make-synthetic" 1000 50 20 3
    [ "$(sha256sum <<<"$output" | cut -c 1-16)" = 866ef2e8fbce1ac6 ]
    in_topics=$(B=$(dirname "$PZ_BIN") "$BATS_TEST_DIRNAME/../../scripts/make-synthetic" 1000 50 20 3 4 | sha256sum)
    [ "${in_topics:0:16}" = a2abf7a2ab8cfd3a ]
    pz-import -q -o s.pzd --interactions - <<<"$output"
    [ "$(pz-import --info --json s.pzd | jq '.users, .items' | tr '\n' ' ')" = "50 20 " ]
}

@test "a row with too few or too many fields says how many" {
    rows a.csv u1,i1,5 u2,i2 u3,i3,7,8
    imp -o a.pzd --interactions a.csv --max-errors 2
    grep -q 'a.csv:3: has 2 fields where the header has 3' err
    grep -q 'a.csv:4: has 4 fields where the header has 3' err
}

@test "export and import give the same bytes, whatever stands in the cells" {
    cat >a.csv <<'C'
USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,IMPRESSION,DEVICE
"u,1",i1,1700000000,View,,i1|i2,phone
"u""2",i 2,1700000001,Purchase,0.1,,"tab
let"
ü3,i1,-5,View,1e-7,,
ü3,i1,1700000001,View,3,,phone
C
    cat >items.csv <<'C'
ITEM_ID,PRICE,GENRE,TITLE,FLAG,CREATION_TIMESTAMP
i1,0.30000000000000004,a|b|c,"A ""quoted"", long
title with a newline in it, and quite a few words more",true,1600000000
never,,x,,false,
C
    printf 'USER_ID,AGE\nu9,30\nü3,\n' >users.csv
    imp -o a.pzd --interactions a.csv --items items.csv --users users.csv
    pz-import --export schema -o s.json a.pzd
    for t in interactions items users; do pz-import --export $t -o x-$t.csv a.pzd; done
    imp -o b.pzd --interactions x-interactions.csv --items x-items.csv --users x-users.csv --schema s.json || { cat err; false; }
    cmp a.pzd b.pzd
}

@test "the sample shop goes out and in again byte for byte, at 1, 2 and 4 threads" {
    for j in 1 2 4; do
        pz-import -q -j $j -o s$j.pzd --interactions "$SHOP/interactions.csv" --items "$SHOP/items.csv" \
            --users "$SHOP/users.csv"
        cmp s1.pzd s$j.pzd
    done
    pz-import --export schema -o s.json s1.pzd
    for t in interactions items users; do pz-import --export $t -o x-$t.csv s1.pzd; done
    pz-import -q -j 3 -o b.pzd --interactions x-interactions.csv --items x-items.csv --users x-users.csv --schema s.json
    cmp s1.pzd b.pzd
    zstd -qt s1.pzd
}

@test "bad rows and notes are told in the order of the file at any thread count" {
    awk -F, 'NR % 997 == 0 { $3 = "bad" NR } { print $1 "," $2 "," $3 }' OFS=, "$SHOP/interactions.csv" >a.csv
    for j in 1 4; do
        pz-import -j $j -o a$j.pzd --interactions a.csv --max-errors 1% --reject r$j.jsonl 2>err$j
    done
    cmp a1.pzd a4.pzd
    cmp r1.jsonl r4.jsonl
    cmp err1 err4
    [ "$(wc -l <r1.jsonl)" -eq 60 ]
}

@test "merge: identical events once, later rows win, columns united; the same as reading both" {
    rows a.csv u1,i1,5 u1,i2,6
    rows b.csv u1,i2,6 u2,i3,7
    printf 'ITEM_ID,PRICE,COLOR\ni1,1,red\ni2,2,blue\n' >ia.csv
    printf 'ITEM_ID,PRICE,SIZE\ni2,20,9\ni3,30,8\n' >ib.csv
    imp -o a.pzd --interactions a.csv --items ia.csv
    imp -o b.pzd --interactions b.csv --items ib.csv
    pz-import --merge -o ab.pzd a.pzd b.pzd 2>err
    [ "$(pz-import --export interactions ab.pzd | tail -3 | tr '\n' ' ')" = "u1,i1,5 u1,i2,6 u2,i3,7 " ]
    diff <(pz-import --export items ab.pzd) - <<'C'
ITEM_ID,PRICE,COLOR,SIZE
i1,1,red,
i2,20,,9
i3,30,,8
C
    diff <(pz-import --export items a.pzd b.pzd) <(pz-import --export items ab.pzd)
    pz-import --merge -q -o again.pzd ab.pzd
    cmp ab.pzd again.pzd
    pz-import --merge -q -o aa.pzd a.pzd a.pzd
    cmp a.pzd aa.pzd
}

@test "merge refuses a column of two kinds" {
    rows a.csv u1,i1,5
    printf 'ITEM_ID,A\ni1,1\n' >ia.csv
    printf 'ITEM_ID,A\ni1,some words\n' >ib.csv
    imp -o a.pzd --interactions a.csv --items ia.csv
    imp -o b.pzd --interactions a.csv --items ib.csv
    run -65 pz-import --merge -o ab.pzd a.pzd b.pzd
    [[ $output == *" A"* ]]
    [ ! -e ab.pzd ]
}

@test "a dataset cut or altered anywhere is refused, and never by a crash" {
    write_csv a.csv
    printf 'ITEM_ID,A,B\ni1,x|y,1\n' >items.csv
    imp -o a.pzd --interactions a.csv --items items.csv
    size=$(wc -c <a.pzd)
    for ((n = 0; n < size; n += 29)); do
        head -c "$n" a.pzd >cut.pzd
        run -65 pz-import --info cut.pzd
        [[ $output == *cut.pzd* ]]
        { head -c "$n" a.pzd; printf '\x5a'; tail -c +$((n + 2)) a.pzd; } >bent.pzd
        cmp -s a.pzd bent.pzd || run -65 pz-import --info bent.pzd
    done
    { cat a.pzd; echo; } >long.pzd
    run -65 pz-import --info long.pzd
}

@test "with too little memory the answer is 75 and says so, and nothing is written" {
    if [ -n "${SAN:-}" ] || ldd "$(command -v pz-import)" | grep -q san; then
        skip "sanitizers need terabytes of addresses"
    fi
    pz-import -q -o ok.pzd --interactions "$SHOP/interactions.csv" --items "$SHOP/items.csv"
    for ((kb = 10000; kb < 48000; kb += 1900)); do
        for what in "-o out.pzd --interactions $SHOP/interactions.csv --items $SHOP/items.csv" "--check ok.pzd" \
            "--merge -o out.pzd ok.pzd ok.pzd" "--export items -o out.csv ok.pzd"; do
            status=0
            # shellcheck disable=SC2086 # words on purpose
            (ulimit -v $kb; pz-import -q -j1 $what >/dev/null 2>err) || status=$?
            case $status in
                0) rm -f out.pzd out.csv; big=1 ;;
                75) grep -Eiq "memory" err; [ ! -e out.pzd ]; [ ! -e out.csv ]; small=1 ;;
                *) echo "$kb: $status: $(cat err)"; false ;;
            esac
        done
    done
    [ "$big$small" = 11 ]
}

@test "an output that is also an input is refused, in a merge too" {
    write_csv a.csv
    cp a.csv copy.csv
    run -2 pz-import -q -o a.csv --interactions a.csv
    [[ $output == *"a.csv is also an input"* ]]
    cmp a.csv copy.csv
    imp -o a.pzd --interactions a.csv
    run -2 pz-import -q --export interactions -o ./a.pzd a.pzd
    run -2 pz-import -q --merge -o a.pzd a.pzd
    pz-import -q --info a.pzd >/dev/null
}

@test "files that are no datasets are said to be none" {
    write_csv a.csv
    : >empty.pzd
    zstd -q -c a.csv >other.pzd
    for f in a.csv empty.pzd other.pzd; do
        run -65 pz-import --info $f
        [[ $output == *"$f"* ]]
    done
    run -66 pz-import --info nosuch.pzd
}

@test "--check finds what hurts, in a dataset or in raw tables" {
    { echo USER_ID,ITEM_ID,TIMESTAMP; for i in $(seq 40); do echo "u$i,i$((i % 3)),1700000000"; echo "u$i,i$((i % 5)),1700000000"; done
      for i in $(seq 120); do echo "bot,x$i,1700000000"; done; echo "u1,i1,1700000000"; echo "u1,i1,never"; } >a.csv
    printf 'ITEM_ID,PRICE\ni0,1\ni1,\ni2,\nidle,3\n' >items.csv
    run -0 --separate-stderr pz-import --check --json --interactions a.csv --items items.csv
    jq -r '.insights[] | "\(.severity) \(.id) \(.column // "-") \(.count)"' <<<"$output" >got
    diff got - <<'T'
serious rejected-rows - 1
serious few-interactions - 192
serious one-timestamp TIMESTAMP 192
warning ids-without-row ITEM_ID 122
warning extreme-users USER_ID 1
warning incomplete-column PRICE 2
warning incomplete-rows - 2
note duplicate-rows - 9
note ids-without-interactions ITEM_ID 1
T
    [[ $stderr == *"read 202, kept 192, rejected 1, duplicate 9"* ]]
    imp -o a.pzd --interactions a.csv --items items.csv --max-errors 1
    pz-import --check a.pzd >text
    grep -q '^serious  *Interactions.TIMESTAMP  *all interactions have the timestamp 1700000000' text
    run ! grep -q rejected text
    run -1 pz-import --check --strict a.pzd
    run -2 pz-import --check -o b.pzd a.pzd
}

@test "--check: the future, other tables' ids, event types, categories, outliers" {
    { echo USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE; for i in $(seq 30); do
        echo "u$i,i$((i % 4)),170000000$((i % 10)),t$((i % 11))"; echo "u$i,j$i,$((i == 7 ? 9000000000 : 1700000100)),t1"; done; } >a.csv
    { echo ITEM_ID,CAT,PRICE; for i in $(seq 40); do echo "j$i,c$((i % 35)),$((i == 3 ? 90000 : i))"; done; } >items.csv
    imp -o a.pzd --interactions a.csv --items items.csv
    pz-import --check --json a.pzd | jq -r '.insights[] | "\(.severity) \(.id) \(.column // "-") \(.count)"' >got
    diff got - <<'T'
serious few-interactions - 60
serious future TIMESTAMP 1
warning many-event-types EVENT_TYPE 11
note ids-without-interactions ITEM_ID 10
note ids-without-row ITEM_ID 4
note many-categories CAT 35
note outliers PRICE 1
T
}

@test "a clean shop has nothing serious" {
    small_shop
    [ "$(pz-import --check --json shop.pzd | jq '[.insights[] | select(.severity == "serious")] | length')" -eq 0 ]
    run -0 pz-import --check --strict shop.pzd
}
