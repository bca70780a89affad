# SPDX-License-Identifier: Apache-2.0
load common

@test "cold items are ranked among themselves, and the share of the first week's audience is told" {
    small_shop
    pz-eval -q --json --no-tune --split cold-items:10% --at 10,25 shop.pzd >cold.json
    [ "$(grep -c first_week_audience_reached_at_25 cold.json)" -eq 2 ]
    grep -q '"protocol": *"cold-items:10%"' cold.json
    pz-eval -q --json --no-tune --split cold-items:10% --at 10,25 --threads 2 shop.pzd >again.json
    [ "$(grep -v -e _seconds -e _memory cold.json)" = "$(grep -v -e _seconds -e _memory again.json)" ]
}
