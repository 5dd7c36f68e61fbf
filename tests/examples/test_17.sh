#!/bin/sh
# Broadcast: who is too slow is told how much it missed, and goes on with the oldest.
. "$(dirname "$0")/common"

run 17_broadcast
same 'missed 2
got 3
got 4
got 5
got 6
early: 1000 read or missed
late:  1000 read or missed' "$out"
