#!/bin/sh
# Oneshot: an answer, and that there is none.
. "$(dirname "$0")/common"

run 15_oneshot
same '9 apples are left
a unicorn: Broken pipe' "$out"
