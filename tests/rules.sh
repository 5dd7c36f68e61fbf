#!/bin/sh
# The rules of docs/semantics.md and the tests of tests/semantics/ belong together: each rule has a test that
# bears its number, each test bears the number of a rule, no number is left out, and what the docs say is shown
# elsewhere is there.
#
#   tests/rules.sh [ROOT]
#
# tests/support/test_semantics.sh breaks each of these once in a scratch tree and sees it reported.
set -u
cd "${1:-$(dirname "$0")/..}" || exit 1
page=docs/semantics.md
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# Rules, one a line: NUMBER LINE TEXT.  A rule is a list item that begins with its number in bold, and goes on
# in indented lines.
awk '
    function out() { if (number != "") print number, line, text; number = "" }
    /^- \*\*[A-Z][0-9]+/ {
        out(); number = $2; gsub(/[^A-Z0-9]/, "", number); line = FNR; text = $0; next
    }
    /^  / && number != "" { sub(/^ +/, ""); text = text " " $0; next }
    { out() }
    END { out() }' "$page" >"$work/rules" 2>/dev/null

# Tests, one a line: NUMBER FILE:LINE.
grep -HnE '^(WOK_TEST[A-Z_]*|Test)\(semantics, *[A-Za-z0-9_]+' tests/semantics/*.c 2>/dev/null |
    sed -E 's/^([^:]*:[0-9]+):[A-Za-z_]*\(semantics, *([A-Za-z0-9]+).*/\2 \1/' >"$work/tests"

{
    [ -s "$work/rules" ] || echo "$page:1: has no rule"

    cut -d ' ' -f 1 "$work/rules" | sort | uniq -d | sed "s|^\(.*\)|$page:1: rule \1 stands there twice|"

    # A letter's rules count from 1: the list that they come from has no gaps.
    cut -d ' ' -f 1 "$work/rules" | sort -u | sed 's/./& /' | awk -v page="$page" '
        { seen[$1, $2]; if ($2 > last[$1]) last[$1] = $2 }
        END {
            for (letter in last)
                for (i = 1; i < last[letter]; i++)
                    if (!((letter, i) in seen))
                        print page ":1: rule " letter i " is missing"
        }'

    while read -r number line text; do
        shown=$(echo "$text" | grep -oE '`tests/e2e/[a-z0-9_.]+`, "[^"]+"')
        if [ -n "$shown" ]; then
            file=$(echo "$shown" | sed -E 's/^`([^`]*)`.*/\1/')
            claim=$(echo "$shown" | sed -E 's/^[^"]*"(.*)"$/\1/')
            grep -qF -- "$claim" "$file" 2>/dev/null || echo "$page:$line: $file does not show $number: \"$claim\""
        elif ! grep -q "^$number " "$work/tests"; then
            echo "$page:$line: no test in tests/semantics/ bears the number $number"
        fi
        case $text in
        *"**$number ≠**"*)
            echo "$text" | grep -qE '[ (]\*[A-Z][^*]*[.:]\*' ||
                echo "$page:$line: $number differs, and does not say why"
            ;;
        esac
    done <"$work/rules"

    while read -r number place; do
        grep -q "^$number " "$work/rules" || echo "$place: $page has no rule $number"
    done <"$work/tests"
} >"$work/broken"

cat "$work/broken"
echo "$(wc -l <"$work/rules") rules, $(wc -l <"$work/tests") tests"
[ ! -s "$work/broken" ]
