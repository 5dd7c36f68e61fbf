#!/bin/sh
# Scopes: everything is awaited, and what decides is the policy.
. "$(dirname "$0")/common"

run 06_scope
same 'everything is awaited: all well
  soup served
  fish served
  rice served
the first failure stops the others: Input/output error
  stew stopped
  toast burnt
the first success is enough: all well
  oven stopped
  microwave served
a block that is left early: all well
  roast stopped' "$out"
