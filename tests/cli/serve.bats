# SPDX-License-Identifier: Apache-2.0
# pz-deploy serve: the protocol as curl sees it. Real clients: serve-clients.bats.
load common
load serve

setup_file() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_FILE_TMPDIR" || return 1
    serve_campaigns
    pz-deploy set -q home.pzc filter kitchen 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("Kitchen")'
    pz-deploy set -q home.pzc filter category 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ($C)'
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp -r "$BATS_FILE_TMPDIR"/*.pzc .
}

teardown() {
    stop || true
}

@test "it says where it listens, is ready, and ends with 0 at SIGTERM" {
    serve --no-auth home.pzc related.pzc rank.pzc
    [ "$(curl -s "127.0.0.1:$PORT/livez")" = ok ]
    [ "$(curl -s -o ready -w '%{http_code}' "127.0.0.1:$PORT/readyz")" = 200 ]
    grep -q '^home ready' ready
    grep -q 'no-auth' server.err
    stop
}

@test "a host by name is IPv4 where it can be, and is called as it was given" {
    pz-deploy serve --no-auth --listen localhost:0 home.pzc 2>server.err 3>&- &
    SERVER=$!
    for _ in $(seq 200); do if grep -q '^listening on localhost:[1-9]' server.err; then break; fi; sleep 0.05; done
    PORT=$(sed -n 's/^listening on localhost:\([0-9]*\)$/\1/p' server.err)
    [ "$(curl -s "127.0.0.1:$PORT/livez")" = ok ]
    [ "$(curl -s "localhost:$PORT/livez")" = ok ]
    stop
    run -2 pz-deploy serve --no-auth --listen 127.0.0.1 home.pzc
    run -2 pz-deploy serve --no-auth --listen nosuch.invalid:0 home.pzc
}

@test "answers are those of pz-recommend" {
    serve --no-auth home.pzc related.pzc rank.pzc
    user=$(awk -F, 'NR == 2 { print $1 }' "$BATS_FILE_TMPDIR/inter.csv")
    post /recommendations "{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"$user\",\"numResults\":7}" >a
    [ "$(jq -r '.itemList[].itemId' a)" = "$(pz-recommend home.pzc --user "$user" -n 7 | tail -n +2 | cut -d, -f2)" ]
    jq -e '.recommendationId | test("^RID-.{36}$")' a
    jq -e '.itemList[0].score > 0' a
    post /recommendations "{\"campaignArn\":\"$ARN:campaign/related\",\"itemId\":\"i0006\"}" >a
    [ "$(jq '.itemList | length' a)" -eq 25 ]
    [ "$(jq -r '.itemList[].itemId' a)" = "$(pz-recommend related.pzc --item i0006 | tail -n +2 | cut -d, -f2)" ]
    jq -e '.itemList[0] | has("score") | not' a
    post /personalize-ranking "{\"campaignArn\":\"$ARN:campaign/rank\",\"userId\":\"$user\",\"inputList\":[\"i0001\",\"nosuch\",\"i0006\",\"i0003\"]}" >a
    [ "$(jq -r '.personalizedRanking[].itemId' a)" = "$(pz-recommend rank.pzc --user "$user" --rank i0001,nosuch,i0006,i0003 | tail -n +2 | cut -d, -f2)" ]
    [ "$(jq -r '.personalizedRanking[3].itemId' a)" = nosuch ]
}

@test "control: a list is cut into pages of 1 to 100" {
    control() { status / "$1" -H 'X-Amz-Target: AmazonPersonalize.ListCampaigns' -H 'Content-Type: application/x-amz-json-1.1'; }
    serve --no-auth home.pzc related.pzc rank.pzc
    for n in 1 3 100 null; do [ "$(control "{\"maxResults\":$n}")" = 200 ]; done
    for n in 0 -1 101 1.5 '"x"'; do [ "$(control "{\"maxResults\":$n}")" = '400 InvalidInputException' ]; done
    for n in 0 4 x; do [ "$(control "{\"nextToken\":\"$n\"}")" = '400 InvalidNextTokenException' ]; done
    post / '{"maxResults":2}' -H 'X-Amz-Target: AmazonPersonalize.ListCampaigns' >a
    [ "$(jq -c '[(.campaigns | length), .nextToken]' a)" = '[2,"2"]' ]
    post / '{"maxResults":2,"nextToken":"2"}' -H 'X-Amz-Target: AmazonPersonalize.ListCampaigns' >b
    [ "$(jq -c '[(.campaigns | length), has("nextToken")]' b)" = '[1,false]' ]
    [ "$(jq -r '.campaigns[].name' a b | sort -u | wc -l)" -eq 3 ]
}

@test "an event is in the next answer, and survives the server" {
    serve --no-auth home.pzc
    q="{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"newcomer\"}"
    post /recommendations "$q" >before
    [ "$(jq -r '[.itemList[] | select(.reason == ["Popular item"])] | length' before)" -eq 25 ]
    first=$(jq -r '.itemList[0].itemId' before)
    [ "$(status /events "{\"trackingId\":\"home\",\"sessionId\":\"s\",\"userId\":\"newcomer\",\"eventList\":[{\"eventType\":\"View\",\"sentAt\":1795428000.5,\"itemId\":\"$first\"}]}")" = 200 ]
    post /recommendations "$q" >after
    run ! cmp before after
    [ "$(jq -r --arg i "$first" '[.itemList[] | select(.itemId == $i)] | length' after)" -eq 0 ]
    kill -9 "$SERVER"
    wait "$SERVER" || true
    SERVER=
    [ "$(pz-event stats --json home.pzc | jq .events)" -eq 1 ]
}

@test "filters, values, promotions and metadata" {
    serve --no-auth home.pzc
    c="\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"u\""
    post /recommendations "{$c,\"filterArn\":\"$ARN:filter/kitchen\",\"metadataColumns\":{\"ITEMS\":[\"CATEGORY_L1\",\"PRICE\"]}}" >a
    [ "$(jq -r '[.itemList[].metadata.CATEGORY_L1] | unique | join(",")' a)" = Kitchen ]
    jq -e '.itemList[0].metadata.PRICE | type == "string"' a
    post /recommendations "{$c,\"filterArn\":\"$ARN:filter/category\",\"filterValues\":{\"C\":\"\\\"Bath\\\",\\\"Kitchen\\\"\"}}" >a
    [ "$(jq '.itemList | length' a)" -eq 25 ]
    post /recommendations "{$c,\"numResults\":10,\"promotions\":[{\"name\":\"push\",\"percentPromotedItems\":20,\"filterArn\":\"$ARN:filter/category\",\"filterValues\":{\"C\":\"\\\"Kitchen\\\"\"}}]}" >a
    [ "$(jq '[.itemList[] | select(.promotionName == "push")] | length' a)" -eq 2 ]
    [ "$(status /recommendations "{$c,\"filterArn\":\"$ARN:filter/nosuch\"}")" = "404 ResourceNotFoundException" ]
    [ "$(status /recommendations "{$c,\"filterArn\":\"$ARN:filter/category\"}")" = "400 InvalidInputException" ]
    [ "$(status /recommendations "{$c,\"metadataColumns\":{\"ITEMS\":[\"NOSUCH\"]}}")" = "400 InvalidInputException" ]
}

@test "errors have a status, a type in the header and the body, and a message" {
    serve --no-auth home.pzc related.pzc rank.pzc
    [ "$(status /recommendations "{\"campaignArn\":\"$ARN:campaign/nosuch\",\"userId\":\"u\"}")" = "404 ResourceNotFoundException" ]
    [ "$(status /recommendations '{"campaignArn":"demo","userId":"u"}')" = "400 InvalidInputException" ]
    [ "$(status /recommendations '{}')" = "400 InvalidInputException" ]
    [ "$(status /recommendations '{')" = "400 InvalidInputException" ]
    [ "$(status /recommendations "{\"campaignArn\":\"$ARN:campaign/home\"}")" = "400 InvalidInputException" ]
    [ "$(status /recommendations "{\"campaignArn\":\"$ARN:campaign/related\",\"userId\":\"u\"}")" = "400 InvalidInputException" ]
    [ "$(status /recommendations "{\"campaignArn\":\"$ARN:campaign/rank\",\"userId\":\"u\"}")" = "400 InvalidInputException" ]
    [ "$(status /personalize-ranking "{\"campaignArn\":\"$ARN:campaign/related\",\"userId\":\"u\",\"inputList\":[\"i0001\"]}")" = "400 InvalidInputException" ]
    [ "$(status /action-recommendations "{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"u\"}")" = "400 InvalidInputException" ]
    [ "$(status /actions "{\"datasetArn\":\"$ARN:dataset/home/ACTIONS\",\"actions\":[{\"actionId\":\"a\"}]}")" = "404 ResourceNotFoundException" ]
    [ "$(status /events '{"trackingId":"nosuch","sessionId":"s","eventList":[{"eventType":"c","sentAt":1}]}')" = "400 InvalidInputException" ]
    [ "$(status /items "{\"datasetArn\":\"$ARN:dataset/nosuch/ITEMS\",\"items\":[{\"itemId\":\"a\"}]}")" = "404 ResourceNotFoundException" ]
    [ "$(status /items "{\"datasetArn\":\"$ARN:dataset/home/USERS\",\"items\":[{\"itemId\":\"a\"}]}")" = "400 InvalidInputException" ]
    [ "$(status /nosuch '{}')" = "404 UnknownOperationException" ]
    [ "$(curl -s -o body -w '%{http_code}' "127.0.0.1:$PORT/recommendations")" = 405 ]
    jq -e '.message and .__type' body
    post /recommendations "{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"u\",\"numResults\":501}" | jq -e '.message | contains("numResults")'
}

@test "put items and users are durable at once and recommendable within a second" {
    serve --no-auth home.pzc
    [ "$(status /items "{\"datasetArn\":\"$ARN:dataset/home/ITEMS\",\"items\":[{\"itemId\":\"brandnew\",\"properties\":\"{\\\"categoryL1\\\":\\\"Novelty\\\",\\\"price\\\":3}\"}]}")" = 200 ]
    [ "$(status /users "{\"datasetArn\":\"$ARN:dataset/home/USERS\",\"users\":[{\"userId\":\"u\",\"properties\":\"{\\\"age\\\":\\\"30\\\"}\"}]}")" = 200 ]
    [ "$(status /items "{\"datasetArn\":\"$ARN:dataset/home/ITEMS\",\"items\":[{\"itemId\":\"bad\",\"properties\":\"{\\\"price\\\":\\\"cheap\\\"}\"}]}")" = "400 InvalidInputException" ]
    pz-event stats --json home.pzc | jq -e '.items == 1 and .users == 1'
    found=
    for _ in $(seq 50); do # a put row is in the view after the next look; the loop bounds a hang, not a speed
        if post /recommendations "{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"u\",\"filterArn\":\"$ARN:filter/category\",\"filterValues\":{\"C\":\"\\\"Novelty\\\"\"}}" | grep -q brandnew; then found=1; break; fi
        sleep 0.1
    done
    [ -n "$found" ]
}

@test "a new version and new settings are taken over without a failed request" {
    serve --no-auth home.pzc
    q="{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"u\",\"numResults\":3}"
    for _ in $(seq 200); do echo "$q"; done >questions
    (while read -r line; do status /recommendations "$line"; echo; done <questions >answers) &
    asker=$!
    for _ in 1 2 3; do
        pz-deploy publish -q home.pzc "$BATS_FILE_TMPDIR/home.pzm"
        pz-deploy set -q home.pzc num 4
        pz-deploy rollback -q home.pzc
        sleep 0.3
    done
    wait $asker
    [ "$(sort -u answers)" = 200 ]
    pz-deploy publish -q home.pzc "$BATS_FILE_TMPDIR/home.pzm"
    new=
    for _ in $(seq 100); do
        if post /recommendations "$q" | grep -q RID-00000005; then new=1; break; fi
        sleep 0.1
    done
    [ -n "$new" ]
}

@test "what cannot be served safely is not served" {
    run -2 pz-deploy serve --no-auth --listen 0.0.0.0:0 home.pzc
    [[ $output == *loopback* ]]
    run -2 pz-deploy serve --listen 127.0.0.1:0 home.pzc
    [[ $output == *credentials* ]]
    run -66 pz-deploy serve --no-auth --listen 127.0.0.1:0 nosuch.pzc
    printf '[a]\naws_access_key_id = A\naws_secret_access_key = S\n' >keys
    chmod 644 keys
    run -65 pz-deploy serve --credentials keys --listen 127.0.0.1:0 home.pzc
    [[ $output == *"chmod 600"* ]]
    chmod 600 keys
    echo 'alow = read' >>keys
    run -65 pz-deploy serve --credentials keys --listen 127.0.0.1:0 home.pzc
    [[ $output == *alow* && $output != *" S"* ]]
}

@test "unsigned requests are refused where keys are in use" {
    printf '[a]\naws_access_key_id = A\naws_secret_access_key = S\n' >keys
    chmod 600 keys
    serve --credentials keys home.pzc
    [ "$(status /recommendations '{}')" = "403 MissingAuthenticationTokenException" ]
    [ "$(status /events '{}' -H 'Authorization: AWS4-HMAC-SHA256 x')" = "403 IncompleteSignatureException" ]
    [ "$(curl -s "127.0.0.1:$PORT/livez")" = ok ]
}

@test "who is not proven takes nothing of a rate" {
    local q="{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"u\"}" key=AKIDONE
    printf '[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\nallow = %s\nmax_tps = 2\n' \
        one $key aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa read two AKIDTWO bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb write >keys
    chmod 600 keys
    echo '{"campaigns":{"home":{"path":"home.pzc","maxTPS":2}}}' >config.json
    serve --credentials keys --config config.json
    by() { status "$1" "$q" --aws-sigv4 aws:amz:us-east-1:personalize --user "$2:$3"; }
    for _ in $(seq 20); do
        [ "$(status /recommendations "$q")" = "403 MissingAuthenticationTokenException" ]
        [ "$(by /recommendations $key wrongwrongwrongwrongwrongwrongwr)" = "403 InvalidSignatureException" ]
        # proven, but not allowed to ask
        [ "$(by /recommendations AKIDTWO bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb)" = "403 AccessDeniedException" ]
    done
    curl -s "127.0.0.1:$PORT/metrics" | grep -qx 'pz_throttled_total 0'
    [ "$(by /recommendations $key aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)" = 200 ]
    [ "$(by /recommendations $key aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)" = 200 ]
    for _ in $(seq 20); do by /recommendations $key aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done >answers
    grep -q '^429 ThrottlingException' answers
}

@test "requests that two servers could read differently are refused" {
    serve --no-auth home.pzc
    whole() { # again where the end of the connection overtook the answer
        local text
        for _ in 1 2 3 4 5; do
            exec 9<>"/dev/tcp/127.0.0.1/$PORT"
            printf '%b' "$1" | cat >&9 || true # in one write
            text=$(timeout 5 cat <&9 2>/dev/null) || true
            exec 9>&-
            if [ -n "$text" ]; then break; fi
        done
        echo "$text"
    }
    raw() {
        whole "$1" | head -1
    }
    [[ $(raw 'POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n') == *" 400 "* ]]
    [[ $(raw 'POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}') == *" 400 "* ]]
    [[ $(raw 'POST /events HTTP/1.1\r\nHost: a\r\nContent-Length : 2\r\n\r\n{}') == *" 400 "* ]]
    [[ $(raw 'POST /events HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}') == *" 400 "* ]]
    [[ $(raw 'POST /events HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}') == *" 400 "* ]]
    [[ $(raw 'POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n') == *" 413 "* ]]
    big=$(head -c 20000 /dev/zero | tr '\0' x)
    [[ $(raw "POST /events HTTP/1.1\r\nHost: a\r\nX-Big: $big\r\nContent-Length: 2\r\n\r\n{}") == *" 431 "* ]]
    # what libmicrohttpd refuses by itself is JSON too: headers above 40 kB, and what is no HTTP
    for n in 30000 40000 60000 120000; do
        curl -s -H "X-Big: $(head -c "$n" /dev/zero | tr '\0' x)" -d '{}' "http://127.0.0.1:$PORT/events" | jq -e '.message | test("16 kB")'
    done
    for wrong in x -1 99999999999999999999999; do # or nothing at all
        whole "POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: $wrong\r\n\r\n" >answer
        run ! grep -q . answer
    done
    for wrong in 'POST /events HTTP/3.7\r\nHost: a\r\n\r\n' \
        'POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n' \
        'POST /events HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n'; do
        whole "$wrong" >answer
        run ! grep -qi '<html' answer
        grep -qi '^content-type: application/json' answer
        sed '1,/^\r*$/d' answer | jq -e '.__type and .message'
    done
    # What may come does: 64 headers with 16 kB in them.
    big=$(for i in {10..71}; do printf 'X-%d: %s\\r\\n' "$i" "$(head -c 255 /dev/zero | tr '\0' x)"; done)
    [[ $(raw "POST /nowhere HTTP/1.1\r\nHost: a\r\n${big}Content-Length: 2\r\n\r\n{}") == *" 404 "* ]]
}

@test "pages of other origins may not ask, those of the list may" {
    echo '{"campaigns":{"home":{"path":"home.pzc"}},"cors":["https://shop.example"]}' >config.json
    serve --no-auth --config config.json
    q="{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"u\"}"
    [ "$(status /recommendations "$q" -H 'Origin: https://evil.example')" = "403 AccessDeniedException" ]
    [ "$(status /recommendations "$q" -H 'Origin: https://shop.example')" = 200 ]
    grep -qi '^access-control-allow-origin: https://shop.example' headers
    curl -s -D headers -o /dev/null -X OPTIONS -H 'Origin: https://shop.example' \
        -H 'Access-Control-Request-Method: POST' "127.0.0.1:$PORT/events"
    grep -q '^HTTP/1.1 204' headers
    grep -qi '^access-control-allow-headers:.*authorization' headers
}

@test "--print-config prints what --config takes" {
    pz-deploy serve --print-config home.pzc related.pzc >config.json
    pz-deploy serve --print-config --config config.json >again.json
    cmp config.json again.json
    [ "$(jq -r '.campaigns.related.trackingId' config.json)" = related ]
    echo '{"campains":{}}' >bad.json
    run -65 pz-deploy serve --print-config --config bad.json
    [[ $output == *"did you mean campaigns"* ]]
}

@test "a unix socket, a socket handed over, and word to the service manager" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    pz-deploy serve --no-auth --listen "unix:$PWD/s.sock" home.pzc 2>server.err 3>&- &
    SERVER=$!
    for _ in $(seq 100); do if [ -S s.sock ]; then break; fi; sleep 0.05; done
    [ "$(curl -s --unix-socket s.sock http://x/livez)" = ok ]
    stop
    [ ! -e s.sock ]
    python3 - <<'PY'
import os, signal, socket, subprocess, urllib.request
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind("notify.sock")
notify.settimeout(20)
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
def child():
    os.dup2(listener.fileno(), 3)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", NOTIFY_SOCKET=os.getcwd() + "/notify.sock")
    os.execvp("pz-deploy", ["pz-deploy", "serve", "--no-auth", "--listen", "127.0.0.1:1", "home.pzc"])
pid = os.fork()
if pid == 0:
    child()
assert notify.recv(100) == b"READY=1"
assert urllib.request.urlopen("http://127.0.0.1:%d/livez" % listener.getsockname()[1]).read() == b"ok\n"
os.kill(pid, signal.SIGHUP)
assert notify.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
assert notify.recv(100) == b"READY=1"
os.kill(pid, signal.SIGTERM)
assert notify.recv(100) == b"STOPPING=1"
assert os.waitpid(pid, 0)[1] == 0
PY
}

@test "the access log has a line a request, the slow log its phases, and no secrets" {
    echo '{"campaigns":{"home":{"path":"home.pzc"}},"slowMs":0.001}' >config.json
    serve --no-auth --config config.json --access-log access.log
    post /recommendations "{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"mallory\"}" \
        -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' -D headers >/dev/null
    id=$(sed -n 's/^x-amzn-RequestId: \(.*\)\r$/\1/pI' headers)
    mv access.log old.log
    kill -HUP "$SERVER"
    for _ in $(seq 100); do if [ -e access.log ]; then break; fi; sleep 0.05; done
    curl -s "127.0.0.1:$PORT/livez" >/dev/null
    stop
    jq -e --arg id "$id" 'select(.id == $id) | .status == 200 and .operation == "GetRecommendations" and .campaign == "home"
        and .gather_us > 0 and .filter_us > 0 and .score_us > 0 and (.traceparent | contains("0af7651916cd43dd8448eb211c80319c"))' old.log
    run ! grep mallory old.log
    jq -e 'select(.path == "/livez") | .status == 200' access.log
    grep -q 'slow: {' server.err
}

@test "metrics say what a recommender must watch, and agree with the access log" {
    serve --no-auth --access-log access.log home.pzc
    id=$(post /recommendations "{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"u0040\"}" | jq -r .recommendationId)
    now=$(date +%s)
    put() {
        local body="{\"trackingId\":\"home\",\"sessionId\":\"s\",\"userId\":\"w\",\"eventList\":[$1]}"
        [ "$(status /events "$body")" = 200 ]
    }
    event() { echo "{\"eventType\":\"View\",\"sentAt\":$now,\"eventId\":\"$1\",\"recommendationId\":\"$id\"$2}"; }
    put "$(event click ',"itemId":"i0002"'),$(event chosen ',"itemId":"i0003","impression":["i0002","i0003"]')"
    put "$(event passed ',"impression":["i0002","i0003"]'),$(event other ',"itemId":"i0030","impression":["i0002","i0003"]')"
    put "$(event click ',"itemId":"i0002"')"
    put "{\"eventType\":\"View\",\"sentAt\":$((now - 7300)),\"itemId\":\"i0004\"}"
    curl -s "127.0.0.1:$PORT/metrics" >metrics
    stop
    value() { grep -F "$1 " metrics | sed 's/.* //'; }
    of() { value "pz_campaign_total{campaign=\"home\",what=\"$1\"}"; }
    [ "$(of events) $(of repeats) $(of impressions) $(of impressions_without_click) $(of clicks)" = "5 1 3 2 2" ]
    grep -qxF "pz_model{campaign=\"home\",version=\"1\",model=\"$(pz-deploy status --json home.pzc | jq -r .fingerprint)\"} 1" metrics
    by_version() { value "pz_version_total{campaign=\"home\",version=\"1\",what=\"$1\"}"; }
    [ "$(by_version answers) $(by_version clicks) $(by_version impressions_without_click)" = "1 2 2" ]
    [ "$(value 'pz_click_rate{campaign="home",version="1"}')" = 2.000000 ]
    lag() { value "pz_event_lag_seconds_bucket{campaign=\"home\",le=\"$1\"}"; }
    [ "$(lag 60) $(lag 7200) $(lag 21600) $(lag +Inf)" = "4 4 5 5" ]
    [ "$(value 'pz_live{campaign="home",what="map_bytes"}')" -ge "$(value 'pz_live{campaign="home",what="bytes"}')" ]
    grep -q '^pz_view_age_seconds{campaign="home"} 0' metrics
    for phase in wait parse gather filter score write fsync; do
        logged=$(jq -s "map(.${phase}_us // 0) | add" access.log)
        awk -v logged="$logged" -v metric="$(value "pz_phase_seconds_sum{phase=\"$phase\"}")" \
            'BEGIN { d = logged / 1e6 - metric; exit !(metric > 0 && d < 1e-5 && d > -1e-5) }'
    done
}

@test "keys are read anew at SIGHUP, and stay where the new file is wrong" {
    printf '[a]\naws_access_key_id = A\naws_secret_access_key = S\n' >keys
    chmod 600 keys
    serve --credentials keys home.pzc
    auth='Authorization: AWS4-HMAC-SHA256 Credential=B/20261128/x/personalize/aws4_request, SignedHeaders=host, Signature=0000000000000000000000000000000000000000000000000000000000000000'
    when=$(date -u +%Y%m%dT%H%M%SZ)
    auth=${auth/20261128/${when%T*}}
    signed() { status /events '{}' -H "${auth/SignedHeaders=host/SignedHeaders=host;x-amz-date}" -H "X-Amz-Date: $when"; }
    [ "$(signed)" = "403 UnrecognizedClientException" ]
    printf '[b]\naws_access_key_id = B\naws_secret_access_key = S\n' >>keys
    kill -HUP "$SERVER"
    for _ in $(seq 100); do if grep -q 'read anew' server.err; then break; fi; sleep 0.05; done
    [ "$(signed)" = "403 InvalidSignatureException" ]
    echo junk >keys
    kill -HUP "$SERVER"
    for _ in $(seq 100); do if grep -q 'stay as they were' server.err; then break; fi; sleep 0.05; done
    [ "$(signed)" = "403 InvalidSignatureException" ]
    stop
}

@test "a split gives a part of the users another version, always the same ones, and counts both" {
    pz-deploy publish -q home.pzc "$BATS_FILE_TMPDIR/home.pzm"
    run -2 pz-deploy set home.pzc split 10%
    run -66 pz-deploy set home.pzc split 7:10%
    pz-deploy set -q home.pzc split 1:30%
    serve --no-auth home.pzc
    versions() {
        for i in $(seq 200); do
            post /recommendations "{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"u$i\",\"numResults\":1}" | jq -r ".recommendationId[:12]"
        done
    }
    versions >first
    versions >second
    cmp first second
    old=$(grep -c '^RID-00000001' first)
    [ "$old" -gt 30 ] && [ "$old" -lt 90 ]
    [ "$(grep -c '^RID-00000002' first)" -eq $((200 - old)) ]
    id=RID-00000001-0000-4000-8000-000000000000
    [ "$(status /events "{\"trackingId\":\"home\",\"sessionId\":\"s\",\"eventList\":[{\"eventType\":\"View\",\"sentAt\":1,\"itemId\":\"i0001\",\"recommendationId\":\"$id\"}]}")" = 200 ]
    curl -s "127.0.0.1:$PORT/metrics" >metrics
    grep -q 'pz_version_total{campaign="home",version="1",what="clicks"} 1' metrics
    grep -q "pz_version_total{campaign=\"home\",version=\"1\",what=\"answers\"} $((2 * old))" metrics
    pz-deploy gc -q --keep 0 home.pzc
    pz-deploy unset -q home.pzc split
    for _ in $(seq 100); do
        versions >third
        if ! grep -q '^RID-00000001' third; then break; fi
    done
    run ! grep '^RID-00000001' third
    stop
}

@test "GetSolutionMetrics has what tuning's check found, by Personalize's names" {
    local arn=arn:aws:personalize:us-east-1:000000000000

    pz-train -q -o tuned.pzm --tune 1 -p sequence=off "$BATS_FILE_TMPDIR/shop.pzd"
    pz-deploy publish -q tuned.pzc tuned.pzm
    serve --no-auth tuned.pzc
    post / "{\"solutionVersionArn\":\"$arn:solution/tuned/00000001\"}" -H 'X-Amz-Target: AmazonPersonalize.GetSolutionMetrics' >answer
    pz-train --info tuned.pzm --json >info
    jq -e --slurpfile m info '.metrics == $m[0].check.metrics and .metrics.mean_reciprocal_rank_at_25 > 0' answer
    stop
}

@test "a property that does not fit the model's column is refused over HTTP as by pz-event" {
    local event='{"trackingId":"c","sessionId":"s","userId":"u","eventList":[{"eventType":"View","sentAt":1,"itemId":"i0001","properties":"{\"DEPTH\":%s}"}]}'

    awk -F, 'BEGIN { OFS = FS } { print $0, NR == 1 ? "DEPTH" : NR % 7 + 0.5 }' "$BATS_FILE_TMPDIR/inter.csv" >inter.csv
    pz-import -q -o c.pzd --interactions inter.csv
    pz-train -q -o c.pzm --no-tune --recipe user-personalization -p sequence=off c.pzd
    pz-deploy publish -q c.pzc c.pzm
    serve --no-auth c.pzc
    [ "$(status /events "${event/\%s/\\\"deep\\\"}")" = "400 InvalidInputException" ]
    [[ $(post /events "${event/\%s/\\\"deep\\\"}") == *DEPTH* ]]
    [ "$(status /events "${event/\%s/2.5}")" = 200 ]
    [ "$(pz-event stats --json c.pzc | jq .events)" = 1 ]
    run ! pz-event put c.pzc --user u --item i0001 --type View --properties '{"DEPTH":"deep"}'
    [[ $output == *DEPTH* ]]
}
