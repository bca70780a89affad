# SPDX-License-Identifier: Apache-2.0
# pz-try: five files of different make end with lists and a report.
load common

setup() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_TEST_TMPDIR" || exit 1
    ln -s "$BATS_TEST_DIRNAME/../../scripts/try.sh" pz-try
}

# log DELIMITER FORMAT: 40 users in two camps; FORMAT of awk gets user, item, value, time
log() {
    awk -v d="$1" -v f="$2" 'BEGIN { for (u = 0; u < 40; u++) for (k = 0; k < 8; k++) {
        i = (u % 2) * 20 + (u * 7 + k * k + k) % 20
        printf f "\n", u, i, 1 + k % 5, 1700000000 + u * 1000 + k * 60 } }'
}

# tried ARGUMENT...: a report and a list for each of three users
tried() {
    run -0 ./pz-try -o out "$@"
    [ -s out/report.html ]
    [ "$(grep -c '^== and would get' <<<"$output")" -eq 3 ]
    [ "$(grep -cE '^[^,]+,[^,]+,1,' <<<"$output")" -ge 3 ]
    [[ $output == *"report      $PWD/out/report.html"* ]]
}

@test "the sample" {
    local shop=$BATS_TEST_DIRNAME/../../sample-data
    awk -F, 'NR == 1 || substr($1, 4, 1) == "4"' "$shop/interactions.csv" >i.csv
    tried i.csv --items "$shop/items.csv" --users "$shop/users.csv"
}

@test "MovieLens ratings.csv, with titles" {
    { echo userId,movieId,rating,timestamp; log , '%d,%d,%.1f,%d'; } >ratings.csv
    { echo movieId,title,genres; for i in $(seq 0 39); do echo "$i,\"Film $i, The\",Drama|Comedy"; done; } >movies.csv
    tried ratings.csv --items movies.csv
    [[ $output == *"item_id,rank,score,source,title"* ]]
    [[ $output == *"Film "*", The"* ]]
}

@test "an e-commerce log of Kaggle" {
    { echo event_time,event_type,product_id,brand,price,user_id
      awk 'BEGIN { for (u = 0; u < 40; u++) for (k = 0; k < 8; k++)
          printf "2019-10-%02d 0%d:00:%02d UTC,view,%d,shiseido,35.79,%d\n", u % 28 + 1, k, u, (u % 2) * 20 + (u * 7 + k * k + k) % 20, 5000 + u }'; } >events.csv
    tried events.csv
}

@test "an .inter file of RecBole" {
    { printf 'user_id:token\titem_id:token\trating:float\ttimestamp:float\n'; log '\t' '%d\t%d\t%d\t%d'; } >data.inter
    tried data.inter
}

@test "u.data without a header" {
    log '\t' '%d\t%d\t%d\t%d' >u.data
    tried u.data
}
