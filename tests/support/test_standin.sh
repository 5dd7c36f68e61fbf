#!/bin/sh
# The stand-in for Criterion has to fail when a test fails: builds programs whose outcome is known
# against it, and compares exit code and summary.  Under TSan as well, where it is used.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
cc=${CC:-cc}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# expect NAME EXIT SUMMARY [FLAG...]: builds $work/NAME.c and runs it
expect() {
    name=$1 want_exit=$2 want=$3
    shift 3
    "$cc" -std=gnu17 -O1 -g -fexceptions -Wall -Wextra -Werror "$@" -DWOK_TEST_STANDIN=1 -I"$root/tests" \
        "$work/$name.c" "$root/tests/support/standin.c" -o "$work/$name" || {
        echo "FAIL $name: does not compile"
        failed=$((failed + 1))
        return
    }
    "$work/$name" >"$work/out" 2>"$work/err"
    got_exit=$?
    got=$(sed -n 's/^\[====\] Synthesis: //p' "$work/out")
    if [ "$got_exit" = "$want_exit" ] && [ "$got" = "$want" ]; then
        echo "ok   $name${1:+ ($*)}"
        passed=$((passed + 1))
    else
        echo "FAIL $name: exit $got_exit, '$got'; expected exit $want_exit, '$want'"
        cat "$work/out" "$work/err"
        failed=$((failed + 1))
    fi
}

cat >"$work/all_pass.c" <<'C'
#include "support/test.h"
#include <signal.h>
#include <stdlib.h>
static int prepared;
static void prepare(void) { prepared = 1; }
Test(good, plain) { cr_assert(1 + 1 == 2); cr_assert_eq(2, 2); cr_assert_not(0, "with %d", 1); }
Test(good, comparisons) { cr_assert_neq(1, 2); cr_assert_lt(1, 2); cr_assert_leq(2, 2); cr_assert_gt(2, 1); cr_assert_geq(2, 2); }
Test(good, pointers) { int x; cr_assert_null(NULL); cr_assert_not_null(&x); }
Test(good, memory) { cr_assert_str_eq("a", "a"); cr_assert_str_neq("a", "b"); cr_assert_arr_eq("ab", "ab", 2); }
Test(good, init, .init = prepare) { cr_assert_eq(prepared, 1); }
Test(good, processes_are_separate) { cr_assert_eq(prepared, 0); }
Test(good, exits, .exit_code = 3) { exit(3); }
Test(good, aborts, .signal = SIGABRT) { abort(); }
C
cat >"$work/all_fail.c" <<'C'
#include "support/test.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
static void fail_at_the_end(void) { cr_assert_fail("%s", "fini"); }
Test(bad, condition) { cr_assert(1 + 1 == 3, "%d", 2); }
Test(bad, equal) { cr_assert_eq(1, 2); }
Test(bad, order) { cr_assert_lt(2, 2); }
Test(bad, null) { int x; cr_assert_null(&x); }
Test(bad, string) { cr_assert_str_eq("a", "b"); }
Test(bad, bytes) { cr_assert_arr_eq("ab", "ac", 2); }
Test(bad, told_to) { cr_assert_fail("told to"); }
Test(bad, fini, .fini = fail_at_the_end) { }
Test(bad, exits_with_the_code_of_a_failed_assertion, .exit_code = 1) { cr_assert(0); }
Test(bad, exits) { exit(3); }
Test(bad, does_not_exit, .exit_code = 3) { }
Test(bad, does_not_crash, .signal = SIGABRT) { }
Test(bad, hangs, .timeout = 0.02) { for (;;) pause(); }
Test(bad, crashes) { abort(); }
Test(bad, other_signal, .signal = SIGABRT) { raise(SIGKILL); }
C
cat >"$work/race.c" <<'C'
#include "support/test.h"
#include <pthread.h>
static int shared;
static void *write_it(void *unused) { shared++; return unused; }
Test(race, is_reported)
{
    pthread_t thread;
    pthread_create(&thread, NULL, write_it, NULL);
    shared++;
    pthread_join(thread, NULL);
}
C

good='Tested: 8 | Passing: 8 | Failing: 0 | Crashing: 0'
bad='Tested: 15 | Passing: 0 | Failing: 13 | Crashing: 2'
expect all_pass 0 "$good"
expect all_fail 1 "$bad"
if echo 'int main(void) { return 0; }' | "$cc" -fsanitize=thread -xc - -o "$work/probe" 2>/dev/null && "$work/probe"; then
    expect all_pass 0 "$good" -fsanitize=thread
    expect all_fail 1 "$bad" -fsanitize=thread
    expect race 1 'Tested: 1 | Passing: 0 | Failing: 1 | Crashing: 0' -fsanitize=thread
else
    echo "skip: $cc has no ThreadSanitizer here"
    echo "$passed passed, $failed failed, 3 skipped"
    [ "$failed" -eq 0 ]
    exit
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
