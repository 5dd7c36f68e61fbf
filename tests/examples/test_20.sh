#!/bin/sh
# A blocking pool: its threads, its queue, and what does not fit.
. "$(dirname "$0")/common"

run 20_blocking_pool
same 'never more than 2 at a time, 6 calls done, 4 refused
the squares of 0 to 5 add up to 55' "$out"
