# SPDX-License-Identifier: Apache-2.0
# pz-train on several ranks (make MPI=1): the same bytes as one process, and one voice.
#
# PZ_MPI_BIN  programs built with MPI=1;  PZ_MPIRUN  how several are started;  RANKS  "RANKSxTHREADS ..." to compare
load common

PZ_MPI_BIN=${PZ_MPI_BIN:-$PZ_BIN/../mpi/bin}
RANKS=${RANKS:-2x1 3x2 4x1}
read -ra MPIRUN <<<"${PZ_MPIRUN:-mpirun --allow-run-as-root --oversubscribe --bind-to none}"

setup_file() {
    export PATH=$PZ_BIN:$PATH
    command -v "${MPIRUN[0]}" >/dev/null || { skip_file "no ${MPIRUN[0]}: scripts/install-deps.sh --mpi" && return; }
    [ -x "$PZ_MPI_BIN/pz-train" ] || { skip_file "nothing is built with MPI=1" && return; }
    cd "$BATS_FILE_TMPDIR" || return 1
    small_shop
    awk -F, 'NR == 1 || substr($1, 5, 1) == "0"' "$SHOP/interactions.csv" |
        awk -F, 'NR == 1 || $3 > 0' | head -200 >day.csv
    pz-import -q -o day.pzd --interactions day.csv
    # 20 items in place of 1,000, with a device for each event
    {
        echo USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,SESSION_ID,DEVICE
        awk -F, -v OFS=, 'NR > 1 && NR % 2 {
            $2 = sprintf("i%04d", substr($2, 2) % 20)
            print $0, NR % 3 ? "phone" : "desk"
        }' "$SHOP/interactions.csv"
    } >few.csv
    head -21 "$SHOP/items.csv" >few-items.csv
    cut -d, -f1-5 few.csv >plain.csv
    # a robot, a clock that is wrong, and times that take 64 bits
    {
        cat plain.csv
        echo u0001,i0001,4102444800,View,1
        echo u0001,i0002,-50000,View,1
        awk 'BEGIN { for (i = 0; i < 6000; i++) printf "u0500,i%04d,%d,View,1\n", i * 7 % 20, 1704090000 + i * 900 }'
    } >odd.csv
    for d in plain odd; do
        pz-import -q -o $d.pzd --interactions $d.csv --items few-items.csv --users "$SHOP/users.csv"
    done
    pz-import -q -o few.pzd --interactions few.csv --items few-items.csv --users "$SHOP/users.csv"
}

setup() {
    skipped_file
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp "$BATS_FILE_TMPDIR"/{shop,day,few,plain,odd}.pzd .
}

PARTS=(-p transitions=on -p factors=on -p spectral=on -p content=on -p sessions=on -p sequence=on -p sequence.epochs=1)

SHARING=(-p transitions=on -p factors=on -p spectral=on -p content=on -p recent=on -p habits=on)

# on N ARGS...: pz-train as N ranks
on() {
    "${MPIRUN[@]}" -n "$1" "$PZ_MPI_BIN/pz-train" "${@:2}"
}

@test "every part has the same bytes at any number of ranks and threads as in one process" {
    pz-train -q -j 2 --no-tune "${PARTS[@]}" -o one.pzm shop.pzd
    for n in $RANKS; do
        on "${n%x*}" -q -j "${n#*x}" --no-tune "${PARTS[@]}" -o many.pzm shop.pzd
        cmp one.pzm many.pzm
    done
    # as on several machines, where nothing is in common
    on 2 -q -j 1 --no-tune "${PARTS[@]}" --ledger runs.jsonl -o many.pzm shop.pzd
    PZ_RANKS_APART=1 on 2 -q -j 1 --no-tune "${PARTS[@]}" --ledger runs.jsonl -o apart.pzm shop.pzd
    cmp one.pzm apart.pzm
    [ "$(jq .ranks_bytes runs.jsonl | sort -n | head -1)" -eq "$(jq -s '.[0].ranks_bytes' runs.jsonl)" ]
    [ "$(jq .ranks_bytes runs.jsonl | sort -u | wc -l)" -eq 2 ]
    # kNN, and a window as of data without order
    pz-train -q --no-tune -p transitions.ridge=0 -p transitions.window=1000 -o knn.pzm shop.pzd
    on 3 -q -j 1 --no-tune -p transitions.ridge=0 -p transitions.window=1000 -o knn3.pzm shop.pzd
    cmp knn.pzm knn3.pzm
}

@test "where items are few ranks keep the users of their shares, and come to the same bytes" {
    pz-train -q --no-tune "${SHARING[@]}" -o one.pzm few.pzd
    for n in $RANKS; do
        on "${n%x*}" -q -j "${n#*x}" --no-tune "${SHARING[@]}" -o many.pzm few.pzd
        cmp one.pzm many.pzm
    done
    on 3 -v -j 1 --no-tune "${SHARING[@]}" -o many.pzm few.pzd 2>&1 | grep -q 'each rank keeps the interactions of its share'
    # without attributes, so that pairs are dropped before they travel; with rules, and with an encoder, which keeps all
    for how in "-p transitions.attributes=0" "--event Purchase:weight=1 --event View:weight=0.3" "-p sessions=on -p sequence=on -p sequence.epochs=1"; do
        # shellcheck disable=SC2086 # a word or two on purpose
        pz-train -q --no-tune $how -o one.pzm few.pzd
        # shellcheck disable=SC2086
        on 3 -q -j 1 --no-tune $how -o many.pzm few.pzd
        cmp one.pzm many.pzm
    done
    pz-train -q --tune 1 -p sequence=off -o one.pzm few.pzd
    on 3 -q -j 1 -t 1 -p sequence=off -o many.pzm few.pzd
    cmp one.pzm many.pzm
}

@test "without tuning ranks read the users of their shares alone, and come to the same bytes" {
    for d in plain odd; do
        pz-train -q --no-tune "${SHARING[@]}" -o one.pzm $d.pzd
        for n in $RANKS; do
            on "${n%x*}" -v -j "${n#*x}" --no-tune "${SHARING[@]}" -o many.pzm $d.pzd 2>talk
            cmp one.pzm many.pzm
            [ "${n%x*}" -eq 1 ] || grep -q 'each rank has read the interactions of its share' talk
            run ! grep -q 'all users for what needs them' talk
        done
    done
    # several files, users in one or all of them, events in two; rules
    for k in 0 1; do
        awk -v k=$k 'NR == 1 || NR % 3 == k || NR % 30 == 2' "$BATS_FILE_TMPDIR/plain.csv" >p$k.csv
        pz-import -q -o p$k.pzd --interactions p$k.csv --items "$BATS_FILE_TMPDIR/few-items.csv"
    done
    grep -v View "$BATS_FILE_TMPDIR/plain.csv" | sed 's/^u/v/' >p2.csv
    pz-import -q -o p2.pzd --interactions p2.csv
    for how in "p2.pzd p0.pzd p1.pzd" "--event Purchase:weight=1 --event View:weight=.3,threshold=.5 plain.pzd"; do
        # shellcheck disable=SC2086 # words on purpose
        pz-train -q --no-tune -o one.pzm $how
        for n in 2 3 4; do
            # shellcheck disable=SC2086
            on $n -v -j 1 --no-tune -o many.pzm $how 2>talk
            cmp one.pzm many.pzm
            grep -q 'each rank has read the interactions of its share' talk
        done
    done
    pz-train -q --tune 1 -p sequence=off -p factors=on -o old.pzm p0.pzd
    pz-train -q --tuned-from old.pzm -o one.pzm plain.pzd
    on 3 -v -j 1 --tuned-from old.pzm -o many.pzm plain.pzd 2>talk
    cmp one.pzm many.pzm
    grep -q 'each rank has read the interactions of its share' talk
    run on 2 -q -j 1 --no-tune --event View:threshold=99 -o many.pzm plain.pzd
    [ "$status" -eq 2 ]
    # what needs all users gets them
    for how in "-p sessions=on -p sequence=on -p sequence.epochs=1" "--recipe trending-now"; do
        # shellcheck disable=SC2086 # words on purpose
        pz-train -q --no-tune $how -o one.pzm odd.pzd
        # shellcheck disable=SC2086
        on 3 -q -j 1 --no-tune $how -o many.pzm odd.pzd
        cmp one.pzm many.pzm
    done
    # a damaged column is noticed, wherever it is
    size=$(stat -c %s plain.pzd)
    for at in 3 5 8; do
        cp plain.pzd hurt.pzd
        printf '\377\000' | dd of=hurt.pzd bs=1 seek=$((size * at / 16)) conv=notrunc status=none
        rm -f many.pzm
        run on 3 -q -j 1 --no-tune -o many.pzm hurt.pzd
        [ "$status" -eq 65 ]
        [ ! -e many.pzm ]
    done
}

@test "on one machine ranks have the interactions in common, and come to the same bytes" {
    # twice the people, and one who is a robot
    {
        cut -d, -f1-5 "$SHOP/interactions.csv"
        cut -d, -f1-5 "$SHOP/interactions.csv" | sed '1d; s/^u/v/'
        awk 'BEGIN { for (i = 0; i < 6000; i++) printf "u0500,i%04d,%d,View,1\n", i * 7 % 1000, 1704090000 + i * 900 }'
    } >wide.csv
    pz-import -q -o wide.pzd --interactions wide.csv --items "$SHOP/items.csv"
    for k in 0 1; do
        awk -v k=$k 'NR == 1 || NR % 2 == k || NR % 30 == 2' wide.csv >p$k.csv
        pz-import -q -o p$k.pzd --interactions p$k.csv
    done
    for how in "--no-tune wide.pzd" "--no-tune p0.pzd p1.pzd" "-t 1 -p sequence=off -p factors=off -p spectral=off wide.pzd" \
        "--no-tune --event Purchase:weight=1 --event View:weight=.3,threshold=.5 wide.pzd" \
        "--no-tune --holdout time:10% --holdout-out held.pzd wide.pzd"; do
        # shellcheck disable=SC2086 # words on purpose
        pz-train -q -o one.pzm $how
        # shellcheck disable=SC2086
        on 3 -v -j 1 -o many.pzm $how 2>talk
        cmp one.pzm many.pzm
        grep -q 'the ranks have all interactions in common' talk
    done
    pz-train -q --no-tune -o one.pzm wide.pzd
    PZ_RANKS_APART=1 on 2 -v -j 1 --no-tune -o many.pzm wide.pzd 2>talk
    cmp one.pzm many.pzm
    run ! grep -q 'in common' talk
}

@test "a search finds the same on several ranks, as a training and as a job" {
    pz-train -q --tune 2 -p sequence=off -o one.pzm shop.pzd
    on 3 -q -j 1 -t 2 -p sequence=off -o many.pzm shop.pzd
    cmp one.pzm many.pzm
    pz-train -q --trial 2/2 --tune 1 -p sequence=off shop.pzd >one.json
    on 2 -q -j 1 --trial 2/2 -t 1 -p sequence=off shop.pzd >many.json
    cmp one.json many.json
}

@test "several searches are made at once by groups of ranks, and come to the bytes of one process" {
    pz-train -q --searches 3 --tune 1 -p sequence=off -o one.pzm shop.pzd
    for n in 2 3 4; do
        on $n -q -j 1 --searches 3 -t 1 -p sequence=off -o many.pzm shop.pzd 2>talk
        cmp one.pzm many.pzm
        [ ! -s talk ]
    done
    # more ranks than searches: groups of two
    pz-train -q --searches 2 --tune 1 -p sequence=off -o one.pzm shop.pzd
    on 4 -j 1 --searches 2 -t 1 -p sequence=off -o many.pzm shop.pzd 2>talk
    cmp one.pzm many.pzm
    [ "$(grep -c 'of 2 is the best' talk)" -eq 1 ]
}

@test "updates and trainings by a model have the same bytes, too" {
    pz-train -q --no-tune -o old.pzm shop.pzd
    pz-train -q --update old.pzm -o one.pzm day.pzd
    on 2 -q -j 1 --update old.pzm -o many.pzm day.pzd
    cmp one.pzm many.pzm
    pz-train -q --tuned-from old.pzm -o one.pzm shop.pzd day.pzd
    on 2 -q -j 1 --tuned-from old.pzm -o many.pzm shop.pzd day.pzd
    cmp one.pzm many.pzm
}

@test "the first rank alone speaks and writes, and tells what each of them moved" {
    on 3 -v -j 1 --no-tune --ledger runs.jsonl -o many.pzm shop.pzd 2>talk
    [ "$(grep -c 'wrote many.pzm' talk)" -eq 1 ]
    for r in 1 2 3; do grep -qE "transitions, rank $r of 3: [0-9.]+ MB sent, [0-9.]+ s waited, [0-9]+ MB at most" talk; done
    [ "$(wc -l <runs.jsonl)" -eq 1 ]
    jq -e '.ranks == 3 and .ranks_bytes > 0' runs.jsonl
    [ "$(find . -name '*.pzm*' | wc -l)" -eq 1 ]
    [ "$(on 3 --info many.pzm | grep -c '^recipe')" -eq 1 ]
}

@test "what ranks send of transitions is no more than it was" {
    on 4 -q -j 1 --no-tune -p factors=off -p spectral=off -p sequence=off -p transitions.keep=1 --ledger runs.jsonl -o many.pzm shop.pzd
    # the Gram matrix nearly alone; 1,183,868 with the upper bytes of its values as they are
    jq -e '.ranks_bytes < 1175000' runs.jsonl
}

@test "a rank that is killed ends all: a word, no success and no output" {
    for which in last first; do
        "${MPIRUN[@]}" -n 3 "$PZ_MPI_BIN/pz-train" -j 1 --no-tune "${PARTS[@]}" -p sequence.epochs=500 -p sequence.pairs=500 -o dead.pzm shop.pzd \
            2>talk &
        job=$!
        for _ in $(seq 100); do
            mapfile -t ranks < <(pgrep -P "$job" -x pz-train)
            [ "${#ranks[@]}" -lt 3 ] || break
            sleep 0.1
        done
        sleep 2
        if [ $which = last ]; then kill -9 "${ranks[2]}"; else kill -9 "${ranks[0]}"; fi
        ended=0
        wait "$job" || ended=$?
        [ "$ended" -ne 0 ]
        # Open MPI says it in words of its own, at times after its mpirun has ended
        for _ in $(seq 50); do
            ! grep -qiE 'killed|signal 9|abort' talk || break
            sleep 0.1
        done
        grep -qiE 'killed|signal 9|abort' talk || { cat talk; false; }
        [ ! -e dead.pzm ]
        rm -f .dead.pzm.*
    done
}

@test "a rank that fails alone is named, and ends all with its status" {
    run "${MPIRUN[@]}" -n 1 "$PZ_MPI_BIN/pz-train" --no-tune -o a.pzm shop.pzd : \
        -n 1 "$PZ_MPI_BIN/pz-train" --no-tune -o a.pzm nowhere.pzd
    [ "$status" -eq 66 ]
    [[ $output == *"rank 2 of 2: cannot open nowhere.pzd"* ]]
    [ ! -e a.pzm ]
    # what all of them meet is said once
    run on 3 --no-tune -o a.pzm nowhere.pzd
    [ "$status" -eq 66 ]
    [ "$(grep -c 'pz-train: .*nowhere.pzd' <<<"$output")" -eq 1 ]
}

@test "what several ranks would not agree on is refused" {
    for clock in "--timeout 60" "--tune-time 60" --dry-run; do
        # shellcheck disable=SC2086 # a word or two on purpose
        run on 2 $clock -o a.pzm shop.pzd
        [ "$status" -eq 2 ]
        [[ $output == *"is for one process"* ]]
    done
    run "${MPIRUN[@]}" -n 1 env OPENBLAS_CORETYPE=Haswell "$PZ_MPI_BIN/pz-train" --no-tune -o a.pzm shop.pzd : \
        -n 1 env OPENBLAS_CORETYPE=Nehalem "$PZ_MPI_BIN/pz-train" --no-tune -o a.pzm shop.pzd
    [ "$status" -eq 69 ]
    [[ $output == *"OPENBLAS_CORETYPE"* ]]
    [ ! -e a.pzm ]
}
