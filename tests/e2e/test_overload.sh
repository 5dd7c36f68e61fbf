#!/bin/sh
# At three times what the server can serve: as many good answers as at its peak, none of them late, and all is
# as before within a second.  Figures are compared within one run, so how busy the machine is matters little.
. "$(dirname "$0")/common"

generator=${WOK_BIN:?the folder of the built programs}/open_loop
[ -x "$generator" ] || {
    echo "$0: cannot run here: $generator was not built" >&2
    exit 77
}

# What limits is time: 40 requests of 100 ms at once, which is next to nothing for any machine.
start_server --requests-max=40 "$@"
client overload.mjs limited "$generator" "$server"
finds "the log says that requests are refused, and how many" \
    'refuses requests.*requests_max.*40.*requests_shed' "$log"
lines=$(grep -c 'refuses requests' "$log")
[ "$lines" -le 60 ]
check $? "and says so once a second for each worker" "$lines lines"
stop_server

# What limits is the processor: who comes first is served first.
descriptors=5000
hard=$(prlimit --noheadings --output HARD --nofile | tr -d " ")
[ "$hard" = unlimited ] || [ "$hard" -ge $descriptors ] || {
    skip "$descriptors descriptors"
    finish
}
start_server --workers=1 "$@"
client overload.mjs saturated "$generator" "$server"
stop_server
finish
