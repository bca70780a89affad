# SPDX-License-Identifier: Apache-2.0
# Shared by the tests of pz-deploy serve: campaigns, a server on a free port, requests by curl.
ARN=arn:aws:personalize:us-east-1:000000000000

# home.pzc (user-personalization), related.pzc (related-items), rank.pzc in the current folder.
serve_campaigns() {
    small_shop
    pz-train -q -o home.pzm --no-tune --recipe user-personalization -p sequence=off shop.pzd
    pz-train -q -o related.pzm --no-tune --recipe related-items shop.pzd
    pz-train -q -o rank.pzm --no-tune --recipe personalized-ranking -p sequence=off shop.pzd
    for c in home related rank; do pz-deploy publish -q $c.pzc $c.pzm; done
}

# serve ARG...: start a server; PORT, SERVER (its process) and server.err are set.
serve() {
    pz-deploy serve --listen 127.0.0.1:0 "$@" 2>server.err 3>&- &
    SERVER=$!
    PORT=
    for _ in $(seq 1200); do # a minute: other work may have the machine
        if grep -q '^listening on' server.err; then break; fi
        kill -0 "$SERVER" 2>/dev/null || { cat server.err; return 1; }
        sleep 0.05
    done
    PORT=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' server.err)
    [ -n "$PORT" ] || { echo "not listening: $(cat server.err)"; return 1; }
}

# stop: SIGTERM; the server's exit status.
stop() {
    [ -n "${SERVER:-}" ] || return 0
    kill -TERM "$SERVER" 2>/dev/null || return 0
    local status=0
    wait "$SERVER" || status=$?
    SERVER=
    return $status
}

# post PATH BODY [CURL OPTION...]: the body of the answer.
post() {
    local path=$1 body=$2
    shift 2
    curl -sS -X POST -H 'Content-Type: application/json' -d "$body" "$@" "http://127.0.0.1:$PORT$path"
}

# status PATH BODY [CURL OPTION...]: HTTP status and exception.
status() {
    post "$@" -D headers -o /dev/null -w '%{http_code}'
    sed -n 's/^x-amzn-ErrorType: \(.*\)\r$/ \1/pI' headers
}
