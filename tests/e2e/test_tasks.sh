#!/bin/sh
# Detached tasks as a user of curl sees them: begun, waited for, listed, aborted, limited, given up at the end.
. "$(dirname "$0")/common"

task() { # document
    ask /tasks -H 'Content-Type: application/json' -d "$1"
}

start_server "$@"
baseline=$(live_tasks)
task '{"kind": "fetch", "source": "Report", "delay_ms": 1500, "outcome": "ok"}'
same "a task is accepted while it runs on" '202 application/json /tasks/1' "$status $type $(header Location)"
holds "its document comes at once" "it.id === 1 && it.kind === 'fetch' && it.source === 'Report' &&
    ['scheduled', 'running'].includes(it.state) && it.elapsed_ms < 1500 && !('result' in it)"
ask '/tasks/1?wait_ms=1'
holds "who does not wait for long sees it run" "it.state === 'running' && !('result' in it)"
ask '/tasks/1?wait_ms=60000'
same "who waits is answered at its end" 200 "$status"
holds "and gets its result" "it.state === 'finished' && it.result.status === 'ok' &&
    it.result.data === 'Data from Report' && it.elapsed_ms >= 1500 && it.elapsed_ms < 30000"
ask /tasks/1 -X DELETE
is_problem "a task that ended is not aborted" 409 'finished'

task '{"kind": "hash", "rounds": 2000}'
same "a hash is accepted" '202 /tasks/2' "$status $(header Location)"
ask '/tasks/2?wait_ms=60000'
holds "its digest is PBKDF2's" "it.state === 'finished' && it.rounds === 2000 && it.result.digest ===
    require('crypto').pbkdf2Sync(it.result.password, it.result.salt, 2000, 32, 'sha256').toString('hex')"
task '{"kind": "hash", "rounds": 10000000}'
ask /tasks/3 -X DELETE
same "an abort answers with the final state" 200 "$status"
holds "which is cancelled" "it.id === 3 && it.state === 'cancelled'"

task '{"kind": "fetch", "source": "x", "outcome": "panic"}'
ask '/tasks/4?wait_ms=60000'
holds "a panic is told" "it.state === 'panicked' && it.error.includes('told to panic')"
ask /tasks
same "the list is JSON" '200 application/json' "$status $type"
holds "the list has all, in order" "it.alive === 0 && it.kept === 4 && it.tasks.map(t => t.id).join() === '1,2,3,4' &&
    it.tasks.map(t => t.state).join() === 'finished,finished,cancelled,panicked'"
ask /tasks/5
is_problem "a task that there is not" 404 'task 5'
ask /tasks/x -X DELETE
is_problem "an id that is none" 404 'whole number'
ask '/tasks/1?wait_ms=60001'
is_problem "a wait that is too long" 422 'wait_ms.*60000'
task '{"kind": "fetch", "source": "x", "rounds": 3}'
is_problem "a member of the other kind" 400 'rounds'
ask /tasks -d kind=hash
is_problem "a form" 415 'application.json'
for pair in '/tasks GET,.HEAD,.POST,.OPTIONS' '/tasks/1 GET,.HEAD,.DELETE,.OPTIONS'; do
    # shellcheck disable=SC2086 # two words
    set -- $pair
    ask "$1" -X OPTIONS
    same "OPTIONS $1 answers 204" 204 "$status"
    finds "OPTIONS $1 says what there is" "^Allow: $2" "$head"
    ask "$1" -X PUT
    is_problem "PUT $1" 405 'PUT'
    finds "PUT $1 is told what there is" "^Allow: $2" "$head"
    ask "$1" -I
    same "HEAD $1 answers as GET" '200 application/json' "$status $type"
done
ask /runtime
holds "/runtime counts them" "it.detached.alive === 0 && it.detached.kept === 4 && it.detached.started === 4"
until_true 10 at_most_live "$baseline"
same "no task is left over" "$baseline" "$(live_tasks)"
stop_server

start_server --tasks-max 2
task '{"kind": "fetch", "source": "x", "outcome": "hang"}'
same "the first of two" 202 "$status"
task '{"kind": "fetch", "source": "x", "outcome": "hang"}'
same "the second of two" 202 "$status"
task '{"kind": "hash", "rounds": 1}'
is_problem "the third of two" 503 'tasks-max'
same "may be tried again after a second" 1 "$(header Retry-After)"
ask /tasks/1 -X DELETE
task '{"kind": "fetch", "source": "x"}'
same "one that ended makes room" '202 /tasks/3' "$status $(header Location)"
ask /tasks/2 -X DELETE
stop_server

start_server
client tasks.mjs "$server"
stop_server

# A stop waits for tasks as for requests, tells them, and names those that it gives up.
start_server --grace 20000
task '{"kind": "fetch", "source": "x", "delay_ms": 3000}'
task '{"kind": "hash", "rounds": 10000000}'
task '{"kind": "hash", "rounds": 10000000}'
task '{"kind": "hash", "rounds": 10000000}'
task '{"kind": "hash", "rounds": 10000000}'
begin=$(now_ms)
curl -s -m 30 "$url/tasks/1?wait_ms=60000" >"$scratch/waited" &
waiter=$!
waits() { [ "$(curl -s -m 10 "$url/runtime" | sed -n 's/.*"requests_running": \([0-9]*\).*/\1/p')" -ge 2 ]; }
until_true 10 waits
check $? "somebody waits for a task when the stop comes"
kill -TERM "$server"
wait_server 30
wait "$waiter"
same "a stop waits for the last task: exit code 0" 0 "$code"
finds "who waits gets the result of a task that ends within the grace" '"state": "finished"' "$scratch/waited"
finds "the log names what had not begun" 'gave up a detached task.*"kind":"hash"' "$log"
no_reports

start_server --grace 400
task '{"kind": "fetch", "source": "Slow \"one\"", "delay_ms": 60000}'
task '{"kind": "fetch", "source": "fast"}'
begin=$(now_ms)
kill -TERM "$server"
wait_server 20
took=$(($(now_ms) - begin))
same "after the grace the exit code is 0" 0 "$code"
[ "$took" -ge 400 ] && [ "$took" -lt $((2500 * slack)) ]
check $? "the grace is what was asked for" "$took ms"
finds "the log names the task that was given up" 'gave up a detached task.*"id":1,"kind":"fetch","source":"Slow \\"one\\""' "$log"
finds "the log counts them" '0 detached tasks finished, 1 given up' "$log"
no_reports
finish
