#!/bin/sh
# Spawn and join: both cost the slower fetch, and only one of them makes tasks.
. "$(dirname "$0")/common"

expected='one by one: 800 ms, 0 new tasks
spawn:      500 ms, 2 new tasks
join:       500 ms, 0 new tasks'

# The times are rounded down to 100 ms; a busy machine gets three attempts to stay within that.
for attempt in 1 2 3; do
    run 02_join
    [ "$out" != "$expected" ] || exit 0
done
same "$expected" "$out"
