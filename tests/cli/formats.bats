# SPDX-License-Identifier: Apache-2.0
# A reader of tables written from pz-formats(5) alone: od, awk and zstd.
load common

PAGE=$BATS_TEST_DIRNAME/../../man/pz-formats.5

# number FILE OFFSET TYPE(u4, u8): one little-endian number
number() { od -An "-t$3" -j "$2" -N "${3#u}" "$1" | tr -d ' '; }

# columns FILE: "name type n hash stored-hash offset frames stored-bytes" of every column of a packed table
columns() {
    local size at n raw
    size=$(wc -c <"$1")
    at=$(number "$1" $((size - 32)) u8) n=$(number "$1" $((size - 24)) u4) raw=$(number "$1" $((size - 20)) u4)
    tail -c +$((at + 1)) "$1" | head -c "$n" | zstd -dc >contents
    [ "$(wc -c <contents)" -eq "$raw" ] || return 1
    od -An -v -tu1 -w1 contents | awk '
        function num(k,   x, i) { x = 0; for (i = k; i > 0; i--) x = x * 256 + byte[p + i - 1]; p += k; return x }
        function hex(k,   x, i) { x = ""; for (i = k; i > 0; i--) x = x sprintf("%02x", byte[p + i - 1]); p += k; return x }
        { byte[NR - 1] = $1 }
        END {
            for (c = num(4); c > 0; c--) {
                name = ""; for (l = num(1); l > 0; l--) name = name sprintf("%c", num(1))
                type = num(1); n = num(8); h = hex(8); s = hex(8); off = num(8); stored = 0
                for (f = frames = num(4); f > 0; f--) stored += num(4)
                print name, type, n, h, s, off, frames, stored
            }
            if (p != NR) print "left over"
        }'
}

# width TYPE: bytes of a value
width() { case $1 in 1) echo 1 ;; 2) echo 2 ;; 3 | 5 | 7) echo 4 ;; *) echo 8 ;; esac; }

# values FILE COLUMN: its bytes, from the stream of zstdcat
values() {
    local name type n rest at=0
    while read -r name type n rest; do
        [ "$name" != "$2" ] || break
        at=$((at + n * $(width "$type")))
    done < <(columns "$1")
    [ "$name" = "$2" ] || return 1
    zstdcat "$1" | tail -c +$((at + 1)) | head -c $((n * $(width "$type")))
}

a_shop() {
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,IMPRESSION,DEVICE\n' >i.csv
    printf '%s\n' anna,tea,1700000000,View,,tea\|rum,phone anna,rum,1700000060,Buy,2.5,,desk \
        bo,milk,1700000030,View,,,phone >>i.csv
    printf 'ITEM_ID,PRICE,KIND\ntea,3,hot|leaf\nmilk,1,cold\nale,4,cold\n' >items.csv
    pz-import -q -o s.pzd --interactions i.csv --items items.csv
}

@test "zstd takes both files as its own" {
    a_shop
    small_shop
    pz-train -q --no-tune -o m.pzm shop.pzd
    for f in s.pzd shop.pzd m.pzm; do
        zstd -qt $f
        # all values, then the contents
        total=$(columns $f | while read -r name type n rest; do echo $((n * $(width "$type"))); done | awk '{ s += $1 } END { print s }')
        [ "$(zstdcat $f | wc -c)" -eq $((total + $(wc -c <contents))) ]
    done
}

@test "magic numbers, kinds, versions and sizes of head and foot" {
    a_shop
    [ "$(number s.pzd 0 u4)" -eq $((0x184D2A5A)) ]
    [ "$(number s.pzd 4 u4)" -eq 12 ]
    [ "$(tail -c +9 s.pzd | head -c 8)" = pz01data ]
    [ "$(number s.pzd 16 u4)" -eq 2 ]
    size=$(wc -c <s.pzd)
    [ "$(number s.pzd $((size - 40)) u4)" -eq $((0x184D2A5B)) ]
    [ "$(number s.pzd $((size - 36)) u4)" -eq 32 ]
    [ "$(tail -c 8 s.pzd)" = pz01end ]
    # columns fill the file: the first starts behind the head, each behind the one before, the contents behind all
    columns s.pzd | awk -v at=20 '{ if ($6 != at) { print; exit 1 } at += $8 } END { print at }' >end
    [ "$(cat end)" -eq "$(number s.pzd $((size - 32)) u8)" ]
}

@test "a stranger reads ids, histories, times, types, impressions and attributes" {
    a_shop
    [ "$(values s.pzd users.bytes)" = annabo ]
    [ "$(values s.pzd users.offset | od -An -v -tu8 -w8 | tr -d '\n ')" = 046 ]
    [ "$(values s.pzd items.bytes)" = alemilkrumtea ]
    [ "$(values s.pzd events.bytes)" = BuyView ]
    [ "$(values s.pzd inter/ptr | od -An -v -tu8 -w8 | tr -d '\n ')" = 023 ]
    [ "$(values s.pzd inter/item | od -An -v -tu4 -w4 | tr -d '\n ')" = 321 ]
    [ "$(values s.pzd inter/time32 | od -An -v -tu4 -w4 | tr -d ' ' | tr '\n' ' ')" = "1700000000 60 1700000030 " ]
    [ "$(values s.pzd inter/event | od -An -v -tu1 -w1 | tr -d '\n ')" = 101 ]
    [[ "$(values s.pzd inter/value | od -An -v -tf4 -w4 | tr -d ' ' | tr '\n' ' ')" == "nan 2.5 nan " ]]
    [ "$(values s.pzd inter/impression.ptr | od -An -v -tu8 -w8 | tr -d '\n ')" = 0222 ]
    [ "$(values s.pzd inter/impression.item | od -An -v -tu4 -w4 | tr -d '\n ')" = 32 ]
    [ "$(values s.pzd items/schema | head -1)" = "rows 4" ]
    [ "$(values s.pzd items/schema | tail -n +2 | cut -d' ' -f1,2 | tr '\n' ' ')" = "PRICE number KIND category " ]
    [ "$(values s.pzd items/present | od -An -v -tu1 -w1 | tr -d '\n ')" = 1101 ]
    [ "$(values s.pzd items/PRICE.num | od -An -v -tf8 -w8 | tr -d ' ' | tr '\n' ' ')" = "4 1 nan 3 " ]
    [ "$(values s.pzd items/KIND.values.bytes)" = coldhotleaf ]
    [ "$(values s.pzd items/KIND.ptr | od -An -v -tu8 -w8 | tr -d '\n ')" = 01224 ]
    [ "$(values s.pzd items/KIND.code | od -An -v -tu4 -w4 | tr -d '\n ')" = 0012 ]
}

@test "a column over 4,194,304 bytes is cut into frames of that size" {
    awk 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP"; for (i = 0; i < 1100000; i++) print i % 977 "," i % 499 "," 1700000000 + i }' |
        pz-import -q -o big.pzd --interactions -
    [ "$(columns big.pzd | awk '$1 == "inter/item" { print $2, $3, $7 }')" = "3 1100000 2" ]
    values big.pzd inter/item | od -An -v -tu4 -w4 | awk '$1 >= 499 { bad++ } END { exit bad || NR != 1100000 }'
}

@test "a campaign is what the page says, its model a flat table" {
    small_shop
    pz-train -q --no-tune -r popularity-count -o m.pzm shop.pzd
    pz-deploy publish -q home.pzc m.pzm
    grep -qxE '1 0 1 [0-9a-f]{16}' home.pzc/current
    flat=home.pzc/versions/0001/model.flat
    [ "$(head -c 12 $flat)" = pzflat01modl ]
    [ "$(number $flat 12 u4)" -eq 2 ]
    at=$(number $flat 16 u8) n=$(number $flat 24 u8)
    [ "$(number $flat 40 u8)" -eq "$(wc -c <$flat)" ]
    [ $((at + n)) -eq "$(wc -c <$flat)" ]
    # the model's columns, and what follows from them
    derived=$(grep -ao 'derived/[a-z_]*' $flat | wc -l)
    [ "$derived" -gt 0 ]
    [ "$(number $flat "$at" u4)" -eq $(($(columns m.pzm | wc -l) + derived)) ]
    [ "$(tail -c +65 $flat | head -c 8 | od -An -tu8 | tr -d ' ')" -eq 0 ]
    jq -e '.recipe == "popularity-count" and has("published") and has("live_seen")' home.pzc/versions/0001/info.json
}

@test "every column of a dataset, and every folder of columns of a model, is on the page" {
    a_shop
    pz-train -q --no-tune -o m.pzm s.pzd
    sed -e 's/^\.It Li //; s/ , / /g; s/ No or Li / /g; s/\.\.\.//g' "$PAGE" | tr ' ' '\n' >words
    for f in s.pzd m.pzm; do
        for name in $(columns $f | cut -d' ' -f1); do
            case $name in
                context/* | items/* | users/* | *.offset | *.bytes) continue ;; # attributes, dictionaries
                */*) grep -qxF "$name" words || grep -qxF "${name%%/*}/" words || grep -q "^${name%%/*}/" words ;;
                *) grep -qxF "$name" words ;;
            esac || { echo "$name is not on the page"; false; }
        done
    done
}
