# SPDX-License-Identifier: Apache-2.0
# pz-deploy serve with the clients that applications use: boto3 and awscli of Debian, the JavaScript
# SDK of npm. A client that cannot be installed is skipped, with a word.
load common
load serve

CLIENTS=$BATS_TEST_DIRNAME/../clients
PAIRS=${PAIRS:-200}

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
    cat >keys <<KEYS
[main]
aws_access_key_id = AKIDEXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
[reader]
aws_access_key_id = READER
aws_secret_access_key = reads
allow = read
campaigns = home, rank
[temporary]
aws_access_key_id = TEMPORARY
aws_secret_access_key = passes
aws_session_token = ticket
KEYS
    chmod 600 keys
    export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
    export AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
}

teardown() {
    stop || true
}

@test "boto3: every operation, every error, each answer reflects its event" {
    "$CLIENTS/install.sh" python || skip "python3-boto3 cannot be installed"
    serve --credentials keys home.pzc related.pzc rank.pzc
    /usr/bin/python3 "$CLIENTS/boto.py" "http://127.0.0.1:$PORT" "$PAIRS"
    stop
}

@test "JavaScript: every operation, every error, each answer reflects its event" {
    "$CLIENTS/install.sh" js || skip "npm cannot be reached"
    serve --credentials keys home.pzc related.pzc rank.pzc
    cd "$CLIENTS/../../build/clients"
    node "$CLIENTS/sdk.mjs" "http://127.0.0.1:$PORT" "$PAIRS"
    cd - >/dev/null
    stop
}

@test "aws-cli: recommendations, events, errors and their exit codes" {
    "$CLIENTS/install.sh" aws || skip "awscli cannot be installed"
    serve --credentials keys home.pzc related.pzc
    E="--endpoint-url http://127.0.0.1:$PORT"
    /usr/bin/aws $E personalize-runtime get-recommendations --campaign-arn $ARN:campaign/home --user-id u >a
    [ "$(jq '.itemList | length' a)" -eq 25 ]
    first=$(jq -r '.itemList[0].itemId' a)
    /usr/bin/aws $E personalize-events put-events --tracking-id home --session-id s --user-id u \
        --event-list "eventType=View,sentAt=1795428000,itemId=$first"
    /usr/bin/aws $E personalize-runtime get-recommendations --campaign-arn $ARN:campaign/home --user-id u >b
    [ "$(jq -r --arg i "$first" '[.itemList[] | select(.itemId == $i)] | length' b)" -eq 0 ]
    run -254 /usr/bin/aws $E personalize-runtime get-recommendations --campaign-arn $ARN:campaign/nosuch --user-id u
    [[ $output == *"(ResourceNotFoundException) when calling the GetRecommendations operation"* ]]
    /usr/bin/aws $E personalize list-campaigns | jq -e '.campaigns | length == 2'
}

@test "a repeat after a lost answer stores nothing twice, though no event has an id" {
    "$CLIENTS/install.sh" python || skip "python3-boto3 cannot be installed"
    serve --credentials keys home.pzc
    /usr/bin/python3 - "$PORT" <<'PY'
import http.server, sys, threading, urllib.request, datetime
import boto3
from botocore.config import Config
port = int(sys.argv[1])

class Flaky(http.server.BaseHTTPRequestHandler):
    """Hands every request on, and loses the first two answers of each."""
    protocol_version = "HTTP/1.1"
    seen = {}
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        r = urllib.request.Request("http://127.0.0.1:%d%s" % (port, self.path), body, dict(self.headers), method="POST")
        status = urllib.request.urlopen(r).status
        n = Flaky.seen[self.headers["amz-sdk-invocation-id"]] = Flaky.seen.get(self.headers["amz-sdk-invocation-id"], 0) + 1
        if n < 3:
            status = 503
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass

proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Flaky)
threading.Thread(target=proxy.serve_forever, daemon=True).start()
c = boto3.client("personalize-events", endpoint_url="http://127.0.0.1:%d" % proxy.server_port,
                 region_name="us-east-1", config=Config(retries={"mode": "standard", "max_attempts": 5}))
for i in range(2):
    c.put_events(trackingId="home", sessionId="s", userId="u", eventList=[
        {"eventType": "View", "itemId": "i0001", "sentAt": datetime.datetime(2026, 11, 23)},
        {"eventType": "View", "itemId": "i0001", "sentAt": datetime.datetime(2026, 11, 23)}])
assert sorted(Flaky.seen.values()) == [3, 3], Flaky.seen
PY
    stop
    [ "$(pz-event stats --json home.pzc | jq .events)" -eq 4 ]
}
