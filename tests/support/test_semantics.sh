#!/bin/sh
# The rules and their tests belong together (tests/rules.sh), and each way in which they may not has to be seen
# reported: breaks one at a time in a scratch tree that is otherwise as it should be.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/verdict"

"$root/tests/rules.sh" >"$work/out"
verdict $? "each rule has a test, and each test a rule"

tree=$work/tree
good_tree() {
    rm -rf "$tree"
    mkdir -p "$tree/docs" "$tree/tests/semantics" "$tree/tests/e2e"
    cat >"$tree/docs/semantics.md" <<'MD'
# Cakes
- **C1** A cake is eaten
  once.
- **C2 ≠** A cake of nothing is `-EINVAL`. *Others panic.*
- **H1** Cakes are served: `tests/e2e/test_cake.sh`, "a cake is
  served".

C3 is no rule, and neither is **C4**.
MD
    cat >"$tree/tests/semantics/test_cakes.c" <<'C'
WOK_TEST(semantics, C1_a_cake_is_eaten_once)
WOK_TEST_WORKERS(semantics, C1_a_cake_is_eaten_once_by_many, 4)
Test(semantics, C2_a_cake_of_nothing_is_refused, .timeout = 20)
Test(other, C9_is_not_ours)
C
    echo 'check $? "a cake is served"' >"$tree/tests/e2e/test_cake.sh"
}

good_tree
"$root/tests/rules.sh" "$tree" >"$work/out"
verdict $? "a tree that is as it should be passes"
grep -qx '3 rules, 3 tests' "$work/out"
verdict $? "all rules and tests of it are seen"

breaks() { # claim, expected in the report, FILE, sed's script
    good_tree
    sed -i "$4" "$tree/$3"
    if "$root/tests/rules.sh" "$tree" >"$work/out"; then
        verdict 1 "$1"
    else
        [ "$(grep -c ':[0-9]*: ' "$work/out")" -eq 1 ] && grep -qF -- "$2" "$work/out"
        verdict $? "$1"
    fi
}

breaks "a rule without a test" 'no test in tests/semantics/ bears the number C2' \
    tests/semantics/test_cakes.c '/C2_/d'
breaks "a test without a rule" 'tests/semantics/test_cakes.c:4: docs/semantics.md has no rule C3' \
    tests/semantics/test_cakes.c '3s/$/\nTest(semantics, C3_is_no_rule)/'
breaks "a rule that stands there twice" 'rule C1 stands there twice' docs/semantics.md '3s/$/\n- **C1** Again./'
breaks "a gap in the numbers" 'rule H1 is missing' docs/semantics.md 's/\*H1/*H2/'
breaks "a difference without a reason" 'C2 differs, and does not say why' docs/semantics.md 's/ \*Others panic.\*//'
breaks "a claim that nobody makes" 'does not show H1: "a cake is served"' tests/e2e/test_cake.sh 's/served/sold/'

good_tree
: >"$tree/docs/semantics.md"
! "$root/tests/rules.sh" "$tree" >"$work/out" && grep -q 'has no rule$' "$work/out"
verdict $? "a page without rules"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
