# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # set here, used by those who read it, and the other way round
# What pz-daily and pz-weekly share; read by them, not run. Settings come from one file (see pz.conf):
# NAME=VALUE as sh reads it. Everything that a run makes is in $work:
#
#   lock, holder    one run at a time, of both kinds
#   log             a line a stage: time, run, stage, exit code, seconds, last words
#   ledger.jsonl    a line of JSON a program, written by the programs (--ledger)
#   base.pzd        all data as of the last weekly run; before that, $data
#   days/           what came since: one dataset a version, that the next weekly run merges
#   next.pzm        the model of this run
#   judged.json     what was said of the one before, on what it had not learned
#   full.pzm        that of the last weekly run, with daily_gate
#   forgotten.csv   who is just being taken out of a file; removed at the end
#
# A run may die anywhere: every file appears whole or not at all, an export asks the campaign's current
# version what it lacks, and merging the same events twice keeps them once. So the next run does
# again what was not done, and nothing is lost or counted twice.

kind=${0##*/}
[ $# -eq 1 ] || { echo "usage: $kind pz.conf" >&2; exit 2; }
[ -r "$1" ] || { echo "$kind: cannot read $1" >&2; exit 66; }
PATH=$here:$here/../build/bin:$PATH
campaign='' data='' work='' keep=5 keep_weekly=8 train='' update='' gone_items='' event_rules='' gate='' daily_gate='' max_data_age=''
min_rows_ratio=0.9 csv='' csv_num=25 textfile='' on_success='' on_failure='' lock_wait=0 threads=0
# shellcheck disable=SC1090 # a file of the operator
case $1 in */*) . "$1" ;; *) . "./$1" ;; esac
for name in campaign data work; do
    eval "value=\$$name"
    [ -n "$value" ] || { echo "$kind: $1 says no $name=" >&2; exit 2; }
done
# true, not the special built-in `:`, with which a shell ends when it cannot redirect
if ! { mkdir -p "$work/days" && true >>"$work/lock"; } 2>/dev/null; then
    echo "$kind: cannot write to $work" >&2
    exit 73
fi
exec 9>>"$work/lock"
flock -w "$lock_wait" 9 || {
    echo "$kind: another run is at work: $(cat "$work/holder" 2>/dev/null)" >&2
    exit 75
}
run=$(date -u +%Y%m%dT%H%M%SZ)-$$
echo "$kind, process $$, since $(date -u +%FT%TZ)" >"$work/holder" || exit 74
rm -f "$work"/*.new.pzd
base=$data
[ ! -e "$work/base.pzd" ] || base=$work/base.pzd

say() {
    echo "$(date -u +%FT%TZ) $run $kind $*" >>"$work/log" || :
}

# hook COMMAND STAGE CODE: tell somebody, by JSON on standard input
hook() {
    [ -z "$1" ] || printf '{"run":"%s","kind":"%s","campaign":"%s","stage":"%s","exit":%d,"log":"%s"}\n' \
        "$run" "$kind" "$campaign" "$2" "$3" "$work/log" | sh -c "$1" 9>&- || say "hook rc=$?"
}

# stage NAME COMMAND...: run it, one line into the log. An exit of 1 is an answer, which the caller
# takes; anything else above 0 ends the run.
stage() {
    stage=$1
    shift
    began=$(date +%s) code=0
    "$@" >"$work/out" 2>"$work/err" 9>&- || code=$?
    say "$stage rc=$code s=$(($(date +%s) - began)) $(tail -n 1 "$work/err" 2>/dev/null)"
    [ $code -le 1 ] || fail $code
    return $code
}

fail() {
    echo "$kind: $stage failed ($1), run $run; see $work/log" >&2
    cat "$work/err" >&2
    hook "$on_failure" "$stage" "$1"
    exit "$1"
}

# Whether a version was published. A campaign that cannot be read is no missing one.
has_campaign() {
    code=0 stage=status
    pz-deploy status -q "$campaign" >"$work/out" 2>"$work/err" 9>&- || code=$?
    [ $code -eq 0 ] || grep -q 'is no campaign with a published version' "$work/err" || fail $code
    return $code
}

# What the current version lacks, as a dataset named after that version: a second run for the same
# version replaces it by one that holds as much or more. False when there is nothing.
export_day() {
    version=$(pz-deploy status --json -q "$campaign" 2>"$work/err" | sed -n 's/^{"version":\([0-9]*\),.*/\1/p')
    [ -n "$version" ] || { stage=status && fail 65; }
    day=$work/days/day-$(printf %08d "$version").pzd
    stage export pz-event export -q --ledger "$work/ledger.jsonl" --for "$campaign" -o "$day" "$campaign"
}

# forgotten FILE...: who asked to be forgotten and is in one of these files, into $work/forgotten.csv. False
# when that is nobody. The live store knows them by hashes, purged ones too.
forgotten() {
    for file; do
        shift
        set -- "$@" --in "$file"
    done
    stage forgotten pz-event export -q --table forgotten "$@" -o "$work/forgotten.csv" "$campaign"
}

# They leave the datasets that are the jobs' own, and the model that updates are judged against goes.
erase() {
    if [ -f "$work/full.pzm" ] && forgotten "$work/full.pzm"; then rm -f "$work/full.pzm"; fi
    for file in "$work/base.pzd" "$work"/days/*.pzd; do
        if [ ! -f "$file" ] || ! forgotten "$file"; then continue; fi
        stage erase pz-import -q --ledger "$work/ledger.jsonl" --merge --without "$work/forgotten.csv" \
            -o "$work/erased.new.pzd" "$file" || fail 1
        mv "$work/erased.new.pzd" "$file" 2>"$work/err" || fail 74
    done
}

publish() {
    stage publish pz-deploy publish -q --ledger "$work/ledger.jsonl" --lock-wait 600 "$campaign" "$work/next.pzm" ||
        fail 1
}

# Old versions go, whatever knows somebody who was forgotten, and live events that all versions left and the data of the next training hold.
tidy() {
    set --
    for file in "$base" "$work"/days/*.pzd; do
        [ ! -f "$file" ] || set -- "$@" --data "$file"
    done
    erased=''
    if forgotten "$campaign"/versions/*/model.flat; then
        erased=yes
        set -- "$@" --ids "$work/forgotten.csv"
    fi
    stage gc pz-deploy gc -q --ledger "$work/ledger.jsonl" --lock-wait 600 --keep "$keep" \
        --keep-weekly "$keep_weekly" --events "$@" "$campaign" || say "gc kept live events: they are in no dataset"
    # free pages of the live store have bytes of what was removed
    [ -z "$erased" ] || stage compact pz-deploy compact -q "$campaign" || fail 1
    rm -f "$work/next.pzm" "$work/judged.json" "$work/forgotten.csv"
}

finish() {
    if [ -n "$csv" ]; then
        stage csv pz-recommend -q -j "$threads" --ledger "$work/ledger.jsonl" --all-users --num "$csv_num" -o "$csv" \
            "$campaign" || fail 1
    fi
    set --
    [ -z "$max_data_age" ] || set -- "$@" --max-age "data=$max_data_age"
    [ -z "$textfile" ] || set -- "$@" --textfile "$textfile"
    [ $# -eq 0 ] || stage status pz-deploy status "$@" "$campaign" || fail 1
    say "done"
    hook "$on_success" "done" 0
}
