#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Import of 20,000,000 interactions beside pandas doing the same: reading the CSV, numbering the two id
# columns, grouping by user (CSR). Both from a warm file cache, once to warm up and RUNS times to measure;
# the run with the least CPU time counts. Prints a table and the ratios.
#
# usage: scripts/bench-import.sh   (B=build, ROWS=20000000, RUNS=3, BENCH_DIR: where the CSV is kept)
# Needs /usr/bin/time; for the other half python3 with pandas, numpy, scipy (Debian: python3-pandas,
# python3-scipy), which is left out when missing.
set -euo pipefail
cd "$(dirname "$0")/.."
B=${B:-build} ROWS=${ROWS:-20000000} RUNS=${RUNS:-3}
dir=${BENCH_DIR:-$(mktemp -d)}
[ -n "${BENCH_DIR:-}" ] || trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir"
csv=$dir/synthetic-$ROWS.csv
make -s "$B/bin/pz-import" "$B/scripts/make-synthetic" B="$B"
[ -s "$csv" ] || { "$B/scripts/make-synthetic" "$ROWS" >"$csv.part" && mv "$csv.part" "$csv"; }

cat >"$dir/peer.py" <<'PY'
import sys
import numpy as np
import pandas as pd
d = pd.read_csv(sys.argv[1])
u, users = pd.factorize(d["USER_ID"])
i, items = pd.factorize(d["ITEM_ID"])
try:
    from scipy.sparse import csr_matrix
    m = csr_matrix((np.ones(len(d), dtype=np.float32), (u, i)), shape=(len(users), len(items)))
except ImportError:  # the same grouping by hand
    order = np.argsort(u, kind="stable")
    m = (np.concatenate(([0], np.cumsum(np.bincount(u)))), i[order])
print(len(d), len(users), len(items), file=sys.stderr)
PY

# measure COMMAND...: "cpu wall kilobytes" of the run with the least CPU time
measure() {
    local i
    "$@" >/dev/null 2>&1
    for ((i = 0; i < RUNS; i++)); do
        /usr/bin/time -o "$dir/time" -f '%U %S %e %M' "$@" >/dev/null 2>&1
        awk '{ print $1 + $2, $3, $4 }' "$dir/time"
    done | sort -n | head -1
}

row() { awk -v name="$1" '{ printf "%-28s %8.2f %8.2f %8.0f\n", name, $1, $2, $3 / 1024 }' <<<"$2"; }

printf '%-28s %8s %8s %8s\n' "$(wc -c <"$csv" | awk '{ printf "CSV of %.0f MB", $1 / 1e6 }')" 'CPU s' 'wall s' 'peak MB'
ours=$(measure "$B/bin/pz-import" -q -o "$dir/synthetic.pzd" --interactions "$csv")
row pz-import "$ours"
python=${PYTHON:-/usr/bin/python3}
if "$python" -c 'import pandas, numpy' 2>/dev/null; then
    peer=$(measure "$python" "$dir/peer.py" "$csv")
    row 'pandas read_csv + factorize' "$peer"
    awk '{ printf "%-28s %8.2f %8.2f %8.2f\n", "ratio", $1 / $4, $2 / $5, $3 / $6 }' <<<"$ours $peer"
else
    echo "pandas is not installed: apt-get install python3-pandas python3-scipy" >&2
fi
