#!/bin/sh
# Tokens: each stops where it looks, and a cancel goes down and not up.
. "$(dirname "$0")/common"

run 19_token
same 'the kitchen is closed, the house open
oven: stopped between two steps
cook: stopped while it waited
cellar: stopped in the middle of a nap' "$out"
