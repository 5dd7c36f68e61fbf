#!/bin/sh
# Watch: the last value is seen, fewer or more of those before it.
. "$(dirname "$0")/common"

run 16_watch
same 'still reading version 1: hello
a guest saw version 100 last, after at most 100 looks
a guest saw version 100 last, after at most 100 looks' "$out"
