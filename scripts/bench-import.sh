#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Import of 20,000,000 interactions beside pandas doing the same: reading the CSV, numbering the two id
# columns, grouping by user (CSR). Both from a warm file cache, once to warm up and RUNS times to measure;
# the run with the least CPU time counts. The ratio is pz's share of pandas' figures.
#
# usage: scripts/bench-import.sh   (ROWS=20000000, and as in bench.sh; PYTHON=/usr/bin/python3)
# Installs Debian's python3-pandas and python3-scipy when they are missing and it may.
# shellcheck source=scripts/bench-common.bash
source "$(dirname "$0")/bench-common.bash"
ROWS=${ROWS:-20000000}
python=${PYTHON:-/usr/bin/python3}

has_pandas() { "$python" -c 'import pandas, numpy, scipy' 2>/dev/null; }

install_pandas() {
    local as_root=""
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || return 1
        as_root="sudo"
    fi
    echo "installing python3-pandas python3-scipy" >&2
    $as_root apt-get install -y -qq --no-install-recommends python3-pandas python3-scipy >/dev/null 2>&1
}

cat >"$dir/peer.py" <<'PY'
import sys
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
d = pd.read_csv(sys.argv[1])
u, users = pd.factorize(d["USER_ID"])
i, items = pd.factorize(d["ITEM_ID"])
m = csr_matrix((np.ones(len(d), dtype=np.float32), (u, i)), shape=(len(users), len(items)))
print(len(d), len(users), len(items), m.nnz, file=sys.stderr)
PY

csv=$(synthetic "$ROWS")
head_line "$(wc -c <"$csv" | awk '{ printf "CSV of %.0f MB", $1 / 1e6 }')"
ours=$(measure pz-import -q -o "$dir/bench-import.pzd" --interactions "$csv")
row pz-import "$ours"
rm -f "$dir/bench-import.pzd"
if has_pandas || { install_pandas && has_pandas; }; then
    peer=$(measure "$python" "$dir/peer.py" "$csv")
    row 'pandas read_csv + factorize + CSR' "$peer"
    awk '{ printf "%-36s %8.2f %8.2f %8.2f\n", "ratio", $1 / $4, $2 / $5, $3 / $6 }' <<<"$ours $peer"
else
    echo "pandas is not installed: apt-get install python3-pandas python3-scipy" >&2
fi
