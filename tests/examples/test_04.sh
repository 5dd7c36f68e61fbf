#!/bin/sh
# Blocking: a blocked worker stops its other tasks, a blocked thread of the pool does not.
. "$(dirname "$0")/common"

expected='on the worker: the ticker stood still for 200 ms
on the pool:   the ticker ticked on
the answer is 42'

# The times are rounded down to 100 ms; a busy machine gets three attempts to stay within that.
for attempt in 1 2 3; do
    run 04_blocking
    [ "$out" != "$expected" ] || exit 0
done
same "$expected" "$out"
