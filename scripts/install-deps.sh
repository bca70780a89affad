#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install what pz needs from Debian's packages; says nothing when all is there.
#
# usage: scripts/install-deps.sh [--test|--lint|--deep|--log|--mpi|--slurm]
#   nothing  to build and run (scripts/demo.sh);  --test  and to run the tests (scripts/check.sh)
#   --log    and for the tests of several hosts (make check-cluster): PostgreSQL, haproxy
#   --mpi    and for pz-train on several machines (make MPI=1): Open MPI
#   --slurm  and for the tests of jobs under schedulers: Slurm, munge, GNU parallel
#   --lint   and for `make lint`;  --deep  and for `make lint-deep`, check-tsan, check-valgrind and faults
set -eu

packages="gcc libc6-dev make libcsv-dev libjansson-dev libzstd-dev zlib1g-dev liblzma-dev libbz2-dev liblmdb-dev libmicrohttpd-dev
nettle-dev libopenblas-serial-dev libxxhash-dev"
case ${1:-} in --test | --lint | --deep | --log) packages="$packages libcmocka-dev bats zstd jq mandoc ca-certificates curl" ;; esac
case ${1:-} in --lint | --deep) packages="$packages clang-format shellcheck" ;; esac
[ "${1:-}" != --log ] || packages="$packages postgresql postgresql-client libpq5 haproxy python3"
[ "${1:-}" != --mpi ] || packages="$packages libopenmpi-dev openmpi-bin"
[ "${1:-}" != --slurm ] || packages="$packages slurmctld slurmd slurm-client munge parallel"
[ "${1:-}" != --deep ] || packages="$packages clang libomp-dev clang-tidy cppcheck valgrind python3 strace"

missing=""
for p in $packages; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo"
    else
        echo "pz needs some packages; as root, run: apt-get install -y --no-install-recommends$missing" >&2
        exit 69
    fi
fi
echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of words on purpose
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
