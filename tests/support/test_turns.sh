#!/bin/sh
# test_turns.sh - what a run by turns is good for: two processes with one seed do the same, and a scheduler
# that is broken in any of the ways of turns_mutants.list is caught by the check of its invariants.
set -u
cd "$(dirname "$0")/../.." || exit 1
cc=${CC:-cc}
library=${WOK_BIN:?the folder with the programs}/../lib/libwok.a
flags='-std=gnu17 -D_GNU_SOURCE -O1 -w -fexceptions -pthread -Iruntime/include -Iruntime -Itests'
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAIL $*"
}

cat >"$work/main.c" <<'END'
#include <stdio.h>
#include <stdlib.h>

#include "support/workload.h"

/* main SEEDS [VERBOSE] */
int main(int argc, char **argv)
{
    for (uint64_t seed = 1; seed <= (uint64_t)atoi(argv[1]); seed++) {
        struct workload workload = {.seed = seed, .seeds = 1};
        wok_test_report report;
        if (workload_run(&workload, &report) != 0)
            return 1;
        if (argc > 2)
            printf("%llu %llu %llx\n", (unsigned long long)seed,
                   (unsigned long long)report.log_events, (unsigned long long)report.log_hash);
    }
    return 0;
}
END
# The check with less patience: no thread outside delays anything here.
for source in "$work/main.c" tests/support/workload*.c runtime/sched/invariants.c; do
    # shellcheck disable=SC2086
    $cc $flags -DWOK__LOOKS=50 -c -o "$work/$(basename "$source" .c).o" "$source" || exit 1
done
# shellcheck disable=SC2086
$cc $flags -o "$work/program" "$work"/*.o "$library" || exit 1
unset WOK_TEST_SEED

# ---- two processes ---------------------------------------------------------------------------------

if "$work/program" 100 v >"$work/first" && "$work/program" 100 v >"$work/second"; then
    if cmp -s "$work/first" "$work/second"; then ok; else bad "two processes differ"; fi
    if [ "$(cut -d' ' -f3 "$work/first" | sort -u | wc -l)" -eq 100 ]; then ok; else bad "seeds agree"; fi
else
    bad "the workload fails"
fi

# ---- mutants ---------------------------------------------------------------------------------------

grep -v '^#' tests/support/turns_mutants.list >"$work/list"
while IFS='|' read -r files claim expression; do
    file=${files%% *} source=${files#* }
    rm -rf "$work/tree"
    mkdir -p "$work/tree/$(dirname "$file")"
    mutant=$work/tree/$file
    sed "$expression" "runtime/$file" >"$mutant"
    case $file in *.c) text=$mutant ;; *) text=runtime/$source ;; esac
    if cmp -s "runtime/$file" "$mutant"; then
        bad "$file: $claim: does not apply"
        continue
    fi
    # In front of the library, whose own file is left out then.
    # shellcheck disable=SC2086
    if ! $cc -I"$work/tree" $flags -c -o "$work/mutant" "$text" 2>"$work/errors" ||
        ! $cc $flags -o "$work/broken" "$work"/*.o -x none "$work/mutant" "$library" 2>>"$work/errors"; then
        bad "$file: $claim: does not compile"
        head -n 5 "$work/errors"
        continue
    fi
    timeout 60 "$work/broken" 100 >"$work/out" 2>&1
    told=$(grep -m 1 '^wok: after event' "$work/out")
    if [ -n "$told" ]; then
        ok
        echo "caught $file: $claim: ${told#wok: after }"
    else
        bad "$file: $claim: not seen by the check"
        tail -n 3 "$work/out"
    fi
done <"$work/list"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 2 ]
