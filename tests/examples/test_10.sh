#!/bin/sh
# Intervals: after a delay all ticks, none of them, or those of the schedule.
. "$(dirname "$0")/common"

run 10_interval
same 'When each tick came, and in parentheses when a late one was due:
burst     0  100  450(200)  450(300)  450(400)  500  600
delay     0  100  450(200)  550  650  750  850
skip      0  100  450(200)  500  600  700  800' "$out"
