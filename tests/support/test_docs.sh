#!/bin/sh
# The programs in the documents compile, without a warning; those with a main() run and end with 0, and so do
# those that are tests.
#
# A fragment is what stands between ```c and ``` in README.md and docs/testing.md: there each is a whole file.
set -u
: "${WOK_BUILD:?the build with libwok.a}"
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
passed=0 failed=0

for document in README.md docs/testing.md; do
    awk -v out="$out/$(basename "$document" .md)" '
        /^```c$/ { file = sprintf("%s_%d.c", out, NR); next }
        /^```/ { file = "" }
        file != "" { print > file }' "$document"
done

for source in "$out"/*.c; do
    name=$(basename "$source" .c)
    options='-fsyntax-only' libraries='-pthread'
    if grep -q '<criterion/' "$source"; then # its library has a main()
        echo '#include <criterion/criterion.h>' | gcc -E - >/dev/null 2>&1 || continue
        options="-o $out/program" libraries='-lcriterion -pthread'
    elif grep -q '^int main(' "$source"; then
        options="-o $out/program"
    fi
    # shellcheck disable=SC2086 # lists
    if ! gcc -std=gnu17 -O1 -fexceptions -Wall -Wextra -Werror -Wno-unused-function -Iruntime/include $options \
        "$source" "$WOK_BUILD/lib/libwok.a" $libraries >"$out/log" 2>&1; then
        reason="does not compile: $(grep -m 3 -E 'error|undefined' "$out/log")"
    elif [ "$options" != -fsyntax-only ] && ! timeout -k 1 20 "$out/program" >"$out/log" 2>&1; then
        reason="does not end with 0: $(head -n 3 "$out/log")"
    else
        passed=$((passed + 1))
        continue
    fi
    failed=$((failed + 1))
    echo "FAIL the fragment after line ${name##*_} of ${name%_*}.md $reason"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -ge 4 ]
