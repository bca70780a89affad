# SPDX-License-Identifier: Apache-2.0
# Contracts of prototypes: reads headers, prints FILE:LINE: what is missing: prototype.
#
#   a prototype that returns enum pz_status says "Errors:", which status and when
#   one that returns a pointer, or fills one through **, says "Owner:", who frees and how long it is valid
#   every one says "Threads:", unless the comment on top of its header says so for all
#
# One comment serves the run of prototypes below it, up to a blank line. "NAME as OTHER" comments are
# not read further: a comment that sends the reader elsewhere ("as pz_x") counts as that one.
# With -v count=1 prints one line a folder instead: prototypes, and how many of those that owe a word give it.
function folder(path) { sub(/^lib\//, "", path); sub(/\/[^\/]*$/, "", path); return path }
function judge(text,    where) {
    where = FILENAME ":" FNR ": "
    n[folder(FILENAME)]++
    if (text ~ /^enum pz_status /) {
        owes_errors[folder(FILENAME)]++
        if (comment ~ /Errors:/) gives_errors[folder(FILENAME)]++
        else if (!count) print where "Errors: missing: " text
    }
    if (text ~ /^(const )?(struct [a-z_0-9]+|char|void|float|double|uint[0-9]+_t|json_t) \*/ || text ~ /(struct [a-z_]+|json_t) \*\*[a-z]/) {
        owes_owner[folder(FILENAME)]++
        if (comment ~ /Owner:/) gives_owner[folder(FILENAME)]++
        else if (!count) print where "Owner: missing: " text
    }
    owes_threads[folder(FILENAME)]++
    if (comment ~ /Threads:/ || head ~ /Threads:/) gives_threads[folder(FILENAME)]++
    else if (!count) print where "Threads: missing: " text
}
FNR == 1 { comment = ""; head = ""; inside = 0; proto = ""; depth = 0 }
inside { block = block " " $0; if (/\*\//) { inside = 0; if (head == "" && block !~ /SPDX/) head = block; comment = block } next }
proto != "" { proto = proto " " $0; if (/;/) { gsub(/[ \t]+/, " ", proto); judge(proto); proto = "" } next }
depth > 0 { if (/\{/) depth++; if (/\}/) depth--; next }
/^\/\*/ { block = $0; if (!/\*\//) inside = 1; else { if (head == "" && block !~ /SPDX/) head = block; comment = block } next }
/^(struct|enum|union) [a-z_0-9]* ?\{/ || /^(static inline|extern|typedef)/ { if (/\{/ && !/\}/) depth = 1; comment = ""; next }
/^[a-z].*\(/ { if (/;/) judge($0); else proto = $0; next }
/^$/ { comment = "" }
END {
    if (!count) exit
    for (f in n) {
        printf "%s %d %d %d %d %d %d %d\n", f, n[f], gives_errors[f], owes_errors[f], gives_owner[f], owes_owner[f], gives_threads[f], owes_threads[f]
    }
}
