#!/bin/sh
# Spawn and join: both cost the slower fetch, and only one of them makes tasks.
. "$(dirname "$0")/common"

expected='one by one: 800 ms, 0 new tasks
spawn:      500 ms, 2 new tasks
join:       500 ms, 0 new tasks'

run paused/02_join
same "$expected" "$out"

# On the real clock, where the machine may add to the times, none is shorter.
run 02_join
same "$(printf '%s\n' "$expected" | sed 's/[0-9]* ms/N ms/')" "$(printf '%s\n' "$out" | sed 's/[0-9]* ms/N ms/')"
printf '%s\n' "$out" | awk '{ sub(/.*: */, "") } $1 < (NR == 1 ? 800 : 500) { exit 1 }' ||
    fail "a sleep ended early: $out"
