# SPDX-License-Identifier: Apache-2.0
# Rows of any input: a bad record costs itself alone, and what is no table is refused in words.
load common

setup_file() {
    export PATH=$PZ_BIN:$PATH
    local shop=$BATS_TEST_DIRNAME/../../sample-data
    cd "$BATS_FILE_TMPDIR" || return 1
    awk -F, 'NR == 1 || substr($1, 4, 2) == "40"' "$shop/interactions.csv" >inter.csv
    pz-import -q -o shop.pzd --interactions inter.csv
    pz-train -q -o home.pzm --no-tune -r popularity-count shop.pzd
    pz-deploy publish -q home.pzc home.pzm
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp -r "$BATS_FILE_TMPDIR/home.pzc" .
}

# counts BAD STORED: what putting the file f with errors allowed comes to
counts() {
    run -0 --separate-stderr pz-event put --json --max-errors 9 home.pzc f
    jq -es --argjson b "$1" --argjson s "$2" '.[-1] | .bad == $b and .stored == $s' <<<"$output"
}

@test "a stray quote in events costs its line, not those behind it" {
    printf 'USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\nu1,i1,"view,1\nu2,i2,view,2\nu3,"i3",view,3\nu4,i4,view,4\n' >f
    counts 1 3
    printf 'USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\nu1,i1,vi"ew,1\nu2,"i2"x,view,2\nu3,i3,view,3\nu4,"i4,view,4' >f
    counts 2 2
    run -65 pz-event put home.pzc f
    [[ $output == *"f:3: there is text between a closing quote"* ]]
}

@test "a JSON line that breaks off costs itself alone" {
    cat >f <<'JSON'
{"userId":"a","itemId":"i1","eventType":"view","sentAt":1}
{"userId":"b","itemId":"i2",
{"userId":"c","itemId":"i3","eventType":"view","sentAt":3}
{"userId":"d","itemId":"i
{"userId":"e","itemId":"i5","eventType":"view","sentAt":5}
{"userId":"f",
 "itemId":"i6","eventType":"view","sentAt":6}
JSON
    counts 2 4
    run -65 pz-event put home.pzc f
    [[ $output == *"f:2: JSON"* ]]
}

@test "what is no table is refused with the command that makes one of it" {
    printf '[{"userId":"a","itemId":"i1","eventType":"view"}]' >array.json
    printf 'USER_ID,ITEM_ID,EVENT_TYPE\na,b,view\n' | iconv -t UTF-16 >bom.csv
    printf 'USER_ID,ITEM_ID,EVENT_TYPE\na,b,view\n' | iconv -t UTF-16LE >plain.csv
    printf 'USER_ID,ITEM_ID,TIMESTAMP\ra,b,1\r' >mac.csv
    printf 'USER_ID,ITEM_ID,TIMESTAMP,GR\xd6SSE\na,b,1,2\n' >latin.csv
    while IFS='|' read -r file words; do
        run -65 pz-event put home.pzc "$file"
        [[ $output == *"$words"* ]]
        run -65 pz-import -o no.pzd --interactions "$file"
        [[ $output == *"$words"* ]]
        run -65 pz-recommend home.pzc --input "$file"
        [[ $output == *"$words"* ]]
    done <<'LIST'
array.json|jq -c '.[]' array.json
bom.csv|iconv -f UTF-16 -t UTF-8 bom.csv
plain.csv|iconv -f UTF-16LE -t UTF-8 plain.csv
mac.csv|tr '\r' '\n' < mac.csv
latin.csv|iconv -f LATIN1 -t UTF-8 latin.csv
LIST
    # a header in ASCII above rows that are not
    printf 'USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\na,caf\xe9,view,1\n' >rows.csv
    run -65 pz-event put home.pzc rows.csv
    [[ $output == *"is not valid UTF-8; if it is Latin-1: iconv -f LATIN1 -t UTF-8"* ]]
    run -65 pz-import -o no.pzd --interactions rows.csv
    [[ $output == *"is not valid UTF-8; if it is Latin-1: iconv -f LATIN1 -t UTF-8 rows.csv > utf8.csv"* ]]
}

@test "ids that are no UTF-8 are no ids of somebody unknown" {
    local latin='is not valid UTF-8; if it is Latin-1: iconv -f LATIN1 -t UTF-8'
    printf 'USER_ID\nu0040\ncaf\xe9\n' >q.csv
    printf '{"userId":"caf\xe9"}\n' >q.jsonl
    run -65 pz-recommend home.pzc --input q.csv
    [[ $output == *"q.csv:3: column USER_ID $latin"* ]]
    run -65 pz-recommend home.pzc --input q.jsonl
    [[ $output == *"q.jsonl:1: "*"$latin"* ]]
    run -2 pz-recommend home.pzc --user $'caf\xe9'
    [[ $output == *"--user $latin"* ]]
    run -2 pz-recommend home.pzc --user u0040 --rank $'i0001,caf\xe9'
    [[ $output == *"an id $latin"* ]]
    run -65 pz-event forget home.pzc --file q.csv
    [[ $output == *"q.csv:3: the id $latin"* ]]
}

@test "archives and pages are named as such" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu1,i1,1\n' >a.csv
    tar cf a.tar a.csv
    tar czf a.tgz a.csv
    printf '<!DOCTYPE html>\n<html>Sign in</html>\n' >page.csv
    printf 'ORCID,ITEM_ID,TIMESTAMP\nu1,i1,1\n' >word.csv
    while IFS='|' read -r file words; do
        run -65 pz-import -o no.pzd --interactions "$file"
        [[ $output == *"$words"* ]]
    done <<'LIST'
a.tar|a tar archive, not text; unpack it: tar -xOf a.tar > out.csv
a.tgz|a tar archive, not text; unpack it: tar -xOf a.tgz > out.csv
page.csv|HTML or XML
word.csv|missing the following columns: [USER_ID]
LIST
}

@test "a stray quote in a batch spoils one question" {
    printf 'USER_ID,ITEM_ID\n"u0040,x\nu0140,\nu0240,"y"\n' >f
    run -0 --separate-stderr pz-recommend home.pzc --input f -n 1 -f jsonl
    [ "${#lines[@]}" -eq 3 ]
    jq -e '.error' <<<"${lines[0]}"
    jq -e '.output' <<<"${lines[1]}"
    jq -e '.output' <<<"${lines[2]}"
}

@test "a title above the header is passed over, \"::\" and | delimit" {
    printf 'Export of 2025-01-06\nUSER_ID;ITEM_ID;TIMESTAMP\nu1;i1;1700000000\nu2;i2;1700000100\n' >a.csv
    printf '"Export of 6 January, 2025"\nUSER_ID,ITEM_ID,TIMESTAMP\nu1,i1,1700000000\nu2,i2,1700000100\n' >d.csv
    pz-import -q -o d.pzd --interactions d.csv
    [ "$(pz-import --info --json d.pzd | jq .interactions)" -eq 2 ]
    printf '# made by shop 4.2\nUSER_ID::ITEM_ID::TIMESTAMP\nu1::i1::1700000000\nu2::i2::1700000100\n' >b.csv
    printf 'USER_ID|ITEM_ID|TIMESTAMP\nu1|i1|1700000000\nu2|i2|1700000100\n' >c.csv
    for f in a b c; do
        pz-import -q -o $f.pzd --interactions $f.csv
        pz-import --export interactions $f.pzd >$f.out
        cmp a.out $f.out
    done
    # what spreadsheets put above: the separator, a title in a row of empty cells, lines between
    printf 'sep=;\nUSER_ID;ITEM_ID;TIMESTAMP\nu1;i1;1700000000\nu2;i2;1700000100\n' >d.csv
    printf '"Clicks, May",,\n,,\nUSER_ID,ITEM_ID,TIMESTAMP\nu1,i1,1700000000\nu2,i2,1700000100\n' >e.csv
    printf 'Shop\n\nfrom May to June\nUSER_ID\tITEM_ID\tTIMESTAMP\nu1\ti1\t1700000000\nu2\ti2\t1700000100\n' >f.csv
    for f in d e f; do
        pz-import -q -o $f.pzd --interactions $f.csv
        pz-import --export interactions $f.pzd | cmp - a.out
    done
}

@test "an object over several lines, and times of no known form, are refused with the cure" {
    printf '{\n "userId": "u",\n "itemId": "1",\n "timestamp": 1700000000\n}\n' >p.json
    run -65 pz-import -o d.pzd --interactions p.json
    [[ $output == *"one object per line is needed: jq -c . p.json"* ]]
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu,1,29-janvier-2021 07:01\n' >t.csv
    run -65 pz-import -o d.pzd --interactions t.csv
    [[ $output == *'t.csv:2: column TIMESTAMP: is not a time (Unix seconds '*'); --time-format reads others: "29-janvier-2021 07:01"'* ]]
    sed -i s/janvier/1/ t.csv
    pz-import -q -o d.pzd --interactions t.csv --time-format '%d-%m-%Y %H:%M'
    [ "$(pz-import --export interactions d.pzd | tail -1)" = u,1,1611903660 ]
}

@test "gzip, xz, bzip2 and zstd are read without asking, joined and cut ones too" {
    { echo USER_ID,ITEM_ID,TIMESTAMP; for i in $(seq 60000); do echo "u$((i % 999)),i$((i * 7919 % 1009)),$((1700000000 + i))"; done; } >a.csv
    pz-import -q -o a.pzd --interactions a.csv
    pz-import --export interactions a.pzd >right.csv
    head -30000 a.csv >one
    tail -n +30001 a.csv >two
    for tool in gzip xz bzip2 zstd; do
        { "$tool" -qc one; "$tool" -qc two; } >packed
        pz-import -q -o b.pzd --interactions packed
        pz-import --export interactions b.pzd | cmp - right.csv
        pz-import -q -o b.pzd --interactions - <packed
        head -c 20000 packed >cut
        run -65 pz-import -o c.pzd --interactions cut
        [[ $output == *"ends in the middle"* || $output == *damaged* ]]
    done
    # as much output as the reader's buffer from the last bytes of input
    { echo USER_ID,ITEM_ID,TIMESTAMP; head -c 3000000 /dev/zero | tr '\0' ' ' | sed 's/ /\n/g'; echo u,i,1700000000; } | gzip >blank.gz
    pz-import -q -o b.pzd --interactions blank.gz
    [ "$(pz-import --export interactions b.pzd | tail -1)" = u,i,1700000000 ]
}

@test "what is no text is named with the command that converts it" {
    printf 'PAR1xxxxxxxxxxxxxxxx' >a.parquet
    printf 'PK\003\004%026d%s' 0 a.csv >a.zip
    printf 'PK\003\004%026d%s' 0 '[Content_Types].xml' >a.xlsx
    printf 'SQLite format 3\0xxxxx' >a.db
    printf 'SQLite format 3\0xCREATE TABLE later(a)xCREATE TABLE ratings(u, i)' >b.db
    while IFS='|' read -r file words; do
        run -65 pz-import -o no.pzd --interactions "$file"
        [[ $output == *"$words"* ]]
        run -65 pz-event put home.pzc "$file"
        [[ $output == *"$words"* ]]
    done <<'LIST'
a.parquet|a.parquet is Parquet, not text; convert it: duckdb -c "COPY (FROM 'a.parquet') TO 'out.csv'"
a.zip|a.zip is a zip archive, not text; convert it: unzip -p a.zip
a.xlsx|a.xlsx is an xlsx workbook, not text; convert it: xlsx2csv a.xlsx
a.db|a.db is an SQLite database, not text; convert it: sqlite3 -csv -header a.db
b.db|b.db is an SQLite database, not text; convert it: sqlite3 -csv -header b.db 'SELECT * FROM ratings' > out.csv
LIST
}
