#!/bin/sh
# The log: its two forms, what a client cannot do to it, and what a stderr cannot do to the service.
. "$(dirname "$0")/common"

# JavaScript over `lines`, the log's lines; each has to be JSON.
logged() { # claim, expression
    seen=$(node -e '
        const lines = require("fs").readFileSync(process.argv[1], "utf8").trim().split("\n").map(JSON.parse)
        console.log(eval(process.argv[2]) === true ? "true" : JSON.stringify(lines).slice(0, 900))' "$log" "$2" 2>&1 | tail -n 1)
    same "$1" true "$seen"
}

# ---- the two forms ---------------------------------------------------------------------------------

start_server
ask /panic
same "a handler panics" 500 "$status"
id=$(header X-Request-Id)
stop_server
logged "in a file the log is lines of JSON" 'lines.length >= 4'
logged "each has a time with milliseconds, a level, a message" 'lines.every((it) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(it.time) && Math.abs(Date.parse(it.time) - Date.now()) < 60000 &&
    ["info", "warn", "error"].includes(it.level) && it.message.length > 0)'
logged "the panic's line has the request and its id" "lines.some((it) => it.level === 'error' && it.method === 'GET' &&
    it.target === '/panic' && it.request_id === '$id' && it.reason.includes('asked to panic') && it.line > 0)"
logged "the last line is about the stop" "lines.at(-1).message.startsWith('stopped; ')"

start_server --access-log on
curl -s -m 0.3 -o "$scratch/waste" "$url/sleep?ms=20000"
until_true 20 grep -q client_gone "$log"
stop_server
logged "a client that went away is named as well" 'lines.some((it) => it.client_gone === true && it.route === "/sleep" &&
    /^127\.0\.0\.1:\d+$/.test(it.peer))'

start_server --log-format text
ask /panic
stop_server
finds "text: a time, a level, a message" '^[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z info  wok-server listening on http://' "$log"
finds "text: fields" ' error the handler panicked method=GET target=/panic request_id=[0-9a-f]{24} trace_id=[0-9a-f]{32} span_id=[0-9a-f]{16} reason="' "$log"
export WOK_LOG_FORMAT=json
start_server --log-format=text
stop_server
finds "a flag wins over the environment" '^[0-9-]{10}T' "$log"
unset WOK_LOG_FORMAT

if command -v script >/dev/null; then
    # The server on a terminal of its own; it ends when a second one has the port.
    timeout 20 script -qec "timeout -s TERM 1 '$WOK_SERVER' --listen 127.0.0.1:0" /dev/null >"$scratch/terminal" 2>&1
    finds "on a terminal the log is text" '^[0-9-]{10}T.* info  wok-server listening on ' "$scratch/terminal"
else
    skip "script is not here: the log on a terminal"
fi

timeout 20 "$WOK_SERVER" --listen 192.0.2.1:0 --log-level error 2>"$log"
logged "--log-level error leaves the errors" "lines.length === 1 && lines[0].level === 'error'"
for option in '--log-level=loud' '--log-format=xml'; do
    timeout 20 "$WOK_SERVER" $option 2>"$log"
    same "$option: exit code" 2 $?
    finds "$option: names the choices" 'give one of: ' "$log"
done

# ---- what a client sends ---------------------------------------------------------------------------

for format in json text; do
    start_server --log-format $format --demo
    ask '/panic?a="\":%1b[31m%0a{}' -g -H 'X-Request-Id: "},{"level":"forged\'
    same "$format: a request with quotes is answered" 500 "$status"
    for i in 1 2 3; do ask "/panic?$i"; done
    stop_server
    same "$format: four panics are four lines" 4 "$(grep -c 'the handler panicked' "$log")"
    ! LC_ALL=C grep -q '[^ -~]' "$log"
    check $? "$format: nothing but printable ASCII"
    [ $format != json ] || logged "json: no line is forged" "lines.every((it) => it.level !== 'forged') &&
        lines.some((it) => it.request_id === '\"},{\"level\":\"forged\\\\')"
done

# ---- too much --------------------------------------------------------------------------------------

start_server
for _ in 1 2 3 4 5; do
    asking=''
    for _ in 1 2 3 4; do
        curl -s -m 20 -o "$scratch/waste" "$url/panic?[1-30]" &
        asking="$asking $!"
    done
    # shellcheck disable=SC2086 # a list
    wait $asking # all four: the server is not stopped while one still asks
done
stop_server
logged "600 panics: no more than ten lines a second, and the rest is counted" "(() => {
    const panics = lines.filter((it) => it.message === 'the handler panicked').length
    const rest = lines.filter((it) => it.message === 'similar lines were suppressed')
    return rest.length > 0 && rest.every((it) => it.of === 'the handler panicked') && panics < 600 &&
        panics + rest.reduce((sum, it) => sum + it.count, 0) === 600
})()"

# ---- a stderr that does not take it ----------------------------------------------------------------

# The server's port without its log: it is the first one that answers.
free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'; }
is_alive() { [ "$(curl -s -m 2 "$url/healthz")" = ok ]; }
panics() { # how many
    curl -s -m 20 -o "$scratch/waste" -w '%{http_code}\n' "$url/panic?[1-$1]" | sort | uniq -c | tr -s ' '
}
await_server() {
    url=http://127.0.0.1:$port
    until_true 20 is_alive
    check $? "$1: it serves"
    same "$1: it serves what logs" " 40 500" "$(panics 40)"
    begin=$(now_ms)
    kill -TERM "$server"
    wait_server 20
    took=$(($(now_ms) - begin))
    same "$1: it stops with 0" 0 "$code"
    [ "$took" -lt $((3000 * slack)) ]
    check $? "$1: it stops in time" "$took ms"
}

if [ -c /dev/full ]; then
    port=$(free_port)
    "$WOK_SERVER" --listen "127.0.0.1:$port" 2>/dev/full &
    server=$!
    await_server "a full disk"
else
    skip "a full disk: there is no /dev/full"
fi

port=$(free_port)
mkfifo "$scratch/pipe"
: <"$scratch/pipe" &
reader=$!
"$WOK_SERVER" --listen "127.0.0.1:$port" 2>"$scratch/pipe" &
server=$!
wait $reader
await_server "a closed pipe"

port=$(free_port)
exec 7<>"$scratch/pipe" # nobody reads from it
"$WOK_SERVER" --listen "127.0.0.1:$port" --log-format text 2>&7 7<&- &
server=$!
url=http://127.0.0.1:$port
until_true 20 is_alive
# Fills the pipe: 64 KiB, so what the server logs next has no room.
timeout 1 dd if=/dev/zero of="$scratch/pipe" bs=4096 count=64 2>"$scratch/waste"
await_server "a full pipe"
exec 7<&-

port=$(free_port)
"$WOK_SERVER" --listen "127.0.0.1:$port" 2>&- &
server=$!
url=http://127.0.0.1:$port
until_true 20 is_alive # before that a signal ends it as it ends any process
kill -TERM "$server"
wait_server 20
same "without a stderr it stops with 0" 0 "$code"
finish
