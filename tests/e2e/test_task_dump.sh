#!/bin/sh
# SIGQUIT: the log tells what the tasks do, whatever state the server is in, and it goes on.
. "$(dirname "$0")/common"

dumps() { grep -c 'task dump: [0-9]' "$log"; }
more_dumps() { [ "$(dumps)" -gt "$seen" ]; }
dump() { # claim
    seen=$(dumps)
    kill -QUIT "$server"
    until_true 10 more_dumps
    check $? "$1: SIGQUIT is answered in the log" "$(tail -n 3 "$log")"
    until_true 10 is_whole
}
# The kinds of the last dump sum up to as many tasks as its first line says.
kinds() { awk '/task dump: [0-9]/ { text = "" } /"task dump"/ { text = text $0 "\n" } END { printf "%s", text }' "$log"; }
told() { sed -n 's/.*task dump: \([0-9]*\) tasks;.*/\1/p' "$log" | tail -n 1; }
is_whole() { [ "$(kinds | sed -n 's/.*"tasks":\([0-9]*\).*/\1/p' | awk '{ sum += $1 } END { print sum + 0 }')" -eq "$(told)" ]; }
says() { # claim, extended regular expression
    kinds >"$scratch/kinds"
    finds "$1" "$2" "$scratch/kinds"
}
background() { # path
    curl -s -m 60 -o "$scratch/ignored" "$url$1" &
    asking="$asking $!"
}
asking=''

start_server --workers 1 --demo
dump "a server that does nothing"
is_whole
check $? "each task is of some kind" "$(told) told; $(kinds)"
says "its acceptor is named, with the place" '"tasks":1,"name":"accepting","state":"waits","file":"server/serve/server.c","line":[0-9]+,"task":[0-9]+\}'

background '/aggregate?source=a:60000&source=b:60000&source=c:60000'
background '/aggregate?source=d:60000&source=e:60000&source=f:60000'
background '/sleep?ms=60000&on=pool'
eight_live() { [ "$(live_tasks)" -ge 8 ]; }
sleeping() { kill -QUIT "$server"; kinds | grep -q '"blocking":true'; }
until_true 20 eight_live
until_true 20 sleeping
dump "a server that waits for backends"
says "fetches are counted by where they were spawned" '"tasks":6,"name":"fetch","state":"waits"'
says "a call of the pool runs, and for how long" '"state":"runs","blocking":true,.*"running_ms":[0-9.]+\}'
ask /healthz
same "it serves on" 200 "$status"

# More than there are workers, spare ones included.
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
    background '/sleep?on=worker&ms=60000'
done
until_true 20 sh -c "! curl -s -m 0.3 -o '$scratch/asked' '$url/healthz'"
check $? "blocked workers answer nobody"
dump "a server whose workers are all blocked"
finds "the first line counts them" 'task dump: .*; [1-9][0-9]* of [0-9]+ workers are blocked' "$log"
says "one that is stuck is named, and for how long" '"state":"runs".*"running_ms":[0-9]+'
kill -TERM "$server"
kill -INT "$server"
wait_server 20
# shellcheck disable=SC2086 # a list
wait $asking
no_reports

asking=''
start_server --workers 2 --grace 20000
background '/sleep?ms=3000'
six_live() { [ "$(live_tasks)" -ge 6 ]; }
until_true 20 six_live
kill -TERM "$server"
until_true 20 grep -q draining "$log"
dump "a server that drains"
says "the request that it waits for is named" '"name":"request","state":"waits"'
wait_server 20
same "the drain ends as ever" 0 "$code"
# shellcheck disable=SC2086 # a list
wait $asking
no_reports

# A thread of its own waits for the signal: it is there from before the first line of the log.
start_server
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -QUIT "$server"
done
stop_server

# Its lines are warnings: who asks wants to read them.
: >"$log"
"$WOK_SERVER" --listen "unix:$scratch/socket" --log-level warn 2>"$log" &
server=$!
is_serving() { curl -s -m 5 --unix-socket "$scratch/socket" -o "$scratch/ignored" http://wok/healthz || ended; }
until_true 20 is_serving
dump "a server that logs only warnings"
stop_server
finish
