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

# The model's share at 25, in hundredths.
reach() {
    pz-eval -q --json --no-tune --split cold-items:10% --at 25 "$@" shop.pzd |
        sed -n 's/^    "first_week_audience_reached_at_25": *\([0-9.]*\).*/\1/p' | awk '{ print int(100 * $1) }'
}

@test "items that nobody had reach their audience by their attributes" {
    small_shop
    [ "$(reach)" -gt 20 ]
    [ "$(reach -p content=off)" -lt 10 ]
}
