#!/bin/sh
# Garbage and crowds: the server is there afterwards, with nothing left over.
. "$(dirname "$0")/common"

start_server "$@"
# Two seeds that stay the same, and one that does not.
client flood.mjs bytes 1
client flood.mjs bytes 2
client flood.mjs bytes
stop_server

descriptors=64
start_server
client flood.mjs descriptors "$server"
stop_server
finish
