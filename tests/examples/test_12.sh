#!/bin/sh
# Batches: full ones first, then one by the timer, and at the stop what has arrived.
. "$(dirname "$0")/common"

run 12_batch
# On a machine that is busy with other things the timer may come before the stop.
same 'stores 1 2 3 4: the batch is full
stores 5 6 7 8: the batch is full
stores 9 10: they have waited long enough
 11 12
12 are stored' "$(printf '%s\n' "$out" | sed -n 1,3p
    printf '%s\n' "$out" | sed -n '4,$p' | sed -n 's/^stores\(.*\): .*/\1/p' | tr -d '\n'
    echo
    printf '%s\n' "$out" | sed -n '$p')"
