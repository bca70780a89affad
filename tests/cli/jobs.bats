# SPDX-License-Identifier: Apache-2.0
# pz-daily and pz-weekly: two weeks in fast time, killed at every stage, two at once, quiet days, full of faults.
load common

JOBS=$BATS_TEST_DIRNAME/../../scripts

setup_file() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_FILE_TMPDIR" || return 1
    # 60 users; the last 14 days are what happens while the jobs run
    awk -F, 'NR == 1 || substr($1, 4, 2) <= "05"' "$BATS_TEST_DIRNAME/../../sample-data/interactions.csv" >inter.csv
    newest=$(tail -n +2 inter.csv | cut -d, -f3 | sort -n | tail -1)
    start=$((newest - 14 * 86400))
    awk -F, -v s="$start" 'NR == 1 || $3 <= s' inter.csv >base.csv
    for day in $(seq 1 14); do
        awk -F, -v a=$((start + (day - 1) * 86400)) -v b=$((start + day * 86400)) \
            'NR == 1 || ($3 > a && $3 <= b)' inter.csv >"day$day.csv"
    done
    pz-import -q -o shop.pzd --interactions base.csv
    printf 'campaign=home.pzc\ndata=shop.pzd\nwork=work\ntrain="--no-tune --recipe popularity-count"\n' >pz.conf
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp "$BATS_FILE_TMPDIR"/*.csv "$BATS_FILE_TMPDIR"/shop.pzd "$BATS_FILE_TMPDIR"/pz.conf .
}

# As cron runs it: nothing in the environment.
job() {
    env -i PATH="$PZ_BIN:/usr/bin:/bin" "$JOBS/$1" pz.conf
}

rows() {
    pz-import --info --json "$@" | jq .interactions
}

# Everything that happened so far, as one import would have it.
due() {
    local day
    cp base.csv all.csv
    for day in $(seq 1 "$1"); do tail -n +2 "day$day.csv" >>all.csv; done
    pz-import -q -o due.pzd --interactions all.csv
    rows due.pzd
}

@test "two weeks: every event is learned once, quiet days are no error" {
    job pz-weekly
    for day in $(seq 1 14); do
        [ "$day" -eq 5 ] || pz-event put -q home.pzc "day$day.csv" # a quiet day
        [ "$day" -ne 6 ] || pz-event put -q home.pzc day5.csv
        if [ $((day % 7)) -eq 0 ]; then job pz-weekly; else job pz-daily; fi
        pz-recommend -q home.pzc --user u0001 -n 1 >/dev/null
    done
    [ "$(rows work/base.pzd)" -eq "$(due 14)" ]
    [ -z "$(ls work/days)" ]
    grep -q 'pz-daily nothing new' work/log
    pz-event stats --json home.pzc | jq -e '.events < 800'
    [ "$(pz-deploy list --json home.pzc | jq length)" -le 8 ]
    jq -s -e 'map(.kind) | contains(["export", "update", "publish", "import", "train", "gc"])' work/ledger.jsonl
    [ -z "$(find . -name '*.tmp' -o -name '*.new' -o -name '*.old')" ]
}

@test "a run killed at any stage is made good by the next" {
    job pz-weekly
    day=0
    for program in pz-event pz-eval pz-train pz-deploy pz-import; do
        mkdir -p shim
        printf '#!/bin/sh\ncase "$*" in status*) exec %s/%s "$@" ;; esac\nkill -9 $PPID\n' "$PZ_BIN" "$program" >"shim/$program"
        chmod +x "shim/$program"
        day=$((day + 1))
        pz-event put -q home.pzc "day$day.csv"
        kind=pz-daily
        [ "$program" != pz-import ] || kind=pz-weekly
        # the scripts put their own folder first; the shim comes from there
        mkdir -p bin && cp "$JOBS"/pz-daily "$JOBS"/pz-weekly "$JOBS"/pz-job.sh shim/* bin/
        run env -i PATH="$PZ_BIN:/usr/bin:/bin" bin/$kind pz.conf
        [ "$status" -eq 137 ] || { echo "$program: $status: $output" && return 1; }
        pz-recommend -q home.pzc --user u0001 -n 1 >/dev/null
        rm -r bin shim
        job "$kind"
    done
    job pz-weekly
    [ "$(rows work/base.pzd)" -eq "$(due 5)" ]
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
