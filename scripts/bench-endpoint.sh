#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The real-time endpoint: what a request costs beside its answer, events a second one by one and grouped, and
# what comes through when three times as much is asked as can be done. Needs wrk (Debian's package); a question is
# signed by curl, once, and repeated.
#
# usage: scripts/bench-endpoint.sh   (SECONDS_EACH=4, ITEMS=27000, and as in bench.sh)
# shellcheck source=scripts/bench-common.bash
source "$(dirname "$0")/bench-common.bash"
command -v wrk >/dev/null || { echo "wrk is not installed: apt-get install wrk" >&2; exit 69; }
each=${SECONDS_EACH:-4} ITEMS=${ITEMS:-27000} BUDGET_MS=100
data=$(dataset 2000000 138000 "$ITEMS")
model=$dir/bench-endpoint.pzm campaign=$dir/home.pzc log=$dir/access.log
[ -e "$model" ] || pz-train -q --no-tune -p factors.dim=128 -p factors.sweeps=3 -p sequence=off -o "$model" "$data"

cat >"$dir/get.lua" <<'LUA'
local n, wait = math.random(1, 100000), tonumber(os.getenv("WAIT_MS") or "0")
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
    n = n + 1
    return wrk.format(nil, "/recommendations", nil,
        '{"campaignArn":"arn:aws:personalize:us-east-1:000000000000:campaign/home","userId":"' .. (n % 100000) .. '"}')
end
if wait > 0 then delay = function() return math.random(0, 2 * wait) end end
LUA
cat >"$dir/signed.lua" <<'LUA'
local dir = os.getenv("SIGNED_IN")
wrk.method, wrk.body = "POST", io.open(dir .. "/question.json"):read("*a")
for line in io.lines(dir .. "/headers") do
    local name, value = line:match("([^:]+): ([^\r]+)")
    wrk.headers[name] = value
end
LUA
cat >"$dir/put.lua" <<'LUA'
local n = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
    n = n + 1
    return wrk.format(nil, "/events", nil, '{"trackingId":"home","sessionId":"s' .. (n % 5000) ..
        '","eventList":[{"eventType":"View","sentAt":1795428000,"itemId":"' .. (n % 1000) .. '"}]}')
end
LUA

echo "{\"campaigns\":{\"home\":{\"path\":\"$campaign\"}},\"budgetMs\":$BUDGET_MS}" >"$dir/endpoint.json"
printf '[bench]\naws_access_key_id = BENCH\naws_secret_access_key = secret\n' >"$dir/keys"
chmod 600 "$dir/keys"
# start [COMMAND...]: the server, run by a command where one is given
start() {
    rm -f "$log" "$dir/server.err"
    "$@" pz-deploy serve -q --listen 127.0.0.1:0 "${auth[@]}" --access-log "$log" --config "$dir/endpoint.json" \
        2>"$dir/server.err" &
    server=$!
    until grep -qs "^listening" "$dir/server.err"; do sleep 0.1; done
    url=http://127.0.0.1:$(sed -n 's/^listening on .*://p' "$dir/server.err")
}
auth=(--no-auth)
stop() { kill "$server"; wait "$server" || true; }
ticks() { awk '{ print $14 + $15 }' "/proc/$server/stat"; }

# load SCRIPT CONNECTIONS [COMMAND...], from a log of its own and after all have connected: answered a second, CPU µs
# for each answered, p50 and p99 ms of those, their mean µs of the answer itself, how many were refused, offered a second
load() {
    local before after
    "${@:3}" wrk -t1 -c"$2" -d"$((each + 2))s" -s "$dir/$1.lua" "$url" >"$dir/wrk.out" &
    sleep 1.5
    : >"$log"
    before=$(ticks)
    sleep "$each"
    after=$(ticks)
    cp "$log" "$dir/seen.log"
    wait $!
    jq -r '"\(.status) \(.us) \((.gather_us // 0) + (.filter_us // 0) + (.score_us // 0))"' "$dir/seen.log" | sort -k2n |
        awk -v s="$each" -v cpu=$(((after - before) * 10000)) '
            { all++ } $1 == 200 { t[++n] = $2; sum += $3 } $1 == 429 { shed++ }
            END { printf "%.0f %.0f %.1f %.1f %.0f %d %.0f\n", n / s, n ? cpu / n : 0, t[int(n / 2) + 1] / 1000,
                      t[int(n * .99) + 1] / 1000, n ? sum / n : 0, shed, all / s }'
}

questions() { printf '%-34s %8s %9s %8s %8s %10s %8s\n' "$@"; }

# what everything but the ranking costs: 25 most popular items of a small catalogue
pz-train -q --no-tune --recipe popularity-count -o "$dir/popular.pzm" "$data"
rm -rf "$campaign"
pz-deploy publish -q "$campaign" "$dir/popular.pzm"
start
questions 'questions' '200/s' 'CPU µs' 'p50 ms' 'p99 ms' 'answer µs' '429'
for c in 1 16 64; do
    read -r rate cpu p50 p99 answer shed _ < <(load get "$c")
    questions "popular items, $c connections" "$rate" "$cpu" "$p50" "$p99" "$answer" "$shed"
done
stop
auth=(--credentials "$dir/keys")
start
printf '{"campaignArn":"arn:aws:personalize:us-east-1:000000000000:campaign/home","userId":"7"}' >"$dir/question.json"
curl -sv -o "$dir/answer" -d "@$dir/question.json" -H 'Content-Type: application/json' \
    --aws-sigv4 aws:amz:us-east-1:personalize --user BENCH:secret "$url/recommendations" 2>&1 |
    sed -nE 's/^> ((Host|Authorization|X-Amz-Date|Content-Type): .*)/\1/p' >"$dir/headers"
export SIGNED_IN=$dir
grep -q itemList "$dir/answer"
url=$url/recommendations
for c in 16 64; do
    read -r rate cpu p50 p99 answer shed _ < <(load signed "$c")
    questions "the same signed, $c connections" "$rate" "$cpu" "$p50" "$p99" "$answer" "$shed"
done
stop
auth=(--no-auth)
bare=$(pz-deploy bench --json -j 1 "$campaign" | jq '.cpu_us')
echo "CPU beside the answer itself ($bare µs), signature and access log included: $(awk -v all="$cpu" -v bare="$bare" 'BEGIN { printf "%.0f µs", all - bare }')"

rm -rf "$campaign"
pz-deploy publish -q "$campaign" "$model"
start
for c in 1 16; do
    read -r rate cpu p50 p99 answer shed _ < <(load get "$c")
    questions "$ITEMS items, $c connections" "$rate" "$cpu" "$p50" "$p99" "$answer" "$shed"
done
stop

# Under overload, server and clients on a core each: what clients take is not the server's. Three times as many clients
# as are answered in a pause, which is long beside the time of an answer.
apart=()
[ "$(nproc)" -lt 2 ] || apart=(taskset -c)
start ${apart:+"${apart[@]}" 0}
read -r capacity alone p50 p99 answer shed _ < <(load get 16 ${apart:+"${apart[@]}" 1})
questions "one core, 16 connections" "$capacity" "$alone" "$p50" "$p99" "$answer" "$shed"
export WAIT_MS=$((3 * BUDGET_MS))
connections=$((3 * capacity * WAIT_MS / 1000 + 1))
read -r rate cpu p50 p99 answer shed offered < <(load get "$connections" ${apart:+"${apart[@]}" 1})
questions "one core, $offered/s offered" "$rate" "$cpu" "$p50" "$p99" "$answer" "$shed"
awk -v rate="$rate" -v capacity="$capacity" -v cpu="$cpu" -v alone="$alone" -v refused="$shed" -v s="$each" -v p99="$p99" \
    -v budget="$BUDGET_MS" 'BEGIN {
    each = (cpu - alone) * rate * s / (refused + 1)
    printf "under overload: %.0f %% of the rate at 16 connections; by CPU a refusal costs %.0f µs, so that of three times " \
        "the capacity %.0f %% of it is answered; p99 of answers %.0f ms with a budget of %d\n",
        100 * rate / capacity, each, 100 * alone / (alone + 2 * each), p99, budget }'
unset WAIT_MS

# events NAME: a row for each number of connections, and how many times one at a time 64 together are
events() {
    local c rate cpu p50 p99 single
    printf '\n%-34s %8s %9s %8s %8s\n' "events, durable, $1" '200/s' 'CPU µs' 'p50 ms' 'p99 ms'
    for c in 1 16 64 256; do
        read -r rate cpu p50 p99 _ < <(load put "$c")
        printf '%-34s %8s %9s %8s %8s\n' "$c connections" "$rate" "$cpu" "$p50" "$p99"
        [ "$c" -gt 1 ] || single=$rate
        [ "$c" -ne 64 ] || echo "grouped over single: $((10 * rate / (single + 1)))e-1 times"
    done
}
events 'this disk'
curl -s "$url/metrics" >"$dir/metrics"
grep -E '^pz_(phase_seconds_(sum|count)|commit_seconds)' "$dir/metrics"
stop
# A commit of one costs two waits for the disk and next to no CPU; how much grouping gains follows from the disk.
cc -shared -fPIC -D_GNU_SOURCE -o "$dir/slowdisk.so" tests/faults/slowdisk.c -ldl
start env LD_PRELOAD="$dir/slowdisk.so" PZ_SYNC_MS=1
events 'a disk 1 ms slower'
stop
