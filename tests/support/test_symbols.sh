#!/bin/sh
# What our archives define for others: no name twice in two of them, and libwok.a's names are all wok_.  A linker
# takes the first archive that has a name, and says nothing of another one that has it too, with other
# arguments perhaps.  That libwok.so exports what the headers declare is a matter of tests/consumer.
#
#   WOK_BUILD=build/dev tests/support/test_symbols.sh
#
# Each rule is broken once in a folder of small archives, and seen reported.
set -u
: "${WOK_BUILD:?the build whose archives are looked at}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/verdict"

for tool in nm ar; do
    command -v "$tool" >/dev/null || { echo "no $tool here"; exit 77; }
done

# Prints what breaks the rules in a folder of archives: the product's, and what the tests link with it.
# Weak symbols may be in many; the model checker's archive stands in for the platform on purpose.
look() { # folder
    for archive in "$1"/libwok*.a; do
        name=$(basename "$archive")
        [ "$name" != libwok_model.a ] || continue
        nm -g --defined-only "$archive" 2>"$work/err" |
            awk -v name="$name" 'NF == 3 && $2 !~ /[WVu]/ && !seen[$3]++ { print $3, name }'
        grep . "$work/err" | grep -v 'no symbols'
    done >"$work/symbols"
    sort "$work/symbols" | awk '$1 == last { print $1 ": in " first " and in " $2 } { last = $1; first = $2 }'
    awk '$2 == "libwok.a" && $1 !~ /^wok_/ { print $1 ": in libwok.a, and does not begin with wok_" }' "$work/symbols"
}

look "$WOK_BUILD/lib" >"$work/out"
[ ! -s "$work/out" ]
verdict $? "no two archives define the same name, and all of libwok.a's begin with wok_"
: >"$work/out"
awk '{ count[$2]++ } END {
    for (name in count) archives++
    exit !(archives >= 5 && count["libwok.a"] > 300 && count["libwok_server_lib.a"] > 20 && count["libwok_handlers.a"] > 10)
}' "$work/symbols"
verdict $? "the archives of the product were all looked at"

archive() { # its name, C
    echo "$2" | ${CC:-cc} -x c -c - -o "$work/$1.o" && ar rcs "$work/lib/$1.a" "$work/$1.o"
}
reports() { # the report, the claim
    look "$work/lib" >"$work/out"
    [ "$(cat "$work/out")" = "$1" ]
    verdict $? "$2"
}
mkdir "$work/lib"
archive libwok 'int wok__cut(int cake) { return cake; }'
archive libwok_handlers 'static int wok__cut(void) { return 1; } int eat(void) { return wok__cut(); }'
archive libwok_server_lib '__attribute__((weak)) int wok__cut(void) { return 2; }'
reports '' "a static function, and a weak one, may have a name that another archive has"
archive libwok_handlers 'int wok__cut(void) { return 1; }'
reports 'wok__cut: in libwok.a and in libwok_handlers.a' "a function that two archives define is reported"
archive libwok_handlers 'int wok__cut = 1;'
reports 'wok__cut: in libwok.a and in libwok_handlers.a' "and so is an object"
archive libwok_handlers 'int eat(void) { return 1; }'
archive libwok 'int wok__cut(int cake) { return cake; } int cut;'
reports 'cut: in libwok.a, and does not begin with wok_' "a name of libwok.a without wok_ is reported"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
