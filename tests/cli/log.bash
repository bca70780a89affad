# SPDX-License-Identifier: Apache-2.0
# Shared by the tests of several hosts: a stock PostgreSQL in a folder of its own. PG_HOME is that folder, PGPORT
# its port, LOG the URL of a database. Started as another user where the tests run as root, as initdb refuses root.

# log_tools: whether PostgreSQL's server is installed; PG_BIN is where.
log_tools() {
    PG_BIN=
    for dir in /usr/lib/postgresql/*/bin /usr/bin /usr/local/bin; do
        if [ -z "$PG_BIN" ] && [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then PG_BIN=$dir; fi
    done
    [ -n "$PG_BIN" ] && command -v psql >/dev/null
}

# as_pg COMMAND...: as the database's user.
as_pg() {
    if [ "$(id -u)" -ne 0 ]; then "$@"; else setpriv --reuid="$PG_USER" --regid="$PG_USER" --clear-groups -- "$@"; fi
}

# log_make [FOLDER]: make a cluster there.
log_make() {
    PG_HOME=${1:-$(mktemp -d "${TMPDIR:-/tmp}/pz-log.XXXXXX")}
    PG_USER=nobody
    ! id postgres >/dev/null 2>&1 || PG_USER=postgres
    chmod 755 "$PG_HOME"
    [ "$(id -u)" -ne 0 ] || chown "$PG_USER" "$PG_HOME"
    as_pg "$PG_BIN/initdb" -D "$PG_HOME/data" -U pz -A trust -E UTF8 --locale=C >"$PG_HOME.initdb" 2>&1
    PGPORT=$(free_ports 1)
    cat >>"$PG_HOME/data/postgresql.conf" <<CONF
port = $PGPORT
listen_addresses = '127.0.0.1'
unix_socket_directories = '$PG_HOME'
max_connections = 50
shared_buffers = 16MB
CONF
    LOG="postgresql://pz@127.0.0.1:$PGPORT/postgres"
}

# log_start: start it, and wait until it answers.
log_start() {
    as_pg "$PG_BIN/pg_ctl" -D "$PG_HOME/data" -l "$PG_HOME/server.log" -w -t 60 start >/dev/null 2>&1 3>&-
}

# log_stop [MODE]: smart, fast, immediate.
log_stop() {
    as_pg "$PG_BIN/pg_ctl" -D "$PG_HOME/data" -m "${1:-fast}" -w -t 60 stop >/dev/null 2>&1 || true
}

# log_kill: SIGKILL for all of it, as the kernel would.
log_kill() {
    local pid
    pid=$(head -1 "$PG_HOME/data/postmaster.pid")
    kill -9 "$pid" $(ps -o pid= --ppid "$pid") 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

# log_sql SQL: one value.
log_sql() {
    psql -X -A -t -q -h 127.0.0.1 -p "$PGPORT" -U pz postgres -c "$1"
}

log_remove() {
    [ -n "${PG_HOME:-}" ] || return 0
    log_stop immediate
    rm -rf "$PG_HOME" "$PG_HOME.initdb"
}
