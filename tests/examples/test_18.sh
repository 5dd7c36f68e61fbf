#!/bin/sh
# Semaphore: so many at a time; who gives up takes nothing.
. "$(dirname "$0")/common"

run 18_semaphore
same '20 dishes: Success, at most 3 burners at a time
no burner is free: Connection timed out
without waiting: Resource temporarily unavailable
3 burners are free again
the kitchen is closed: Broken pipe' "$out"
