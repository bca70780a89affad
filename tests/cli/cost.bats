# SPDX-License-Identifier: Apache-2.0
# pz-deploy cost: what was used, in Amazon's three parts.
load common

request() {
    echo "{\"time\":\"2026-11-28T$1.000Z\",\"operation\":\"$2\",\"campaign\":\"$3\",\"status\":$4,\"in\":$5}"
}

@test "imports, trainings and requests add up by hand" {
    cat >ledger <<'LEDGER'
{"time":"2026-11-28T08:00:00Z","program":"pz-import","bytes_in":2000000000}
{"time":"2026-11-28T08:10:00Z","program":"pz-train","rows_in":500000,"wall_seconds":7200}
{"time":"2026-11-28T08:20:00Z","program":"pz-eval","rows_in":9,"wall_seconds":9}
LEDGER
    # home: 600 requests in its first window (2 a second), none in the second, 1 in the third; related: 1
    { for _ in $(seq 600); do request 08:00:10 GetRecommendations home 200 100; done
      request 08:11:00 GetPersonalizedRanking home 200 100
      request 08:11:00 GetRecommendations home 429 100
      request 08:11:00 GetRecommendations related 200 100
      request 08:11:00 PutEvents home 200 1000000000
      echo '{"time":"2026-11-28T08:11:00.000Z","path":"/livez","status":200,"in":0}'; } >access.log
    pz-deploy cost --json ledger access.log >c
    jq -e '.ingested_gb == 3 and .training_hours == 2 and .interactions == 500000 and .requests == 602' c
    jq -e '(.tps_hours - (2 + 1 + 1 + 1) / 12 | fabs) < 1e-9' c
    jq -e '(.amazon.ingestion - 0.15 | fabs) < 1e-9 and (.amazon.training - 0.48 | fabs) < 1e-9' c
    jq -e '(.amazon.requests - 1.5 * 0.0556 | fabs) < 1e-9' c
    jq -e '(.amazon_v2.training - 1 | fabs) < 1e-9 and (.amazon_v2.requests - 1.5 * 0.15 | fabs) < 1e-9' c
    pz-deploy cost --json --min-tps 0 access.log | jq -e '(.tps_hours - 602 / 3600 | fabs) < 1e-9'
}

@test "rates of one's own, and what is no log" {
    request 08:00:10 GetRecommendations home 200 100 >access.log
    echo '{"date":"2030-01-01","requests_per_1000":[[100,1],[1e18,2]]}' >rates.json
    pz-deploy cost --json --rates rates.json access.log | jq -e '.rates_of == "2030-01-01" and (.amazon.requests - 0.5 | fabs) < 1e-9'
    echo '{"date":"2030-01-01"}' >rates.json
    run -65 pz-deploy cost --rates rates.json access.log
    [[ $output == *requests_per_1000* ]]
    echo junk >junk
    run -65 pz-deploy cost junk
    run -66 pz-deploy cost nosuch
    run -2 pz-deploy cost
}

@test "bench asks a campaign and says what it measured" {
    small_shop
    pz-train -q -o home.pzm --no-tune --recipe popularity-count shop.pzd
    pz-deploy publish -q home.pzc home.pzm
    pz-deploy bench --json --seconds 0.05 -j 2 home.pzc | jq -e '.questions > 0 and .tps > 0 and .threads == 2'
    run -0 pz-deploy bench --seconds 0.05 --min-tps 1e9 home.pzc
    [[ $output == *"does not sustain"* ]]
    run -66 pz-deploy bench nosuch.pzc
}
