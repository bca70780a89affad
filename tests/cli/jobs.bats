# SPDX-License-Identifier: Apache-2.0
# pz-daily and pz-weekly: four weeks in fast time, killed at every stage, two at once, quiet days, full of faults.
load common

JOBS=$BATS_TEST_DIRNAME/../../scripts

setup_file() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_FILE_TMPDIR" || return 1
    # 60 users; the last 28 days are what happens while the jobs run
    awk -F, 'NR == 1 || substr($1, 4, 2) <= "05"' "$BATS_TEST_DIRNAME/../../sample-data/interactions.csv" >inter.csv
    newest=$(tail -n +2 inter.csv | cut -d, -f3 | sort -n | tail -1)
    start=$((newest - 28 * 86400))
    echo "$start" >start
    awk -F, -v s="$start" 'NR == 1 || $3 <= s' inter.csv >base.csv
    for day in $(seq 1 28); do
        awk -F, -v a=$((start + (day - 1) * 86400)) -v b=$((start + day * 86400)) \
            'NR == 1 || ($3 > a && $3 <= b)' inter.csv >"day$day.csv"
    done
    pz-import -q -o shop.pzd --interactions base.csv
    printf 'campaign=home.pzc\ndata=shop.pzd\nwork=work\ntrain="--no-tune --recipe popularity-count"\n' >pz.conf
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp "$BATS_FILE_TMPDIR"/*.csv "$BATS_FILE_TMPDIR"/shop.pzd "$BATS_FILE_TMPDIR"/pz.conf .
    start=$(cat "$BATS_FILE_TMPDIR/start")
}

# As cron runs it: nothing in the environment.
job() {
    env -i PATH="$PZ_BIN:/usr/bin:/bin" "$JOBS/$1" pz.conf
}

rows() {
    pz-import --info --json "$@" | jq .interactions
}

# feed DAY [COMMAND...]: what happens on it, and four records that cannot be taken: without an item, without a user, at no time,
# cut off. All put and all refused are counted in ./fed and ./refused.
feed() {
    { cat "day$1.csv" && printf 'u0001,,%s,View,,\n,i0001,%s,View,,\nu0001,i0001,yesterday,View,,\nu0001,i00\n' "$start" "$start"; } >feed.csv
    "${@:2}" pz-event put -q --json --max-errors 4 --ledger puts.jsonl home.pzc feed.csv >put.json 2>/dev/null
    jq -e '.bad == 4 and .duplicate == 0 and .read == .stored + .bad' put.json >/dev/null
    echo $(($(cat fed 2>/dev/null || echo 0) + $(jq .read put.json))) >fed
    echo $(($(cat refused 2>/dev/null || echo 0) + $(jq .bad put.json))) >refused
}

# Put = in datasets + refused. DATASET holds all but what the jobs began with.
accounted() {
    [ "$(cat fed)" -eq $(($(rows "$1") - $(rows shop.pzd) + $(cat refused))) ]
    [ "$(jq -s 'map(.rows_in) | add' puts.jsonl)" -eq "$(cat fed)" ]
    [ "$(jq -s 'map(.rows_rejected) | add' puts.jsonl)" -eq "$(cat refused)" ]
}

# Everything that happened so far, as one import would have it.
due() {
    local day
    cp base.csv all.csv
    for day in $(seq 1 "$1"); do tail -n +2 "day$day.csv" >>all.csv; done
    pz-import -q -o due.pzd --interactions all.csv
    rows due.pzd
}

@test "four weeks: every event is learned once, quiet days are no error" {
    job pz-weekly
    for day in $(seq 1 28); do
        [ "$day" -eq 5 ] || feed "$day" # a quiet day
        [ "$day" -ne 6 ] || feed 5
        if [ $((day % 7)) -eq 0 ]; then job pz-weekly; else job pz-daily; fi
        pz-recommend -q home.pzc --user u0001 -n 1 >/dev/null
    done
    [ "$(rows work/base.pzd)" -eq "$(due 28)" ]
    accounted work/base.pzd
    [ -z "$(ls work/days)" ]
    grep -q 'pz-daily nothing new' work/log
    pz-event stats --json home.pzc | jq -e '.events < 800'
    [ "$(pz-deploy list --json home.pzc | jq length)" -le 8 ]
    jq -s -e 'map(.kind) | contains(["export", "update", "publish", "import", "train", "gc"])' work/ledger.jsonl
    [ -z "$(find . -name '*.tmp' -o -name '*.new' -o -name '*.old')" ]
}

# A copy of the jobs in bin/ whose programs are counted in ./calls; at call number $AT the run is killed, before the
# program's work or after it ($WHEN).
counted_job() {
    local program
    mkdir -p bin
    cp "$JOBS"/pz-daily "$JOBS"/pz-weekly "$JOBS"/pz-job.sh bin/
    for program in pz-event pz-eval pz-train pz-deploy pz-import; do
        cat >"bin/$program" <<SH
#!/bin/sh
echo x >>calls
n=\$(wc -l <calls)
[ "\$n:$WHEN" != "$AT:before" ] || kill -9 \$PPID
$PZ_BIN/$program "\$@"
code=\$?
[ "\$n:$WHEN" != "$AT:after" ] || kill -9 \$PPID
exit \$code
SH
        chmod +x "bin/$program"
    done
    rm -f calls
    env -i PATH="$PZ_BIN:/usr/bin:/bin" "bin/$1" pz.conf
}

# Every event of the days so far is in the data, or still in the live store, once.
whole() {
    cp work/base.pzd before.pzd
    pz-import -q --merge -o sum.pzd work/base.pzd $(ls work/days/*.pzd 2>/dev/null)
    [ "$(rows sum.pzd)" -eq "$(due "$1")" ]
}

@test "a run killed before or after any step is made good by the next" {
    local day=0 n kind at when
    job pz-weekly
    for kind in pz-daily pz-weekly; do
        AT=0 WHEN=never counted_job "$kind"
        n=$(wc -l <calls)
        [ "$n" -ge 6 ]
        for when in before after; do
            for at in $(seq "$n"); do
                # the days come one after the other, and once more when they are through: a repeat is no event
                day=$((day % 14 + 1))
                if [ "$when$at" = "before$n" ]; then
                    true # a run on a day without events
                elif [ -e "fed$day" ]; then
                    pz-event put -q home.pzc "day$day.csv"
                else
                    feed "$day" && touch "fed$day"
                fi
                AT=$at WHEN=$when run counted_job "$kind"
                [ "$status" -eq 137 ] || [ "$status" -eq 0 ] || { echo "$kind $when $at: $status: $output" && return 1; }
                pz-recommend -q home.pzc --user u0001 -n 1 >/dev/null
            done
        done
    done
    job pz-daily
    job pz-weekly
    whole 14
    accounted sum.pzd
    [ -z "$(find . -name '*.tmp' -o -name '*.new*' -o -name '*.old')" ]
}

@test "a full disk ends a run, the campaign answers, and the next run with room is whole" {
    unshare -rm true 2>/dev/null || skip "no mounts for us"
    job pz-weekly
    feed 1
    # work, the campaign too, on a small disk: what is missing is room at one place or another
    for left in 0 40 120 400; do
        run unshare -rm sh -c "
            mkdir -p disk && mount -t tmpfs -o size=8m none disk && cp -r home.pzc work shop.pzd disk/ &&
            sed 's,=home.pzc,=disk/home.pzc,; s,=work,=disk/work,' pz.conf >disk.conf
            head -c 8m /dev/zero >disk/fill 2>/dev/null
            size=\$(stat -c %s disk/fill); truncate -s \$((size - $left * 1024)) disk/fill
            code=0; env -i PATH=$PZ_BIN:/usr/bin:/bin $JOBS/pz-daily disk.conf || code=\$?
            $PZ_BIN/pz-recommend -q disk/home.pzc --user u0001 -n 1 >/dev/null || exit 90
            rm disk/fill
            env -i PATH=$PZ_BIN:/usr/bin:/bin $JOBS/pz-daily disk.conf || exit 91
            $PZ_BIN/pz-import -q --merge -o sum.pzd disk/shop.pzd \$(ls disk/work/base.pzd disk/work/days/*.pzd) || exit 92
            exit \$code"
        [ "$status" -lt 90 ]
        [ "$left" -ge 400 ] || [ "$status" -ne 0 ]
        [ "$(rows sum.pzd)" -eq "$(due 1)" ]
        accounted sum.pzd
    done
}

@test "a folder that cannot be written to ends a run with 73 or 74" {
    unshare -rm true 2>/dev/null || skip "no mounts for us"
    job pz-weekly
    feed 1
    for dir in work home.pzc; do
        run unshare -rm sh -c "mount --bind $dir $dir && mount -o remount,bind,ro $dir && exec env -i PATH=$PZ_BIN:/usr/bin:/bin $JOBS/pz-daily pz.conf"
        echo "$dir: $status: $output"
        [ "$status" -eq 73 ] || [ "$status" -eq 74 ]
        pz-recommend -q home.pzc --user u0001 -n 1 >/dev/null
    done
    job pz-daily
    whole 1
    accounted sum.pzd
}

@test "a clock that jumps forth and back changes no count" {
    cc -shared -fPIC -D_GNU_SOURCE -o clock.so "$BATS_TEST_DIRNAME/../faults/clock.c" -ldl
    at() { env -i LD_PRELOAD="$PWD/clock.so" PZ_CLOCK_OFFSET=$(($1 * 86400)) PATH="$PZ_BIN:/usr/bin:/bin" "${@:2}"; }
    [ "$(at 400 date +%Y)" -gt "$(date +%Y)" ]
    echo keep=2 >>pz.conf
    job pz-weekly
    day=0
    for offset in 0 30 -10 400 -400 0; do
        day=$((day + 1))
        feed "$day" at $offset
        at $offset "$JOBS/pz-daily" pz.conf
        pz-recommend -q home.pzc --user u0001 -n 1 >/dev/null
        at $offset pz-deploy status -q home.pzc >/dev/null
        [ "$(pz-deploy status --json home.pzc | jq .version)" -eq $((day + 1)) ]
    done
    at -30 "$JOBS/pz-weekly" pz.conf
    whole 6
    accounted sum.pzd
}

@test "the gate of a day is pooled over the last seven; where updates do worse than the last full model, none is published" {
    echo "daily_gate='vs.low.ndcg@25 > -2'" >>pz.conf
    job pz-weekly
    for day in 1 2 3; do
        pz-event put -q home.pzc "day$day.csv"
        job pz-daily
    done
    [ "$(pz-deploy status --json home.pzc | jq .version)" -eq 4 ]
    jq -s -e 'map(select(.program == "pz-eval" or .kind == "eval")) | length >= 3' work/ledger.jsonl
    # the model states what was said of those before it
    pz-train --info home.pzc --json | jq -e '.chain.judged | .full >= 0 and (.days | length) == 3'
    echo "daily_gate='vs.low.ndcg@25 > 2'" >>pz.conf
    echo 'on_failure="cat >failed.json"' >>pz.conf
    pz-event put -q home.pzc day4.csv
    run -1 job pz-daily
    [[ $output == *"judge failed (1)"* ]]
    jq -e '.stage == "judge" and .exit == 1' failed.json
    [ "$(pz-deploy status --json home.pzc | jq .version)" -eq 4 ]
    whole 4
    job pz-weekly # a full training is what it asked for
    whole 4
}

@test "two at once: the second says who is at work" {
    job pz-weekly
    exec 8>>work/lock
    flock 8
    echo "pz-weekly, process 42, since noon" >work/holder
    run -75 job pz-daily
    [[ $output == *"another run is at work: pz-weekly, process 42, since noon"* ]]
    exec 8>&-
    job pz-daily
}

@test "faults end a run with the tool's code, a message and the hook" {
    run -66 job pz-daily
    [[ $output == *"pz-weekly makes it"* ]]
    run -2 "$JOBS/pz-daily"
    echo 'campaign=x' >bad.conf
    run -2 "$JOBS/pz-daily" bad.conf
    run -66 "$JOBS/pz-daily" nosuch.conf
    echo 'on_failure="cat >failed.json"' >>pz.conf
    echo 'on_success="cat >done.json"' >>pz.conf
    job pz-weekly
    jq -e '.kind == "pz-weekly" and .exit == 0' done.json
    mv home.pzc kept.pzc && ln -s home.pzc home.pzc # what cannot be looked at is not made anew
    run -66 job pz-weekly
    [[ $output == *"pz-weekly: status failed"*"cannot look at"* ]]
    rm home.pzc && mv kept.pzc home.pzc
    rm home.pzc/current
    run -65 job pz-daily
    [[ $output == *"pz-deploy repair"* ]]
    jq -e '.exit == 65' failed.json
    pz-deploy repair -q home.pzc
    job pz-daily
    echo 9999999 >work/rows
    run -65 job pz-weekly
    [[ $output == *"less than min_rows_ratio"* ]]
}

@test "a version that was rolled back is no base of the next day" {
    job pz-weekly
    pz-event put -q home.pzc day1.csv
    job pz-daily
    pz-deploy rollback -q home.pzc
    pz-event put -q home.pzc day2.csv
    job pz-daily
    [ "$(pz-deploy status --json home.pzc | jq .version)" -eq 3 ]
    job pz-weekly
    [ "$(rows work/base.pzd)" -eq "$(due 2)" ]
}

# Every file below the folders given, decoded as the system's own tools do it, that has the id of a user as
# a field. pz is not asked.
traces() {
    local id=$1 file
    shift
    find "$@" -type f | while read -r file; do
        case $file in
            *.pzd | *.pzm | *.zst) zstd -dcq "$file" ;;
            *.gz) gzip -dc "$file" ;;
            *) cat "$file" ;;
        esac | grep -qa "$id" && echo "$file"
    done
    true
}

@test "who asked to be forgotten leaves every file of the jobs with the next daily run" {
    tail -n +2 base.csv | sed 's/^u0002,/erase-me-0,/; s/^u0102,/purge-me-0,/; s/^u0203,/erase-me-2,/' | cat <(head -1 base.csv) - >renamed.csv
    pz-import -q -o shop.pzd --interactions renamed.csv
    grep -v -e erase-me -e purge-me renamed.csv >left.csv
    rm renamed.csv
    job pz-weekly
    pz-event put -q home.pzc day1.csv
    item=$(sed -n 2p day1.csv | cut -d, -f2)
    pz-event put -q home.pzc --user erase-me-1 --session erase-me-s --item "$item" --type View --event-id erase-me-e --properties '{"note":"erase-me-n"}'
    pz-event put-users -q home.pzc --user erase-me-1 --properties '{"MOTTO":"erase-me-m"}' 2>/dev/null || true
    job pz-daily
    pz-event put -q home.pzc day2.csv
    job pz-daily
    echo 'csv=all.csv.gz' >>pz.conf
    printf 'USER_ID\nerase-me-0\nerase-me-1\nerase-me-2\npurge-me-0\n' >ids.csv
    rm shop.pzd # the operator's own
    cp -r home.pzc old.pzc && cp -r work old
    run -1 --separate-stderr pz-deploy check --ids ids.csv home.pzc work
    [[ $output == *"erase-me-1,home.pzc/live/data.mdb,"* ]]
    [[ $output == *"erase-me-0,home.pzc/versions/0001/model.flat,users"* ]]
    [[ $output == *"erase-me-1,work/days/day-00000001.pzd,users"* ]]
    pz-event forget -q home.pzc --user erase-me-0 --user erase-me-1
    pz-event forget -q home.pzc --purge --user purge-me-0 --user erase-me-2
    [ -n "$(traces erase-me home.pzc work)" ]
    job pz-daily # a day without an event
    pz-event forget -q home.pzc --purge --user erase-me-0 --user erase-me-1
    [ -z "$(traces erase-me home.pzc work all.csv.gz)" ]
    [ -z "$(traces purge-me home.pzc work all.csv.gz)" ]
    pz-deploy check --ids ids.csv home.pzc work all.csv.gz
    # nobody else lost an event, and what was learned is not learned again
    tail -qn +2 day1.csv day2.csv >>left.csv
    pz-import -q -o left.pzd --interactions left.csv
    run -1 pz-event export -q --for home.pzc -o none.pzd home.pzc
    job pz-daily
    tail -1 work/log | grep -q done
    grep -q 'nothing new' <(tail -9 work/log)
    job pz-weekly
    [ "$(rows work/base.pzd)" -eq "$(rows left.pzd)" ]
    pz-deploy check --ids ids.csv home.pzc work
}

@test "items that are no more leave the model with the next update, and the data with the next training" {
    echo "gone_items=gone.csv" >>pz.conf
    echo "update=--quiet" >>pz.conf
    echo nothing >gone.csv
    job pz-weekly
    item=$(sed 1d day1.csv | cut -d, -f2 | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
    echo "$item" >gone.csv
    pz-event put -q home.pzc day1.csv
    job pz-daily
    pz-recommend -q home.pzc --all-users -n 2000 >lists
    run ! grep -q ",$item," lists
    job pz-weekly
    [ "$(pz-import -q --export interactions work/base.pzd | wc -l)" -eq \
        "$(cat base.csv <(tail -n +2 day1.csv) | awk -F, -v i="$item" '$2 != i' | wc -l)" ]
}

@test "somebody who comes back after being forgotten stays out of datasets and models" {
    job pz-weekly
    user=$(sed -n 2p day1.csv | cut -d, -f1)
    pz-event forget -q home.pzc --user "$user"
    pz-event put -q home.pzc day1.csv
    job pz-daily
    echo "$user" | pz-deploy check --ids - work/days work/base.pzd home.pzc/versions
    pz-recommend -q home.pzc --user "$user" -n 1
    job pz-weekly
    echo "$user" | pz-deploy check --ids - work/days work/base.pzd home.pzc/versions
    [ "$(pz-import -q --export interactions work/base.pzd | wc -l)" -eq "$(cat base.csv <(tail -n +2 day1.csv) | grep -vc "^$user,")" ]
}
