#!/bin/sh
# The micro-benchmarks run, find their own results right, allocate where they may only, and print lines that
# are JSON.  Quick runs: no figure is looked at.
set -u
: "${WOK_BIN:?the folder of the built programs}"
passed=0 failed=0
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT

for source in loadtest/micro/bench_*.c; do
    name=$(basename "$source" .c)
    WOK_BENCH_QUICK=1 timeout -k 1 60 "$WOK_BIN/$name" >"$out/lines" 2>"$out/errors"
    code=$?
    if [ $code -ne 0 ]; then
        reason="ended with $code: $(tail -n 3 "$out/errors")"
    elif [ ! -s "$out/lines" ]; then
        reason='printed nothing'
    elif grep -vqE '^\{("[a-z0-9_]+": ("[a-z0-9_]+"|-?[0-9.]+|true)(, |\}$))+$' "$out/lines"; then
        reason="printed what is no line of JSON: $(grep -vE '^\{("[a-z0-9_]+": ("[a-z0-9_]+"|-?[0-9.]+|true)(, |\}$))+$' "$out/lines" | head -n 1)"
    else
        passed=$((passed + 1))
        continue
    fi
    failed=$((failed + 1))
    echo "FAIL $name $reason"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
