# SPDX-License-Identifier: Apache-2.0
load common

# Popularity a > b > c = d by 4, 3, 1, 1 users; e is in the catalogue and nobody had it.
popular_model() {
    printf '%s\n' USER_ID,ITEM_ID,TIMESTAMP u1,a,5 u2,a,5 u3,a,5 u4,a,5 u1,b,6 u2,b,6 u3,b,6 u4,d,6 u4,c,7 >i.csv
    printf 'ITEM_ID,X\na,1\nb,1\nc,1\nd,1\ne,1\n' >items.csv
    pz-import -q -o train.pzd --interactions i.csv --items items.csv
    pz-train -q --no-tune -r popularity-count -o pop.pzm train.pzd
}

# cases NAME ROW...: a dataset of USER,ITEM rows
cases() {
    local name=$1
    shift
    printf '%s\n' USER_ID,ITEM_ID,TIMESTAMP "${@/%/,1}" >"$name.csv"
    pz-import -q -o "$name.pzd" --interactions "$name.csv"
}

# near JSON KEY VALUE...: the metrics of the report are these
near() {
    local file=$1
    shift
    while [ $# -gt 0 ]; do
        jq -e ".metrics[\"$1\"] - ($2) | fabs < 0.00001" "$file" >/dev/null ||
            { echo "$1 is $(jq ".metrics[\"$1\"]" "$file"), not $2"; return 1; }
        shift 2
    done
}

@test "every metric of a tiny case, worked by hand; equal scores go to the lower id" {
    popular_model
    # the list is a b c d e for both; x has b and d of two, y has e of one and an item nobody knows
    cases t x,b x,d y,e y,aa
    pz-eval -q --json --seen keep --at 2,4 --gate 'map@2 == 0.125 && mrr@2 == 0.25 && hit@2 == 0.5 && hr@2 == 0.5 &&
        recall@2 == 0.25 && precision@4 == 0.25' pop.pzm t.pzd >r.json
    near r.json precision_at_2 0.25 precision_at_4 0.25 recall_at_2 0.25 recall_at_4 0.5 \
        hit_rate_at_2 0.5 hit_rate_at_4 0.5 mean_reciprocal_rank_at_4 0.25 mean_average_precision_at_4 0.25 \
        normalized_discounted_cumulative_gain_at_2 "0.5 * ((1 / (3 | log2)) / (1 + 1 / (3 | log2)))" \
        normalized_discounted_cumulative_gain_at_4 "0.5 * ((1 / (3 | log2) + 1 / (5 | log2)) / (1 + 1 / (3 | log2)))" \
        coverage 0.8 catalogue_share_at_2 0.4 catalogue_share_at_4 0.8 gini 0.2 \
        novelty "(5 / 5 * 5 / 4 * 5 / 2 * 5 / 2 | log2) / 4"
    [ "$(jq .users r.json)" -eq 2 ]
    jq -e '.protocol == "test" and .seed == 1 and (has("train") | not)' r.json
}

@test "the worked example of Personalize's guide: 0.6241, 0.4 and 0.5" {
    popular_model
    cases t x,b x,e
    pz-eval -q --json --seen keep pop.pzm t.pzd >r.json
    near r.json normalized_discounted_cumulative_gain_at_5 \
        "(1 / (3 | log) + 1 / (6 | log)) / (1 / (2 | log) + 1 / (3 | log))" precision_at_5 0.4 \
        mean_reciprocal_rank_at_25 0.5 precision_at_25 0.08 novelty "(5 / 5 * 5 / 4 * 5 / 2 * 5 / 2 * 5 | log2) / 5"
    jq -e '.metrics.normalized_discounted_cumulative_gain_at_5 * 10000 | round == 6241' r.json
}

@test "ideal gain ends at K: all of the first K right is 1, however long the truth" {
    popular_model
    cases t x,a x,b x,c x,d x,e
    pz-eval -q --json --seen keep --at 2 pop.pzm t.pzd >r.json
    near r.json normalized_discounted_cumulative_gain_at_2 1 recall_at_2 0.4 mean_average_precision_at_2 1
}

@test "--history gives the histories, and --seen says whether their items come again" {
    popular_model
    cases t s1,a s2,b
    cases h s1,a s2,a
    pz-eval -q --json --at 1 --history h.pzd --seen keep pop.pzm t.pzd >keep.json
    pz-eval -q --json --at 1 --history h.pzd --seen exclude pop.pzm t.pzd >exclude.json
    pz-eval -q --json --at 1 --seen exclude pop.pzm t.pzd >none.json
    near keep.json hit_rate_at_1 0.5
    near exclude.json hit_rate_at_1 0.5
    near none.json hit_rate_at_1 0.5
    pz-eval -q --at 1 --history h.pzd --seen exclude --per-user e.tsv pop.pzm t.pzd >/dev/null
    pz-eval -q --at 1 --history h.pzd --seen keep --per-user k.tsv pop.pzm t.pzd >/dev/null
    [ "$(cut -f1,6 e.tsv | tail -2 | tr '\t\n' '  ')" = "s1 0 s2 1 " ]
    [ "$(cut -f1,6 k.tsv | tail -2 | tr '\t\n' '  ')" = "s1 1 s2 0 " ]
}

@test "with --history a user's history is that alone, whatever the model knows of him" {
    popular_model
    cases t u1,a
    cases h u1,c
    pz-eval -q --json --at 1 --history h.pzd --seen exclude pop.pzm t.pzd >r.json
    near r.json hit_rate_at_1 1
}

@test "related items are asked for the newest item of the history, given or the model's" {
    printf '%s\n' USER_ID,ITEM_ID,TIMESTAMP x,a,1 x,c,2 y,c,1 y,a,2 >i.csv
    for u in 1 2 3 4 5 6; do printf '%s\n' "v$u,a,1" "v$u,b,2" "w$u,c,1" "w$u,d,2"; done >>i.csv
    pz-import -q -o train.pzd --interactions i.csv
    pz-train -q --no-tune -r related-items -o m.pzm train.pzd
    cases t x,d y,b
    pz-eval -q --json --at 1 m.pzm t.pzd >own.json
    near own.json hit_rate_at_1 1
    printf '%s\n' USER_ID,ITEM_ID,TIMESTAMP x,c,1 x,a,2 y,a,1 y,c,2 >h.csv
    pz-import -q -o h.pzd --interactions h.csv
    cases t x,b y,d
    pz-eval -q --json --at 1 --history h.pzd m.pzm t.pzd >given.json
    near given.json hit_rate_at_1 1
}

@test "without --history a user's history is the model's own" {
    popular_model
    cases t u4,b
    pz-eval -q --json --at 1 --seen exclude pop.pzm t.pzd >r.json
    near r.json hit_rate_at_1 1
    pz-eval -q --json --at 1 --seen keep pop.pzm t.pzd >r.json
    near r.json hit_rate_at_1 0
}

@test "the report has every key that scripts rely on" {
    small_shop
    pz-eval -q --json --no-tune --split users:50% shop.pzd >r.json
    jq -e '[.protocol == "users:50%", .users > 90, .seed == 1, .recipe == "user-personalization",
            .train.cpu_seconds > 0, .train.wall_seconds > 0, .train.peak_memory_bytes > 1000000] | all' r.json
    for key in mean_reciprocal_rank_at_25 precision_at_5 precision_at_10 precision_at_25 recall_at_10 hit_rate_at_10 \
        normalized_discounted_cumulative_gain_at_5 normalized_discounted_cumulative_gain_at_10 \
        normalized_discounted_cumulative_gain_at_25 mean_average_precision_at_10 novelty; do
        jq -e --arg k $key '.metrics[$k] as $m | .intervals[$k] as $i | .lift.popularity[$k] as $l | $i[0] <= $m and
            $m <= $i[1] and ($l.difference - ($m - .baselines.popularity[$k]) | fabs < 1e-9)' r.json
    done
    jq -e '.metrics.coverage and .metrics.gini and .metrics.catalogue_share_at_25 and .baselines.popularity.coverage' r.json
    jq -e '.lift.popularity.normalized_discounted_cumulative_gain_at_25.excludes_zero' r.json
}

@test "the same figures at any thread count and again; others with another seed" {
    small_shop
    for j in 1 4; do pz-eval -q -j $j --json --no-tune --split personalize:50% shop.pzd | jq 'del(.train)' >$j.json; done
    cmp 1.json 4.json
    pz-eval -q --json --seed 2 --no-tune --split personalize:50% shop.pzd | jq 'del(.train)' >seed2.json
    run ! cmp -s 1.json seed2.json
}

@test "several recipes are trained on the same part and compared" {
    small_shop
    pz-eval -q --json --no-tune --split leave-last -r user-personalization -r related-items \
        -r personalized-ranking shop.pzd >r.json
    jq -e '.recipe == "user-personalization" and (.baselines | keys == ["personalized-ranking", "popularity", "related-items"])' r.json
    run -2 pz-eval --split leave-last -r nosuch shop.pzd
}

@test "--vs compares two models on the same users, and the gate decides the exit status" {
    small_shop
    pz-train -q --no-tune -o new.pzm --holdout leave-last --holdout-out t.pzd shop.pzd
    pz-train -q --no-tune -r popularity-count -o old.pzm --holdout leave-last --holdout-out t2.pzd shop.pzd
    pz-eval -q --json --seen keep --vs new.pzm --gate 'ndcg@10 == vs && vs.low.ndcg@10 == 0' new.pzm t.pzd >same.json
    jq -e '.gate.passed and .lift.vs.recall_at_10.interval == [0, 0] and (.lift.vs.recall_at_10.excludes_zero | not)' same.json
    pz-eval -q --json --seen keep --seed 2 new.pzm t.pzd >other.json
    jq -es '.[0].metrics == .[1].metrics and .[0].intervals != .[1].intervals' same.json other.json
    run -1 --separate-stderr pz-eval -q --seen keep --vs new.pzm --gate 'ndcg@10 >= 1.5*vs && coverage >= 0' old.pzm t.pzd
    [[ $stderr == *"the gate says no: ndcg@10 >= 1.5*vs is false: "* ]]
    [[ $output == *"recall_at_25"* ]]
    run -2 pz-eval -q --gate 'ndgc@10 > 0' new.pzm t.pzd
    run -2 pz-eval -q --gate 'ndcg@10 > vs' new.pzm t.pzd
    run -2 pz-eval -q --vs old.pzm --split leave-last shop.pzd
}

@test "--parts judges each part of the blend alone, and leaves the model as it is" {
    small_shop
    pz-train -q --no-tune -o new.pzm --holdout leave-last --holdout-out t.pzd shop.pzd
    pz-eval -q --json new.pzm t.pzd >whole.json
    pz-eval -q --json --parts --report parts.html new.pzm t.pzd >parts.json
    jq -es '.[0] == (.[1] | del(.parts))' whole.json parts.json
    jq -e '.parts.metrics.popularity == .baselines.popularity and .parts.lift.popularity == .lift.popularity' parts.json
    jq -e '.parts.metrics.transitions != .metrics and (.parts.metrics | keys) == (.parts.lift | keys)' parts.json
    pz-eval --parts --at 5,9,30 new.pzm t.pzd >text
    grep -q '^normalized_discounted_cumulative_gain_at_9$' text
    grep -Eq '^transitions +0\.[0-9]{4} +0\.[0-9]{4} +[-+][0-9.]+% +\[' text
    run -2 pz-eval -q --parts --split time:20% --windows 2 shop.pzd
}

@test "a gate on a test that a model has learned is refused, whichever model it is" {
    small_shop
    pz-train -q --no-tune -r popularity-count -o held.pzm --holdout leave-last --holdout-out t.pzd shop.pzd
    pz-train -q --no-tune -r popularity-count -o all.pzm shop.pzd
    n=$(pz-import --export interactions t.pzd | tail -n +2 | wc -l)
    for seen in exclude keep; do
        run -65 pz-eval -q --seen $seen --vs all.pzm --gate 'ndcg@10 >= 0.98*vs' held.pzm t.pzd
        [[ $output == *"vs has $n of the $n test events in its histories already"* ]]
        run -65 pz-eval -q --seen $seen --gate 'ndcg@10 >= 0' all.pzm t.pzd
        [[ $output == *"the model has $n of the $n"* ]]
    done
    run -0 pz-eval -q --vs held.pzm --gate 'ndcg@10 == vs' held.pzm t.pzd
    run -0 --separate-stderr pz-eval --json --vs all.pzm held.pzm t.pzd
    [[ $stderr == *"warning: $n of $n test events are already in the histories of vs"* ]]
    [ "$(jq -c .held_out.already_learned <<<"$output")" = "{\"model\":0,\"popularity\":0,\"vs\":$n}" ]
    pz-deploy publish -q old.pzc all.pzm # a campaign stands for its current version
    run -65 pz-eval -q --vs old.pzc --gate 'ndcg@10 >= vs' held.pzm t.pzd
    pz-deploy publish -q held.pzc held.pzm
    run -0 pz-eval -q --vs held.pzc --gate 'ndcg@10 == vs' held.pzm t.pzd
}

@test "a gate pools the paired sums of days in the ledger" {
    popular_model # lists are a b c d e
    printf '%s\n' USER_ID,ITEM_ID,TIMESTAMP u1,e,5 u2,e,5 u3,e,5 u4,e,5 u1,d,6 u2,d,6 u3,d,6 u4,a,6 >o.csv
    pz-import -q -o o.pzd --interactions o.csv --items items.csv
    pz-train -q --no-tune -r popularity-count -o other.pzm o.pzd # e d a b c
    day() { # day N ROW...: a test of that day
        local n=$1
        shift
        printf '%s\n' USER_ID,ITEM_ID,TIMESTAMP "${@/%/,$((1700006400 + n * 86400))}" >t.csv
        pz-import -q -o "day$n.pzd" --interactions t.csv
    }
    judge() { pz-eval -q --json --seen keep --at 1 --ledger run.jsonl --pool-days "$2" --vs other.pzm --gate "$3" pop.pzm "day$1.pzd"; }
    day 0 x,a y,a z,a          # ours hits 3 of 3, theirs none
    day 1 x,a y,a z,b w,e      # 2 of 4 against 1
    day 2 x,e y,c              # 0 of 2 against 1
    judge 0 7 'hit@1 == 1 && vs.hit@1 == 0' >0.json
    judge 1 7 'vs.hit@1 == 1 / 7' >1.json
    judge 1 7 'vs.hit@1 == 1 / 7' >again.json # the same day again does not count twice
    run -1 judge 2 1 'hit@1 - vs.hit@1 > -0.1'
    judge 2 7 'vs.low.hit@1 > -0.3*vs || hit@1 - vs.hit@1 > 0.3' >2.json
    # by hand: 5 and 2 hits of 9; differences +1 five times, -1 twice, 0 twice
    jq -e '.gate.pooled.hit_rate_at_1 | .days == 3 and .users == 9 and (.mean - 5 / 9 | fabs) < 1e-9 and
        (.vs - 2 / 9 | fabs) < 1e-9 and (.interval[0] - (3 / 9 - 1.96 * ((7 - 9 * (1 / 9)) / 72 | sqrt)) | fabs) < 1e-9' 2.json
    [ "$(jq -s '[.[] | select(.pool_1)] | length' run.jsonl)" -eq 5 ]
    judge 2 2 'vs.hit@1 == 2 / 6' >two.json # yesterday and today alone
    # an event of the year 2100 does not make it the day of the verdict
    { cat t.csv; for u in $(seq 12); do echo "n$u,a,$((1700006400 + 3 * 86400))"; done; echo future,b,4102444800; } >f.csv
    pz-import -q -o day3.pzd --interactions f.csv
    judge 3 7 'hit@1 > vs' >3.json
    tail -1 run.jsonl | grep -q 2023-11-18
    run ! grep -q 2100 run.jsonl
    run -2 pz-eval -q --pool-days 7 --vs other.pzm --gate 'hit@1 > vs' --at 1 pop.pzm day1.pzd
}

@test "a split and the files that it makes give the same figures, event rules included" {
    small_shop
    for rules in "" "-e Purchase" "-e Purchase:weight=1 -e View:weight=0.2"; do
        for split in leave-last:3 time:10% random:20%; do
            pz-train -q --no-tune $rules -r popularity-count -o m.pzm --holdout $split --holdout-out t.pzd shop.pzd
            pz-eval -q --json m.pzm t.pzd | jq '[.users, .metrics, .held_out]' >files.json
            pz-eval -q --json --no-tune $rules -r popularity-count --split $split shop.pzd | jq '[.users, .metrics, .held_out]' >split.json
            diff files.json split.json
        done
    done
}

@test "a test of what is missing in histories names the model that is tuned for it" {
    small_shop
    said() { # whether pz-eval names it for a model that learned without a part: SPLIT WHAT
        pz-train -q --tune 1 -p sequence=off --tune-for "$2" -o m.pzm --holdout "$1" --holdout-out t.pzd shop.pzd
        pz-eval --json m.pzm t.pzd 2>log >r.json
        grep -q "pz-train --tune-for any" log
    }
    said random both
    jq -e '.held_out.amid_users * 2 > .users' r.json
    pz-import --export interactions t.pzd >t.csv
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "TIMESTAMP") at = i; print; next } { $at = 0; print }' OFS=, t.csv >0.csv
    pz-import -q -o 0.pzd --interactions 0.csv # what was taken out where, nobody can tell
    pz-eval m.pzm 0.pzd 2>log >r.txt
    grep -q "have no time .* pz-train --tune-for any" log
    run ! said random any
    run ! said leave-last both
    jq -e '.held_out.amid_users == 0' r.json
}

@test "a click and a watch of one moment are held out together, and ties are reported" {
    awk 'BEGIN { srand(4); print "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE"
        for (u = 0; u < 60; u++) for (k = 0; k < 12; k++) { t = 1700000000 + u * 1000 + k * 10; i = (u * 7 + k * 5) % 60
            print u ",i" i "," t ",click"; if ((u + k) % 3) print u ",i" i "," t ",watch" } }' >i.csv
    pz-import -q -o d.pzd --interactions i.csv
    pz-eval --json --no-tune -r popularity-count --split leave-last d.pzd 2>log >r.json
    [ "$(jq -c '.held_out | [.items, .in_history, .tied_users]' r.json)" = "[60,0,0]" ]
    run ! grep -q "same time\|has the time" log
    awk -F, 'NR == 1 { print; next } { print $1 "," $2 ",1700000000," $4 }' i.csv >tied.csv
    { head -1 tied.csv; tail -n +2 tied.csv | sort -t, -k2,2r; } >shuffled.csv
    for f in tied shuffled; do
        pz-import -q -o $f.pzd --interactions $f.csv
        pz-train -q --no-tune -r popularity-count -o m.pzm --holdout leave-last --holdout-out t.pzd $f.pzd
        pz-import --export interactions t.pzd | sort >$f.held
    done
    cmp tied.held shuffled.held
    pz-eval --no-tune -r popularity-count --split leave-last tied.pzd 2>log >text
    grep -q "of 60 of 60 users the first held-out event has the time of an event of the history" log
}

@test "repeats are counted, and a table has one seen rule, which it names" {
    small_shop
    pz-eval --no-tune -r popularity-count -r personalized-ranking --split leave-last shop.pzd 2>log >text
    share=$(sed -n 's/.* \([0-9.]*\)% of these stand in the history$/\1/p' text)
    [[ $(head -1 text) == *", seen items left out" ]]
    # by hand: the newest event of a user is one of an item that the user had before
    want=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        { u = $at["USER_ID"]; t = $at["TIMESTAMP"]; n[u]++; if (t >= last[u]) { last[u] = t; newest[u] = $at["ITEM_ID"] } had[u, $at["ITEM_ID"]]++ }
        END { for (u in n) if (n[u] > 1) { users++; again += had[u, newest[u]] > 1 } printf "%.1f", 100 * again / users }' inter.csv)
    [ "$share" = "$want" ]
    pz-eval -q --json --no-tune --seen keep -r popularity-count --split leave-last shop.pzd | jq -e '.seen == "keep"'
    printf '%s\n' USER_ID,ITEM_ID,TIMESTAMP u1,a,1 u1,b,2 u1,a,3 u2,b,1 u2,a,2 u2,b,3 u3,a,1 u3,b,2 >r.csv
    pz-import -q -o r.pzd --interactions r.csv
    pz-eval --no-tune -r popularity-count --split leave-last r.pzd 2>log >text
    grep -q "67 % of the held-out items stand in their user's history .*--seen keep" log
}

@test "--report writes a page that needs no other file, and equal runs write equal bytes" {
    small_shop
    for i in 1 2; do
        pz-eval -q --no-tune --split leave-last --gate 'ndcg@10 > 0' --report page.html shop.pzd >text
        mv page.html $i.html
    done
    cmp 1.html 2.html
    value=$(awk '$1 == "precision_at_10" { print $2 }' text)
    grep -q "<td>precision_at_10<p>.*</p></td><td>$value<br>" 1.html
    grep -q '<code>ndcg@10 &gt; 0</code> says <b class="good">yes' 1.html
    users=$(sed -n 's/^protocol leave-last, \([0-9]*\) users.*/\1/p' text)
    hits=$(awk -v n="$users" '$1 == "hit_rate_at_10" { printf "%.0f %.0f", $2 * n, $5 * n }' text)
    said=$(sed -n 's/^<p class="say">\([0-9]*\) of \([0-9]*\) users .* popularity: \([0-9]*\)\.<.*/\1 \3 \2/p' 1.html)
    [ "$said" = "$hits $users" ]
    [ "$(grep -c '<div class="user">' 1.html)" -eq 5 ]
    grep -q "<code>pz-eval -q --no-tune --split leave-last --gate 'ndcg@10 > 0' --report page.html shop.pzd</code>" <(sed 's/&gt;/>/g' 1.html)
    [ "$(tail -1 1.html)" = "</body></html>" ]
    run ! grep -Eq 'https?:|src=|href=|@import|url\(|<script' 1.html
}

@test "the report fits a telephone and a wide screen, light and dark" {
    command -v chromium >/dev/null || skip "chromium is not installed"
    small_shop
    pz-eval -q --no-tune --split leave-last -r user-personalization -r personalized-ranking --report page.html shop.pzd >text
    shots=$BATS_TEST_DIRNAME/../../build/screenshots
    mkdir -p "$shots"
    for width in 500 1000; do # a window is never narrower than 500 here: 420 is asked of the body
        timeout 60 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=$width,3000 \
            --screenshot="$shots/report-$width.png" "file://$PWD/page.html" 2>log
        [ "$(head -c 4 "$shots/report-$width.png" | tail -c 3)" = PNG ]
    done
    # at 420 points nothing sticks out, but tables that can be moved in their frame
    { sed 's/<body>/<body style="width:420px;margin:0">/' page.html
        echo '<script>document.title = "outside: " + [...document.querySelectorAll("body *")].filter(
            e => e.getBoundingClientRect().right > 421 && !e.closest(".scroll")).length</script>'; } >narrow.html
    timeout 60 chromium --headless --no-sandbox --disable-gpu --window-size=500,3000 --dump-dom "file://$PWD/narrow.html" 2>log |
        grep -q '<title>outside: 0</title>'
    timeout 60 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-dark-mode --window-size=1000,3000 \
        --blink-settings=preferredColorScheme=0 --screenshot="$shots/report-dark.png" "file://$PWD/page.html" 2>log
    run ! cmp -s "$shots/report-dark.png" "$shots/report-1000.png"
}

@test "windows of time: one is the split itself, several are cut by events and judged in turn" {
    small_shop
    common=(-q --json --no-tune -p sequence=off --split time:20%)
    pz-eval "${common[@]}" shop.pzd >split.json
    pz-eval "${common[@]}" --windows 1 shop.pzd >one.json
    jq -es '.[0].metrics.normalized_discounted_cumulative_gain_at_10 as $x | .[1].windows[0] |
        .users as $n | [(.retrained - $x), (.live - $x)] | map(fabs < 1e-9) | all and $n > 0' split.json one.json
    [ "$(jq .users split.json)" -eq "$(jq .windows[0].users one.json)" ]
    pz-eval "${common[@]}" --windows 3 shop.pzd >three.json
    jq -e '.windows as $w | ($w | length) == 3 and ([$w[].users] | add) == .all.users and
        $w[0].to == $w[1].from and $w[1].to == $w[2].from and $w[0].retrained == $w[0].live and
        ([$w[] | .users * .retrained] | add / ([$w[].users] | add)) - .all.retrained.mean < 1e-9 and
        .all.live.retrained_minus_this[0] <= .all.retrained.mean - .all.live.mean' three.json
    # a window's users are those with an event in it
    from=$(jq .windows[1].from three.json) to=$(jq .windows[1].to three.json)
    want=$(awk -F, -v a="$from" -v b="$to" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["TIMESTAMP"] >= a && $at["TIMESTAMP"] < b { u[$at["USER_ID"]] } END { print length(u) }' inter.csv)
    [ "$(jq .windows[1].users three.json)" -eq "$want" ]
    run -0 pz-eval -q --no-tune -r popularity-count --split time:20% --windows 2 shop.pzd
    [[ $output == *"retrained minus popularity: +0.0000"* ]]
    run -2 pz-eval -q --no-tune --split leave-last --windows 2 shop.pzd
    run -2 pz-eval -q --windows 2 --split time:20% --gate 'ndcg@10 > 0' shop.pzd
}

@test "windows judged as jobs come to the bytes of one run, in whatever order and files" {
    small_shop
    common=(-q --no-tune -p sequence=off --split time:20%)
    pz-eval "${common[@]}" --windows 3 shop.pzd >table
    pz-eval "${common[@]}" --windows 3 --json shop.pzd >table.json
    for k in 1 2 3; do pz-eval "${common[@]}" -j $((k % 3 + 1)) --window $k/3 shop.pzd >w.$k; done
    [ "$(cat w.? | wc -l)" -eq 3 ]
    pz-eval -j 3 "${common[@]}" --window 2/3 shop.pzd | cmp - w.2
    pz-eval --with-windows w.3 w.1 w.2 | cmp - table
    cat w.? w.2 | pz-eval --json --with-windows - | cmp - table.json
    # a table without a window would be another
    run -65 pz-eval --with-windows w.1 --with-windows w.3
    [[ $output == *"of 3 windows these are missing: 2"* ]]
    # other data, another question, and what is none
    pz-eval "${common[@]}" --seed 2 --window 2/3 shop.pzd >other
    run -65 pz-eval --with-windows w.1 other w.3
    [[ $output == *"other:1: the window was judged with other data or options"* ]]
    pz-eval "${common[@]}" --window 2/4 shop.pzd >other
    run -65 pz-eval --with-windows w.1 other
    for damage in 'del(.ways[1])' 'del(.users)' '.users = -1' '.window = 4' '.windows = 99' 'del(.asked)' '.asked.recipe = 1'; do
        jq -c "$damage" w.2 >other
        run -65 pz-eval --with-windows other w.1 w.2 w.3
    done
    run -65 pz-eval --with-windows inter.csv
    for k in 0/3 4/3 1 x/3 1/999; do run -2 pz-eval --split time:20% --window $k shop.pzd; done
    run -2 pz-eval --window 1/3 shop.pzd
    run -2 pz-eval --split time:20% --windows 3 --window 1/3 shop.pzd
    run -2 pz-eval --split time:20% --with-windows w.1
}

@test "where events of one time make fewer windows than asked, jobs beyond them count as done" {
    { echo USER_ID,ITEM_ID,TIMESTAMP; for u in {1..60}; do for i in {1..6}; do echo u$u,i$((u * i % 17)),$((i < 5 ? i * 1000 + u : 9000 + i)); done; done; } >two.csv
    pz-import -q -o two.pzd --interactions two.csv
    common=(-q --no-tune -r popularity-count --split time:30%)
    pz-eval "${common[@]}" --windows 4 two.pzd >table
    for k in 1 2 3 4; do pz-eval "${common[@]}" --window $k/4 two.pzd >w.$k; done
    [ "$(jq .windows w.1)" -lt 4 ]
    pz-eval --with-windows w.? | cmp - table
    pz-eval --with-windows w.4 w.3 w.2 w.1 | cmp - table
}

@test "the example of the manual: windows under GNU parallel" {
    command -v parallel >/dev/null || skip "GNU parallel is not installed"
    small_shop
    # shellcheck disable=SC1083 # parallel's own braces
    parallel --will-cite -j 2 pz-eval -q -j 1 --no-tune --split time:20% --window {}/3 shop.pzd '>' window.{} ::: 1 2 3
    pz-eval -q --no-tune --split time:20% --windows 3 shop.pzd >table
    pz-eval --with-windows window.* | cmp - table
}

@test "--per-user has a line for each user, whose mean is the report" {
    small_shop
    pz-eval -q --json --no-tune --split leave-last --per-user u.tsv shop.pzd >r.json
    [ "$(($(wc -l <u.tsv) - 1))" -eq "$(jq .users r.json)" ]
    mean=$(awk -F'\t' 'NR == 1 { while ($(++c) != "recall_at_10"); next } { s += $c } END { printf "%.9f", s / (NR - 1) }' u.tsv)
    near r.json recall_at_10 "$mean"
}

@test "events that do not count are no truth, and different weights give a weighted nDCG" {
    small_shop
    pz-eval -q --json --no-tune --split leave-last:3 -e Purchase:weight=1 -e View:weight=0.2 shop.pzd >r.json
    jq -e '.metrics.normalized_discounted_cumulative_gain_with_event_weights_at_10 >= 0' r.json
    pz-eval -q --json --no-tune --split leave-last:3 -e Purchase shop.pzd >p.json
    jq -e 'has("normalized_discounted_cumulative_gain_with_event_weights_at_10") | not' <(jq .metrics p.json)
    bought=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        { u = $at["USER_ID"]; t[u, ++n[u]] = $at["EVENT_TYPE"] }
        END { for (u in n) if (n[u] > 3) { b = 0; for (i = n[u] - 2; i <= n[u]; i++) b += t[u, i] == "Purchase"; c += b > 0 }
              print c }' inter.csv)
    [ "$(jq .users p.json)" -eq "$bought" ]
    [ "$(jq .users r.json)" -gt "$bought" ]
}

@test "weighted nDCG, worked by hand: an item's heaviest event counts, once" {
    # popularity by weights: a 3, b 2, c 1, d 0.2; x's truth is c, bought and viewed, and a, viewed
    printf '%s\n' USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE p,a,1,Purchase p,b,2,Purchase p,c,3,Purchase q,a,1,Purchase \
        q,b,2,Purchase r,a,1,Purchase x,d,1,View x,a,2,View x,c,3,Purchase x,c,4,View >i.csv
    pz-import -q -o i.pzd --interactions i.csv
    pz-eval -q --json --split leave-last:3 -r popularity-count --seen keep --at 1,2,4 -e Purchase:weight=1 \
        -e View:weight=0.2 i.pzd >r.json
    ideal='(1 + 0.2 / (3 | log2))'
    name=normalized_discounted_cumulative_gain_with_event_weights_at
    near r.json ${name}_1 0.2 ${name}_2 "0.2 / $ideal" ${name}_4 "(0.2 + 1 / 2) / $ideal" recall_at_4 1
    [ "$(jq .users r.json)" -eq 1 ]
}

@test "--tune-metric is what the trials of a split tell" {
    small_shop
    for metric in ndcg@10 hit@1; do
        pz-eval -q --json --split leave-last --tune 1 --tune-time 0.000001 --tune-metric $metric -o m.pzm shop.pzd >report
        pz-train --trials m.pzm --json | jq .metric | head -1
    done >values
    [ "$(sort -u values | wc -l)" -eq 2 ]
    run -2 pz-eval --split leave-last --tune-metric best shop.pzd
    [[ $output == *"ndcg@K"* ]]
}

@test "usage: lists of K, and options that need --split" {
    popular_model
    cases t x,b
    [ "$(pz-eval -q --at 2,2 pop.pzm t.pzd | grep -c '^recall_at_2 ')" -eq 1 ]
    for k in 0 x 5, 1,2,3,4,5,6,7,8,9 10001; do run -2 pz-eval --at $k pop.pzm t.pzd; done
    run -2 pz-eval --recipe user-personalization pop.pzm t.pzd
    run -2 pz-eval --split leave-last
    run -2 pz-eval --split nosuch t.pzd
    run -2 pz-eval pop.pzm pop.pzm
    run -66 pz-eval nosuch.pzm t.pzd
}

@test "novelty counts the users that the model has learned from, however the test was held out" {
    awk 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP"; for (u = 0; u < 40; u++) for (k = 0; k < 10; k++) printf "u%d,i%d,%d\n", u, (u * 7 + k * k) % 30, 1700000000 + u * 1000 + k }' >one.csv
    pz-import -q -o one.pzd --interactions one.csv
    pz-train -q --no-tune --holdout time:20% --holdout-out test.pzd -o held.pzm one.pzd
    pz-import --export interactions test.pzd >test.csv
    awk -F, 'FNR == NR { held[$1 FS $2 FS $3]; next } FNR == 1 || !($1 FS $2 FS $3 in held)' <(tail -n +2 test.csv) one.csv >rest.csv
    pz-import -q -o rest.pzd --interactions rest.csv
    pz-train -q --no-tune -o rest.pzm rest.pzd
    for m in held rest; do pz-eval -q --json $m.pzm test.pzd | jq '.metrics | .novelty, .coverage' >$m.out; done
    cmp held.out rest.out
    pz-eval -q --json --no-tune --split time:20% one.pzd | jq '.metrics | .novelty, .coverage' | cmp - held.out
}

@test "a split that leaves nothing to train on is refused, not judged by chance" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP\na,x,100\n' >one.csv
    pz-import -q -o one.pzd --interactions one.csv
    run pz-eval -q --no-tune --split time:20% one.pzd
    [ "$status" -eq 65 ]
    [[ "$output" == *"leaves no interaction to train on"* ]]
}
