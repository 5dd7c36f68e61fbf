#!/bin/sh
# Deadlines: they end what knows nothing of them; a shield keeps them out.
. "$(dirname "$0")/common"

run 09_timeout
same 'Connection timed out, some pages were read: yes
without a shield: Connection timed out
a note was made at page 7
after the block: Success
inner hour, outer 30 ms: Connection timed out after less than a minute' "$out"
