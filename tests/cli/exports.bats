# SPDX-License-Identifier: Apache-2.0
# The files that shops, databases, spreadsheets and notebooks export: read right, or refused with the line to type, which
# then makes a file that is read right.
load common

setup() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_TEST_TMPDIR" || exit 1
}

# rows FILE [OPTION...]: the interactions that --guess reads
rows() {
    run -0 --separate-stderr pz-import --guess -o d.pzd "$@"
    pz-import --export interactions d.pzd | tail -n +2 | cut -d, -f1-3 >rows.out
}

# cure FILE [OPTION...]: what is refused says a command behind ": "; it is run, and its output imported
cure() {
    local file=$1 said command
    shift
    run -65 pz-import --guess "$file"
    said=${lines[-1]}
    said=${said%%, and say *}
    said=${said%%, or leave *}
    said=${said%%, or, if the first line is data, *}
    command=${said#*needed: }
    command=${command#*of it: }
    command=${command#*them: }
    command=${command#*out: }
    command=${command#*away: }
    command=${command#*the columns: }
    command=${command#*items\[\]: }
    command=${command#*products\[\]: }
    command=${command#*row of each value: }
    command=${command#*row of each: }
    command=${command#*join the files: }
    command=${command#*rows of it: }
    echo "$command"
    rm -f rows.*
    bash -c "${command//FILE/$file}" >made || return 1
    compgen -G 'rows.[ctj]*' || mv made rows.txt
    rows rows.[ctj]* "$@"
    printf 'u1,i1,1633046400\nu2,i2,1633050000\n' | cmp - rows.out
}

# read_as FILE ROW...: the interactions of the file
read_as() {
    local file=$1
    shift
    rows "$file"
    printf '%s\n' "$@" | cmp - rows.out
}

two='u1,i1,1633046400
u2,i2,1633050000'

@test "JSON that is no object a line is refused with jq's line" {
    one='{"user_id":"u1","item_id":"i1","timestamp":1633046400}' other='{"user_id":"u2","item_id":"i2","timestamp":1633050000}'
    echo "[$one,$other]" >f && cure f
    echo "[[\"u1\",\"i1\",1633046400],[\"u2\",\"i2\",1633050000]]" >f && cure f
    printf '["u1","i1",1633046400]\n["u2","i2",1633050000]\n' >f && cure f
    echo "{\"meta\":{\"n\":[1,2]},\"data\":{\"rows\":[$one,$other]}}" >f && cure f
    echo "{\"a b\":[$one,$other]}" | jq . >f && cure f
    echo "$one$other" >f && cure f
    printf '%s,\n%s\n' "$one" "$other" >f && cure f
    { jq . <<<"$one"; jq . <<<"$other"; } >f && cure f
    echo '{"user_id":["u1","u2","u1","u2"],"item_id":["i1","i2","i1","i2"],"timestamp":[1633046400,1633050000,1633046400,1633050000]}' >f && cure f
    echo '{"user_id":{"0":"u1","1":"u2","2":"u1","3":"u2"},"item_id":{"0":"i1","1":"i2","2":"i1","3":"i2"},"timestamp":{"0":1633046400,"1":1633050000,"2":1633046400,"3":1633050000}}' >f && cure f
    for l in "$one" "$other"; do jq -Rc . <<<"$l"; done >f && cure f
    printf '%s\r%s\r' "$one" "$other" >f && cure f
    printf "{'user_id': 'u1', 'item_id': u'i1', 'timestamp': 1633046400}\n{u'user_id': u'u2', 'item_id': 'i2', 'timestamp': 1633050000}\n" >f && cure f
    printf '{"event_timestamp":1633046400,"user_pseudo_id":"u1","event_params":[{"key":"a"}],"items":[{"item_id":"i1"}]}\n{"event_timestamp":1633050000,"user_pseudo_id":"u2","event_params":[],"items":[{"item_id":"i2"}]}\n' >f
    cure f
    # rows with arrays of objects are rows; what is no JSON is said with its line
    printf '%s\n' "${one%\}},\"items\":[{\"a\":1},{\"a\":2}]}" "$other" >f && read_as f $two
    echo "$one INFO" >f
    run -65 pz-import --guess f
    [[ $output == *"f:1: JSON:1: column "* ]]
}

@test "tables of databases and other programs are refused with the line that makes rows of them" {
    printf ' user_id | item_id | created_at \n---------+---------+-----\n u1 | i1 | 2021-10-01 00:00:00\n u2 | i2 | 2021-10-01 01:00:00\n(2 rows)\n' >f && cure f
    printf '+---+---+---+\n| user_id | item_id | created_at |\n+---+---+---+\n| u1 | i1 | 2021-10-01 00:00:00 |\n| u2 | i2 | 2021-10-01 01:00:00 |\n+---+---+---+\n2 rows in set (0.00 sec)\n' >f && cure f
    printf '| user_id | item_id | time |\n|---|---|---|\n| u1 | i1 | 1633046400 |\n| u2 | i2 | 1633050000 |\n' >f && cure f
    printf 'user_id,item_id,created_at\n-------,-------,---\nu1,i1,2021-10-01 00:00:00.1234567\nu2,i2,2021-10-01 01:00:00\n' >f && cure f
    echo "INSERT INTO \`r\` VALUES ('u1','i1','2021-10-01 00:00:00'),('u2','i2','2021-10-01 01:00:00');" >f && cure f
    printf -- '-- dump\nCOPY public.r (user_id, item_id, t) FROM stdin;\nu1\ti1\t2021-10-01 00:00:00\nu2\ti2\t2021-10-01 01:00:00\n\\.\n' >f
    cure f --header USER_ID,ITEM_ID,TIMESTAMP
    printf '@relation r\n@attribute user_id string\n@attribute item_id string\n@attribute timestamp numeric\n@data\nu1,i1,1633046400\nu2,i2,1633050000\n' >f && cure f
    printf 'i1:\nu1,5,2021-10-01\n' | sed s/i1/1/ >f
    run -65 pz-import --guess f
    [[ $output == *"f:1: the item stands above its rows"*"--header ITEM_ID,USER_ID,EVENT_VALUE,TIMESTAMP"* ]]
    printf 'user_id   item_id   timestamp\nu1        i1        1633046400\nu2        i2        1633050000\n' >f && cure f
    printf "'user_id','item_id','timestamp'\n'u1','i1',1633046400\n'u2','i2',1633050000\n" >f && cure f
    printf '"user_id","item_id","timestamp"\r"u1","i1",1633046400\r"u2","i2",1633050000\r' >f && cure f
    printf 'user_id,item_id,date,time\nu1,i1,2021-10-01,00:00:00\nu2,i2,2021-10-01,01:00:00\n' >f && cure f
}

@test "what stands behind the last row or between pages is no row" {
    body='user_id,item_id,timestamp\r\nu1,i1,1633046400\r\nu2,i2,1633050000'
    for end in '\r\n\x1a' '\x1a' '\r\n\f\r\n' '\f' '\r\n,,\r\n,,\r\n' '\r\n\x00\x00\x00'; do
        printf "$body$end" >f
        read_as f $two
    done
    [[ $stderr == *"f: the last line has no end: is the file whole?"* ]]
    for total in 'Total,,2' ',,Total' '2 rows'; do
        printf "$body\r\n$total\r\n" >f
        run -65 pz-import --guess -o d.pzd f
        [[ $output == *"f:4: "*"(--max-errors 1 leaves them out)"* ]]
    done
    printf 'user_id,item_id\nu1,i1\nu2,i2\nTotal,2\n' >f
    rows f
    [[ $stderr == *'f:4: USER_ID: 1 of 3 ids stand for a row of totals'* ]]
}

@test "texts with the delimiter in them and no quotes: --unquoted says whose they are" {
    printf 'user_id,item_id,title,timestamp\nu1,i1,Heat, The, Film,1633046400\nu2,i2,Ice,1633050000\n' >f
    run -65 pz-import --guess -o d.pzd f
    [[ $output == *"f:2: has 6 fields where the header has 4; if a text has the delimiter in it without quotes, say --unquoted 'title'"* ]]
    pz-import -q -o d.pzd --interactions f --unquoted title
    pz-import --export interactions d.pzd | grep -qx 'u1,i1,1633046400,"Heat, The, Film"'
    printf 'title,user_id,item_id,timestamp\na,b,u1,i1,1633046400\r\nc,u2,i2,1633050000\r\n' >g
    pz-import -q -o d.pzd --interactions g --unquoted title
    pz-import --export interactions d.pzd | grep -qx 'u1,i1,1633046400,"a,b"'
    printf 'user_id,item_id,timestamp,title\nu1,i1,1633046400,a,,b,\r\n' >g
    pz-import -q -o d.pzd --interactions g --unquoted title
    pz-import --export interactions d.pzd | grep -qx 'u1,i1,1633046400,"a,,b,"'
    run -2 pz-import -o d.pzd --interactions g --unquoted name
    [[ $output == *'--unquoted: there is no column "name"'* ]]
}

@test "cells that other bytes part, rows with names, and headers with odd blanks" {
    for byte in '^' '~' ' '; do
        printf 'user_id,item_id,timestamp\nu1,i1,1633046400\nu2,i2,1633050000\n' | tr , "$byte" >f
        run -65 pz-import -o d.pzd --interactions f
        [[ $output == *"say --delimiter '$byte'" ]]
        run -0 pz-import -o d.pzd --interactions f --delimiter "$byte"
        read_as f $two
        [[ $stderr == *"--delimiter '$byte'"* || $stderr == *"--delimiter $byte"* ]]
    done
    printf 'user_id:item_id:timestamp\nu1:i1:1633046400\nu2:i2:1633050000\n' >f && cure f
    printf '"user_id" "item_id" "timestamp"\n"1" "u1" "i1" 1633046400\n' >f
    run -65 pz-import --guess f
    [[ $output == *"say --delimiter ' '" ]]
    run -65 pz-import --guess -o d.pzd f --delimiter ' '
    [[ $output == *"all rows have one cell more than the header"*"--skip-lines 1 --header ROW,user_id,item_id,timestamp" ]]
    pz-import -q -o d.pzd --interactions f --delimiter ' ' --skip-lines 1 --header ROW,user_id,item_id,timestamp
    printf 'user_id,item_id,timestamp\nu1,i1,1633046400,\nu2,i2,1633050000,\n' >f
    run -65 pz-import -o d.pzd --interactions f
    [[ $output == *"one cell more than the header, an empty one at their end: say --skip-lines 1 --header user_id,item_id,timestamp,EMPTY" ]]
    pz-import -q -o d.pzd --interactions f --skip-lines 1 --header user_id,item_id,timestamp,EMPTY
    printf '\xe2\x80\x8buser_id\xc2\xa0, item_id,timestamp\nu1,i1,1633046400\nu2,i2,1633050000\n' >f
    read_as f $two
    printf 'user_id,item_id,timestamp\nu1,i1,1633046400\ru2,i2,1633050000\r' >f
    run -65 pz-import --guess -o d.pzd f
    [[ $output == *"f:2: has 5 fields where the header has 3 (its lines end as on an old Mac: tr '\r' '\n' < f)"* ]]
}

@test "columns are told by what is in them" {
    # a user column of nothing beside one that has them, a value that is none, a time by any name
    printf 'event_timestamp,user_pseudo_id,user_id,item_id,rating\n1633046400000000,u1,,i1,1/5\n1633050000000000,u2,,i2,2/5\n' >f
    read_as f $two
    [[ $stderr == *'column "user_id" is left out: --map names another for it'* ]]
    [[ $stderr == *"--map USER_ID=user_pseudo_id,TIMESTAMP=event_timestamp"* && $stderr != *EVENT_VALUE* ]]
    printf 'sessionId;userId;itemId;eventdate\nu1;NA;i1;2021-10-01\nu2;NA;i2;2021-10-01T01:00\n' >f && read_as f $two
    printf 't_dat,customer_id,article_id\n2021-10-01,u1,i1\n2021-10-01 01:00,u2,i2\n' >f && read_as f $two
    printf 'ga:clientId,ga:productSku,ga:dateHourMinute\nu1,i1,202110010000\nu2,i2,202110010100\n' >f && read_as f $two
    printf 'Email,Created at,Lineitem sku\nu1,2021-09-30 20:00:00 -0400,i1\nu2,2021-09-30 21:00:00 -0400,i2\n' >f && read_as f $two
    printf '{"_id":"7","_source":{"user_id":"u1","item_id":"i1","@timestamp":"2021-10-01T00:00:00Z"}}\n{"_id":"8","_source":{"user_id":"u2","item_id":"i2","@timestamp":"2021-10-01T01:00:00Z"}}\n' >f && read_as f $two
    printf '{"Item":{"userId":{"S":"u1"},"itemId":{"S":"i1"},"timestamp":{"N":"1633046400"}}}\n{"Item":{"userId":{"S":"u2"},"itemId":{"S":"i2"},"timestamp":{"N":"1633050000"}}}\n' >f && read_as f $two
    # the day of birth is no time of an event, and facebook is no book
    printf 'user_id,main_product_id,birth_date\nu1,i1,1980-01-01\n' >f
    run -0 pz-import --guess f
    [[ $output == *"--map ITEM_ID=main_product_id --no-time" ]]
    printf 'user_id,facebook_id,tracking_id\nu1,i1,1\n' >f
    run -65 pz-import --guess f
    # the number of a row is no item, and a time that cannot be read is no reason to take the order of rows
    printf 'id,user_id,x\n1,u1,a\n' >f
    run -65 pz-import --guess f
    [[ $output == *"no column is recognised as ITEM_ID"* ]]
    printf 'user_id,item_id,date\nu1,i1,1er octobre 2021\n' >f
    run -65 pz-import --guess f
    [[ $output == *'"date" holds no times that are known ("1er octobre 2021"): say --map TIMESTAMP=date --time-format'* ]]
    printf 'order_id,product_id\no1,i1\n' >f
    run -65 pz-import --guess f
    [[ $output == *"--map USER_ID=order_id, which takes each for a user"* ]]
    printf 'user1,item1\nuser2,item2\n' >f
    run -65 pz-import --guess f
    [[ $output == *"if the first line is data, --header USER_ID,ITEM_ID --no-time" ]]
}

@test "without a header times tell themselves, and coordinates are no items" {
    printf 'u1\t2021-10-01T00:00:00Z\t30.2\t-97.7\ti1\nu2\t2021-10-01T01:00:00Z\t30.2\t-97.7\ti2\n' >f && read_as f $two
    [[ $stderr == *"the first line is data"* ]]
    printf 'u1,i1,4756105,buy,1633046400\nu2,i2,4756105,pv,1633050000\n' >f && read_as f $two
    [[ $stderr != *EVENT_VALUE* ]]
    printf 'u1\ti1\tcafe\tFri Oct 01 00:00:00 +0000 2021\nu2\ti2\tbar\tFri Oct 01 01:00:00 +0000 2021\n' >f && read_as f $two
}

@test "without --guess the same columns are named in the line to type" {
    printf 'Client ID,Product SKU,Date\nu1,i1,2021-10-01\n' >f
    run -65 pz-import -o d.pzd --interactions f
    [[ $output == *"name them with --map 'USER_ID=Client ID,ITEM_ID=Product SKU,TIMESTAMP=Date'" ]]
    printf '{"visitorid":"u1","sku":"i1"}\n' >f
    run -65 pz-import -o d.pzd --interactions f
    [[ $output == *"Input JSON is missing the following columns: [USER_ID, ITEM_ID, TIMESTAMP]"*"--map USER_ID=visitorid,ITEM_ID=sku --no-time, which"* ]]
}

@test "days of a spreadsheet: with parts of a day they are, whole ones are asked about" {
    printf 'user_id,item_id,timestamp\nu1,i1,44470.0\nu2,i2,44470.04167\n' >f && read_as f $two
    printf 'user_id,item_id,timestamp\nu1,i1,44470\nu2,i2,44471\n' >f
    run -65 pz-import -o d.pzd --interactions f
    [[ $output == *"f:2: TIMESTAMP looks like days of a spreadsheet: if it is, say --time-format days; if it is not, --time-format seconds" ]]
    pz-import -q -o d.pzd --interactions f --time-format days
    pz-import --export interactions d.pzd | grep -qx u2,i2,1633132800
    pz-import -q -o d.pzd --interactions f --time-format seconds
    pz-import --export interactions d.pzd | grep -qx u2,i2,44471
}

@test "dates that could be two have the choice in the message" {
    printf 'user_id,item_id,timestamp\nu1,i1,01/02/2021\nu2,i2,03/04/2021 07:01\n' >f
    run -65 pz-import -o d.pzd --interactions f
    [[ $output == *"f:2: TIMESTAMP: is the day or the month first? Say --time-format day-first or --time-format month-first" ]]
    pz-import -q -o d.pzd --interactions f --time-format day-first
    pz-import --export interactions d.pzd | grep -qx u2,i2,1617433260
    pz-import -q -o d.pzd --interactions f --time-format month-first
    pz-import --export interactions d.pzd | grep -qx u2,i2,1614841260
    printf 'user_id,item_id,timestamp\nu1,i1,21/10/21\n' >f
    run -65 pz-import -o d.pzd --interactions f
    [[ $output == *"or the year? Say --time-format day-first or --time-format '%y/%m/%d'"* ]]
    printf 'user_id,item_id,timestamp\nu1,i1,2021-10-01 00:00:00 Europe/Berlin\n' >f
    run -65 pz-import -o d.pzd --interactions f
    [[ $output == *"has the place of its zone behind it"* ]]
}

@test "several items in a cell become a row of each" {
    printf 'order_id,customer_id,order_date,items\n1,u1,2021-10-01,"i1,i2"\n2,u2,2021-10-01 01:00,i2\n' >f
    read_as f u1,i1,1633046400 u1,i2,1633046400 u2,i2,1633050000
    [[ $stderr == *"ITEM_ID=items"*"--list ITEM_ID=,"*"read 3, kept 3, rejected 0"* ]]
    printf "user_id,timestamp,item_ids\nu1,1633046400,\"['i1', 'i2']\"\nu2,1633050000,\"['i2']\"\n" >f
    read_as f u1,i1,1633046400 u1,i2,1633046400 u2,i2,1633050000
    printf '{"user_id":"u1","timestamp":1633046400,"items":["i1","i2"]}\n{"user_id":"u2","timestamp":1633050000,"items":["i2"]}\n' >f
    read_as f u1,i1,1633046400 u1,i2,1633046400 u2,i2,1633050000
    printf 'user_id,product_ids,timestamp\nu1,i1 i2,1633046400\nu2,i2,1633050000\n' >f
    read_as f u1,i1,1633046400 u1,i2,1633046400 u2,i2,1633050000
    # one name of several words is one item, and so is what --list does not part; an id too long is one of them
    printf 'user_id,item,timestamp\nu1,"Heat, The",1633046400\n' >f
    rows f
    pz-import --export interactions d.pzd | grep -qx 'u1,"Heat, The",1633046400'
    printf 'user_id,items,timestamp\nu1,Red Hat,1633046400\n' >f && read_as f 'u1,Red Hat,1633046400'
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu1,i1+i2+,5\nu2,+,6\nu3,i1+%0300d,7\n' 0 >f
    run -0 --separate-stderr pz-import -o d.pzd --interactions f --list ITEM_ID=+ --max-errors 2
    [[ $stderr == *"read 5, kept 3, rejected 2"* ]]
    for threads in 1 4; do pz-import -q -j $threads -o $threads.pzd --interactions f --list ITEM_ID=+ --max-errors 2; done
    cmp 1.pzd 4.pzd
}

@test "lines that are baskets, and tables with a column an item, are refused with awk's line" {
    printf '1 7 8 9\n2 7\n3 8 9\n' >f
    run -65 pz-import --guess -o d.pzd f
    [[ $output == *"a line is a user and their items"*"f > rows.csv, and say --header USER_ID,ITEM_ID --no-time" ]]
    eval "$(sed 's/.*each: //; s/, and say.*//' <<<"$output")"
    printf '1,7\n1,8\n1,9\n2,7\n3,8\n3,9\n' | cmp - rows.csv
    printf 'milk,bread,tea\nmilk\n"tea",bread\r\n' >f
    run -65 pz-import --guess -o d.pzd f
    [[ $output == *"a line is a basket of items"* ]]
    eval "$(sed 's/.*each: //; s/, and say.*//' <<<"$output")"
    printf '1,milk\n1,bread\n1,tea\n2,milk\n3,tea\n3,bread\n' | cmp - rows.csv
    for head in user_id '' user; do
        { echo "$head,$(seq -s, 501 512)"; echo u1,5,,,,,,,,,,,0; echo u2,,4,,,,,,,,,,; } >f
        run -65 pz-import --guess -o d.pzd f
        eval "$(sed 's/.*each value: //' <<<"$output")"
        printf 'USER_ID,ITEM_ID,EVENT_VALUE\nu1,501,5\nu2,502,4\n' | cmp - rows.csv
    done
    { echo "u1;5$(printf ';0%.0s' $(seq 11))"; echo "u2;0;4$(printf ';%.0s' $(seq 10))"; } >f
    run -65 pz-import --guess -o d.pzd f
    [[ $output == *"and say --header USER_ID,ITEM_ID,EVENT_VALUE --no-time" ]]
    eval "$(sed 's/.*each value: //; s/, and say.*//' <<<"$output")"
    printf 'u1,1,5\nu2,2,4\n' | cmp - rows.csv
}

@test "orders in one file and their lines in another are joined by the line to type" {
    printf 'order_id,user_id,order_number\r\n2,u2,1\r\n1,u1,1\r\n' >orders.csv
    printf 'order_id,product_id\n1,i1\n2,i2\n' >lines.csv
    for files in 'orders.csv lines.csv' 'lines.csv orders.csv'; do
        run -65 pz-import --guess -o d.pzd $files
        eval "$(sed 's/.*join the files: //' <<<"$output")"
        rows rows.csv
        printf 'u1,i1,946684800\nu2,i2,946684801\n' | cmp - rows.out
        rm rows.csv
    done
}

@test "logs of web servers, arrays inside objects, and halves of a time" {
    printf 'u1 - - [01/Oct/2021:00:00:00 +0000] "GET /p/1?a=b HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11, like Gecko)"\nu2 - - [01/Oct/2021:01:00:00 +0000] "GET /p/2 HTTP/1.1" 200 5 "-" "curl"\n' >f
    run -65 pz-import --guess f
    eval "$(sed 's/.*rows of it: //; s/, and say.*//' <<<"$output")"
    pz-import -q -o d.pzd --interactions rows.csv --header USER_ID,TIMESTAMP,ITEM_ID --time-format '%d/%b/%Y:%T %z'
    pz-import --export interactions d.pzd | grep -qx u2,/p/2,1633050000
    echo '{"user_id":"u1","item_id":"i1","timestamp":1633046400,"context":{"ip":"x"},"empty":{}}' >f
    run -0 pz-import -o d.pzd --interactions f
    [[ $output == *'"context" is left out, it holds objects; --map ip=context.ip'*'"empty" is left out, it holds objects'* ]]
    for u in 1 2; do
        echo "{\"userId\":\"u$u\",\"properties\":{\"order_id\":1,\"products\":[{\"product_id\":\"i$u\"}]},\"timestamp\":$((1633042800 + u * 3600))}"
    done >f && cure f
    printf 'Order ID;Customer ID;Order Date;Order Time;SKU\n1;u1;2021-10-01;00:00:00;i1\n2;u2;2021-10-01;01:00:00;i2\n' >f && cure f
    run -65 pz-import --guess f
    [[ $output == *"or leave the clock away: --map 'TIMESTAMP=Order Date'" ]]
}

@test "a user that is mostly missing, an item that is one word, and names in other tongues" {
    for i in $(seq 60); do echo "$((i / 4)),,i$i,$((1633046400 + i)),web"; done >rows
    { echo sessionId,userId,itemId,timestamp,app_id; sed 's/,,/,u1,/;q' rows; cat rows; } >f
    rows f
    [[ $stderr == *"--map USER_ID=sessionId"* && $stderr != *ITEM_ID=app_id* ]]
    { echo userId,timestamp,app_id,page; for i in $(seq 60); do echo "u$i,$((1633046400 + i)),web,/$i"; done; } >f
    run -65 pz-import --guess f
    [[ $output == *"no column is recognised as ITEM_ID"*"say which one it is, as in --map ITEM_ID=page" ]]
    printf 'Kundennummer;Artikelnummer;Bestelldatum\nu1;i1;01.10.2021\nu2;i2;01.10.2021 01:00\n' >f && read_as f $two
    printf 'id_client;id_produit;date_commande\nu1;i1;01/10/2021\nu2;i2;01/10/2021 01:00\nu2;i2;31/10/2021\n' >f
    rows f
    [ "$(head -2 rows.out)" = "$two" ]
    printf '"user_id", "trackname", "timestamp"\n"u1","i1",1633046400\n"u2","i2",1633050000\n' >f && read_as f $two
    printf 'Customer ID,product_id (metadata),Created (UTC)\nu1,i1,2021-10-01\nu2,i2,2021-10-01 01:00\n' >f && read_as f $two
    printf 'business_id,date\nb1,"2021-10-01, 2021-10-02"\n' >f
    run -65 pz-import --guess f
    [[ $output == *"none of them can be it: join the table that has it" ]]
}

@test "without a header what the rows hold tells user from item, and a time in front" {
    printf 'B000FA64PK,A2EFCYXHNK06IS,5.0,1633046400\nB000F83SZQ,A1F6404F1VG29J,4.0,1633050000\n' >f
    rows f
    [[ $stderr == *"--header ITEM_ID,USER_ID,EVENT_VALUE,TIMESTAMP"*"told by what the rows hold" ]] || [[ $stderr == *"told by what the rows hold"* ]]
    # people come, do several things and leave
    awk 'BEGIN { for (u = 0; u < 60; u++) for (k = 0; k < 9; k++)
        printf "%d\t%d\t%d\t%d\n", 500 + (u * 7 + k * k) % 30, u, 1 + k % 5, 1600000000 + u * 90000 + k * 60 }' >f
    rows f
    [[ $stderr == *"--header ITEM_ID,USER_ID,EVENT_VALUE,TIMESTAMP"* ]]
    awk -F'\t' '{ print $2 "\t" $1 "\t" $3 "\t" $4 }' f >g && mv g f
    rows f
    [[ $stderr == *"--header USER_ID,ITEM_ID,EVENT_VALUE,TIMESTAMP"*"told by what the rows hold"* ]]
    # nothing tells: the order does, and the line for the other one is there
    for i in $(seq 9); do echo "$i,$((90 + i * 7 % 8)),$((1633046400 + i * 86400))"; done >f
    rows f
    [[ $stderr == *"by their order; if it is otherwise, say --header ITEM_ID,USER_ID,TIMESTAMP"* ]]
    printf '1633046400,u1,i1\n1633050000,u2,i2\n' >f && read_as f $two
    printf 'u1,Heat,purchase,1.0,0\nu2,Ice,play,2.0,0\n' >f
    rows f
    [[ $stderr == *"--header USER_ID,ITEM_ID,EVENT_TYPE,COLUMN_4,COLUMN_5 --no-time"* ]]
    printf 'u1,2021-10-01T00:00:00Z,i1,0\nu2,2021-10-01T01:00:00Z,i2,S\n' >f && read_as f $two
    printf '00008c73ee43,3bd73256-3905,band,2137\n000163263d2a,f2fb0ff0-5679,artist,5\n' >f
    rows f
    [[ $stderr == *"the first line is data"* ]]
}

@test "items and users without a header get names by the line to type" {
    printf '1::7::5::1633046400\n2::8::4::1633050000\n' >i
    printf '7::Heat (1995)::Drama\n8::Ice (1998)::Comedy\n' >f
    run -65 pz-import --guess -o d.pzd --interactions i --items f
    eval "$(sed 's/.*above it: //' <<<"$output")"
    run -0 pz-import --guess -o d.pzd --interactions i --items items.csv
    pz-import --export items d.pzd | grep -q '^8,Ice'
    printf '1|24|M\n2|53|F\n' >f
    run -65 pz-import --guess -o d.pzd --interactions i --users f
    eval "$(sed 's/.*above it: //' <<<"$output")"
    run -0 pz-import --guess -o d.pzd --interactions i --users users.csv
}
