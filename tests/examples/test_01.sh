#!/bin/sh
# The article's program: its output, and the point of it, that the fetches run at the same time.
. "$(dirname "$0")/common"

# Nothing orders the two starts and the main task's first line: they are compared as a set.
normalise() {
    printf '%s\n' "$1" | sed -n 1p
    printf '%s\n' "$1" | sed -n 2,4p | sort
    printf '%s\n' "$1" | sed -n '5,$p'
}

expected='--- Spawning Concurrent Tasks ---
Start fetching from API Server...
Start fetching from Database...
Main task is free to do other work while fetches are running.
Main task has finished its other work.
Finished fetching from Database.
Finished fetching from API Server.

--- Results ---
Result from Task 1: '\''Data from API Server'\''
Result from Task 2: '\''Data from Database'\'

# A busy machine may delay a run, so the best of three has to be quick enough; each has to be right.
best=1000000
for attempt in 1 2 3; do
    run 01_spawn
    same "$(normalise "$expected")" "$(normalise "$out")"
    [ "$took" -ge 500 ] || fail "attempt $attempt took $took ms: a sleep ended early"
    [ "$took" -ge "$best" ] || best=$took
    [ "$best" -ge 700 ] || break
done
[ "$best" -lt 700 ] || fail "took $best ms; the slower fetch takes 500, both in a row 800"
