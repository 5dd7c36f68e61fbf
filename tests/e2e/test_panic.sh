#!/bin/sh
# A handler that panics, or blocks its worker, is alone with that.
. "$(dirname "$0")/common"

start_server
client panic.mjs panic
stop_server

# Two workers also on a machine with one core.
start_server --workers 2
for try in 1 2 3; do
    client panic.mjs worker 2
done
stop_server
finish
