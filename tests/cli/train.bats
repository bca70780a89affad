# SPDX-License-Identifier: Apache-2.0
# pz-train: updates, ranges, trials, determinism.
load common

# The small shop in two parts: the newest events of all, and what was before.
two_parts() {
    small_shop
    sort -t, -k3,3n <(tail -n +2 inter.csv) >sorted
    local n
    n=$(($(wc -l <sorted) - 120))
    { head -1 inter.csv; head -n "$n" sorted; } >before.csv
    { head -1 inter.csv; tail -n 120 sorted; } >after.csv
    pz-import -q -o before.pzd --interactions before.csv --items "$SHOP/items.csv"
    pz-import -q -o after.pzd --interactions after.csv
}

@test "an update answers like a training on all of the data with the same settings" {
    two_parts
    pz-train -q --no-tune -o old.pzm before.pzd
    pz-train -q --update old.pzm -o new.pzm after.pzd
    pz-import -q --merge -o all.pzd before.pzd after.pzd
    pz-train -q --no-tune -o all.pzm all.pzd
    pz-recommend new.pzm --all-users --num 5 --format csv >new.csv
    pz-recommend all.pzm --all-users --num 5 --format csv >all.csv
    # pruned counts differ in the last places of lists: nine answers of ten agree
    same=$(cut -d, -f1,2 all.csv | sort | comm -12 - <(cut -d, -f1,2 new.csv | sort) | wc -l)
    [ "$same" -ge $(($(wc -l <all.csv) * 9 / 10)) ]
    # and what was there before the update does not answer so
    pz-recommend old.pzm --all-users --num 5 --format csv | cut -d, -f1,2 | sort >old.ids
    [ "$(cut -d, -f1,2 all.csv | sort | comm -12 - old.ids | wc -l)" -lt "$same" ]
}

@test "a training ends well on processors that the algebra library does not know" {
    [ "$(uname -m)" = x86_64 ] || skip "the kernels are of x86-64"
    pz-import -q -o shop.pzd --interactions "$SHOP/interactions.csv" --items "$SHOP/items.csv"
    OPENBLAS_CORETYPE=Prescott pz-train -q --no-tune -o home.pzm shop.pzd # what it takes them for
}

@test "an update knows the new items and users, and its lineage" {
    two_parts
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nnobody,new-item,1800000000,view\n' >new.csv
    pz-import -q -o new.pzd --interactions new.csv
    pz-train -q --no-tune -o old.pzm before.pzd
    pz-train -q --update old.pzm -o one.pzm after.pzd
    pz-train -q --update one.pzm -o two.pzm new.pzd
    pz-recommend two.pzm --user nobody --num 3 >answer.csv
    [ "$(wc -l <answer.csv)" -eq 4 ]
    run ! grep -q '^nobody,new-item,' answer.csv # seen
    [ "$(zstd -dcq two.pzm | grep -a -c '"parent":')" -eq 2 ]
}

# The sample's interactions: the newest 600 and some old ones of users who have newer, and the rest.
two_days() {
    local inter=$SHOP/interactions.csv
    sort -t, -k3,3n <(tail -n +2 "$inter") >sorted
    { head -1 "$inter"; head -n -600 sorted | awk 'NR % 9000 != 0'; } >base.csv
    { head -1 "$inter"; tail -n 600 sorted; } >day.csv
    { head -1 "$inter"; tail -n 600 sorted; head -n -600 sorted | awk 'NR % 9000 == 0'; } >late.csv
    pz-import -q -o base.pzd --interactions base.csv
    pz-import -q -o day.pzd --interactions day.csv
    pz-import -q -o late.pzd --interactions late.csv
}

@test "late events are counted where they belong, at the cost of the users concerned" {
    two_days
    pz-train -q --no-tune -o base.pzm base.pzd
    pz-train -v --update base.pzm -o new.pzm late.pzd 2>log
    grep -q 'users have new events between old ones' log
    grep -q 'transitions: updated' log
    pz-train -q --no-tune -o all.pzm base.pzd late.pzd
    pz-recommend -q new.pzm --all-users --num 5 --exploration-weight 0 | cut -d, -f1,2 | sort >new.ids
    pz-recommend -q all.pzm --all-users --num 5 --exploration-weight 0 | cut -d, -f1,2 | sort >all.ids
    [ "$(comm -12 new.ids all.ids | wc -l)" -ge $(($(wc -l <all.ids) * 85 / 100)) ]
}

@test "the same delta twice is nothing new: the same bytes" {
    two_days
    pz-train -q --no-tune -o base.pzm base.pzd
    pz-train -q --update base.pzm -o one.pzm late.pzd
    pz-train --update one.pzm -o two.pzm late.pzd 2>log
    grep -q 'nothing new' log
    cmp one.pzm two.pzm
}

@test "a part that drifted is fitted anew, and says on how much" {
    two_days
    { head -1 base.csv; head -n 30000 sorted; } >half.csv
    { head -1 base.csv; tail -n +30001 sorted; } >rest.csv
    pz-import -q -o half.pzd --interactions half.csv
    pz-import -q -o rest.pzd --interactions rest.csv
    pz-train -q --no-tune -o half.pzm half.pzd
    pz-train -v --update half.pzm -o all.pzm rest.pzd 2>log
    grep -q 'transitions: fitted anew' log
    pz-train -q --no-tune -o base.pzm base.pzd
    pz-train -v --update base.pzm -o x.pzm day.pzd 2>log
    grep -q 'transitions: updated' log
    zstd -dcq x.pzm | grep -a -q '"fitted_on"'
}

@test "--tuned-from trains in full with a model's settings; a chain says when that is due" {
    two_days
    pz-train -q --no-tune -p factors.dim=16 -p weight.factors=0.7 -o base.pzm base.pzd
    pz-train -q --no-tune -p factors.dim=16 -p weight.factors=0.7 -o full.pzm base.pzd day.pzd
    pz-train -q --tuned-from base.pzm -o again.pzm base.pzd day.pzd
    pz-recommend -q full.pzm --all-users --num 5 --exploration-weight 0 >full.csv
    pz-recommend -q again.pzm --all-users --num 5 --exploration-weight 0 | cmp - full.csv
    run -2 pz-train -q --tuned-from base.pzm -p factors.dim=8 -o x.pzm base.pzd
    [[ $output == *"--tuned-from keeps"* ]]
    { head -1 base.csv; head -n 30000 sorted; } >half.csv
    { head -1 base.csv; tail -n +30001 sorted; } >rest.csv
    pz-import -q -o half.pzd --interactions half.csv
    pz-import -q -o rest.pzd --interactions rest.csv
    pz-train -q --no-tune -o half.pzm half.pzd
    pz-train --update half.pzm -o two.pzm rest.pzd 2>log
    grep -q 'a full training is due' log
    zstd -dcq two.pzm | grep -a -q '"full_due": *true'
}

@test "a chain states what the full model was worth, what its updates are, and when that fell" {
    two_days
    verdict() { # NDCG LOW USERS
        local name=normalized_discounted_cumulative_gain_at_25
        echo "{\"users\": $3, \"metrics\": {\"$name\": $1}, \"intervals\": {\"$name\": [$2, 1]}}" >judged.json
    }
    pz-train -q --no-tune -p spectral=off -p factors=off -o m0.pzm base.pzd
    run -1 grep -q '^worth' <(pz-train --info m0.pzm)
    pz-eval -q --json m0.pzm day.pzd >judged.json
    pz-train -q --update m0.pzm --judged judged.json -o m1.pzm day.pzd
    pz-train -q --update m0.pzm --judged judged.json -j1 -o again.pzm day.pzd
    cmp m1.pzm again.pzm
    pz-train --info m1.pzm --json | jq -e --slurpfile v judged.json '.chain.judged |
        .full == $v[0].metrics.normalized_discounted_cumulative_gain_at_25 and .now == .full and .full_users == $v[0].users'
    pz-train --info m1.pzm | grep -q '^worth     nDCG@25 0[.0-9]* after the last full training'
    # two days more, one with fewer users: weighted by users, over the full one's interval
    verdict 0.2 0.1 100
    pz-train -q --update m0.pzm --judged judged.json -o m1.pzm day.pzd
    for n in 1 2; do
        { head -1 day.csv; sed -n "2,4p" day.csv | awk -F, -v OFS=, -v n=$n '{ $1 = "late" n; $3 += 100000 * n; print }'; } >more.csv
        pz-import -q -o more$n.pzd --interactions more.csv
    done
    verdict 0.05 0.01 300
    pz-train --update m1.pzm --judged judged.json -o m2.pzm more1.pzd 2>log
    grep -q 'worth less than the full one; a full training is due' log
    pz-train --info m2.pzm --json | jq -e '.chain | .full_due and (.judged | .full == 0.2 and (.now - 0.0875 | fabs) < 1e-9 and .users == 400)'
    # who is not judged passes on what is known
    pz-train -q --update m2.pzm -o m3.pzm more2.pzd
    pz-train --info m3.pzm --json | jq -e '.chain.judged.users == 400 and .chain.updates == 3'
    echo '{}' >judged.json
    run -65 pz-train -q --update m2.pzm --judged judged.json -o x.pzm more2.pzd
    [[ $output == *"not what pz-eval --json says"* ]]
    run -2 pz-train -q --judged judged.json -o x.pzm base.pzd
    [[ $output == *"--judged goes with --update"* ]]
}

@test "an update that drift makes fit parts anew takes hardly more memory than a full training" {
    tail -n +2 "$SHOP/interactions.csv" | sort -t, -k3,3n >sorted
    # eight shops beside each other: 240,000 events, and half as many new ones
    eight() {
        echo USER_ID,ITEM_ID,TIMESTAMP
        awk -F, -v OFS=, '{ for (k = 0; k < 8; k++) print $1 "_" k, $2 "_" k, $3 }'
    }
    pz-import -q -o base.pzd --interactions <(head -30000 sorted | eight)
    pz-import -q -o more.pzd --interactions <(tail -n +30001 sorted | head -15000 | eight)
    pz-train -q --no-tune -o base.pzm base.pzd
    full=$(pz-train -q -j1 --json --no-tune -o full.pzm base.pzd more.pzd | jq .peak_memory_bytes)
    pz-train -v -j1 --json --update base.pzm -o next.pzm more.pzd >report 2>log
    grep -q 'transitions: fitted anew' log
    jq -e --argjson full "$full" '.peak_memory_bytes < 1.15 * $full' report
}

@test "parameters are checked before the data: the part, the setting, the value, Amazon's names" {
    small_shop
    run -2 pz-train -q --no-tune -r popularity-count -p factors.dim=abc -o m.pzm shop.pzd
    [[ $output == *"a whole number from 8 to 1024 is needed"* ]]
    run -2 pz-train -q --no-tune -r popularity-count -p factors.dim=64 -o m.pzm shop.pzd
    [[ $output == *"factors is not learned here"* ]]
    run -2 pz-train -q --no-tune -p factor.dim=64 -o m.pzm shop.pzd
    [[ $output == *"did you mean factors.dim?"* ]]
    run -2 pz-train -q --no-tune -p hidden_dimension=55 -o m.pzm shop.pzd
    [[ $output == *"sequence.dim"* ]]
    run -2 pz-train -q --no-tune -r aws-hrnn -p bptt=20 -o m.pzm shop.pzd
    [[ $output == *"sequence.window"* ]]
}

@test "a threshold that no value reaches is an error" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\nu1,i1,1,rate,3\nu1,i2,2,rate,4\nu2,i1,3,rate,5\n' >i.csv
    pz-import -q -o i.pzd --interactions i.csv
    run -2 pz-train -q --no-tune -e rate:threshold=6 -o m.pzm i.pzd
    [[ $output == *"no rate event has a value of that or more"* ]]
    pz-train -q --no-tune -e rate:threshold=5 -o m.pzm i.pzd
}

# The float nearest to 3.6, which datasets keep, is less than 3.6.
@test "a value that is the threshold reaches it" {
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\nu1,i1,1,rate,3.6\nu1,i2,2,rate,3.5\nu2,i3,3,rate,3.6\n' >i.csv
    pz-import -q -o i.pzd --interactions i.csv
    pz-train -q --no-tune -r popularity-count -e rate:threshold=3.6 -o m.pzm i.pzd
    pz-deploy publish -q c.pzc m.pzm
    pz-event put -q c.pzc --user v --item i1 --type rate --value 3.6
    pz-event put -q c.pzc --user v --item i3 --type rate --value 3.59
    seen() { pz-recommend -q c.pzc --user "$1" --seen only | tail -n +2 | cut -d, -f2; }
    [ "$(seen u1)" = i1 ]
    [ "$(seen v)" = i1 ]
}

# People of three camps meet any of 60 items: what is of their camp gets 5, other things 1.
@test "ratings that tell of dislike do not teach, and what got them is not recommended" {
    awk 'BEGIN { srand(3); print "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE"
        for (u = 0; u < 300; u++) for (k = 0; k < 20; k++) { i = int(rand() * 60)
            print "u" u ",i" i "," u * 100 + k ",rating," (i % 3 == u % 3 ? 5 : 1) } }' >r.csv
    pz-import -q -o r.pzd --interactions r.csv
    pz-train --tune 1 -p sequence=off -o r.pzm r.pzd 2>log
    grep 'rating teaches from 5 on' log
    pz-train --info r.pzm | grep 'rating 1 from a value of 5 (validation)'
    # u0 is of the camp of i0, i3, i6 ...; what u0 rated, high or low, does not come back
    pz-recommend r.pzm --user u0 --num 10 >list
    awk '{ sub("^i", "", $1); own += $1 % 3 == 0 } END { exit own < 9 }' list
    awk -F, 'NR == FNR { rated[$2] += $1 == "u0"; next } rated[$1] { exit 1 }' r.csv list
    # whoever names the events has all of them
    pz-train --tune 1 -p sequence=off -e rating -o all.pzm r.pzd 2>log
    run ! grep teaches log
}

# Of their camp's items people dislike every fourth, another one each, which the others of the camp like: it would stand high.
# What is liked is all that both trainings learn from.
@test "what somebody disliked does not stand in the lists of trials" {
    awk 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE"; x = 1
        for (u = 0; u < 400; u++) for (k = 0; k < 20; k++) {
            x = (x * 69069 + 1) % 4294967296; i = int(x / 65536) % 60
            print "u" u ",i" i "," k + 1 ",rate," (i % 3 == u % 3 && (int(i / 3) + u) % 4 ? 5 : 1) } }' >all.csv
    awk -F, 'NR == 1 || $5 == 5' all.csv >liked.csv
    for d in all liked; do
        pz-import -q -o $d.pzd --interactions $d.csv
        pz-train -q --tune 1 -p sequence=off -o $d.pzm $d.pzd
        pz-train --trials $d.pzm | awk 'NR == 2 { print $2, $4 }' >$d.first
    done
    cat all.first liked.first
    awk '{ value[NR] = $1; users[NR] = $2 }
        END { exit !(users[1] == users[2] && value[1] > 1.02 * value[2]) }' all.first liked.first
}

@test "tuning gives the same bytes at 1, 2 and 4 threads" {
    small_shop
    for n in 1 2 4; do pz-train -q -j$n --tune 2 -o $n.pzm shop.pzd; done
    cmp 1.pzm 2.pzm
    cmp 1.pzm 4.pzm
}

@test "updates and sessions give the same bytes at 1, 2 and 4 threads" {
    two_parts
    pz-train -q --no-tune -p sequence=on -p sequence.dim=16 -p sequence.hidden=16 -p sequence.layers=1 \
        -p sequence.epochs=1 -o old.pzm before.pzd
    # sessions of three events in which the next one is told by the last
    awk 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP"
        for (u = 0; u < 9000; u++) for (k = 0; k < 3; k++) print u ",i" (u * 7 + k * (1 + u % 3)) % 50 "," u * 100 + k }' |
        pz-import -q -o come.pzd --interactions -
    for n in 1 2 4; do
        pz-train -q -j$n --update old.pzm -o new$n.pzm after.pzd
        pz-train -q -j$n --tune 1 -p sessions=on -o come$n.pzm come.pzd
    done
    cmp new1.pzm new2.pzm
    cmp new1.pzm new4.pzm
    cmp come1.pzm come2.pzm
    cmp come1.pzm come4.pzm
    zstd -dcq come1.pzm | grep -a -q '"scorer": "sessions"'
}

@test "a range is searched within its bounds, a value is not searched" {
    small_shop
    pz-train -q --tune 3 -p transitions.decay=0.2..0.3 -p transitions.lambda=77 -o m.pzm shop.pzd
    pz-train --trials m.pzm --json >trials
    jq -e -s 'map(select(.scorer == "transitions").settings) | length > 3 and
        all(.decay >= 0.2 and .decay <= 0.3 and (has("lambda") | not) and (has("trend") | not))' trials
    # searched on sessions only, but for those who ask
    pz-train -q --tune 1 -p transitions.trend=0.1..0.4 -o m.pzm shop.pzd
    pz-train --trials m.pzm --json | jq -e -s 'map(select(.scorer == "transitions").settings.trend) | unique | length > 1 and
        all(. >= 0.1 and . <= 0.4)'
    run -2 pz-train -q -p transitions.decay=0.3..0.2 -o bad.pzm shop.pzd
    [[ $output == *"LOW..HIGH"* ]]
    run -2 pz-train -q --tune-metric ndcg -o bad.pzm shop.pzd
    [[ $output == *"ndcg@K"* ]]
}

@test "--tune counts fits of a part, --tune-time ends the search, --tune-metric is what trials tell" {
    small_shop
    fits() { # different settings of transitions that a fit needs
        pz-train -q "$@" -o m.pzm shop.pzd
        pz-train --trials m.pzm --json | jq -sc '[.[] | select(.scorer == "transitions") | .settings |
            {symmetric, decay, user_norm, lambda, attributes, ridge}] | unique | length'
    }
    none=$(fits --tune 0) few=$(fits --tune 1) many=$(fits --tune 6)
    [ "$none" -eq 0 ]
    [ "$few" -gt 0 ]
    [ "$many" -gt "$few" ]
    pz-train -q --tune 6 --tune-time 0.000001 -o m.pzm shop.pzd # over at once: no setting is moved
    pz-train --trials m.pzm --json | jq -se 'map(.settings) | unique | length <= 7'
    parts() { pz-train --info m.pzm --json | jq -c '[.parts[].scorer]'; }
    searched=$(parts)
    pz-train -q --no-tune -o m.pzm shop.pzd # what there was no time to judge takes part as without tuning
    [ "$searched" = "$(parts)" ]
    for metric in ndcg@10 hit@1 recall@50 mrr@5; do
        pz-train -q --tune 1 --tune-time 0.000001 --tune-metric $metric -o m.pzm shop.pzd
        pz-train --trials m.pzm --json | jq -r '.metric' | head -1
    done >values
    [ "$(sort -u values | wc -l)" -eq 4 ]
}

@test "--tune-for next asks what users do next above all, which a test of that kind does by itself" {
    small_shop
    local quick="--tune 1 -p sequence=off -p factors=off -p spectral=off"
    small() { pz-train -q $quick "$@" -o m.pzm shop.pzd; }
    asked() { pz-train --info m.pzm --json | jq -r .check.tuned_for; }
    small
    [ "$(asked)" = both ]
    value=$(pz-train --info m.pzm --json | jq .check.value)
    small --tune-for next
    [ "$(asked)" = next ]
    [ "$(pz-train --info m.pzm --json | jq .check.value)" != "$value" ] # other users decide
    pz-train --info m.pzm | grep -q '^tuning .* by its own metric for what users do next,'
    for split in leave-last time:10% random; do
        small --holdout $split --holdout-out test.pzd
        held=$(asked)
        pz-eval -q --split $split $quick -o m.pzm shop.pzd >report
        [ "$(asked)" = "$held" ]
        echo "$split $held"
    done >found
    [ "$(cat found)" = $'leave-last next\ntime:10% both\nrandom any' ]
    pz-train --info m.pzm | grep -q '^tuning .* by its own metric for what is missing in a history,'
    pz-eval -q --split leave-last --tune-for both $quick -o m.pzm shop.pzd >report
    [ "$(asked)" = both ]
    run -2 pz-train -q --tune-for later -o bad.pzm shop.pzd
    run -2 pz-train -q --tune-for next --update m.pzm -o bad.pzm shop.pzd
    [ ! -e bad.pzm ]
}

@test "what people have again is judged at the top of lists, whatever else tuning looks at" {
    small_shop
    worth() { # of habits, without a part beside it that another metric would change
        pz-train -q --tune 1 "$@" -p transitions=off -p factors=off -p spectral=off -p content=off -p recent=off \
            -p sequence=off -p trend.power=0 -o m.pzm shop.pzd
        pz-train --trials m.pzm --json | jq -se '[.[] | select(.scorer == "habits").metric] | max'
    }
    mix=$(worth --tune-metric mix)
    [ "$mix" = "$(worth --tune-metric ndcg@10)" ]
    [ "$mix" != "$(worth --tune-metric ndcg@100)" ] # a metric that is asked for stays
}

@test "what people have again comes first where that is worth it, however much the other parts weigh" {
    awk 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP"
        for (h = 0; h < 80; h++) {
            for (s = 0; s < 12; s++) { # staples, each at its interval, and something else once a week
                every = 4 + (h * 5 + s * s * 7) % 19
                for (day = (h + 3 * s) % every; day < 130; day += every)
                    buy((h * 11 + s * (s + h % 5 + 2)) % 150, day, s)
            }
            for (day = h % 7; day < 130; day += 7) buy((day * 13 + h * 7) % 150, day, 12) } }
        function buy(item, day, s) {
            print "h" h ",g" item "," 1735689600 + 86400 * day + 613 * ((h * 31 + s * 17 + day * 7) % 100) }' >homes.csv
    pz-import -q -o homes.pzd --interactions homes.csv
    pz-train -q --tune 1 -p sequence=off -p factors=off -p spectral=off -p recent=off -p weight.popularity=100 \
        -o m.pzm homes.pzd
    pz-train --info m.pzm --json | jq -e '.parts[] | select(.scorer == "habits").weight > 100'
}

@test "where everybody only comes back, the search asks what they come back to, and --seen auto lists it" {
    awk 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP"
        for (u = 0; u < 200; u++) for (k = 0; k < 24; k++) {
            s = (u * 31 + k * 17 + k * k * 7) % 64 # of six items of their own the first ones most
            own = k < 6 ? k : s < 32 ? 0 : s < 48 ? 1 : s < 56 ? 2 : s < 60 ? 3 : s < 62 ? 4 : 5
            print "u" u ",i" (u * 7 + own * (u % 9 + 1)) % 100 "," 1735689600 + k * 90000 + u * 6000 } }' >r.csv
    pz-import -q -o r.pzd --interactions r.csv
    run -0 pz-train --tune 1 -p sequence=off -o r.pzm r.pzd
    [[ $output == *"lists are better with what was seen (--seen auto)"* && $output != *"too few users"* ]]
    pz-train --info r.pzm --json | jq -e '.seen == "keep" and (.parts | any(has("weight_kept_next")) and all(has("weight_next") | not))'
    value=$(pz-eval -q --json --split leave-last --seen auto --tune 1 -p sequence=off r.pzd |
        jq .metrics.normalized_discounted_cumulative_gain_at_10)
    [ "$(jq -n "$value > 0.5")" = true ]
    awk -F, 'NR == 1 || ($1 ~ /^u[1-3]$/ && n[$1]++ < 2)' r.csv >few.csv # nobody can be asked: nothing is said
    pz-import -q -o few.pzd --interactions few.csv
    pz-train -q -o few.pzm few.pzd
    pz-train --info few.pzm --json | jq -e 'has("seen") | not'
}

@test "where people come back to what they looked at, lists with what was seen lose to no part alone" {
    awk 'function draw(n) { x = x * 16807 % 2147483647; return int(x / 2147483647 * n) }
        function item() { return "g" (draw(5) ? taste : draw(10)) "i" int(1 / (1 - draw(1000) / 1000)) % 40 }
        BEGIN { x = 7; print "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE"
            for (u = 0; u < 800; u++) { # looks at items of a taste, and has every other of them soon after
                t = 1700000000 + draw(50) * 86400; taste = draw(10)
                for (k = 3 + draw(6); k > 0; k--) {
                    i = item(); print "u" u "," i "," t ",view"; t += 30 + draw(3000)
                    if (draw(2)) { print "u" u "," i "," t ",purchase"; t += draw(86400) } } } }' >vb.csv
    pz-import -q -o vb.pzd --interactions vb.csv
    for split in leave-last time:10%; do
        pz-eval -q --json --parts --split "$split" --seen auto -p sequence=off --at 10 vb.pzd >vb.json
        jq -e '[.parts.lift[].normalized_discounted_cumulative_gain_at_10.interval[1] >= 0] | length > 1 and all' vb.json
    done
    # such lists have weights of their own, which an update hands on
    pz-train -q -p sequence=off --holdout time:10% --holdout-out late.pzd -o early.pzm vb.pzd
    pz-train -q --update early.pzm -o m.pzm late.pzd
    for model in early m; do
        pz-train --info $model.pzm --json | jq -c '.parts | map([.scorer, .weight, .weight_kept, .weight_kept_next])' >$model.json
        jq -e 'any(.[2] != .[1]) and all(.[2] != null and .[3] != null)' $model.json
    done
    cmp early.json m.json
}

@test "what comes next has weights of its own, and a question of no time is asked when its history ends" {
    awk -F, 'NR == 1 || substr($1, 5, 1) ~ /[01]/' "$SHOP/interactions.csv" >inter.csv
    pz-import -q -o shop.pzd --interactions inter.csv --items "$SHOP/items.csv"
    pz-train -q -p sequence=off --holdout leave-last --tune-for both --holdout-out last.pzd -o m.pzm shop.pzd
    pz-train --info m.pzm --json | jq -e '.slice_seconds > 86400 and (.parts | any(.weight_next < .weight) and any(.weight_kept_next < .weight_kept))'
    pz-train --info m.pzm | grep "in those of what comes next"
    pz-import --export interactions last.pzd >last.csv
    value() { # nDCG@10 where all is asked for at a time
        awk -F, -v OFS=, -v t="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "TIMESTAMP") at = i } NR > 1 { $at = t } 1' last.csv |
            pz-import -q -o t.pzd --interactions -
        pz-eval -q --json --at 10 m.pzm t.pzd | jq .metrics.normalized_discounted_cumulative_gain_at_10
    }
    true=$(pz-eval -q --json --at 10 m.pzm last.pzd | jq .metrics.normalized_discounted_cumulative_gain_at_10)
    unknown=$(value 0) end=$(value 1900000000)
    jq -n -e "$true > $end and $unknown > $end"
    pz-train -q --update m.pzm -o new.pzm last.pzd # which hands them on
    for model in m new; do
        pz-train --info $model.pzm --json | jq '.slice_seconds, .parts[].weight_next, .parts[].early_next, .parts[].weight_kept_next' >$model.json
    done
    cmp m.json new.json
}

@test "--info says what a model learned from, consists of and was worth; status and list say it of a campaign" {
    small_shop
    pz-train -q --tune 1 -p sequence=off -p factors.dim=8 --event Purchase:weight=1 --event View:weight=0.25 -o m.pzm shop.pzd
    pz-train --info m.pzm --json >info
    jq -e '.recipe == "user-personalization" and .interactions > 1000 and .bytes > 10000 and
        .oldest < .newest and (.newest | startswith("2024-03")) and
        (.events | map(.weight)) == [1, 0.25] and
        .check.users > 50 and .check.value > 0 and .check.gain_error > 0 and
        (.check.metrics | .normalized_discounted_cumulative_gain_at_25 > 0 and .precision_at_25 <= 0.2 and
            .coverage > 0 and .coverage <= 1)' info
    # a setting that is not the default stands beside it, one that is does not
    jq -e '.parts[] | select(.scorer == "factors") | .settings.dim == 8 and .defaults.dim > 8 and
        (.defaults | has("epochs") | not)' info
    pz-train --info m.pzm >text
    grep -q '^parts  *transitions  *weight 1.000' text
    grep -q 'dim 8 (default' text
    grep -qE '^events  *Purchase 1, View 0.25; they act by the power of [0-9.]+, as 1, 0.[0-9]+$' text
    grep -q "^check .*nDCG@25 $(jq '.check.metrics.normalized_discounted_cumulative_gain_at_25 * 10000 | round / 10000' info)" text
    pz-deploy publish -q home.pzc m.pzm
    pz-deploy status home.pzc >status
    for line in parts check tuning chain memory; do grep -q "^$line " status; done
    pz-deploy status --json home.pzc | jq -e --slurpfile m info '.model.check == $m[0].check'
    pz-deploy list --json home.pzc | jq -e --slurpfile m info \
        '(.[0].ndcg_25 - $m[0].check.metrics.normalized_discounted_cumulative_gain_at_25 | fabs) < 0.0001'
    pz-train --info home.pzc --json | jq -e --slurpfile m info '.check == $m[0].check'
    # a model that was not tuned says nothing of it; an update keeps what the last full training found
    pz-train -q --no-tune -o plain.pzm shop.pzd
    pz-train --info plain.pzm --json | jq -e 'has("check") | not'
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu0001,i0001,1711900000,View\n' >day.csv
    pz-import -q -o day.pzd --interactions day.csv
    pz-train -q --update m.pzm -o new.pzm day.pzd
    pz-train --info new.pzm --json | jq -e --slurpfile m info '.check == $m[0].check and .chain.updates == 1'
    run -65 pz-train --info shop.pzd
}

@test "--exclude-column: nothing is learned from a column, which filters and answers still have" {
    small_shop
    fit=(-q --no-tune -p sequence=off)
    awk -F, -v OFS=, 'NR == 1 { print $0, "NOISE"; next } { print $0, "n" (NR * 7919) % 5 }' "$SHOP/items.csv" >noisy.csv
    pz-import -q -o noisy.pzd --interactions inter.csv --items noisy.csv
    pz-train "${fit[@]}" -o with.pzm noisy.pzd
    pz-train "${fit[@]}" --exclude-column items.noise -o without.pzm noisy.pzd
    # as if the column were not there
    pz-import -q -o plain.pzd --interactions inter.csv --items "$SHOP/items.csv"
    pz-train "${fit[@]}" -o plain.pzm plain.pzd
    answers() { pz-recommend -q "$1" --all-users --num 5 | cut -d, -f1-4; }
    cmp <(answers without.pzm) <(answers plain.pzm)
    run ! cmp -s <(answers with.pzm) <(answers plain.pzm)
    pz-recommend -q without.pzm --user u0010 --num 5 --filter 'INCLUDE ItemID WHERE Items.NOISE = "n3"' --columns NOISE >list
    [ "$(sed 1d list | cut -d, -f6 | sort -u)" = n3 ]
    pz-train --info without.pzm | grep -qx 'excluded  items.noise'
    # an update and a training by the same settings keep to it
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu0010,i0001,1711900000,View\n' >day.csv
    pz-import -q -o day.pzd --interactions day.csv
    pz-train -q --update without.pzm -o a.pzm day.pzd
    pz-train -q --update plain.pzm -o b.pzm day.pzd
    cmp <(answers a.pzm) <(answers b.pzm)
    pz-train -q --tuned-from without.pzm -o again.pzm noisy.pzd
    cmp <(answers again.pzm) <(answers without.pzm)
    run -2 pz-train --no-tune --exclude-column Items.NOSE -o x.pzm noisy.pzd
    [[ $output == *"did you mean NOISE?"* ]]
    run -2 pz-train --no-tune --exclude-column NOISE -o x.pzm noisy.pzd
    [[ $output == *"Items.NAME, Users.NAME or Interactions.NAME"* ]]
    run -2 pz-train --update without.pzm --exclude-column Items.NOISE -o x.pzm day.pzd
    # as Personalize has it, in the answer of DescribeSolution
    echo '{"solution":{"name":"s","solutionConfig":{"trainingDataConfig":{"excludedDatasetColumns":{"Items":["NOISE"]}}}}}' >params.json
    pz-train "${fit[@]}" --exclude-column params.json -o asked.pzm noisy.pzd
    cmp <(answers asked.pzm) <(answers plain.pzm)
    pz-train --info asked.pzm | grep -qx 'excluded  Items.NOISE'
    echo '{"solution":{"name":"s"}}' >none.json
    run -65 pz-train --no-tune --exclude-column none.json -o x.pzm noisy.pzd
    [[ $output == *"none.json: no excludedDatasetColumns"* ]]
    echo '{"excludedDatasetColumns":{"Items":"NOISE"}}' >none.json
    run -65 pz-train --no-tune --exclude-column none.json -o x.pzm noisy.pzd
    run -66 pz-train --no-tune --exclude-column nosuch.json -o x.pzm noisy.pzd
}

@test "--event-power says how much the weights of event types act; told, kept by updates, and heard" {
    small_shop
    rules=(--event Purchase:weight=1 --event View:weight=0.05)
    pz-train --no-tune -p sequence=off "${rules[@]}" -o gentle.pzm shop.pzd 2>talk
    grep -q 'event weights act as Purchase 1, View 0.69 (--event-power 0.125)' talk
    pz-train --no-tune -p sequence=off "${rules[@]}" --event-power 1 -o full.pzm shop.pzd 2>talk
    grep -q 'event weights act as Purchase 1, View 0.05 (--event-power 1)' talk
    run ! cmp -s <(pz-recommend -q gentle.pzm --all-users --num 5) <(pz-recommend -q full.pzm --all-users --num 5)
    # the same power, given, is the default
    pz-train -q --no-tune -p sequence=off "${rules[@]}" --event-power 0.125 -o same.pzm shop.pzd
    cmp <(pz-recommend -q gentle.pzm --all-users --num 5 | cut -d, -f1-3) <(pz-recommend -q same.pzm --all-users --num 5 | cut -d, -f1-3)
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu0001,i0001,1711900000,View\n' >day.csv
    pz-import -q -o day.pzd --interactions day.csv
    pz-train -q --update full.pzm -o new.pzm day.pzd
    pz-train -q --tuned-from full.pzm -o again.pzm shop.pzd
    for m in full new again; do pz-train --info $m.pzm --json | jq -e '.event_power == 1'; done
    pz-train --info full.pzm | grep -q '^events .*they act by the power of 1, as 1, 0.05$'
    cmp <(pz-recommend -q full.pzm --all-users --num 5) <(pz-recommend -q again.pzm --all-users --num 5)
    run -2 pz-train --event-power 2 -o x.pzm shop.pzd
    run -2 pz-train --update full.pzm --event-power 1 -o x.pzm day.pzd
}

@test "on a terminal tuning says how much is left" {
    small_shop
    script -qec 'pz-train -p sequence=off -o m.pzm shop.pzd' /dev/null >screen
    tr '\r' '\n' <screen | grep -E '^tuning: [0-9]+ of about [0-9]+ trials, .*/s, [0-9]+ s left' >lines
    # what is done grows, and is never more than the total
    awk '{ bad += $2 < last || $2 > $5; last = $2 } END { exit bad || NR < 2 }' lines
    tr '\r' '\n' <screen | grep -q 'wrote m.pzm'
}

@test "a training ends with the size of the file, what it took, and Amazon's price for the rows" {
    small_shop
    pz-train --no-tune -o m.pzm shop.pzd 2>talk
    rows=$(pz-import --info --json shop.pzd | jq .interactions)
    grep -q "wrote m.pzm (.* MB): .* CPU s, at most .* MB of memory" talk
    grep -q "these $rows interactions: \$$(awk "BEGIN { printf \"%.2f\", $rows / 1000 * 0.002 }") " talk
    pz-train -q --json --no-tune -o m.pzm shop.pzd |
        jq -e --argjson n "$(stat -c %s m.pzm)" --argjson rows "$rows" \
            '.bytes == $n and (.amazon_dollars - $rows / 1000 * 0.002 | fabs) < 0.0001'
}

@test "a switch names a part, and popularity stays" {
    small_shop
    for recipe in user-personalization trending-now; do
        run -2 pz-train -q --no-tune -r $recipe -p popularity=off -o bad.pzm shop.pzd
        [[ $output == *"falls back on popularity"* ]]
        run -2 pz-train -q --no-tune -r $recipe -p popularty=on -o bad.pzm shop.pzd
        [[ $output == *"no such part"* ]]
        run -2 pz-train -q --no-tune -r $recipe -p factors=maybe -o bad.pzm shop.pzd
        [[ $output == *"on, off or auto"* ]]
        run -2 pz-train -q --no-tune -r $recipe -p popularity=OFF -o bad.pzm shop.pzd
        [[ $output == *"falls back on popularity"* ]] # in any case
        run -2 pz-train -q --no-tune -r $recipe -p factors -o bad.pzm shop.pzd
        [[ $output == *"NAME=VALUE"* ]]
    done
    [ ! -e bad.pzm ]
    pz-train -q --no-tune -p transitions=off -p factors=off -p spectral=off -p content=off -o m.pzm shop.pzd
    pz-recommend m.pzm --user u0040 --num 2 --json | jq -e '[.itemList[].source] == ["popular", "popular"]'
}

@test "where no user has two events, popularity answers, and that is said" {
    awk 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP"
        for (u = 0; u < 300; u++) print "u" u ",i" int(20 * (u % 17) * (u % 13) / 192) "," 1700000000 + u }' >one.csv
    pz-import -q -o one.pzd --interactions one.csv
    awk -F, 'NR > 1 { n[$2]++ } END { for (i in n) print n[i], i }' one.csv | sort -k1,1nr -k2,2 | cut -d' ' -f2 >popular
    for recipe in user-personalization related-items; do
        pz-train --tune 1 -r $recipe -o m.pzm one.pzd 2>log
        grep -q "no user has two events" log
    done
    pz-recommend m.pzm --item i5 --num 5 >related
    [ "$(cut -d, -f2 related | sed 1d | paste -sd,)" = "$(grep -vx i5 popular | head -5 | paste -sd,)" ]
    [ "$(sed 1d related | cut -d, -f5 | uniq)" = popular ]
    pz-train -q --no-tune -r related-items -p factors=on -o m.pzm one.pzd
    [ "$(pz-recommend m.pzm --item i5 --num 1 | tail -1 | cut -d, -f5)" = similar ]
}

@test "an update keeps recipe, rules and settings" {
    small_shop
    pz-train -q --no-tune -r popularity-count -o old.pzm shop.pzd
    for option in "-p popularity.half_life=9" "-e Purchase:weight=1" "-r trending-now" "--tune 3" --no-tune "--seed 2" \
        "--tune-metric ndcg@5" "--tune-time 9" --strict --record-time; do
        # shellcheck disable=SC2086
        run -2 pz-train -q --update old.pzm $option -o new.pzm shop.pzd
        [[ $output == *"--update keeps"* ]]
    done
    [ ! -e new.pzm ]
}

@test "--record-time keeps what trials and training took; without it no second enters a model" {
    small_shop
    pz-train -q --tune 1 -p sequence=off --record-time -o timed.pzm shop.pzd
    pz-train -q --tune 1 -p sequence=off -o plain.pzm shop.pzd
    pz-train --trials timed.pzm --json | jq -se 'length > 3 and all(.seconds >= 0) and (map(.seconds) | add) > 0'
    pz-train --trials timed.pzm | awk 'NR == 1 { exit $6 != "seconds" }'
    [ "$(pz-train --trials timed.pzm | awk 'NR > 1 && $6 ~ /^[0-9.]+$/' | wc -l)" -gt 3 ]
    zstdcat timed.pzm | grep -aq peak_memory_bytes
    pz-train --trials plain.pzm --json | jq -se 'all(has("seconds") | not)'
    run ! grep -aq wall_seconds <(zstdcat plain.pzm)
    # nothing else differs
    diff <(pz-train --trials timed.pzm --json | jq -c 'del(.seconds)') <(pz-train --trials plain.pzm --json | jq -c .)
}

@test "--verbose tells what each trial took, and a model's name may be any" {
    small_shop
    pz-train -v --json --tune 1 -o 'my "shop".pzm' shop.pzd >report 2>log
    jq -e '.model == "my \"shop\".pzm" and .cpu_seconds > 0' report
    pz-train --trials 'my "shop".pzm' --json | jq -r '[.scorer, .settings] | "\(.[0]) \(.[1])"' >kept
    sed -n 's/^pz-train: trial: \([a-z]*\) [0-9.]*, [0-9.]* CPU s: /\1 /p' log |
        while read -r scorer settings; do echo "$scorer $(jq -c . <<<"$settings")"; done | cmp - kept
    [ "$(wc -l <kept)" -gt 10 ]
}

@test "what is held out is judged as a split is, and is not in the model" {
    small_shop
    figures() { jq -c '[.users, .metrics.mean_reciprocal_rank_at_10, .metrics.recall_at_25, .metrics.coverage]'; }
    for spec in leave-last:2 time:10% random:30%; do
        pz-train -q --no-tune --seed 5 -o m.pzm --holdout $spec --holdout-out test.pzd shop.pzd
        pz-eval -q --json --no-tune --seed 5 --split $spec -o split.pzm shop.pzd | figures >split
        cmp m.pzm split.pzm
        pz-eval -q --json --seed 5 m.pzm test.pzd | figures | cmp - split
        pz-import --export interactions shop.pzd | tail -n +2 | sort >all
        pz-import --export interactions test.pzd | tail -n +2 | sort >test
        [ "$(comm -12 all test | wc -l)" -eq "$(wc -l <test)" ]
        [ "$(pz-import --info --json test.pzd | jq .items)" = "$(pz-import --info --json shop.pzd | jq .items)" ]
    done
    run -2 pz-train -q --holdout personalize --holdout-out test.pzd -o bad.pzm shop.pzd
    [[ $output == *"pz-eval --split"* ]]
    run -2 pz-train -q --holdout leave-last -o bad.pzm shop.pzd
    run -2 pz-train -q --holdout-out test.pzd -o bad.pzm shop.pzd
    run -2 pz-train -q --holdout leave-last --holdout-out test.pzd --dry-run shop.pzd
    run -2 pz-train -q --holdout leave-last --holdout-out test.pzd --update m.pzm -o bad.pzm shop.pzd
    [ ! -e bad.pzm ]
}

@test "Ctrl-C while tuning ends with 130 and leaves nothing" {
    small_shop
    setsid pz-train -v -o home.pzm --tune 1000 shop.pzd 2>log &
    while kill -0 $! && ! grep -q 'trial: ' log; do sleep 0.1; done
    kill -INT $!
    wait $! || status=$?
    [ "$status" -eq 130 ]
    ls >left
    printf '%s\n' inter.csv left log shop.pzd | cmp - left
}

@test "--dry-run says memory and time with and without the slow part, and writes nothing" {
    small_shop
    pz-train --dry-run --json --ledger cost -o home.pzm shop.pzd >plan
    # of the encoder a little is learned, though its effort cannot be searched on so few events
    jq -se '.[0].cpu_seconds < 0.2 * .[1].cpu_seconds' cost plan
    pz-train --dry-run --json --no-tune -o home.pzm shop.pzd >plain
    pz-train --dry-run --json -p sequence=off -o home.pzm shop.pzd >off
    pz-train --dry-run -o home.pzm shop.pzd | grep 'without sequence [0-9]* MB and [0-9.]* s, with it'
    [ ! -e home.pzm ]
    jq -e '.interactions > 5000 and .memory_mb > 1 and .slow_part == "sequence"' plan
    jq -e '.without.cpu_seconds < .cpu_seconds and .cpu_seconds < .with.cpu_seconds' plan
    jq -e '.cpu_seconds == .without.cpu_seconds and .with.cpu_seconds > .cpu_seconds' plain
    jq -e 'has("slow_part") | not' off
    jq -se '.[0].cpu_seconds > .[1].cpu_seconds and .[0].memory_mb > .[1].memory_mb' plan plain
}

# asked FILE: how often a part is to score a case, of each stage
asked() {
    sed -n 's/.*stage: \([a-z ]*\):.* \([0-9]*\) cases asked$/"\1": \2,/p' "$1" | { echo "{"; sed '$s/,$//'; echo "}"; }
}

@test "--dry-run counts the cases that a search then asks for" {
    small_shop
    for how in "--tune 10 -p sequence=off" "--tune 3 -p sequence=off -p factors=off" "--tune 10 --recipe similar-items"; do
        pz-train -v --dry-run $how -o home.pzm shop.pzd 2>plan
        pz-train -v $how -o home.pzm shop.pzd 2>log
        asked plan >plan.json
        asked log >log.json
        cat plan.json log.json
        jq -se 'add | length > 4' plan.json log.json
        jq -se '([.[0][]] | add) / ([.[1][]] | add) | . > 0.7 and . < 1.5' plan.json log.json
    done
}

@test "--dry-run of an update says about the memory that it then has, with and without the slow part" {
    small_shop
    awk 'NR == 1; NR > 1 { for (i = 0; i < 20; i++) print "x" i $0 }' inter.csv >large.csv
    pz-import -q -o large.pzd --interactions large.csv
    for part in '-p sequence=off' '-p sequence=on -p sequence.pairs=0.01'; do
        pz-train -q --no-tune $part --holdout time:2% --holdout-out day.pzd -o old.pzm large.pzd
        pz-train --dry-run --json --update old.pzm day.pzd >plan
        pz-train -q --update old.pzm --ledger ledger -o new.pzm day.pzd
        jq -e '.cpu_seconds > 0' plan
        jq -se '.[0].memory_mb * 1e6 / .[-1].peak_memory_bytes | . > 0.7 and . < 1.3' plan ledger
    done
    jq -e '.slow_part == "sequence" and .without.memory_mb <= .with.memory_mb' plan
    pz-train --dry-run --json --update-time 5 --update old.pzm day.pzd | jq -e '.cpu_seconds > 5'
    # what has drifted is fitted anew, which takes far longer
    pz-import -q -o half.pzd --interactions <(awk -F, -v OFS=, 'NR > 1 { $1 = "y" $1 } 1' inter.csv)
    pz-train -q --no-tune -p sequence=off -o old.pzm half.pzd
    pz-train --dry-run --json --update old.pzm large.pzd >anew
    jq -se '.[1].cpu_seconds > 2 * .[0].cpu_seconds' plan anew
    run -2 pz-train --dry-run --update old.pzm --without <(echo u0001) day.pzd
}

@test "memory of the process that started a program is not the program's" {
    small_shop
    run -0 --separate-stderr bash -c 'x=$(head -c 150000000 /dev/zero | tr "\0" x)
        exec pz-train --dry-run --json --no-tune --ledger ledger -o home.pzm shop.pzd'
    jq -e '.memory_mb < 100' <<<"$output"
    jq -e '.peak_memory_bytes < 100e6' ledger
}

@test "--dry-run says about the memory that a training then has" {
    # more data than a program has memory anyway
    small_shop
    awk 'NR == 1; NR > 1 { for (i = 0; i < 40; i++) print "x" i $0 }' inter.csv >large.csv
    pz-import -q -o large.pzd --interactions large.csv
    pz-train --dry-run --json --no-tune -o home.pzm large.pzd >plan
    pz-train -q --no-tune --ledger ledger -o home.pzm large.pzd
    jq -se '.[0].memory_mb * 1e6 / .[1].peak_memory_bytes | . > 0.77 and . < 1.3' plan ledger
    # a step of the encoder takes as much on few data as on many
    encoder="--no-tune -p sequence=on -p sequence.pairs=0.01 -p transitions=off -p factors=off"
    pz-train --dry-run --json $encoder -o home.pzm shop.pzd >plan
    pz-train -q $encoder --ledger ledger -o home.pzm shop.pzd
    jq -se '.[0].memory_mb * 1e6 / .[-1].peak_memory_bytes | . > 0.77 and . < 1.3' plan ledger
    # what it takes grows with the settings asked for
    pz-train --dry-run --json --no-tune -p factors.dim=512 -o home.pzm large.pzd >wide
    jq -se '.[1].cpu_seconds > 2 * .[0].cpu_seconds and .[1].memory_mb > .[0].memory_mb' plan wide
}

@test "without order the rank of the spectrum and kNN are searched, and what is asked for" {
    small_shop
    awk -F, -v OFS=, 'NR > 1 { $3 = 0 } { print }' inter.csv >flat.csv
    pz-import -q -o flat.pzd --interactions flat.csv
    pz-train -q --tune 2 -p transitions.lambda=50..100 -o m.pzm flat.pzd
    pz-train --trials m.pzm --json | jq -r '.scorer + "." + (.settings | keys[])' | sort -u >searched
    printf '%s\n' spectral.dim transitions.{lambda,ridge,source_norm,target_norm} | cmp - searched
}

@test "the neighbours of a session speak where users come and go" {
    sessions() { # TIME-EXPRESSION: 9000 users of three events
        awk "BEGIN { print \"USER_ID,ITEM_ID,TIMESTAMP\"
            for (u = 0; u < 9000; u++) for (k = 0; k < 3; k++) print u \",\" (u * 7 + k) % 50 \",\" $1 }" |
            pz-import -q -o data.pzd --interactions -
        pz-train -q --no-tune "${@:2}" -o m.pzm data.pzd
        pz-recommend m.pzm --history 7 -n 3 --explain --json | jq -r '.itemList[0].explanation.scores | keys[]' >parts
    }
    sessions 'u * 100 + k'
    grep -qx sessions parts
    sessions 'u * 100 + k' -p sessions=off
    run ! grep -qx sessions parts
    sessions 'u + k * 9000' # everyone is there all the time
    run ! grep -qx sessions parts
    sessions 'u + k * 9000' -p sessions=on
    grep -qx sessions parts
}

# The OMP_WAIT_POLICY of a training, or nothing when it ended without one
wait_policy() {
    local pid found=
    pz-train -q -j2 --tune 1 -o waits.pzm shop.pzd &
    pid=$!
    while [ -z "$found" ] && [ -r "/proc/$pid/environ" ]; do
        found=$(tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/^OMP_WAIT_POLICY=//p') || true
    done
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    echo "$found"
}

@test "threads that wait sleep, unless the environment has them spin" {
    small_shop
    unset OMP_WAIT_POLICY
    [ "$(wait_policy)" = passive ]
    export OMP_WAIT_POLICY=active
    [ "$(wait_policy)" = active ]
}

# lists RECIPE LAST NAME: what a recipe learned from the shop of 600 events of which the last is of that time; NAME.csv
# without that event's user
lists() {
    { cat wide.csv; echo "u1,p01,$2,View"; } >"$3.in"
    pz-import -q -o "$3.pzd" --interactions "$3.in"
    pz-train --no-tune -r "$1" -o "$3.pzm" "$3.pzd" 2>"$3.err"
    pz-recommend -q "$3.pzm" --all-users -n 10 | grep -v '^u1,' >"$3.csv"
}

@test "one event of the year 2100 is taken for one of the end of the data, and said" {
    awk 'BEGIN { srand(7); print "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE"
        for (u = 1; u <= 40; u++) for (k = 0; k < 15; k++)
            printf "u%d,p%02d,%d,View\n", u, 1 + int(rand() * 50), 1700000000 + 97700 * (u * 15 + k) }' >wide.csv
    end=$(tail -1 wide.csv | cut -d, -f3)
    for recipe in popularity-count trending-now user-personalization; do
        lists $recipe "$end" good
        lists $recipe 4102444800 odd
        cmp good.csv odd.csv
        grep -q '1 of 601 interactions are later than all others by far' odd.err
        run ! grep -q 'later than all others' good.err
        lists $recipe $((end + 86400)) next # a day later is no slip
        run ! grep -q 'later than all others' next.err
    done
    # a live event of that time moves nobody else's list, and none after an update with it
    pz-deploy publish -q c.pzc good.pzm
    pz-recommend -q c.pzc --all-users -n 10 >before.csv
    pz-event put -q c.pzc --user u999 --item p01 --type View --time 4102444800
    pz-recommend -q c.pzc --all-users -n 10 | grep -v "^u999," >after.csv
    cmp before.csv after.csv
    for last in "$end" 4102444800; do
        printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu999,p01,%s,View\n' "$last" >delta.csv
        pz-import -q -o delta.pzd --interactions delta.csv
        pz-train -q --update good.pzm -o new.pzm delta.pzd
        pz-recommend -q new.pzm --all-users -n 10 | grep -v '^u999,' >"$last.csv"
    done
    cmp "$end.csv" 4102444800.csv
}

@test "rows of items or users alone update a model" {
    small_shop
    pz-train -q --no-tune -o old.pzm shop.pzd
    { head -1 "$SHOP/items.csv"; sed -n '2s/^[^,]*/i9999/p' "$SHOP/items.csv"; } >items.csv
    printf 'USER_ID,AGE\nu9999,33\n' >users.csv
    for tables in "--items items.csv" "--users users.csv" "--items items.csv --users users.csv"; do
        pz-import -o rows.pzd $tables 2>err
        grep -q 'no interactions: for an update' err
        pz-train -q --update old.pzm -o new.pzm rows.pzd
        # who was there has the lists of before, but for the new item where there is one
        pz-recommend -q new.pzm --all-users -n 5 | grep -v '^u9999,' | cut -d, -f1,2 | grep -v ',i9999$' >new.csv
        pz-recommend -q old.pzm --all-users -n 5 | cut -d, -f1,2 | sort >old.csv
        [ "$(sort new.csv | comm -12 - old.csv | wc -l)" -ge $(($(wc -l <old.csv) * 9 / 10)) ]
        found=$(pz-recommend -q new.pzm --all-users -n 700 | grep -c ',i9999,' || true)
        case $tables in *items*) [ "$found" -gt 0 ];; *) [ "$found" -eq 0 ];; esac
    done
    pz-import -q --merge -o all.pzd shop.pzd rows.pzd
    pz-import -q --export users all.pzd | grep -q '^u9999,33'
    run -2 pz-import -o none.pzd
}

# most_threads COMMAND...: how many threads it had at most
most_threads() {
    local most=0 now pid
    "$@" >/dev/null 2>&1 &
    pid=$!
    while now=$(sed -n 's/^Threads:[[:space:]]*//p' /proc/$pid/status 2>/dev/null) && [ -n "$now" ]; do
        [ "$now" -le "$most" ] || most=$now
    done
    wait $pid
    echo "$most"
}
export -f most_threads

@test "processors of an affinity mask and limits of a control group hold" {
    [ -z "${SAN:-}" ] || skip "a sanitizer has threads of its own"
    [ "$(nproc)" -ge 2 ] || skip "one processor"
    small_shop
    unset OMP_NUM_THREADS
    [ "$(most_threads pz-train -q --no-tune -o m.pzm shop.pzd)" -ge 2 ]
    cpu=$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')
    [ "$(taskset -c "$cpu" bash -c 'most_threads pz-train -q --no-tune -o one.pzm shop.pzd')" -eq 1 ]
    cmp m.pzm one.pzm
    # a tree as the kernel has it, in the place of the kernel's
    mkdir group
    echo 10000000 >group/memory.max
    echo '100000 100000' >group/cpu.max
    in_group() { unshare -m bash -c 'mount --bind group /sys/fs/cgroup && "$@"' group "$@"; }
    in_group true 2>/dev/null || skip "mounting is not allowed here"
    [ "$(in_group bash -c 'most_threads pz-train -q --no-tune -o two.pzm shop.pzd')" -eq 1 ]
    in_group pz-train --dry-run --no-tune -o m.pzm shop.pzd 2>err
    grep -q 'that is more than the 10 MB that the control group allows' err
    echo max >group/memory.max
    in_group pz-train --dry-run --no-tune -o m.pzm shop.pzd 2>err
    run ! grep 'control group' err
}

@test "--max-memory: within it, or exit 75 with what is needed" {
    small_shop
    run -75 pz-train -q -j1 --no-tune --max-memory 15M -o small.pzm shop.pzd
    [[ $output == *"MB that --max-memory allows, at least "*" MB are needed"* ]]
    [ ! -e small.pzm ]
    pz-train -q -j1 --no-tune --max-memory 300M -o large.pzm shop.pzd
    pz-train -q -j1 --no-tune -o free.pzm shop.pzd
    cmp large.pzm free.pzm
    run -2 pz-train --max-memory lots -o m.pzm shop.pzd
    [[ $output == *"such as 800M"* ]]
    run -75 pz-recommend -q --max-memory 9M --user u1 free.pzm
    run -75 pz-import -q --max-memory 9M -o x.pzd --interactions inter.csv
    # less than the program itself, and less than the live store
    run -75 pz-train -q --max-memory 2M -o x.pzm shop.pzd
    [[ $output == *"--max-memory 2M: the program alone needs "*" MB"* ]]
    pz-deploy publish -q home.pzc free.pzm
    pz-event put -q home.pzc --user u1 --item i1 --type View
    # how much the program itself takes differs by machine: where that is enough, and no more, the store is not opened
    for size in 2 3 4 5 6 7 8 9 10 11 12 16 20 24 32; do
        pz-event stats -j1 --max-memory ${size}M home.pzc >/dev/null 2>err && break
        [ $? -eq 75 ]
        tail -1 err >last
    done
    grep -q 'out of memory: the live store needs .* that --max-memory allows, at least .* MB are needed' last
    [ ! -e x.pzd ]
}

@test "--timeout: parts that there is no time for are left out; an update writes nothing" {
    small_shop
    pz-train -j1 --timeout 0.001 -o tuned.pzm shop.pzd 2>err
    grep -q 'could not be judged in time: left out' err
    pz-train -q -j1 --timeout 0.001 --no-tune -o plain.pzm shop.pzd
    pz-recommend -q --user u1 -n 3 tuned.pzm | grep -q u1
    pz-recommend -q --user u1 -n 3 plain.pzm | grep -q u1
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu1,i2,1700900000,View\n' >day.csv
    pz-import -q -o day.pzd --interactions day.csv
    run -75 pz-train -q --update plain.pzm --timeout 0.001 -o next.pzm day.pzd
    [[ $output == *"parts are ready, and no model was written"* ]]
    run -75 pz-train -q --tuned-from plain.pzm --timeout 0.001 -o next.pzm shop.pzd
    [ ! -e next.pzm ]
    pz-train -q --update plain.pzm --timeout 600 -o next.pzm day.pzd
}

# Whether the bytes of $2 occur in file $1, or in what is compressed in it.
holds() {
    pz-import --export interactions "$1" 2>/dev/null | grep -q "^$2," ||
        pz-recommend "$1" --all-users -n 1 2>/dev/null | grep -q "^$2," || grep -qa "$2" "$1"
}

@test "users who asked to be forgotten leave a dataset and a model" {
    two_parts
    pz-train -q --no-tune -o old.pzm before.pzd
    id=$(sed -n 2p before.csv | cut -d, -f1)
    other=$(sed 1d after.csv | cut -d, -f1 | grep -vx "$id" | head -1)
    printf 'USER_ID\n%s\nnobody-here\n' "$id" >ids.csv
    holds before.pzd "$id"
    pz-import --merge --without ids.csv -o left.pzd before.pzd 2>err
    grep -q '2 users to leave out: 1 of them were there' err
    ! holds left.pzd "$id"
    holds left.pzd "$other"
    pz-import -q --export interactions before.pzd | grep -v "^$id," | cmp - <(pz-import -q --export interactions left.pzd)
    # a model without new data, with it, and trained in full: the same answers but for rounding
    holds old.pzm "$id"
    pz-train -q --update old.pzm --without ids.csv -o none.pzm
    echo "$id" | pz-train -q --update old.pzm --without - -o day.pzm after.pzd
    grep -v "^$id," after.csv >rest.csv
    for m in none day; do ! holds $m.pzm "$id"; holds $m.pzm "$other"; done
    pz-import -q --merge --without ids.csv -o all.pzd before.pzd after.pzd
    pz-train -q --no-tune -o all.pzm all.pzd
    for m in day all; do pz-recommend $m.pzm --all-users -n 5 --format csv | cut -d, -f1,2 | sort >$m.ids; done
    [ "$(comm -12 day.ids all.ids | wc -l)" -ge $(($(wc -l <all.ids) * 9 / 10)) ]
    run -2 pz-import -q --info --without ids.csv before.pzd
    run -2 pz-import -q --merge --without ids.csv -o x.pzd old.pzm
    [[ $output == *"a dataset (*.pzd) is needed"* ]]
    run -2 pz-train -q --without ids.csv -o x.pzm before.pzd
    run -66 pz-import -q --merge --without missing.csv -o x.pzd before.pzd
}

@test "items that are no more leave a dataset and a model, with new events of them" {
    two_parts
    pz-train -q --no-tune -o old.pzm before.pzd
    # one that the new data have too, from the middle, and the last one
    id=$(sed 1d after.csv | cut -d, -f2 | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
    last=$(sed 1d before.csv | cut -d, -f2 | sort -u | tail -1)
    printf 'ITEM_ID\n%s\n%s\nnothing\n' "$id" "$last" >gone.csv
    pz-import --merge --without-items gone.csv -o left.pzd before.pzd 2>err
    grep -q '3 items to leave out: 2 of them were there' err
    pz-import -q --export interactions before.pzd | awk -F, -v a="$id" -v b="$last" '$2 != a && $2 != b' |
        cmp - <(pz-import -q --export interactions left.pzd)
    pz-train -q --update old.pzm --without-items gone.csv -o none.pzm
    pz-train -q --update old.pzm --without-items gone.csv -o day.pzm after.pzd
    pz-import -q --merge --without-items gone.csv -o all.pzd before.pzd after.pzd
    pz-train -q --no-tune -o all.pzm all.pzd
    zstd -dcq old.pzm | grep -qa "$id"
    for m in none day; do
        run ! grep -qa -e "$id" -e "$last" <(zstd -dcq $m.pzm)
        pz-recommend -q $m.pzm --all-users -n 2000 >lists
        run ! grep -q -e ",$id," -e ",$last," lists
    done
    for m in day all; do pz-recommend $m.pzm --all-users -n 5 --format csv | cut -d, -f1,2 | sort >$m.ids; done
    [ "$(comm -12 day.ids all.ids | wc -l)" -ge $(($(wc -l <all.ids) * 9 / 10)) ]
    # an event between old ones of a user who had such an item
    user=$(awk -F, -v i="$id" '$2 == i { print $1; exit }' before.csv)
    other=$(sed 1d before.csv | cut -d, -f2 | grep -vx -e "$id" -e "$last" | tail -1)
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n%s,%s,%s,View\n' "$user" "$other" "$(sed 1d before.csv | cut -d, -f3 | sort -n | sed -n 9p)" |
        pz-import -q -o late.pzd --interactions -
    pz-train -q --update old.pzm --without-items gone.csv -o late.pzm late.pzd
    pz-train -q --update late.pzm -o again.pzm after.pzd # an item that is sold again is a new one
    pz-recommend -q again.pzm --all-users -n 2000 | grep -q ",$id,"
    # nobody and nothing of that name: the model stays as it is
    echo nothing | pz-train --update old.pzm --without-items - -o same.pzm 2>err
    grep -q 'nothing new' err
    cmp old.pzm same.pzm
    run -2 pz-import -q --info --without-items gone.csv before.pzd
    run -2 pz-train -q --without-items gone.csv -o x.pzm before.pzd
}

@test "a training has one part in memory at a time" {
    [ -z "${SAN:-}" ] || skip "a sanitizer keeps memory of its own"
    awk 'BEGIN { srand(7); print "USER_ID,ITEM_ID,TIMESTAMP"
        for (t = 0; t < 150000; t++) print "u" int(rand() ^ 2 * 20000) ",i" int(rand() ^ 2 * 8000) "," 1600000000 + t * 60 }' >all.csv
    pz-import -q -o all.pzd --interactions all.csv
    peak() { pz-train -q -j1 --json --no-tune -p sequence=off -p factors=on -p factors.dim=256 "$@" -o m.pzm all.pzd | jq .peak_memory_bytes; }
    largest=$(peak -p transitions=off -p spectral=off) all=$(peak -p transitions=on -p spectral=on)
    echo "$largest $all"
    [ $((all * 100)) -le $((largest * 120)) ] # 137 with all of them
}

@test "an update of a hundredth of the data needs hardly more memory than a training" {
    [ -z "${SAN:-}" ] || skip "a sanitizer keeps memory of its own"
    awk 'BEGIN { srand(7); for (t = 0; t < 150000; t++) print "u" int(rand() ^ 2 * 20000) ",i" int(rand() ^ 2 * 8000) "," 1600000000 + t * 60 }' >rows
    header=USER_ID,ITEM_ID,TIMESTAMP
    (echo $header && cat rows) >all.csv
    (echo $header && head -148500 rows) >base.csv
    (echo $header && tail -1500 rows) >day.csv
    for f in all base day; do pz-import -q -o $f.pzd --interactions $f.csv; done
    peak() { pz-train -q -j1 --json -o "$@" | jq .peak_memory_bytes; }
    without='-p spectral=off -p factors=off'
    full=$(peak all.pzm --no-tune $without all.pzd)
    peak base.pzm --no-tune $without base.pzd
    update=$(peak next.pzm --update base.pzm day.pzd)
    echo "$full $update"
    [ $((update * 100)) -le $((full * 110)) ]
}

@test "what waited in one update is solved in a later one that does not touch it, and the model stays sound" {
    # beyond 75000 interactions an update solves what it has time for; a small day then solves what a large one left
    awk 'BEGIN { srand(7); for (t = 0; t < 90000; t++) print "u" int(rand() * 9000) ",i" int(rand() * 6000) "," 1600000000 + t * 60 }' >rows
    from=1
    for part in base:80000 1:9000 2:300 3:300; do
        (echo USER_ID,ITEM_ID,TIMESTAMP && tail -n "+$from" rows | head -n "${part#*:}") >"${part%:*}.csv"
        from=$((from + ${part#*:}))
        pz-import -q -o "${part%:*}.pzd" --interactions "${part%:*}.csv"
    done
    pz-train -q --no-tune -p spectral=off -p factors=off -o chain.pzm base.pzd
    for day in 1 2 3; do
        pz-train -q --update chain.pzm -o next.pzm $day.pzd
        mv next.pzm chain.pzm
        pz-recommend -q chain.pzm --user u1 -n 3 | grep -c u1
    done
}
