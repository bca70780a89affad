# SPDX-License-Identifier: Apache-2.0
# pz-import: what people write into cells is read as they mean it, or reported; never in silence.
load common

setup() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_TEST_TMPDIR" || exit 1
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu,a,1633046400\nu,b,1633046500\nv,c,1633046600\nw,d,1633046800\n' >i.csv
}

imp() {
    run -0 --separate-stderr pz-import -o d.pzd "$@"
}

interactions() {
    pz-import --export interactions d.pzd | tail -n +2
}

items() {
    pz-import --export items d.pzd | tail -n +2
}

type_of() {
    pz-import --info d.pzd | awk -v c="$1" '$1 == c { print $2 }'
}

@test "one stray cell is named with its line; --number reads the column as numbers" {
    { echo ITEM_ID,YEAR; for i in $(seq 1960 1999); do echo "$i,$i"; done; echo x,2006–2007; } >items.csv
    imp --interactions i.csv --items items.csv
    [[ $stderr == *'items.csv:42: Items.YEAR is a text because of "2006–2007"; --number YEAR'* ]]
    [ "$(type_of YEAR)" = string ]
    imp --interactions i.csv --items items.csv --number YEAR
    [[ $stderr == *'Items.YEAR: 1 cells are no numbers and read as null'* ]]
    [ "$(type_of YEAR)" = long ]
    items | grep -qx x,
    # in a small file too: all but one are numbers
    printf 'ITEM_ID,RATING\na,4.5\nb,3\nc,n/d\n' >items.csv
    imp --interactions i.csv --items items.csv
    [[ $stderr == *'items.csv:4: Items.RATING is a text because of "n/d"; --number RATING'* ]]
    printf 'USER_ID,ITEM_ID,TIMESTAMP,LENGTH\nu,a,1633046400,12\nu,b,1633046401,1m30s\nv,a,1633046402,8\n' >t.csv
    imp --interactions t.csv
    [[ $stderr == *'t.csv:3: Interactions.LENGTH is a text because of "1m30s"; --number LENGTH'* ]]
    printf 'ITEM_ID,UNTIL\na,2021-10-01\nb,soon\nc,2021-11-02\n' >items.csv
    imp --interactions i.csv --items items.csv
    [[ $stderr == *'items.csv:3: Items.UNTIL is a text because of "soon", where all others are times in ISO-8601; --null'* ]]
    imp --interactions i.csv --items items.csv --null soon
    [ "$(type_of UNTIL)" = long ]
    # a few numbers among words are no reason to say anything
    printf 'ITEM_ID,SIZE\na,XL\nb,36\nc,M\n' >items.csv
    imp --interactions i.csv --items items.csv
    [[ $stderr != *"--number"* ]]
}

# rows ROWS FROM: interactions with a column LENGTH, of many users, so that their rows change places
rows() {
    awk -v n="$1" -v from="$2" 'BEGIN {
        for (i = 0; i < n; i++) printf "u%d,i%d,%d,%d\n", (i * 7919) % 501, i % 97, 1633046400 + from + i, i % 60 }'
}

@test "the line of a stray cell of interactions is known whatever way the rows come" {
    header=USER_ID,ITEM_ID,TIMESTAMP,LENGTH
    # more than one block, on several threads, behind blank lines, a newline in a cell and a bad row
    { echo $header; rows 90000 0; printf '\n"a\nb",i,1633046400,9\nu,i,never,9\nu,i,1633046400,1m30s\n'; rows 500 90000; } >big.csv
    line=$(grep -n 1m30s big.csv | cut -d: -f1)
    [ "$line" -eq 90006 ]
    text="Interactions.LENGTH is a text because of \"1m30s\"; --number LENGTH"
    for threads in 1 4; do
        imp -j $threads --interactions big.csv --max-errors 1
        [[ $stderr == *"big.csv:$line: $text"* ]]
    done
    # compressed, from a pipe, as JSON, as the second operand, in a folder; where the word stands twice: the first
    gzip -k big.csv
    imp --interactions big.csv.gz --max-errors 1
    [[ $stderr == *"big.csv.gz:$line: $text"* ]]
    imp --interactions - --max-errors 1 <big.csv
    [[ $stderr == *"standard input:$line: $text"* ]]
    { rows 3000 0 | awk -F, '{ printf "{\"USER_ID\":\"%s\",\"ITEM_ID\":\"%s\",\"TIMESTAMP\":%s,\"LENGTH\":\"%s\"}\n", $1, $2, $3, NR == 2001 ? "1m30s" : $4 }'; } >t.jsonl
    imp --interactions t.jsonl
    [[ $stderr == *"t.jsonl:2001: $text"* ]]
    mkdir days
    { echo $header; rows 300 0; } >days/1.csv
    { echo $header; rows 200 300; echo u0,i0,1633050000,1m30s; rows 9 500; echo u1,i0,1633050000,1m30s; } >days/2.csv
    imp --interactions days/1.csv days/2.csv
    [[ $stderr == *"days/2.csv:202: $text"* ]]
    imp --interactions days
    [[ $stderr == *"days/2.csv:202: $text"* ]]
    # a name that leaves no place for a line in a buffer
    long=$(printf 'x%.0s' $(seq 200))
    mkdir -p "$long/$long" && cp days/2.csv "$long/$long/2.csv"
    imp --interactions "$long/$long/2.csv"
    [[ $stderr == *"$long/2.csv:202: $text"* ]]
    imp --interactions days --number LENGTH
    [[ $stderr == *"days/2.csv:202: Interactions.LENGTH: \"1m30s\" is no number and is read as null"* ]]
}

@test "what is told about ids, times, nulls and blanks has the line of the first" {
    { echo USER_ID,ITEM_ID,TIMESTAMP,NOTE; rows 2000 0; echo '12.0,i1,1633046400,1'; echo 'u1, i1,1633046400,1'; echo 'u1,i1,1000,NULL'; echo '13.0,i1,9, 5'; } >t.csv
    for threads in 1 4; do
        imp -j $threads --interactions t.csv
        [[ $stderr == *'t.csv:2002: USER_ID: 2 of 503 ids end in .0'* ]]
        [[ $stderr == *'t.csv:2003: ITEM_ID: 1 of 98 ids have blanks at their ends'* ]]
        [[ $stderr == *'t.csv:2004: TIMESTAMP: 2 interactions are dated before 1980 and 0 after tomorrow, the first 1970-01-01'* ]]
        [[ $stderr == *'t.csv:2004: NOTE: 1 cells such as NULL'* ]]
        [[ $stderr == *'t.csv:2005: NOTE: 1 cells have blanks at their ends'* ]]
    done
    printf 'USER_ID,YEAR\nu1,1\n14.0,2\n' >users.csv
    sed -i '/\.0,/d' t.csv
    imp --interactions t.csv --users users.csv
    [[ $stderr == *'users.csv:3: USER_ID: 1 of 502 ids end in .0'* ]]
    # an event type in one file and none in the next
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu,a,1633046400,view\n' >a.csv
    run -65 pz-import -o d.pzd --interactions a.csv t.csv
    [[ $output == *"t.csv:2: 2002 interactions have no EVENT_TYPE while others have one"* ]]
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu,a,8.81E+08\n' >r.csv
    imp --interactions r.csv
    [[ $stderr == *"r.csv:2: TIMESTAMP is written like 8.81E+08"* ]]
}

@test "times of a column: ISO with blanks, slashes, UTC, basic, YYYYMMDD, day first, month first, AM and PM" {
    while IFS='|' read -r first second right; do
        printf 'USER_ID,ITEM_ID,TIMESTAMP\nu,a,%s\nu,b,%s\n' "$first" "$second" >t.csv
        imp --interactions t.csv
        [ "$(interactions | cut -d, -f3 | tr '\n' ' ')" = "$right " ]
    done <<'T'
2022-06-24 21:20:11 | 2022-06-24 21:20:12|1656105611 1656105612
2021/01/29 07:01:00|2021/01/30|1611903660 1611964800
2021-01-29 07:01:00 UTC|2021-01-29 07:01:00.5 UTC|1611903660 1611903660
20210129T070100Z|20210129T070200+0100|1611900120 1611903660
20210129|20210130|1611878400 1611964800
202101290701|202101300000|1611903660 1611964800
20210129070100|20210129070101|1611903660 1611903661
2021-1-29 7:01|2021-1-30 00|1611903660 1611964800
2021.01.29 07:01|2021.01.30|1611903660 1611964800
2021-01-29 02:01:00 EST|2021-01-28 23:01:00 PST|1611903660 1611903660
"January 29, 2021"|"Feb 1, 2021, 7:01:00 PM"|1611878400 1612206060
29 Jan 2021|1 February 2021 07:01|1611878400 1612162860
29-JAN-21|01-FEB-21 07.01.00.000000 AM|1611878400 1612162860
"Fri, 29 Jan 2021 07:01:00 GMT"|"Mon, 01 Feb 2021 08:01:00 +0100"|1611903660 1612162860
Fri Jan 29 07:01:00 2021|Mon Feb  1 07:01:00 UTC 2021|1611903660 1612162860
Fri Jan 29 00:01:00 -0700 2021|Mon Feb 01 07:01:00 +0000 2021|1611903660 1612162860
29/Jan/2021:07:01:00 +0000|01/Feb/2021:08:01:00 +0100|1611903660 1612162860
Fri Jan 29 2021 08:01:00 GMT+0100 (CET)|Mon Feb 01 2021 07:01:00 GMT+0000 (UTC)|1611903660 1612162860
1/29/21 7:01|2/1/21 19:01|1611903660 1612206060
29.01.21|01.02.21 07:01|1611878400 1612162860
44225.29236|44228.25|1611903660 1612159200
29-01-2021 07:01|12-03-2021 05:03|1611903660 1615525380
29.1.2021|1.2.2021 7:01|1611878400 1612162860
01/29/2021 7:01:00 PM|02/03/2021 12:00 AM|1611946860 1612310400
1611903660000|1611903661000|1611903660 1611903661
2021-01-29T07:01:00+02:00|2021-01-29 07:01:00 +0200|1611896460 1611896460
T
}

@test "a date that could be two is refused; --time-format says which" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu,a,03-04-2021 07:01\nu,b,05-06-2021 08:00\n' >t.csv
    run -65 pz-import -o d.pzd --interactions t.csv
    [[ $output == *"t.csv:2: TIMESTAMP: is the day or the month first? Say --time-format"* ]]
    imp --interactions t.csv --time-format '%m-%d-%Y %H:%M'
    [ "$(interactions | cut -d, -f3 | tr '\n' ' ')" = "1614841260 1620288000 " ]
    imp --interactions t.csv --time-format '%d-%m-%Y %H:%M'
    [ "$(interactions | cut -d, -f3 | head -1)" = 1617433260 ]
    run -65 pz-import -o d.pzd --interactions t.csv --time-format '%Y'
    [[ $output == *"t.csv:2: column TIMESTAMP: is not a time of the form given with --time-format"* ]]
}

@test "dates of items become Unix seconds that filters compare with NOW()" {
    printf 'ITEM_ID,EXPIRES_AT,RELEASED,SINCE,STOCK\na,1635725400000,2021-10-01,20210101,20210101\nb,1638316800000,2021-11-01T10:00:00Z,20211201,20219999\nc,,,20210630,5\n' >items.csv
    imp --interactions i.csv --items items.csv
    [[ $stderr == *"Items.EXPIRES_AT is a time in milliseconds, kept as Unix seconds"* ]]
    items | grep -qx 'a,1635725400,1633046400,1609459200,20210101'
    items | grep -qx 'b,1638316800,1635760800,1638316800,20219999'
    items | grep -qx 'c,,,1625011200,5'
}

@test "spellings of null are null, counted and reported; --null changes them" {
    printf 'ITEM_ID,PRICE,BRAND\na,3.5,NULL\nb,nan,N/A\nc,,acme\nd,-,acme\n' >items.csv
    imp --interactions i.csv --items items.csv --null=-,NULL,N/A,nan
    [ "$(type_of PRICE)" = double ]
    [[ $stderr == *"items.csv:2: BRAND: 2 cells such as NULL or NaN are read as null"* ]]
    sed -i 4,5d items.csv
    imp --interactions i.csv --items items.csv
    [ "$(items | tr '\n' ' ')" = 'a,3.5, b,, ' ]
    imp --interactions i.csv --items items.csv --null ''
    [ "$(items | tr '\n' ' ')" = 'a,3.5,NULL b,nan,N/A ' ]
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nnan,a,1633046400\nu,None,1633046400\nu,a,1633046400\n' >n.csv
    imp --interactions n.csv --max-errors 2
    [[ $stderr == *"n.csv:2: column USER_ID: stands for no value (--null '' takes such words as ids): \"nan\""* ]]
}

@test "decimal commas where ';' separates; thousands are refused in words" {
    printf 'USER_ID;ITEM_ID;TIMESTAMP;EVENT_VALUE;PRICE\nu;a;1633046400;49,26;1,5\nu;b;1633046401;3;2\n' >t.csv
    imp --interactions t.csv
    [ "$(interactions | tr '\n' ' ')" = 'u,a,1633046400,49.26,1.5 u,b,1633046401,3,2 ' ]
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_VALUE\nu,a,1633046400,"1,234.5"\n' >t.csv
    run -65 pz-import -o d.pzd --interactions t.csv
    [[ $output == *"t.csv:2: column EVENT_VALUE: is not a number (it has a comma"* ]]
}

@test "numbers with a unit or a comma, ids as formulas and headers with blanks: reported or read" {
    printf 'ITEM_ID,PRICE,SHARE,WIDTH,SIZE\na,$ 9.50,50%%,"49,26",XL\nb,"1.234,50 €",20%%,"3,5",5 cm\nc,7,NaT,-1.#IND,1.#IND\n' >items.csv
    printf 'User ID,Item ID,Timestamp\n"=""07""",a,1633046400\nu,b,1633046500\n' >t.csv
    imp --interactions t.csv --items items.csv
    [[ $stderr == *'t.csv:2: USER_ID: 1 of 2 ids are written as a formula of a spreadsheet'* ]]
    [[ $stderr == *'items.csv:2: Items.PRICE is a text: its cells are numbers with a unit or a comma, as "$ 9.50"'* ]]
    [[ $stderr == *'items.csv:3: Items.SHARE is a text: its cells are numbers with a unit or a comma, as "20%"'* ]]
    [[ $stderr == *'Items.WIDTH is a text: its cells are numbers with a unit or a comma'* ]]
    [[ $stderr != *"Items.SIZE is a text"* ]]
    items | grep -qx 'c,7,,,'
}

@test "escapes in lists are read as Python and JSON write them" {
    cat >items.tsv <<'T'
ITEM_ID	TAGS
a	["Caf\u00e9","a \"b\"","\ud83d\ude00"]
b	['it\'s', 'back\\slash', "l'eau", '\xe9']
c	["\q", "x"]
T
    imp --interactions i.csv --items items.tsv
    [[ $stderr == *"Items.TAGS holds lists in brackets"* ]]
    items >out
    grep -qx 'a,"Café|a ""b""|😀"' out
    grep -qx "b,it's|back\\\\slash|l'eau|é" out
    grep -qx 'c,\\q|x' out
}

@test "lists with commas, in brackets, with blanks around bars, with a separator of one's own" {
    cat >items.csv <<'C'
ITEM_ID,GENRES,TAGS,PY,SP,OWN,TITLE
a,"Comedy, Drama","[""red"",""big""]","['x', 'y z']",x | y,1;2,"American President, The"
b,Drama,"[""red""]",['x'],y,2,"Lion King, The"
c,Comedy,[],[],x,1;3,Heat
d,"Horror, Comedy","[""big""]",['y z'],z|,3,"Net, The"
C
    imp --interactions i.csv --items items.csv --list 'OWN=;'
    [ "$(items | head -1)" = 'a,Comedy|Drama,red|big,x|y z,x|y,1|2,"American President, The"' ]
    [ "$(items | tail -1)" = 'd,Horror|Comedy,big,y z,z,3,"Net, The"' ]
    [[ $stderr == *"Items.GENRES holds lists separated by ','"* ]]
    [[ $stderr == *"Items.TAGS holds lists in brackets"* ]]
    run -2 pz-import -o d.pzd --interactions i.csv --list OWN
    # too few rows to tell lists from titles: a line says how they are read as lists
    printf 'ITEM_ID,T\na,"x, y"\nb,y\nc,"z, x"\n' >items.csv
    imp --interactions i.csv --items items.csv
    [[ $stderr == *"Items.T has cells with commas that may be lists; --list T=,"* ]]
    imp --interactions i.csv --items items.csv --list T=,
    [ "$(items | head -1)" = 'a,x|y' ]
}

@test "blanks at the ends of words are left out and counted, those of ids count" {
    printf 'ITEM_ID,CAT,NOTE\na, x ,one\nb,x ,  \nc, y,three\n' >items.csv
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu,a,1633046400,View \nu ,b,1633046401,View\n' >t.csv
    imp --interactions t.csv --items items.csv
    [ "$(items | tr '\n' ' ')" = 'a,x,one b,x, c,y,three ' ]
    [ "$(interactions | cut -d, -f1,4 | tr '\n' ' ')" = 'u,View "u ",View ' ]
    [[ $stderr == *"items.csv:2: CAT: 3 cells have blanks at their ends, which are left out"* ]]
    [[ $stderr == *"t.csv:2: EVENT_TYPE: 1 cells have blanks"* ]]
}

@test "schemas are found in whatever holds them" {
    local s='{"type":"record","name":"Interactions","fields":[{"name":"USER_ID","type":"string"},{"name":"ITEM_ID","type":"string"},{"name":"TIMESTAMP","type":"long"}],"version":"1.0"}'
    jq -n --argjson s "$s" '{datasetGroup:{name:"g"},datasets:{Interactions:{name:"i",schema:$s}}}' >params.json
    jq -n --arg s "$s" '{schema:{name:"x",schema:$s}}' >described.json
    jq -n --arg s "$s" '$s' >string.json # aws personalize describe-schema --query schema.schema
    for f in params.json described.json string.json; do imp --interactions i.csv --schema $f; done
    echo '{"a":[{"b":"{no schema"}]}' >none.json
    run -65 pz-import -o d.pzd --interactions i.csv --schema none.json
}

@test "objects inside JSON: MongoDB's are values, others are left out or read by --map" {
    printf '{"_id":{"$oid":"64b"},"user":{"id":"u1","n":{"k":5}},"itemId":"i1","timestamp":{"$date":{"$numberLong":"1700000000000"}}}\n{"user":{"id":"u2"},"itemId":"i2","timestamp":{"$date":1700000001000},"l":[{"a":1}]}\n' >a.jsonl
    imp --interactions a.jsonl --map USER_ID=user.id,DEPTH=user.n.k
    [[ $stderr == *'"l" is left out, it holds objects'* && $stderr != *'"user" is left out'* ]]
    [ "$(interactions | cut -d, -f1-3 | tr '\n' ' ')" = 'u1,i1,1700000000 u2,i2,1700000001 ' ]
    [ "$(type_of DEPTH)" = long ]
}

@test "--map to a column that no file has is an error" {
    run -65 pz-import -o d.pzd --interactions i.csv --map EVENT_TYPE=action
    [[ $output == *"--map EVENT_TYPE=action: no file has that column"* ]]
    printf 'customer_id,sku,when\n1,2,1700000000\n' >own.csv
    run -65 pz-import -o d.pzd --interactions own.csv --map USER_ID=custmer_id,ITEM_ID=sku,TIMESTAMP=when
    [[ $output == *"; --map USER_ID=custmer_id; did you mean customer_id?" ]]
    run -65 pz-import -o d.pzd --interactions own.csv --map USR_ID=customer_id,ITEM_ID=sku,TIMESTAMP=when
    [[ $output == *"; --map USR_ID=customer_id; did you mean USER_ID?" ]]
}

@test "files without a header: the hint, --header, --delimiter, --skip-lines" {
    printf '196\t242\t3\t881250949\n186\t302\t3\t891717742\n' >u.data
    run -65 pz-import -o d.pzd --interactions u.data
    [[ $output == *"the first line looks like data"*"--header USER_ID,ITEM_ID,EVENT_VALUE,TIMESTAMP" ]]
    imp --interactions u.data --header USER_ID,ITEM_ID,EVENT_VALUE,TIMESTAMP
    [ "$(interactions | head -1)" = 186,302,891717742,3 ]
    printf 'x\ny,z\nUSER_ID^ITEM_ID^TIMESTAMP\nu^a^1633046400\n' >t.csv
    imp --interactions t.csv --delimiter ^ --skip-lines 2
    [ "$(interactions)" = u,a,1633046400 ]
    run -2 pz-import -o d.pzd --interactions t.csv --delimiter ab
    # a time says so too, and numbers between blanks
    printf 'u1;i1;2021-01-29 07:01:00\nu2;i2;2021-01-30 07:01:00\n' >h.csv
    run -65 pz-import -o d.pzd --interactions h.csv
    [[ $output == *"h.csv: the first line looks like data"*"--header USER_ID,ITEM_ID,TIMESTAMP" ]]
    [[ $(pz-import --guess h.csv) == *"--header USER_ID,ITEM_ID,TIMESTAMP"* ]]
    printf '1 1193 5 978300760\n1 661 3 978302109\n' >h.dat
    run -65 pz-import -o d.pzd --interactions h.dat
    [[ $output == *"name the columns: --delimiter ' ' --header"* ]]
    printf '1,1193\n1,661\n' >pairs.csv
    run -65 pz-import -o d.pzd --interactions pairs.csv
    [[ $output == *"name the columns: --header USER_ID,ITEM_ID --no-time" ]]
}

@test "the day's file gets the types of the base by --like" {
    { echo ITEM_ID,CODE,KIND; for i in $(seq 30); do echo "i$i,00$i,k$((i % 3))"; done; } >items.csv
    pz-import -q -o base.pzd --interactions i.csv --items items.csv
    printf 'ITEM_ID,CODE,EXTRA\nx,7,1\n' >day.csv
    imp --interactions i.csv --items day.csv --like base.pzd
    pz-import -q --merge -o all.pzd base.pzd d.pzd
    pz-import --export items all.pzd | grep -qx 'x,7,,1'
}

@test "string, categorical and empty columns of datasets unite; other types are named with the cure" {
    { echo ITEM_ID,KIND,NOTE,N; for i in $(seq 30); do echo "i$i,k$((i % 3)),,$i"; done; } >items.csv
    pz-import -q -o base.pzd --interactions i.csv --items items.csv
    printf 'ITEM_ID,KIND,NOTE,N\nx,other,5,\n' >day.csv
    pz-import -q -o day.pzd --interactions i.csv --items day.csv
    for order in "base.pzd day.pzd" "day.pzd base.pzd"; do
        # shellcheck disable=SC2086 # two names
        pz-import -q --merge -o d.pzd $order
        [ "$(type_of KIND)" = categorical ]
        [ "$(type_of NOTE)" = long ]
        [ "$(type_of N)" = long ]
        items | grep -qx 'x,other,5,'
    done
    printf 'ITEM_ID,KIND\nx,5\n' >day.csv
    pz-import -q -o day.pzd --interactions i.csv --items day.csv
    run -65 pz-import --merge -o d.pzd base.pzd day.pzd
    [[ $output == *"column KIND holds categorical in one dataset and numbers in another; import one of them again with --like"* ]]
    pz-import -q -o day.pzd --interactions i.csv --items day.csv --like base.pzd
    pz-import -q --merge -o d.pzd base.pzd day.pzd
    items | grep -qx 'x,5,,'
}
