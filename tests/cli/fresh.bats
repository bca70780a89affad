# SPDX-License-Identifier: Apache-2.0
# Items put since training: answered at once, by what their attributes say.
load common

setup_file() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_FILE_TMPDIR" || return 1
    small_shop
    for recipe in user-personalization related-items similar-items personalized-ranking; do
        pz-train -q -o model.pzm --no-tune --recipe $recipe shop.pzd
        pz-deploy publish -q $recipe.pzc model.pzm
    done
    # twins of i0001 and of i0120: another department
    sed -n '1p;/^i0001,/s/i0001/new1/p;/^i0120,/s/i0120/new2/p' "$SHOP/items.csv" >new.csv
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp -r "$BATS_FILE_TMPDIR"/*.pzc .
    for c in *.pzc; do pz-event put-items -q "$c" "$BATS_FILE_TMPDIR/new.csv"; done
}

# place OF LIST: the line of an item in a column of items
place() {
    grep -n -x "$1" | cut -d: -f1
}

@test "an item put since is answered for users, lists and items, and says that attributes speak" {
    pz-recommend -q personalized-ranking.pzc --user u0040 --rank nosuch,new1,i0002 >list
    grep -q '^u0040,new1,.,[0-9.e-]*,content$' list
    grep -q '^u0040,nosuch,3,0,unknown$' list
    pz-recommend -q user-personalization.pzc --user u0040 --filter 'INCLUDE ItemID WHERE Items.ITEM_ID IN ("new1","nosuch")' >only
    [ "$(sed 1d only | cut -d, -f2,5)" = new1,content ]
    for recipe in related-items similar-items; do
        pz-recommend -q $recipe.pzc --item i0001 -n 2000 | cut -d, -f2 >for_old
        [ "$(place new1 <for_old)" -lt "$(place new2 <for_old)" ]
        [ "$(place new1 <for_old)" -lt 100 ]
        # what is related to the new item itself: those of its kind, not what is popular
        pz-recommend -q $recipe.pzc --item new1 -n 2000 >for_new
        [ "$(sed -n 2p for_new | cut -d, -f5)" = similar ]
        cut -d, -f2 for_new >order
        [ "$(place i0001 <order)" -lt "$(place i0120 <order)" ]
        run ! grep -q '^new1$' order
    done
}

@test "an event with an item put since makes it seen and changes the next answer" {
    before=$(pz-recommend -q user-personalization.pzc --user stranger -n 100)
    pz-event put user-personalization.pzc --user stranger --item new1 --type View
    pz-recommend -q user-personalization.pzc --user stranger -n 100 --explain >after.csv
    [ "$before" != "$(cut -d, -f1-5 after.csv)" ]
    [ "$(sed -n 2p after.csv | cut -d, -f5)" = session ]
    sed -n 2p after.csv | grep -q ',new1=[0-9.e-]*,'
    run ! grep -q '^stranger,new1,' after.csv
    [[ $(pz-recommend -q user-personalization.pzc --user stranger --why new1) == "new1: seen: View at"* ]]
    # beside an item of the model both speak
    pz-event put user-personalization.pzc --user stranger --item i0002 --type View
    pz-recommend -q user-personalization.pzc --user stranger -n 5 --explain >both.csv
    grep -q 'new1=' both.csv
    grep -q 'i0002=' both.csv
}

@test "rules act on items put since: promotions, filters, caps, diversity, exploration, pages" {
    c=user-personalization.pzc
    pz-recommend -q $c --user u0040 -n 4 --promote 'new:50:INCLUDE ItemID WHERE Items.ITEM_ID IN ("new1","new2")' >promoted
    [ "$(grep -c ',promotion$' promoted)" -eq 2 ]
    pz-recommend -q $c --user u0040 -n 900 --diversify 0.5 | grep -q ,new1,
    pz-recommend -q $c --user u0040 -n 900 --max-per CATEGORY_L1=400 | grep -q ,new1,
    # a row without CREATION_TIMESTAMP is young: it gets its chance
    pz-event put-items $c --item young --properties '{"CATEGORY_L1":"Kitchen"}'
    pz-recommend -q $c --input <(echo userId; seq 40) --exploration-weight 1 --num 3 >explored
    grep -q ',young,.*,exploration$' explored
    # page after page: every item once
    token=start
    for n in 1 2 3 4 5; do
        pz-recommend -q $c --user u0040 -n 300 --json --page-token "$token" >page
        token=$(jq -r '.nextPageToken // empty' page)
        jq -r '.itemList[].itemId' page >>all
        [ -n "$token" ] || break
    done
    [ "$(grep -c '^new[12]$' all)" -eq 2 ]
    [ "$(sort all | uniq -d | wc -l)" -eq 0 ]
}

@test "without attributes to read, items put since come last, and are there" {
    pz-train -q -o plain.pzm --no-tune -p content=off "$BATS_FILE_TMPDIR/shop.pzd"
    pz-deploy publish -q user-personalization.pzc plain.pzm
    pz-recommend -q user-personalization.pzc --user u0040 -n 2000 --exploration-weight 0 >all
    [ "$(tail -2 all | cut -d, -f2 | sort | paste -sd,)" = new1,new2 ]
    [ "$(tail -1 all | cut -d, -f5)" = popular ]
}

# ask CAMPAIGN: answers that look at items put since in every way that there is
ask() {
    pz-recommend -q "$1" --user u0040 -n 2000 --explain --columns PRICE,CATEGORY_L1,COLOUR
    pz-recommend -q "$1" --user u0041 -n 50 --filter 'INCLUDE ItemID WHERE Items.COLOUR IN ("red") AND Items.PRICE > 3'
    pz-recommend -q "$1" --user u0042 --rank many7,nosuch,i0001,many9
    pz-recommend -q "$1" --user u0043 -n 60 --max-per COLOUR=10 --diversify 0.3
}

@test "items put since are answered alike from the file of the version, a damaged or stale one, and without" {
    c=user-personalization.pzc
    awk -F, -v OFS=, 'NR == 1 { print $0, "COLOUR"; next } NR <= 1301 { $1 = "many" NR; print $0, NR % 3 ? "red" : "blue" }' \
        "$SHOP/items.csv" >few.csv
    for n in 1 2 3; do sed "1d; s/^many/many$n-/" few.csv; done | cat few.csv - >many.csv
    [ "$(wc -l <many.csv)" -gt 1100 ]
    cp -r $c bare.pzc
    pz-event put-items -q $c many.csv
    kept=$c/versions/0001/items.flat
    [ -s $kept ]
    cp $kept good
    ask $c >kept
    cmp good $kept
    rm $kept
    ask $c >made
    cmp kept made
    # who put them wrote the file, who asked wrote the same
    cmp good $kept
    # a byte of the ids
    printf '\377' | dd of=$kept bs=1 seek=$(($(stat -c %s $kept) / 2)) conv=notrunc status=none
    ask $c >damaged
    cmp kept damaged
    truncate -s 5000 $kept
    pz-recommend -q $c --user u0040 >/dev/null
    cmp good $kept
    # of other rows
    pz-event put-items -q $c --item many7 --properties '{"COLOUR":"green"}'
    pz-recommend -q $c --user u0040 --filter 'INCLUDE ItemID WHERE Items.COLOUR IN ("green")' | grep -q ,many7,
    # in a folder that may not be written to the answer is the same, and nothing is left
    pz-event put-items -q bare.pzc many.csv
    rm -f bare.pzc/versions/0001/items.flat*
    if [ "$(id -u)" -ne 0 ]; then
        chmod a-w bare.pzc/versions/0001
        ask bare.pzc >unwritten
        chmod u+w bare.pzc/versions/0001
        cmp kept unwritten
        [ ! -e bare.pzc/versions/0001/items.flat ]
    fi
}

@test "one row put since is in the file of the version with the next answer, where the file is not new" {
    c=user-personalization.pzc kept=$c/versions/0001/items.flat
    for n in 1 2 3 4; do sed "1d; s/^/many$n-/" "$SHOP/items.csv"; done | cat "$SHOP/items.csv" - >many.csv
    [ "$(wc -l <many.csv)" -gt 1100 ]
    pz-event put-items -q $c many.csv
    touch -d '1 hour' $kept
    pz-event put-items -q $c --item one --properties '{"PRICE":3}'
    inode=$(stat -c %i $kept)
    pz-recommend -q $c --user u0040 >before
    [ "$(stat -c %i $kept)" = "$inode" ]
    touch -d '1 hour ago' $kept
    pz-recommend -q $c --user u0040 | cmp before -
    [ "$(stat -c %i $kept)" != "$inode" ]
    inode=$(stat -c %i $kept)
    touch -d '1 hour ago' $kept
    pz-recommend -q $c --user u0040 | cmp before -
    [ "$(stat -c %i $kept)" = "$inode" ]
}

# puts "today": 400 events with items of the model, and 80 with "hit" by those who had i0001; "slip" has one
today() {
    local at=1711800000
    {
        echo USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE
        awk -F, -v t=$at 'NR > 1 && NR <= 401 { print $1 "," $2 "," t + NR ",View" }' "$SHOP/interactions.csv"
        awk -F, '$2 == "i0001" && !seen[$1]++ { print $1 }' "$SHOP/interactions.csv" | tail -80 |
            awk -v t=$at '{ print $1 ",hit," t + 4 * NR ",View" }'
        echo "u0900,slip,$((at + 50)),View"
    } >today.csv
    pz-event put -q "$1" today.csv
}

@test "an item of live events alone is in the lists of those whom it suits; one event is not enough" {
    c=user-personalization.pzc
    today $c
    grep ,hit, today.csv | cut -d, -f1 | sort >had
    awk -F, 'NR > 1 { print $1 }' "$SHOP/users.csv" | sort >users
    pz-recommend -q $c --input <(echo userId; cat users) -n 25 -f csv >all.csv
    grep ,hit, all.csv | cut -d, -f1 | sort >got
    [ "$(wc -l <got)" -gt 200 ]
    # who had it does not get it again
    [ "$(comm -12 had got | wc -l)" -eq 0 ]
    [ "$(pz-recommend -q $c --user "$(head -1 had)" --why hit)" != "" ]
    # one event makes no item
    run ! grep -q ,slip, all.csv
    # of i0001 it is more than of an item that its users did not have
    pz-recommend -q $c --item i0001 -n 2000 | cut -d, -f2 >near
    [ "$(place hit <near)" -le 3 ]
    # a reason says what happened live, and after which items, of which i0001 is one of who had that
    awk -F, '$2 == "i0001" { print $1 }' "$BATS_FILE_TMPDIR/inter.csv" | sort -u | comm -12 - got | sed 1q >one
    pz-recommend -q $c --user "$(cat one)" -n 25 --explain --json |
        jq '.itemList[] | select(.itemId == "hit") | .explanation' >why
    jq -e '.scores.live > 0 and any(.because[]; .itemId == "i0001" and .share > 0)' why
    jq -e '([.scores[]] | add) - .blend | fabs < 1e-3' why
    # filters know it as an item without values
    pz-recommend -q $c --user "$(head -1 got)" -n 5 --filter 'INCLUDE ItemID WHERE Items.ITEM_ID IN ("hit")' | grep -q ',hit,1,'
    run ! bash -c "pz-recommend -q $c --user $(head -1 got) -n 900 --filter 'INCLUDE ItemID WHERE Items.PRICE > 0' | grep -q ,hit,"
}

@test "what is now and what is related hold an item of live events alone; a model that learned it counts it once" {
    for recipe in similar-items related-items; do
        today $recipe.pzc
        pz-recommend -q $recipe.pzc --item i0001 -n 25 | grep -q ',hit,'
    done
    pz-train -q --no-tune -r trending-now -o now.pzm "$BATS_FILE_TMPDIR/shop.pzd"
    pz-deploy publish -q now.pzc now.pzm
    today now.pzc
    pz-recommend -q now.pzc --user stranger -n 25 | grep -q ',hit,'
    # learned: its events are the model's, and nothing of them is counted live
    pz-event export -q --for now.pzc -o day.pzd now.pzc
    pz-train -q --update now.pzm -o next.pzm day.pzd
    pz-deploy publish -q now.pzc next.pzm
    pz-recommend -q now.pzc --user stranger -n 25 --explain >learned
    grep -q ,hit, learned
    run ! grep -q 'live=' learned
    pz-recommend -q next.pzm --user stranger -n 25 --explain | cmp - learned
}
