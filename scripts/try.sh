#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# From a file of your own to a list that you can judge: import it with the columns guessed, evaluate an
# untuned model against popularity, and show three users with what they had and what they would get.
#   pz-try [-o DIRECTORY] INTERACTIONS... [--items FILE] [--users FILE] [-- OPTIONS OF pz-import]
# The default directory is pz-try.out. Options of pz-import say what cannot be guessed: -- --max-errors 10
# Everything that is made stays in the directory; the commands are printed, to be taken further.
set -euo pipefail

usage() {
    echo "usage: pz-try [-o DIRECTORY] INTERACTIONS... [--items FILE] [--users FILE] [-- OPTIONS OF pz-import]" >&2
    exit 2
}

out=pz-try.out
interactions=()
tables=()
options=()
while [ $# -gt 0 ]; do
    case $1 in
    -o) [ $# -gt 1 ] || usage; out=$2; shift 2 ;;
    --items | --users) [ $# -gt 1 ] || usage; tables+=("$1" "$2"); shift 2 ;;
    --) shift; options=("$@"); break ;;
    -h | --help) usage ;;
    -*) usage ;;
    *) interactions+=(--interactions "$1"); shift ;;
    esac
done
[ ${#interactions[@]} -gt 0 ] || usage
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ ! -x "$here/pz-import" ] || PATH=$here:$PATH

say() {
    printf '\n== %s\n' "$*"
}

mkdir -p "$out"
data=$out/data.pzd
model=$out/model.pzm

say "the data"
pz-import --guess -o "$data" "${interactions[@]}" "${tables[@]}" "${options[@]}" || {
    status=$?
    echo "pz-try: options that pz-import asks for go behind --: pz-try FILE -- --max-errors 10" >&2
    exit $status
}

say "is it better than popularity? (untuned; each user's last item is held out)"
if pz-eval -q --split leave-last --no-tune --at 10 --report "$out/report.html" "$data"; then
    report="$(cd "$out" && pwd)/report.html"
else
    report="none: there is too little to hold out"
fi

pz-train -q --no-tune -o "$model" "$data"
title=$(pz-import --info "$data" | awk '/^Items:/ { in_items = 1; next } /^[^ ]/ { in_items = 0 }
    in_items && toupper($1) ~ /TITLE|NAME/ { print $1; exit }')

# Answers with the items' titles, where the items have a column of such a name.
with_titles() {
    [ -n "$title" ] || { cat; return; }
    awk -v want="$title" '
        function cells(line, out,    n, i, c, quoted) { # the cells of a CSV line
            n = 1; out[1] = ""
            for (i = 1; i <= length(line); i++) {
                c = substr(line, i, 1)
                if (c == "\"") { if (quoted && substr(line, i + 1, 1) == "\"") { out[n] = out[n] c; i++ } else quoted = !quoted }
                else if (c == "," && !quoted) out[++n] = ""
                else out[n] = out[n] c
            }
            return n
        }
        NR == FNR && FNR == 1 { n = cells($0, h); for (i = 1; i <= n; i++) if (h[i] == want) at = i; next }
        NR == FNR { cells($0, c); titles[c[1]] = c[at]; next }
        FNR == 1 { print $0 ",title"; next }
        { cells($0, c); print $0 "," titles[c[2]] }' <(pz-import --export items "$data") -
}

# three users: with a short, a middling and a long history
users=$(pz-import --export interactions "$data" | awk -F, 'NR > 1 && $1 !~ /"/ { n[$1]++ }
    END { for (u in n) print n[u] "," u }' | sort -t, -k1,1n -k2,2 | awk -F, '{ u[NR] = $2; n[NR] = $1 }
    END { for (k = 1; k <= 3; k++) { i = int(NR * k / 4); if (i < 1) i = 1; if (u[i] != last) print u[i]; last = u[i] } }')
while IFS= read -r user; do
    say "user $user had (some of it)"
    pz-recommend -q "$model" --user "$user" --seen only -n 5 | with_titles || true
    say "and would get"
    pz-recommend -q "$model" --user "$user" --seen exclude -n 5 | with_titles
done <<<"$users"

say "further"
cat <<END
report      $report
tuned       pz-train -o $out/tuned.pzm $data
one user    pz-recommend $model --user ID
a campaign  pz-deploy publish $out/home.pzc $model
END
