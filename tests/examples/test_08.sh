#!/bin/sh
# Select: the loser is still there in the next round.
. "$(dirname "$0")/common"

run 08_select
same 'the parcel is here, after several looks
branch 2 of 2 won' "$out"
