#!/bin/sh
# Shutdown: every service hears of it, and main ends after all of them.
. "$(dirname "$0")/common"

run 05_shutdown
# The services may hear of it in any order.
same 'main: the services run
main: time to stop
service 1: told to stop, puts things in order
service 2: told to stop, puts things in order
service 3: told to stop, puts things in order
main: all 3 have worked and stopped' "$(printf '%s\n' "$out" | sed -n 1,2p
    printf '%s\n' "$out" | sed -n 3,5p | sort
    printf '%s\n' "$out" | sed -n '6,$p')"
