#!/bin/sh
# Blocking: a blocked worker stops its other tasks, a blocked thread of the pool does not.
. "$(dirname "$0")/common"

run 04_blocking
same 'on the worker: the ticker stood still
on the pool:   the ticker ticked on
the answer is 42' "$out"
