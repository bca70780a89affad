# SPDX-License-Identifier: Apache-2.0
# The console, in headless Chromium; pictures in build/console.
load common
load serve

CLIENTS=$BATS_TEST_DIRNAME/../clients

setup_file() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_FILE_TMPDIR" || return 1
    serve_campaigns
    pz-train -q -o first.pzm -p sequence=off -p factors=off -p spectral=off --seed 3 shop.pzd
    rm -r home.pzc
    pz-deploy publish -q home.pzc first.pzm
    pz-deploy publish -q home.pzc home.pzm
    pz-deploy set -q home.pzc filter kitchen 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("Kitchen")'
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp -r "$BATS_FILE_TMPDIR"/*.pzc .
    PICTURES=$PZ_BIN/../console
}

teardown() {
    stop || true
}

drive() {
    command -v chromium >/dev/null || skip "chromium is not installed"
    node --experimental-websocket -e 0 2>/dev/null || skip "node has no WebSocket"
    timeout 120 node --no-warnings --experimental-websocket "$CLIENTS/console.mjs" "http://127.0.0.1:$PORT" "$@"
}

@test "the page needs no key, what it asks for does" {
    printf '[a]\naws_access_key_id = A\naws_secret_access_key = S\n' >keys
    chmod 600 keys
    serve --credentials keys home.pzc
    curl -s -D headers "127.0.0.1:$PORT/console" | grep -q '<title>pz console</title>'
    grep -qi "^content-security-policy: default-src 'none'" headers
    [ "$(status /console/api '{"do":"campaigns"}')" = "403 MissingAuthenticationTokenException" ]
    stop
}

@test "campaigns, a user with reasons, why not, the pulse, the map" {
    serve --no-auth home.pzc related.pzc
    post /console/api '{"do":"campaigns"}' >c
    jq -e '.campaigns[0] | .name == "home" and .version == 2 and (.users | length) > 10 and .filters == ["kitchen"]
        and (.versions | map(.current) == [false, true]) and .versions[0].metric > 0 and .versions[0].users > 0' c
    user=$(jq -r '.campaigns[0].users[0]' c)
    post /console/api "{\"do\":\"look\",\"campaign\":\"home\",\"userId\":\"$user\"}" >l
    jq -e '(.history | length) > 1 and (.itemList | length) == 20 and .known and ([.itemList[].because[].share] | max) <= 1.001' l
    jq -e '.itemList[0].title | length > 0' l
    [ "$(jq -r '.itemList[].itemId' l)" = "$(pz-recommend home.pzc --user "$user" -n 20 | tail -n +2 | cut -d, -f2)" ]
    seen=$(jq -r '.history[-1].itemId' l)
    post /console/api "{\"do\":\"why\",\"campaign\":\"home\",\"userId\":\"$user\",\"item\":\"$seen\"}" | jq -e '.why | contains("seen")'
    post /console/api '{"do":"pulse","campaign":"home"}' | jq -e '.tps >= 0 and (.time | length) == (.bounds | length) + 1'
    post /console/api '{"do":"map","campaign":"home"}' | jq -e '(.items | length) > 100 and ([.items[].shown] | add) > 0 and (.items[0].vector | length) > 1'
    post / "{\"solutionVersionArn\":\"$ARN:solution/home/1\"}" -H 'X-Amz-Target: AmazonPersonalize.GetSolutionMetrics' |
        jq -e --slurpfile c c '(.metrics.normalized_discounted_cumulative_gain_at_25 - $c[0].campaigns[0].versions[0].metric | fabs) < 1e-4'
    cp -r home.pzc back.pzc
    pz-deploy rollback -q back.pzc
    pz-recommend back.pzc --user "$user" -n 20 | tail -n +2 | cut -d, -f2 >old
    post /console/api "{\"do\":\"look\",\"campaign\":\"home\",\"userId\":\"$user\",\"version\":1}" >l1
    jq -e '.version == 1' l1
    jq -r '.itemList[].itemId' l1 | cmp - old
    [ "$(status /console/api '{"do":"look","campaign":"home","version":9}')" = "404 ResourceNotFoundException" ]
    [ "$(status /console/api '{"do":"look","campaign":"nosuch"}')" = "404 ResourceNotFoundException" ]
    [ "$(status /console/api '{"do":"fly","campaign":"home"}')" = "400 InvalidInputException" ]
    stop
}

@test "a person looks: list, threads, an event by a key, why not, beside, dark" {
    serve --no-auth home.pzc related.pzc
    drive "$PICTURES"
    [ -s "$PICTURES/console.png" ]
    stop
}

@test "a person signs in with a key that may only read" {
    printf '[a]\naws_access_key_id = A\naws_secret_access_key = S\nallow = read\n' >keys
    chmod 600 keys
    serve --credentials keys home.pzc
    drive "$PICTURES" A S
    stop
}
