#!/bin/sh
# Join sets: in the order of the ends, a panic is one of them, the rest is aborted.
. "$(dirname "$0")/common"

run 07_join_set
same 'a child knows
"a poet has fainted" (ask)
a professor knows
1 left' "$out"
