#!/bin/sh
# Clients that go away in the middle of a request take its tasks with them.
. "$(dirname "$0")/common"
start_server "$@"
client gone.mjs
stop_server
finish
