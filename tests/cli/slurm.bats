# SPDX-License-Identifier: Apache-2.0
# The Slurm arrays of the manual pages, under Debian's slurm on this machine: searches, windows and parts of an export
# have the bytes of one machine. A controller, a node and munge are started in a folder of their own.
load common

setup_file() {
    local tool
    export PATH=$PZ_BIN:$PATH
    for tool in slurmctld slurmd munged sbatch; do
        command -v $tool >/dev/null || { skip_file "no $tool: scripts/install-deps.sh --slurm" && return; }
    done
    [ "$(id -u)" -eq 0 ] || { skip_file "Slurm's node needs root" && return; }
    cd "$BATS_FILE_TMPDIR" || return 1
    small_shop
    export SLURM_CONF=$BATS_FILE_TMPDIR/slurm.conf
    make_cluster
    slurm_start || skip_file "Slurm does not run here: $(grep -h error: slurmctld.log slurmd.log munge/log 2>/dev/null | tail -1)"
}

teardown_file() {
    local name pid
    for name in slurmd slurmctld munged; do
        pid=$(cat "$BATS_FILE_TMPDIR/$name.pid" 2>/dev/null) || continue
        kill "$pid" || continue
        for _ in $(seq 100); do
            if [ -e "/proc/$pid" ]; then sleep 0.1; fi
        done
    done
}

make_cluster() {
    local port host
    port=$(free_ports 2)
    host=$(hostname -s)
    mkdir state spool munge
    head -c 1024 /dev/urandom >munge/key
    chmod 400 munge/key
    echo 'IgnoreSystemd=yes' >cgroup.conf
    cat >slurm.conf <<CONF
ClusterName=pz
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$PWD/munge/socket
CredType=cred/munge
StateSaveLocation=$PWD/state
SlurmdSpoolDir=$PWD/spool
SlurmctldPidFile=$PWD/slurmctld.pid
SlurmdPidFile=$PWD/slurmd.pid
SlurmctldLogFile=$PWD/slurmctld.log
SlurmdLogFile=$PWD/slurmd.log
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=4
PartitionName=all Nodes=ALL Default=YES
CONF
}

slurm_start() {
    munged --key-file="$PWD/munge/key" --socket="$PWD/munge/socket" --pid-file="$PWD/munged.pid" --log-file="$PWD/munge/log" \
        --seed-file="$PWD/munge/seed" --force 2>/dev/null 3>&- || return 1
    slurmctld -c 3>&- && slurmd 3>&- || return 1
    for _ in $(seq 300); do
        [ "$(sinfo -ho %T 2>/dev/null)" != idle ] || return 0
        sleep 0.2
    done
    return 1
}

# example PROGRAM: the Slurm array of its manual page, as a line of shell.
example() {
    mandoc -T ascii -O width=400 "$BATS_TEST_DIRNAME/../../man/$1.1.in" | col -bx | awk '
        /^ *sbatch / { on = 1 }
        on { more = sub(/ *\\$/, " "); printf "%s", $0; if (!more) { print ""; exit } }'
}

# array N COMMAND: run it as an array of N jobs, and wait for all.
array() {
    eval "$2" >id
    for _ in $(seq 600); do
        [ -n "$(squeue -h)" ] || break
        sleep 0.2
    done
    [ "$(cat slurm-*.out | wc -l)" -eq 0 ] || { cat slurm-*.out && return 1; }
    [ "$(find . -name 'slurm-*.out' | wc -l)" -eq "$1" ]
    rm slurm-*.out
}

setup() {
    skipped_file
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp "$BATS_FILE_TMPDIR/shop.pzd" .
}

@test "the searches of pz-train(1) as an array are those of one machine" {
    line=$(example pz-train)
    [[ $line == *--array=1-16* ]]
    array 3 "$(sed 's,1-16,1-3,; s,/16,/3,; s,pz-train -q,& --tune 1 -p sequence=off,' <<<"$line")"
    for k in 1 2 3; do pz-train -q --tune 1 -p sequence=off --trial $k/3 shop.pzd | cmp - trial.$k; done
    pz-train -q --with-trials trial.? -o home.pzm shop.pzd
}

@test "the windows of pz-eval(1) as an array come to the table of one machine" {
    line=$(example pz-eval)
    [[ $line == *--array=1-8* ]]
    array 3 "$(sed 's,1-8,1-3,; s,/8,/3,; s,pz-eval -q,& --no-tune,' <<<"$line")"
    pz-eval -q --no-tune --split time:20% --windows 3 shop.pzd >table
    pz-eval --with-windows window.? | cmp - table
}

@test "the parts of pz-recommend(1) as an array are the whole export" {
    pz-train -q --no-tune -o home.pzm shop.pzd
    pz-deploy publish -q home.pzc home.pzm
    line=$(example pz-recommend)
    [[ $line == *--array=1-8* ]]
    array 8 "$line"
    pz-recommend -q home.pzc --all-users | tail -n +2 | sort >whole
    for k in {1..8}; do zstd -dcq all.$k.csv.zst | tail -n +2; done | sort | cmp - whole
    [ "$(find . -name 'all.*.manifest.json' | wc -l)" -eq 8 ]
}
