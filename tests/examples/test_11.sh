#!/bin/sh
# Deadlines for one wait: what was waited for is there for the next one.
. "$(dirname "$0")/common"

run 11_until
same 'without money: Connection timed out, finished: no
with money: Success, 2 portions
a watched pot: Connection timed out, looked at 2 times' "$out"
