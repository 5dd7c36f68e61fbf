#!/bin/sh
# mpsc: nothing is lost, what nobody receives is destroyed, and senders are told.
. "$(dirname "$0")/common"

run 14_mpsc
same '150 plates are washed, and nobody is left to send
a plate of crumbs is thrown away
a plate of crumbs is thrown away
2 plates were carried, the next: Broken pipe' "$out"
