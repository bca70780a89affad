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

# row NAME "CPU WALL KILOBYTES" [RATIO]
row() { awk -v name="$1" -v more="${3:-}" '{ printf "%-36s %8.2f %8.2f %8.0f %s\n", name, $1, $2, $3 / 1024, more }' <<<"$2"; }

head_line() { printf '%-36s %8s %8s %8s %s\n' "$1" 'CPU s' 'wall s' 'peak MB' "${2:-}"; }

# synthetic ROWS [USERS ITEMS]: the path of a made CSV file, the same bytes every time
synthetic() {
    local csv=$dir/synthetic-${1}-${2:-138000}-${3:-27000}.csv
    make -s "$B/scripts/make-synthetic" B="$B" >&2
    [ -s "$csv" ] || { "$B/scripts/make-synthetic" "$@" >"$csv.part" && mv "$csv.part" "$csv"; }
    echo "$csv"
}

# dataset ROWS [USERS ITEMS]: the same, imported
dataset() {
    local csv
    csv=$(synthetic "$@")
    [ -s "${csv%.csv}.pzd" ] || pz-import -q -o "${csv%.csv}.pzd" --interactions "$csv"
    echo "${csv%.csv}.pzd"
}
