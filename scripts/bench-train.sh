#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Training of factors on 6,040 users x 3,706 items with 1,000,000 interactions, 15 sweeps, beside figures of
# the Python library implicit 0.7.3 on data of that shape (its fit alone, on a machine with 2 cores of an AMD
# EPYC, 2 threads); ours are of the whole process, from the dataset to the model file.
#
# usage: scripts/bench-train.sh   (as in bench.sh)
# shellcheck source=scripts/bench-common.bash
source "$(dirname "$0")/bench-common.bash"
data=$(dataset 1000000 6040 3706)

# train NAME SOLVER DIM CPU: CPU seconds of implicit
train() {
    local ours
    ours=$(measure pz-train -q --no-tune -p transitions=off -p content=off -p spectral=off \
        -p "factors.solver=$2" -p "factors.dim=$3" -p factors.sweeps=15 -o "$dir/bench-train.pzm" "$data")
    row "$1" "$ours" "$(awk -v peer="$4" '{ printf "implicit %5.1f  ratio %.2f", peer, $1 / peer }' <<<"$ours")"
}

head_line 'factors, 15 sweeps' 'CPU s of implicit'
train 'conjugate gradients, 64' 0 64 6.6
train 'conjugate gradients, 128' 0 128 9.5
train 'Cholesky, 64' 1 64 19.9
train 'Cholesky, 128' 1 128 34.4
rm -f "$dir/bench-train.pzm"
