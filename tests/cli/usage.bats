# SPDX-License-Identifier: Apache-2.0
# What all programs understand alike: versions, the environment, operands in the wrong place, lists of ids, "-".
load common

# A shop, a model of it, a campaign.
campaign() {
    small_shop
    pz-train -q --no-tune -p sequence=off -o home.pzm shop.pzd
    pz-deploy publish -q home.pzc home.pzm
}

@test "--version: the version alone on the first line, then commit, format and libraries" {
    for p in "$PZ_BIN"/pz-*; do
        "$p" --version >out
        [[ $(sed -n 1p out) =~ ^pz-[a-z]+\ [0-9.]+$ ]]
        grep -qx 'format of .pzd and .pzm files 2' out
        grep -q '^libraries .*libc\.so' out
        # one answer must not wait for the loader: what it needs of these is linked in
        [[ $p == */pz-recommend ]] || grep -q '^libraries .*libzstd\.so\.1\.[0-9.]* ' out
    done
    # a subcommand's is the program's
    cmp <(pz-deploy --version) <(pz-deploy publish --version)
    if git -C "$BATS_TEST_DIRNAME" rev-parse HEAD >/dev/null 2>&1; then
        grep -qE '^commit [0-9a-f]{7,}' out
    fi
}

@test "-p list prints every setting, and so does the manual" {
    pz-train -p list >list
    grep -qE '^factors\.dim +[0-9]+ +[0-9]+\.\.[0-9]+ .* length of a vector' list
    grep -qE '^sequence +auto +on, off, auto ' list
    grep -qE '^popularity +auto +on, auto ' list
    grep -qE '^trend\.power ' list
    pz-train -p list --json | jq -es '.[] | select(.name == "factors.dim") | .default and .allowed and .searched' >/dev/null
    [ "$(pz-train -p list --json | jq -rs '.[].name')" = "$(awk 'NR > 1 { print $1 }' list)" ]
    cmp list <(pz-eval -p list)
    # every name is a name, with its default where it is a number
    small_shop
    pz-train --help-settings >manual
    while read -r name default _; do
        grep -qF ".It Cm $name No = Ar $default" manual
        ! [[ $default =~ ^[0-9.]+$ ]] || pz-train -qn --no-tune -p "$name=$default" shop.pzd >/dev/null 2>err || {
            grep -qE 'is not learned here' err
        }
    done < <(sed 1d list)
}

@test "man pages say the version at their foot when they are installed" {
    make -n -B -C "$BATS_TEST_DIRNAME/../.." install DESTDIR="$PWD/root" B="$PWD/b" >steps
    version=$(pz-train --version | sed -n '1s/pz-train //p')
    foot="s/^\.Os\$/.Os pz $version/"
    [ "$(grep -cF -- "-e '$foot'" steps)" -ge 7 ] # of six programs, and of the pages in one loop
}

@test "PZ_THREADS where --threads does not say" {
    small_shop
    PZ_THREADS=x run -2 pz-train -n shop.pzd
    [[ $output == *'PZ_THREADS: "x" is not a whole number from 0 to 1024'* ]]
    PZ_THREADS=2000 run -2 pz-train -n shop.pzd
    PZ_THREADS=x pz-train -qn -j 1 shop.pzd >/dev/null
    campaign
    export OMP_NUM_THREADS=4
    [ "$(PZ_THREADS=3 pz-deploy bench home.pzc --seconds 0.05 --json | jq .threads)" = 3 ]
    [ "$(PZ_THREADS=3 pz-deploy bench home.pzc --seconds 0.05 --json -j 2 | jq .threads)" = 2 ]
    [ "$(pz-deploy bench home.pzc --seconds 0.05 --json | jq .threads)" = 4 ]
}

@test "PZ_CAMPAIGN where no operand names one" {
    campaign
    run -2 pz-recommend --user u0010
    export PZ_CAMPAIGN=home.pzc
    cmp <(pz-recommend -q --user u0010) <(pz-recommend -q home.pzc --user u0010)
    pz-event put -q --user u0010 --item i0500 --type Purchase
    [ "$(pz-event stats --json | jq .events)" = 1 ]
    pz-deploy status | grep -q '^version   1'
    # an operand is what it says
    run -66 pz-recommend other.pzc --user u0010
    # what writes files asks for its operands as before
    run -2 pz-import --info
}

@test "a dataset for a model and the other way round: the line to type" {
    campaign
    run -2 pz-eval shop.pzd home.pzm
    [[ $output == *'the model comes first: pz-eval home.pzm shop.pzd' ]]
    run -2 pz-deploy publish home.pzm home.pzc
    [[ $output == *'the campaign comes first: pz-deploy publish home.pzc home.pzm' ]]
    run -2 pz-train --update shop.pzd -o new.pzm home.pzm
    [[ $output == *'pz-train --update home.pzm -o new.pzm shop.pzd' ]]
    run -2 pz-event put shop.pzd home.pzc
    [[ $output == *'the campaign comes first: home.pzc shop.pzd' ]]
    run -2 pz-recommend shop.pzd --user u0010
    [[ $output == *'shop.pzd is a dataset (*.pzd), and a model (*.pzm) or a campaign (*.pzc) is needed; '* ]]
    [[ $output == *'pz-train -o MODEL.pzm shop.pzd' ]]
    run -2 pz-train -o new.pzm home.pzm
    [[ $output == *'pz-train --update home.pzm -o MODEL.pzm NEW.pzd' ]]
    run -2 pz-train -o new.pzm home.pzc
    [[ $output == *'pz-event export home.pzc -o NEW.pzd' ]]
    run -2 pz-deploy publish home.pzc shop.pzd
    run -2 pz-deploy status home.pzm
    [[ $output == *'pz-deploy publish CAMPAIGN.pzc home.pzm' ]]
    run -2 pz-event stats home.pzm
    run -2 pz-import --info home.pzm
    run -2 pz-import --merge -o new.pzd shop.pzd home.pzm
    run -2 pz-eval --split personalize home.pzm
    [ ! -e new.pzm ]
    [ ! -e new.pzd ]
    # a damaged file keeps its own error
    head -c 100 home.pzm >cut.pzm
    run -65 pz-recommend cut.pzm --user u0010
}

@test "lists of ids: quotes as in CSV, given again, from a file" {
    cat >inter.csv <<'CSV'
USER_ID,ITEM_ID,TIMESTAMP
u1,"a,b",1
u1,"say ""x""",2
u2,"a,b",3
u2,plain,4
u3,plain,5
u3,"say ""x""",6
u3,@at,7
CSV
    pz-import -q -o odd.pzd --interactions inter.csv
    pz-train -q --no-tune -p sequence=off -r personalized-ranking -o odd.pzm odd.pzd
    ids() { pz-recommend -q odd.pzm --user u1 --json "$@" | jq -c '[.. | .itemId? // empty] | sort'; }
    all='["@at","a,b","plain","say \"x\""]'
    [ "$(ids --rank '"a,b","say ""x""",plain,"@at"')" = "$all" ]
    [ "$(ids --rank '"a,b"' --rank 'plain,"@at"' --rank '"say ""x"""')" = "$all" ]
    printf '"a,b"\n"say ""x""",plain\r\n"@at"\n' >ids.csv
    [ "$(ids --rank @ids.csv)" = "$all" ]
    [ "$(ids --rank '"a,b"' --rank @ids.csv | jq 'unique | length')" = 4 ]
    run -2 pz-recommend odd.pzm --user u1 --rank '"a,b'
    [[ $output == *'a quote is not closed'* ]]
    run -66 pz-recommend odd.pzm --user u1 --rank @none.csv
}

@test "impressions: ids with commas, from several options and a file" {
    campaign
    printf 'i3\ni4\n' >shown
    pz-event put -q home.pzc --user u0010 --item i0500 --type View --impression '"i,1",i2' --impression @shown
    pz-event export -q home.pzc | grep -qF '"i,1|i2|i3|i4"'
}

@test "datasets and models from standard input, by a pipe and by a file" {
    campaign
    pz-import --info shop.pzd >want
    cmp want <(pz-import --info - <shop.pzd)
    cmp want <(cat shop.pzd | pz-import --info -)
    pz-train -q --no-tune -p sequence=off -o want.pzm shop.pzd
    cat shop.pzd | pz-train -q --no-tune -p sequence=off -o got.pzm -
    cmp want.pzm got.pzm
    # and in one line, without a file in between
    pz-import -q -o - --interactions inter.csv --items "$SHOP/items.csv" |
        pz-train -q --no-tune -p sequence=off -o - - >piped.pzm
    cmp want.pzm piped.pzm
    pz-recommend -q home.pzm --user u0010 >want
    cmp want <(cat home.pzm | pz-recommend -q - --user u0010)
    cat home.pzm | pz-deploy publish -q other.pzc -
    cmp want <(pz-recommend -q other.pzc --user u0010)
    pz-eval -q --json --split personalize --no-tune -p sequence=off shop.pzd | jq .metrics >want
    cmp want <(cat shop.pzd | pz-eval -q --json --split personalize --no-tune -p sequence=off - | jq .metrics)
    # nothing, or half of it, is an error
    run -65 pz-import --info - </dev/null
    head -c 1000 shop.pzd | run -65 pz-import --info -
}

@test "binary is not written to a terminal, nor mixed with a report" {
    small_shop
    script -qec "pz-train --no-tune -p sequence=off -o - shop.pzd" /dev/null >out || [ $? = 2 ]
    grep -q 'binary is not written to a terminal' out
    [ "$(wc -c <out)" -lt 200 ]
    script -qec "pz-import -o - --interactions inter.csv" /dev/null >out || [ $? = 2 ]
    grep -q 'binary is not written to a terminal' out
    pz-train -q --no-tune -p sequence=off --json -o - shop.pzd >a.pzm
    pz-train -q --no-tune -p sequence=off -o b.pzm shop.pzd
    cmp a.pzm b.pzm
}

# A reader that has enough, as head, ends a program as SIGPIPE does: 141 and no word.
@test "a reader that is gone is no error" {
    campaign
    pz-event put -q home.pzc inter.csv
    printf 'USER_ID\nu0010\nu0020\n' >users.csv
    while read -r program options; do
        read -ra words <<<"$options"
        { until [ -e gone ]; do sleep 0.05; done; code=0; "$program" "${words[@]}" -q 2>err || code=$?; echo "$code" >code; } |
            touch gone
        [ "$(<code)$(<err)" = 141 ] || { echo "$program $options: $(<code) $(<err)"; false; }
        rm gone
    done <<'END'
pz-import --export interactions shop.pzd
pz-import --info shop.pzd
pz-import -o - --interactions inter.csv
pz-train --no-tune -p sequence=off -o - shop.pzd
pz-train --info home.pzm
pz-train -p list
pz-recommend home.pzc --user u0010
pz-recommend home.pzc --user u0010 --json
pz-recommend home.pzc --input users.csv
pz-recommend home.pzc --all-users --format jsonl
pz-recommend home.pzc --segment-item i0001
pz-eval --no-tune -p sequence=off --split leave-last shop.pzd
pz-deploy list home.pzc
pz-deploy status home.pzc
pz-event export home.pzc
pz-event stats home.pzc
END
}

@test "a file that is not there is looked for among its neighbours" {
    small_shop
    run -66 pz-train -o x.pzm shop.pdz
    [[ $output == *"shop.pdz"*"; did you mean shop.pzd?" ]]
    mkdir days
    cp inter.csv days/monday.csv
    run -66 pz-import -o x.pzd --interactions days/mondy.csv
    [[ $output == *"; did you mean days/monday.csv?" ]]
    run -66 pz-import -o x.pzd --interactions inter.csv --items "$PWD/days/tuesday.csv"
    [[ $output != *"did you mean"* ]]
}

@test "help fits a narrow terminal, and its examples can be pasted" {
    for call in pz-import pz-train pz-eval pz-recommend pz-event pz-deploy 'pz-deploy serve' \
        'pz-deploy status' 'pz-deploy pull' 'pz-event put-items'; do
        script -qec "stty cols 60; $call --help" /dev/null | tr -d '\r' >page
        grep -q '^usage: ' page
        run -1 grep -E '^.{60}' page
        COLUMNS=60 $call --help | cmp - page # what a pager is told
    done
    [ "$(COLUMNS=wide pz-train --help)" = "$(pz-train --help)" ]
    script -qec 'stty cols 60; pz-event --help' /dev/null | tr -d '\r' >page
    grep -A1 'pz-event put-items home.pzc' page >example
    ARGS=$(sed 's/^ *pz-event/printf %s\\\\n/' example)
    run -0 bash -c "$ARGS"
    [ "${lines[5]}" = '{"PRICE": 9.5}' ]
}

@test "help is --help, unless there is a file of that name" {
    small_shop
    for p in pz-import pz-train pz-eval pz-recommend; do diff <("$p" help) <("$p" --help); done
    cp shop.pzd help
    pz-import --info help >info
    run -0 pz-train -q --no-tune -p sequence=off -o m.pzm help
}
