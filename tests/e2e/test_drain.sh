#!/bin/sh
# Stopping: what runs is finished, what is idle is closed, nothing that was asked is lost.
. "$(dirname "$0")/common"

for signal in SIGTERM SIGINT; do
    start_server
    client drain.mjs finishes "$server" $signal
    wait_server 20
    same "$signal: the exit code is 0" 0 "$code"
    finds "$signal: the log tells what was finished" '2[0-9] requests finished, 0 given up' "$log"
    no_reports
done

start_server --drain-delay 1200
client drain.mjs announces "$server"
wait_server 20
same "after a drain delay the exit code is 0" 0 "$code"
no_reports

start_server --grace 300
begin=$(now_ms)
client drain.mjs gives-up "$server"
wait_server 20
took=$(($(now_ms) - begin))
same "after the grace the exit code is 0" 0 "$code"
[ "$took" -ge 300 ] && [ "$took" -lt $((2500 * slack)) ]
check $? "the grace is what was asked for" "$took ms"
finds "the log tells how many were given up" '4 given up' "$log"
for request in '/aggregate\?source=a:60000' '/aggregate\?mode=join' /sleep /fetch; do
    finds "the log names what was given up: $request" "$request" "$log"
done
no_reports

for pair in 'SIGTERM SIGTERM 143' 'SIGINT SIGINT 130' 'SIGTERM SIGINT 130'; do
    # shellcheck disable=SC2086 # three words
    set -- $pair
    start_server
    client drain.mjs twice "$server" "$1" "$2"
    wait_server 20
    same "$1, $2: the exit code is 128 and the second's number" "$3" "$code"
done

# The first signal waits for the workers, which are blocked, the spare ones too; the second needs none.
start_server --workers 1 --demo
blocked=
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
    curl -s -m 60 -o "$scratch/blocked" "$url/sleep?on=worker&ms=60000" &
    blocked="$blocked $!"
done
until_true 20 sh -c "! curl -s -m 0.3 -o '$scratch/asked' '$url/healthz'"
check $? "blocked workers answer nobody"
kill -TERM "$server"
kill -INT "$server"
wait_server 20
[ "$code" -eq 130 ] || [ "$code" -eq 143 ]
check $? "a second signal ends a server whose workers are blocked" "code $code"
# shellcheck disable=SC2086 # a list
wait $blocked

start_server
begin=$(now_ms)
kill -TERM "$server"
wait_server 20
took=$(($(now_ms) - begin))
[ "$code" -eq 0 ] && [ "$took" -lt $((1000 * slack)) ]
check $? "a server without clients stops at once" "code $code after $took ms"

for run in 1 2 3; do
    start_server
    client drain.mjs under-load "$server"
    wait_server 20
    same "under load, run $run: the exit code is 0" 0 "$code"
    no_reports
done

# Whoever has read that it listens may stop it; it used to be ended by the signal, one time in five.
mkfifo "$scratch/stderr"
early=0
for run in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    "$WOK_SERVER" --listen 127.0.0.1:0 2>"$scratch/stderr" &
    server=$!
    exec 3<"$scratch/stderr"
    read -r line <&3
    kill -TERM "$server"
    wait "$server" && early=$((early + 1))
    exec 3<&-
done
server=''
case $line in *listening*) check 0 "the first line says where it listens" ;; *) check 1 "the first line says where it listens" "$line" ;; esac
same "stopped as soon as it says that it listens: the exit code is 0, 30 times" 30 "$early"
finish
