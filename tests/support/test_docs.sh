#!/bin/sh
# The code in the documents compiles: every ```c block of README.md and docs/*.md, after the page's own hidden
# comment "code that the fragments use".  A block is a piece of a file or the inside of a function, and sees
# the pieces before it on its page; one that includes <wok/wok.h> begins a file of its own.  "..." stands for
# what is left out.  Of these files each one with a main(), or with tests, is a whole program: it also compiles
# and links by itself, with more warnings, and ends with 0.  And docs/cancellation.md names each cancellation
# point.
set -u
: "${WOK_BUILD:?the build with libwok.a}"
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/verdict"

# split PAGE: prelude.c and block-01.c, block-02.c, ... in $work
split() {
    rm -f "$work"/*.c
    awk -v work="$work" '
        /^<!-- code that the fragments use:$/ { into = work "/prelude.c"; next }
        /^-->$/ { into = ""; next }
        /^```c$/ {
            into = sprintf("%s/block-%02d.c", work, ++count)
            printf "#line %d \"%s\"\n", FNR + 1, FILENAME > into
            next
        }
        /^```$/ { into = ""; next }
        into != "" { gsub(/\.\.\./, "   "); print > into }' "$1"
}

compile() { # FILE
    # shellcheck disable=SC2086 # flags of the caller
    ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -fexceptions -fsyntax-only -Wall -Wextra -Werror -Wno-unused-function \
        -Wno-unused-variable -Wno-unused-parameter -Wno-unused-but-set-variable -I "$root/runtime/include" \
        -I "$root/server/include" -x c "$1"
}

# fragments PAGE: 0 if all of its blocks compile
fragments() {
    split "$1"
    {
        printf '#include <errno.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <wok/wok.h>\n'
        cat "$work/prelude.c" 2>/dev/null
    } >"$work/first.c"
    cp "$work/first.c" "$work/page.c"
    : >"$work/out"
    bad=0
    for block in "$work"/block-*.c; do
        [ -e "$block" ] || break
        grep -q '^#include <wok/wok.h>' "$block" && cp "$work/first.c" "$work/page.c"
        cat "$work/page.c" "$block" >"$work/file.c"
        {
            cat "$work/page.c"
            echo 'static __attribute__((unused)) int inside_(void) {'
            cat "$block"
            echo '; return 0; }'
        } >"$work/inside.c"
        if compile "$work/file.c" >"$work/errors" 2>&1; then
            cp "$work/file.c" "$work/page.c"
        elif ! compile "$work/inside.c" >/dev/null 2>&1; then
            cat "$work/errors" >>"$work/out"
            bad=1
        fi
    done
    return "$bad"
}

# program BLOCK: 0 if it is none, or does what a program has to
program() {
    grep -q '^#include <wok/wok.h>' "$1" || return 0
    libraries='-pthread'
    if grep -q '^#include <criterion/' "$1"; then # its library has a main()
        "$has_criterion" || return 0
        libraries='-lcriterion -pthread'
    elif ! grep -q '^int main(' "$1"; then
        return 0
    fi
    programs=$((programs + 1))
    # shellcheck disable=SC2086 # a list
    ${CC:-cc} -std=gnu17 -O1 -fexceptions -Wall -Wextra -Werror -Wno-unused-function -I "$root/runtime/include" \
        -x c "$1" -x none -o "$work/program" "$WOK_BUILD/lib/libwok.a" $libraries >"$work/errors" 2>&1 || return 1
    timeout -k 1 20 "$work/program" >"$work/errors" 2>&1 && return 0
    echo "the program after line $(sed -n '1s/^#line \([0-9]*\).*/\1/p' "$1") does not end with 0" >>"$work/errors"
    return 1
}

# programs_of PAGE: 0 if all of its programs do
programs_of() {
    split "$1"
    : >"$work/out"
    bad=0
    for block in "$work"/block-*.c; do
        [ -e "$block" ] || break
        program "$block" && continue
        cat "$work/errors" >>"$work/out"
        bad=1
    done
    return "$bad"
}

has_criterion=false
echo '#include <criterion/criterion.h>' | ${CC:-cc} -E - >/dev/null 2>&1 && has_criterion=true
programs=0
pages=0
for page in "$root/README.md" "$root"/docs/*.md; do
    [ "$(basename "$page")" != model-checking.md ] || continue # its checks are built with it, and see private headers
    grep -q '^```c$' "$page" || continue
    pages=$((pages + 1))
    fragments "$page"
    verdict $? "the code in $(basename "$page") compiles"
    programs_of "$page"
    verdict $? "the programs in $(basename "$page") run"
done
echo "$pages pages, $programs programs" >"$work/out"
[ "$pages" -ge 1 ] && [ "$programs" -ge 3 ]
verdict $? "there are pages with code, and programs among it"

# Each of the ways in which a page can be wrong is seen.
page=$work/page.md
printf '<!-- code that the fragments use:\nstatic int known;\n-->\nText\n```c\nstatic int f(void) { return known; }\n```\n```c\nint a = f();\n...\nknown = a;\n```\n```c\n#include <wok/wok.h>\nstatic int f(void) { return 1; }\n```\n' >"$page"
fragments "$page"
verdict $? "a page that is as it should be compiles"
sed 's/return known/return unknown/' "$page" >"$work/bad.md"
! fragments "$work/bad.md"
verdict $? "a name that nobody declared is reported"
sed 's/known = a;/known = "a";/' "$page" >"$work/bad.md"
! fragments "$work/bad.md"
verdict $? "a wrong type inside a function is reported"

program_page() { # the includes, what main() returns
    printf 'Text\n```c\nstatic int f(void) { return 1; }\n```\n```c\n%s\nint main(void) { return %s; }\n```\n' "$1" "$2"
}
program_page '#include <wok/wok.h>' 'wok_ms(0).ns != 0' >"$page"
before=$programs
programs_of "$page" && [ "$programs" -eq $((before + 1)) ]
verdict $? "a program that is as it should be runs"
program_page '#include <wok/wok.h>' 'wok_ms(1).ns != 0' >"$work/bad.md"
! programs_of "$work/bad.md"
verdict $? "a program that does not end with 0 is reported"
program_page '#include <wok/wok.h>' 'f()' >"$work/bad.md"
! programs_of "$work/bad.md"
verdict $? "a program that needs more than its own text is reported"

# points: what is marked WOK_CP in the headers, without the forms that end in _until
points() {
    awk '/^WOK_CP$/ { marked = 1; next }
        marked && match($0, /wok_[a-z_]+\(/) { print substr($0, RSTART, RLENGTH - 1); marked = 0 }' \
        "$root"/runtime/include/wok/*.h | sed 's/_until$//' | sort -u
}
missing() { # PAGE
    points | while read -r name; do
        grep -q "\`$name\`" "$1" || echo "$name is a cancellation point, and is not in $1"
    done
}
missing "$root/docs/cancellation.md" >"$work/out"
[ ! -s "$work/out" ] && [ "$(points | wc -l)" -gt 20 ]
verdict $? "docs/cancellation.md names each cancellation point"
sed 's/`wok_yield`//' "$root/docs/cancellation.md" >"$work/bad.md"
missing "$work/bad.md" >"$work/out"
grep -q '^wok_yield is' "$work/out"
verdict $? "one that is left out is reported"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
