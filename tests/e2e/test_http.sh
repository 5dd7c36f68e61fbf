#!/bin/sh
# HTTP/1 byte by byte: what is malformed is refused and closed, what is well framed goes on.
. "$(dirname "$0")/common"
start_server "$@"
client http.mjs
stop_server
finish
