#!/bin/sh
# Ownership: on each path the argument is dropped exactly once, before the end is seen.
. "$(dirname "$0")/common"

run 03_move
same 'a spawn outside a runtime
  dropped '\''a stone'\''
  it was not started: Invalid argument
a task that returns
  dropped '\''some data'\''
  the result is '\''a receipt'\''
a task that panics
  dropped '\''glass'\''
  it panicked
a task that is aborted
  dropped '\''a letter'\''
  it was cancelled
a task that moves its argument into its result
  the result is '\''a present'\' "$out"
