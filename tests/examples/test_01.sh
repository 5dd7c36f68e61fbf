#!/bin/sh
# The article's program: its output, and the point of it, that the fetches run at the same time.
. "$(dirname "$0")/common"

expected='--- Spawning Concurrent Tasks ---
Main task is free to do other work while fetches are running.
Start fetching from API Server...
Start fetching from Database...
Main task has finished its other work.
Finished fetching from Database.
Finished fetching from API Server.

--- Results ---
Result from Task 1: '\''Data from API Server'\''
Result from Task 2: '\''Data from Database'\'

# On the real clock nothing orders the lines of different tasks, and only the least time is certain.
run 01_spawn
same "$(printf '%s\n' "$expected" | sort)" "$(printf '%s\n' "$out" | sort)"
[ "$took" -ge 500 ] || fail "it took $took ms: a sleep ended early"

# On a paused clock and one worker all is certain: the shorter fetch ends first, though it began later.
run paused/01_spawn
same "$expected" "$out"
