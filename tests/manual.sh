#!/bin/sh
# The public headers are the manual: what is said there of each function, and that it is said.
#
#   tests/manual.sh [ROOT]         checks runtime/include/wok/ and server/include/wok/http/
#   tests/manual.sh --names DIR    prints the names that the headers in DIR declare with WOK_API
#
# A function's page is the comment /** ... */ directly before it: its promise in one sentence, whatever
# else there is to say, then those of the six lines Units, Errors, Ownership, Threads, Cancel and Source
# that apply, in this order.  tests/support/test_manual.sh breaks each rule once and sees it reported.
set -u

# Reads headers; prints 'name NAME' for each symbol, 'known NAME' for whatever else can be referred to,
# 'uses FILE:LINE NAME' and 'path FILE:LINE PATH' for what comments refer to, and
# 'RULE FILE:LINE: NAME: REASON' for what breaks a rule.
pages() { # headers...
    awk '
    function breaks(rule, reason) { print rule, FILENAME ":" at ": " name ": " reason }

    # The comment that ended last, taken apart: sentence, line[label], labels in order.
    function take_page(   i, text, label, paragraph, labels, last, rank) {
        sentence = ""; paragraph = 1; label = ""; labels = 0; last = 0
        split("", said)
        for (i = 1; i <= page_lines; i++) {
            text = page[i]
            if (i > 1 && text ~ /^[A-Z][a-z]+:( |$)/) {
                label = text; sub(/:.*/, "", label)
                rank = index("Units     Errors    Ownership Threads   Cancel    Source    ", sprintf("%-10s", label))
                if (!rank) breaks("form", "there is no line called " label ":")
                else if (label in said) breaks("form", "two lines called " label ":")
                else if (rank < last) breaks("form", label ": stands too late")
                last = rank > last ? rank : last
                said[label] = substr(text, length(label) + 2)
                if (said[label] !~ /[A-Za-z0-9]/) breaks("form", label ": says nothing")
                else if (substr(text, 1, 12) !~ / $/ || substr(text, 13, 1) == " ")
                    breaks("form", label ": begins in column 13 of the text")
                labels++
            } else if (labels && text != "") {
                if (substr(text, 1, 12) ~ /[^ ]/) breaks("form", "prose after the lines: " text)
                said[label] = said[label] " " text
            } else if (text == "") paragraph = sentence == ""
            else if (paragraph) sentence = sentence (sentence == "" ? "" : " ") text
        }
        for (label in said) gsub(/  +/, " ", said[label])
    }

    # What each thing that has a page needs; lines: whether Threads and Cancel are among it.
    function check_page(lines, point,   cancel) {
        if (!page_lines) { breaks("page", "has no comment /** ... */ directly before it"); return 0 }
        take_page()
        if (sentence !~ /^([A-Z0-9`"(]|wok_)/ || sentence !~ /[.:]( |$)/)
            breaks("sentence", "its page does not begin with a sentence")
        if (!lines) return 1
        if (!("Threads" in said)) breaks("threads", "has no line Threads:")
        if (!("Cancel" in said)) breaks("cancel", "has no line Cancel:")
        else {
            cancel = said["Cancel"]; sub(/^ +/, "", cancel)
            if (cancel !~ /^(not a )?cancellation point/)
                breaks("cancel", "Cancel: does not begin with \"cancellation point\" or \"not a\" one")
            else if (point == "WOK_CP" && cancel ~ /^not/)
                breaks("point", "is marked WOK_CP, and Cancel: denies it")
            else if (point == "" && cancel !~ /^not/)
                breaks("point", "is a cancellation point and not marked WOK_CP")
        }
        return 1
    }

    function check_function(   text, returns, parameters, point) {
        text = declaration
        gsub(/[ \t]+/, " ", text)
        if (!match(text, /[a-z_0-9]+ ?\(/)) { page_lines = 0; return } # data, or a macro of macros
        name = substr(text, RSTART, RLENGTH); sub(/ ?\(/, "", name)
        returns = substr(text, 1, RSTART - 1); parameters = substr(text, RSTART + RLENGTH)
        point = returns ~ /WOK_CP/ ? "WOK_CP" : ""
        exported = returns ~ /WOK_API/
        gsub(/WOK_[A-Z_]+|extern|static|inline|__attribute__\(\(unused\)\)/, "", returns)
        gsub(/^ +| +$/, "", returns)
        print exported ? "name" : "known", name
        if (name ~ private) { page_lines = 0; return } # a part of a macro, which has the page
        if (!exported && !is_inline) breaks("api", "is declared without WOK_API")
        exported = exported || point != ""
        if (check_page(exported, point) && exported) {
            if (returns ~ /^(int|ssize_t|wok_poll)$/ && !("Errors" in said))
                breaks("errors", "returns a code and has no line Errors:")
            if (point != "" && returns ~ /^(int|ssize_t)$/ && said["Errors"] !~ /ECANCELED|[Aa]s wok_/)
                breaks("errors", "is a cancellation point, and Errors: does not name -ECANCELED")
            if ((parameters ~ /_moved[,)]|\*\*ret_|void \*ret_/ || returns ~ /\*$|^(wok_join|wok_waker)$/) &&
                !("Ownership" in said))
                breaks("ownership", "gives or takes a pointer and has no line Ownership:")
        }
        page_lines = 0
    }

    function check_macro(   acts) {
        print "known", name
        if (name !~ private && name !~ /_H$/ && !(name in paged)) { # of two definitions, the first
            paged[name] = 1
            # What is called, and what heads a block, by itself or by another macro.
            acts = macro ~ /^wok_[a-z0-9_]*\(/ ||
                (macro ~ /^[A-Z0-9_]*\([^)]*\) *(for \(|WOK_[A-Z_]+\()/ && name !~ /^WOK_TASK/)
            # A macro cannot be marked: its page says which it is.
            check_page(acts, "macro")
        }
        page_lines = 0
    }

    function refers(text,   word) {
        while (match(text, /docs\/[a-z0-9_\/.-]*\.md/)) {
            print "path", FILENAME ":" FNR, substr(text, RSTART, RLENGTH)
            text = substr(text, 1, RSTART - 1) " " substr(text, RSTART + RLENGTH)
        }
        while (match(text, /(wok|WOK)_[A-Za-z0-9_]+\(/)) {
            word = substr(text, RSTART, RLENGTH - 1)
            print "uses", FILENAME ":" FNR, word
            text = substr(text, RSTART + RLENGTH)
        }
    }

    BEGIN { private = "_$|^(wok|WOK)__" }

    FNR == 1 { inside = is_macro = skipping = 0; declaration = ""; page_lines = 0 }

    # Comments that begin a line; those behind code are cut off below.
    !inside && !is_macro && declaration == "" && !skipping && /^\/\*/ {
        inside = 1; is_page = /^\/\*\*( |$)/; page_lines = 0
    }
    inside {
        text = $0
        refers(text)
        ended = sub(/ *\*\/.*/, "", text)
        sub(/^\/\*\*? ?| \* ?/, "", text)
        sub(/ +$/, "", text)
        if (is_page && (text != "" || page_lines)) page[++page_lines] = text
        if (ended) inside = 0
        next
    }

    is_macro || /^#/ {
        text = $0
        more = sub(/ *\\$/, "", text)
        if (!is_macro && text ~ /^# *define /) {
            is_macro = 1; at = FNR; macro = text; sub(/^# *define +/, "", macro)
            name = macro; sub(/[^A-Za-z0-9_].*/, "", name)
        } else if (is_macro) macro = macro text
        else page_lines = 0
        if (is_macro && !more) { is_macro = 0; check_macro() }
        next
    }

    skipping { if (/^}/) { skipping = 0; page_lines = 0 } next }

    /^$/ { page_lines = 0; next }
    /^WOK_(BEGIN|END)_DECLS/ { next }

    {
        text = $0
        gsub(/\/\*.*\*\//, "", text); sub(/\/\*.*|\/\/.*/, "", text)
        if (declaration == "") at = FNR
        declaration = declaration " " text
        if (text ~ /{/ && text !~ /}/) { # a struct, an enum, or the body of an inline function
            skipping = 1
            is_inline = declaration ~ / static /
            if (is_inline) check_function()
            else if (declaration ~ /^ *typedef/) {
                name = declaration; gsub(/^ *typedef +| *{.*/, "", name); print "known", name
                if (!page_lines) breaks("page", "has no comment /** ... */ directly before it")
            }
            declaration = ""
        } else if (text ~ /; *$/) {
            is_inline = 0
            if (declaration ~ /^ *typedef/) {
                name = declaration; gsub(/;.*/, "", name); sub(/.*[ *]/, "", name)
                if (!page_lines) breaks("page", "has no comment /** ... */ directly before it")
            } else if (declaration ~ /WOK_API/ && declaration !~ /\(/) {
                objects = split(declaration, object, ",")
                for (i = 1; i <= objects; i++) {
                    name = object[i]; sub(/ *;.*/, "", name); sub(/.*[ *]/, "", name)
                    print "name", name
                }
                if (name !~ private) check_page(0, "")
            } else if (declaration ~ /\(/) check_function()
            declaration = ""; page_lines = 0
        }
    }' "$@"
}

if [ "${1:-}" = --names ]; then
    find "$2" -name '*.h' | sort | while read -r header; do
        pages "$header"
    done | sed -n 's/^name //p'
    exit
fi

cd "${1:-$(dirname "$0")/..}" || exit 1
found=$(mktemp) || exit 1
trap 'rm -f "$found"' EXIT
headers=$(find runtime/include server/include -name '*.h' 2>/dev/null | sort)
# shellcheck disable=SC2086 # a list of files
pages $headers >"$found"
passed=0 failed=0

# A name in a comment is one that the headers have; a document that is named is there.
awk '$1 == "name" || $1 == "known" { is[$2] = 1 }
    $1 == "uses" { where[++n] = $2; what[n] = $3 }
    END { for (i = 1; i <= n; i++) if (!(what[i] in is)) print "refers", where[i] ": " what[i] "() is nowhere" }' \
    "$found" >"$found.refers"
sed -n 's/^path //p' "$found" | while read -r place path; do
    [ -f "$path" ] || echo "refers $place: there is no $path"
done >>"$found.refers"
cat "$found.refers" >>"$found"
rm "$found.refers"

verdict() { # what breaks it, the claim
    if [ -z "$1" ]; then
        passed=$((passed + 1))
        echo "ok   $2"
    else
        failed=$((failed + 1))
        echo "FAIL $2"
        echo "$1" | sed 's/^/       /'
    fi
}

check() { # RULE, the claim
    verdict "$(sed -n "s/^$1 //p" "$found")" "$2"
}

check page 'each function, macro, type and object has a page: a comment /** ... */ directly before it'
check sentence 'each page begins with a sentence'
check api 'each function is declared with WOK_API, or is inline'
check threads 'each function says who may call it, in a line Threads:'
check cancel 'each function says in a line Cancel: whether it is a cancellation point'
check point 'WOK_CP stands where Cancel: says "cancellation point", and nowhere else'
check errors 'what returns a code has a line Errors:, and a cancellation point names -ECANCELED there'
check ownership 'what gives or takes a pointer says in a line Ownership: who owns it'
check form 'the lines are called Units, Errors, Ownership, Threads, Cancel, Source, in this order, each says something'
check refers 'a function or document that a comment names is there'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
