# SPDX-License-Identifier: Apache-2.0
# Shell completion comes from the option tables.
load common

# complete_line PROGRAM WORD...: what bash offers for the last word, a line each
complete_line() {
    bash -c '
        eval "$("$1" --help-completion=bash)"
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        fn=$(complete -p "$1" | sed "s/.*-F \([^ ]*\) .*/\1/")
        "$fn" "$1"
        printf "%s\n" "${COMPREPLY[@]}"
    ' bash "$@"
}

@test "bash: names of options and of commands" {
    [ "$(complete_line pz-import --inter)" = "--interactions=" ]
    [ "$(complete_line pz-deploy roll)" = "rollback" ]
    [ "$(complete_line pz-deploy gc --loc)" = "--lock-wait=" ]
}

@test "bash: values of a closed list, and only they" {
    run complete_line pz-recommend --format = j
    [ "$output" = $'json\njsonl' ]
    run complete_line pz-recommend --seen = ""
    [ "$output" = $'default\nexclude\nkeep\nonly\nauto' ]
    run complete_line pz-recommend --seen =
    [ "$output" = $'default\nexclude\nkeep\nonly\nauto' ]
}

@test "bash: files where a file belongs" {
    touch shop.pzd
    [ "$(complete_line pz-train sh)" = "shop.pzd" ]
    [ "$(complete_line pz-train --output = sh)" = "shop.pzd" ]
}

@test "every program offers every option that its help lists, in both shells" {
    for p in "$PZ_BIN"/pz-*; do
        "$p" --help-completion=zsh >zsh
        "$p" --help-completion=bash >bash
        bash -n bash
        for option in $("$p" --help | sed -n 's/^  \(-.,\|   *\) *--\([a-z-]*\).*/\2/p'); do
            case $option in help | version) continue ;; esac
            grep -q -e "--$option[=[]" zsh
            grep -q -e "--$option[= ]" bash
        done
    done
}

@test "the usage line names every command of the table" {
    for p in pz-deploy pz-event; do
        "$p" --help >help
        usage=$(sed '/^$/q' help | tr -d '\n ')
        for command in $(sed -n '/^Commands/,$s/^  \([a-z][a-z-]*\) .*/\1/p' help); do
            [[ $usage == *[yt\|]"$command"[C\|]* ]]
        done
        [ "$(awk 'length > 79' help | wc -l)" -eq 0 ]
    done
}

@test "bash: recipes, splits, settings, and files of the kind that belongs there" {
    touch shop.pzd home.pzm notes.txt
    mkdir home.pzc
    [ "$(complete_line pz-train --recipe = pop)" = "popularity-count" ]
    [ "$(complete_line pz-train -r trend)" = "trending-now" ]
    [ "$(complete_line pz-train -p factors.di)" = "factors.dim=" ]
    [ "$(complete_line pz-eval --param = weight.pop)" = "weight.popularity=" ]
    [ "$(complete_line pz-eval --split = cold)" = "cold-items" ]
    [ "$(complete_line pz-train '' | grep -v '^--' | sort)" = $'home.pzc\nshop.pzd' ]
    [ "$(complete_line pz-recommend '' | grep -v '^--' | sort)" = $'home.pzc\nhome.pzm' ]
    [ "$(complete_line pz-train --update = '' | sort)" = $'home.pzc\nhome.pzm' ]
    [ "$(complete_line pz-deploy status '' | grep -v '^--')" = "home.pzc" ]
    grep -qF '*.(pzd)' <(pz-import --help-completion=zsh)
}

@test "bash: operands first, options to who types a dash, nothing where a number belongs" {
    touch shop.pzd home.pzm
    mkdir home.pzc
    [ "$(complete_line pz-train '' | sort)" = $'home.pzc\nshop.pzd' ]
    [ "$(complete_line pz-train --dry)" = "--dry-run" ]
    [ -z "$(complete_line pz-train --threads = '')" ]
    [ "$(complete_line pz-deploy set home.pzc expl | sort)" = $'exploration-age\nexploration-weight' ]
    [ "$(complete_line pz-deploy publish home.pz | sort)" = $'home.pzc\nhome.pzm' ]
    rm -r shop.pzd home.pzm home.pzc
    complete_line pz-train '' | grep -qx -e --recipe=
}

@test "an interactive bash takes a setting's name without quoting its =" {
    pz-train --help-completion=bash >script
    printf '%s\n' "bind 'set bell-style none'; . ./script" $'pz-train -p transitions.ri\t' 'exit 0' >keys
    script -qec 'TERM=dumb bash --norc --noprofile -i' /dev/null <keys >screen
    grep -q 'pz-train -p transitions.ridge=' screen
    run -1 grep -qF 'ridge\=' screen
}
