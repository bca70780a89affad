# SPDX-License-Identifier: Apache-2.0
# Shared by the benches, which source it: settings, and the measuring of a command.
set -euo pipefail
shopt -s inherit_errexit # a command that fails has no figures
cd "$(dirname "${BASH_SOURCE[0]}")/.."
B=${B:-build} RUNS=${RUNS:-3}
dir=${BENCH_DIR:-$(mktemp -d)}
[ -n "${BENCH_DIR:-}" ] || trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir"
PATH=$(cd "$B" && pwd)/bin:$PATH
[ -x /usr/bin/time ] || { echo "the benches need /usr/bin/time: apt-get install time" >&2; exit 69; }

# measure COMMAND...: "cpu wall kilobytes" of the run with the least CPU time of RUNS, after one to warm up
measure() {
    local i
    "$@" >/dev/null 2>&1
    for ((i = 0; i < RUNS; i++)); do
        /usr/bin/time -o "$dir/time" -f '%U %S %e %M' "$@" >/dev/null 2>&1
        awk '{ print $1 + $2, $3, $4 }' "$dir/time"
    done | sort -n | head -1
}

# once COMMAND...: its CPU seconds and megabytes, of one run
once() {
    /usr/bin/time -o "$dir/time" -f '%U %S %M' "$@" >/dev/null 2>&1
    awk '{ print $1 + $2, $3 / 1024 }' "$dir/time"
}

# row NAME "CPU WALL KILOBYTES" [RATIO]
row() { awk -v name="$1" -v more="${3:-}" '{ printf "%-36s %8.2f %8.2f %8.0f %s\n", name, $1, $2, $3 / 1024, more }' <<<"$2"; }

head_line() { printf '%-36s %8s %8s %8s %s\n' "$1" 'CPU s' 'wall s' 'peak MB' "${2:-}"; }

# synthetic ROWS [USERS ITEMS [SEED TOPICS]]: the path of a made CSV file, the same bytes every time
synthetic() {
    local csv=$dir/synthetic-${1}-${2:-138000}-${3:-27000}${5:+-$5}.csv
    make -s "$B/scripts/make-synthetic" B="$B" >&2
    [ -s "$csv" ] || { "$B/scripts/make-synthetic" "$@" >"$csv.part" && mv "$csv.part" "$csv"; }
    echo "$csv"
}

# dataset ROWS [USERS ITEMS [SEED TOPICS]]: the same, imported
dataset() {
    local csv
    csv=$(synthetic "$@")
    [ -s "${csv%.csv}.pzd" ] || pz-import -q -o "${csv%.csv}.pzd" --interactions "$csv"
    echo "${csv%.csv}.pzd"
}

# goal_row WORK MEASURED FLOOR GOAL WHAT: a row of the table of goals. MEASURED is to be at most GOAL; FLOOR is what WHAT
# takes in the same run, "-": none is known. bench.sh prints the rows of all benches together in the end.
goal_row() {
    awk -v work="$1" -v is="$2" -v least="$3" -v goal="$4" -v what="$5" 'BEGIN {
        if (is !~ /^[0-9.]+$/) { print work ": no figure" >"/dev/stderr"; exit 1 }
        printf "%-46s %9.2f %9s %9.2f  %-6s %s\n", work, is, least == "-" ? "-" : sprintf("%.2f", least), goal,
            is + 0 <= goal + 0 ? "met" : "MISSED", what
    }' | tee -a "${BENCH_GOALS:-/dev/null}"
}

goal_head() { printf '%-46s %9s %9s %9s\n' '' measured floor goal; }
