#!/bin/sh
# Clocks that jump: the real one changes Date and the log's times and nothing else, the monotonic one makes due what
# is due.
. "$(dirname "$0")/common"

if [ -n "${WOK_SANITIZE:-}" ]; then
    echo "0 passed, 0 failed, 1 skipped: a sanitizer's own library has to be loaded first"
    exit 77
fi
if ! ${CC:-cc} -O1 -shared -fPIC -o "$scratch/clocks.so" "$here/clocks.c"; then
    echo "$0: cannot run here: no C compiler" >&2
    exit 77
fi

scene() { # what, options...
    what=$1
    shift
    head -c 16 /dev/zero >"$scratch/clocks"
    export LD_PRELOAD="$scratch/clocks.so" WOK_TEST_CLOCKS="$scratch/clocks"
    start_server --log-format=json --access-log=on --workers=2 "$@"
    unset LD_PRELOAD
    client clocks.mjs "$what" "$scratch/clocks" "$log" "$server"
    stop_server
}

# Each ends with a drain, which has deadlines as well: the first with the clock still 7 hours behind.
scene real --head-timeout=1500 --idle-timeout=1500 --request-timeout=1500
scene monotonic
finish
