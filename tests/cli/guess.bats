# SPDX-License-Identifier: Apache-2.0
# pz-import --guess: the files that people have, without a manual; files, directories, no times.
load common

setup() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_TEST_TMPDIR" || exit 1
}

# guessed MAP FILE...: the command line is printed with that map, and taken
guessed() {
    local map=$1
    shift
    run -0 pz-import --guess "$@"
    [[ $output == "pz-import -o data.pzd "*"$map" ]]
    run -0 --separate-stderr pz-import --guess -o d.pzd "$@"
    [[ $stderr == "pz-import: pz-import -o d.pzd "*"$map"* ]]
}

@test "columns are recognised by the names that real exports have" {
    printf 'userId,movieId,rating,timestamp\n1,2,3.5,1112486027\n' >movielens.csv
    guessed "--map ITEM_ID=movieId,EVENT_VALUE=rating" movielens.csv
    printf 'event_time,event_type,product_id,brand,price,user_id\n2019-10-01 00:00:00 UTC,view,446,shiseido,35.79,541\n' >shop.csv
    guessed "--map ITEM_ID=product_id,TIMESTAMP=event_time" shop.csv
    printf 'user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t2\t3\t1700000000\n' >recbole.inter
    guessed "--map USER_ID=user_id:token,ITEM_ID=item_id:token,TIMESTAMP=timestamp:float,EVENT_VALUE=rating:float" recbole.inter
    printf 'reviewerID,asin,overall,unixReviewTime\nA,B,5,1700000000\n' >amazon.csv
    guessed "--map USER_ID=reviewerID,ITEM_ID=asin,TIMESTAMP=unixReviewTime,EVENT_VALUE=overall" amazon.csv
    printf '{"userId.keyword":"a","product":"b","order_date":"2024-01-01"}\n' >es.jsonl
    guessed "--map USER_ID=userId.keyword,ITEM_ID=product,TIMESTAMP=order_date" es.jsonl
    printf '{"user":{"id":"a"},"item":"b","ts":1700000000}\n' >nested.jsonl
    guessed "--map USER_ID=user.id,ITEM_ID=item,TIMESTAMP=ts" nested.jsonl
    printf 'loyalty_customer_id;sku;when\n1;2;3\n' >own.csv
    guessed "--map USER_ID=loyalty_customer_id,ITEM_ID=sku --no-time" own.csv
}

@test "a file without a header is told by its numbers" {
    printf '196\t242\t3\t881250949\n186\t302\t3\t891717742\n' >u.data
    guessed "--header USER_ID,ITEM_ID,EVENT_VALUE,TIMESTAMP" u.data
    pz-import --export interactions d.pzd | grep -qx 186,302,891717742,3
    printf '1::1193::5::978300760\n' >ratings.dat
    guessed "--header USER_ID,ITEM_ID,EVENT_VALUE,TIMESTAMP" ratings.dat
}

@test "tables that call different things by one name keep apart" {
    printf 'id,user,movie,time\n1,u,m1,1700000000\n2,u,m2,1700000001\n' >i.csv
    printf 'id,title\nm1,Heat\n' >items.csv
    run -0 --separate-stderr pz-import --guess -o d.pzd --interactions i.csv --items items.csv
    [[ $stderr == *"Items.ITEM_ID=id"* ]]
    [[ $stderr == *"items: 1 of 1 occur in interactions"* ]]
}

@test "what cannot be told is refused with the columns" {
    printf 'a,b,c\nx,y,z\n' >t.csv
    run -65 pz-import --guess t.csv
    [[ $output == *"no column is recognised as USER_ID; the file has: a, b, c; say which one it is, as in --map USER_ID=a, or, if the first line is data, --header USER_ID,ITEM_ID,COLUMN_3 --no-time"* ]]
    run -2 pz-import --guess - <t.csv
}

@test "how many of each stands in an order of a shop: said with the line that takes it away" {
    for sign in × x; do
        printf 'Order ID,Customer,Items,Date\n1,a@x.de,1%s Shirt,2024-01-01 10:00\n2,b@x.de,"12%s Hat, 1%s Shirt",2024-01-02 10:00\n' \
            $sign $sign $sign >orders.csv
        run -65 pz-import --guess -o d.pzd --interactions orders.csv
        [[ $output == *"Items tells how many of each, as in \"1$sign Shirt\""* ]]
        bash -c "sed ${output##*: sed }"
        pz-import --guess -q -o d.pzd --interactions rows.csv
        [ "$(pz-import --export interactions d.pzd | sed 1d | cut -d, -f2 | sort | paste -sd' ')" = "Hat Shirt Shirt" ]
    done
}

@test "an export of one person's own history gets them as its user" {
    printf 'artist,album,track,date\nBlur,Parklife,Girls,01 Jan 2024 10:00\nBlur,Parklife,Tracy,02 Jan 2024 10:00\n' >plays.csv
    for between in , $'\t'; do
        tr , "$between" <plays.csv >own.csv
        run -65 pz-import --guess own.csv
        bash -c "sed ${output##*: sed }"
        head -1 rows.csv | grep -qx "USER_ID${between}artist${between}album${between}track${between}date"
        pz-import --guess -q -o d.pzd --interactions rows.csv
        [ "$(pz-import --export interactions d.pzd | grep -c '^me,')" -eq 2 ]
    done
}

@test "such an export without a header: the artist is not taken for the user" {
    for i in $(seq 0 299); do
        a=$((i * i % 17)) b=$((i * 7 % 3)) c=$((i * 11 % 5))
        printf 'Artist %d,Album %d %d,Track %d %d %d,%s\n' $a $a $b $a $b $c \
            "$(TZ=UTC printf '%(%d %b %Y %H:%M)T' $((1577836800 + i * 5000)))"
    done >plays.csv
    for between in , $'\t'; do
        tr , "$between" <plays.csv >own.csv
        run -65 pz-import --guess -o d.pzd --interactions own.csv
        [[ $output == *"no column looks like a user"* ]]
        line=${output##*: sed } line=${line%; or, if column 1*}
        bash -c "sed ${line%, and say*}"
        pz-import -q -o d.pzd --interactions rows.csv ${line##*, and say }
        [ "$(pz-import --export interactions d.pzd | grep -c '^me,Track ')" -eq 300 ]
        pz-import -q -o d.pzd --interactions own.csv ${output##*is the user, }
        pz-import --export interactions d.pzd | grep -q '^Artist 1,Album 1 '
    done
}

@test "sessions without a header stand between users and their items" {
    for i in $(seq 0 399); do
        echo "$((i / 4 * 7 % 31 + 1)),$((1000 + i / 4)),$((10000 + i * i % 53)),$((1577836800 + i * 600))"
    done >time.csv
    sort -t, -k1,1n -s time.csv >user.csv
    awk -F, -v OFS=, '{ print $1, $2, $3, $4, $3 % 5 + 1 }' time.csv >value.csv
    for file in time user value; do
        run -0 pz-import --guess $file.csv
        [[ $output == *"--header USER_ID,COLUMN_2,ITEM_ID,TIMESTAMP"* ]]
    done
    [[ $output == *,TIMESTAMP,EVENT_VALUE* ]]
    # Of things that are bought again and again by one each it cannot be said that people share them.
    awk -F, -v OFS=, '{ print $1, $1 * 100 + $2 % 3, $4 }' user.csv >again.csv
    run -0 pz-import --guess again.csv
    [[ $output == *"--header USER_ID,ITEM_ID,TIMESTAMP"* ]]
}

@test "interactions without a time keep the order of their rows" {
    { echo USER_ID,ITEM_ID; for i in $(seq 90000); do echo "u$((i * 7 % 11)),i$i"; done; } >t.csv
    for threads in 1 4; do
        pz-import -q -j $threads --no-time -o $threads.pzd --interactions t.csv
        pz-import --export interactions $threads.pzd | tail -n +2 | sort -t, -k3n | cut -d, -f1,2 | cmp - <(tail -n +2 t.csv)
    done
    cmp 1.pzd 4.pzd
    run -65 pz-import -o d.pzd --interactions t.csv
}

@test "several operands and directories are parts of one table" {
    mkdir part
    for i in 1 2 3; do printf 'USER_ID,ITEM_ID,TIMESTAMP\nu,i%s,%s\n' $i $i >part/part-$i.csv; done
    : >part/_SUCCESS
    pz-import -q -o a.pzd --interactions part/part-*.csv
    pz-import -q -o b.pzd --interactions part
    cmp a.pzd b.pzd
    [ "$(pz-import --export interactions a.pzd | wc -l)" -eq 4 ]
    mkdir empty
    run -66 pz-import -o c.pzd --interactions empty
    [[ $output == *"a directory without files"* ]]
    run -2 pz-import -o c.pzd --interactions part/part-1.csv --items part/part-2.csv part/part-3.csv
}

@test "the end of an import says what joins, which ids look wrong and which times" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP\n1.0,a ,1700000000\n2.0,1.04E+11,4102444800\n3,b,5\n' >i.csv
    printf 'USER_ID,X\n7,x\n' >users.csv
    SOURCE_DATE_EPOCH=1800000000 run -0 --separate-stderr pz-import -o d.pzd --interactions i.csv --users users.csv
    [[ $stderr == *"users: 0 of 1 occur in interactions (are the ids written in the same way?)"* ]]
    [[ $stderr == *'i.csv:2: USER_ID: 2 of 4 ids end in .0'* ]]
    [[ $stderr == *'i.csv:2: ITEM_ID: 1 of 3 ids have blanks at their ends, which count ("a ")'* ]]
    [[ $stderr == *'i.csv:3: ITEM_ID: 1 of 3 ids are written like 1.04E+11'* ]]
    [[ $stderr == *"i.csv:3: TIMESTAMP: 1 interactions are dated before 1980 and 1 after tomorrow"* ]]
}

@test "a last line without an end is reported, since the file may be cut" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP\nu,a,1700000000\nu,b,17000' >t.csv
    run -0 --separate-stderr pz-import -o d.pzd --interactions t.csv
    [[ $stderr == *"t.csv: the last line has no end: is the file whole?"* ]]
    printf '00001\n' >>t.csv
    run -0 --separate-stderr pz-import -o d.pzd --interactions t.csv
    [[ $stderr != *"no end"* ]]
}
