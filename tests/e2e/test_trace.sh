#!/bin/sh
# The access log, request ids, traces and Server-Timing: what is told of a request, and to whom.
. "$(dirname "$0")/common"

trace=0af7651916cd43dd8448eb211c80319c span=b7ad6b7169203331

# JavaScript over `lines`, the access log's lines so far; what it gives has to be true within a second.
accessed() { # claim, expression
    until_true 20 sees "$2"
    same "$1" true "$(sees_what "$2")"
}
sees_what() {
    node -e '
        const lines = require("fs").readFileSync(process.argv[1], "utf8").split("\n").slice(0, -1).map(JSON.parse)
            .filter((it) => it.message === "request")
        console.log(eval(process.argv[2]) === true ? "true" : JSON.stringify(lines.slice(-3)).slice(0, 900))' "$log" "$1" 2>&1 | tail -n 1
}
sees() { [ "$(sees_what "$1")" = true ]; }

# ---- the access log --------------------------------------------------------------------------------

start_server --access-log on
ask '/fetch?source=a&delay_ms=120' -H "traceparent: 00-$trace-$span-01" -H 'X-Request-Id: mine-1'
same "the client's own id comes back" mine-1 "$(header X-Request-Id)"
size=$(($(wc -c <"$body")))
accessed "a line has all that there is to tell" "(() => {
    const it = lines[0]
    return lines.length === 1 && it.method === 'GET' && it.route === '/fetch' && it.target === '/fetch?source=a&delay_ms=120' &&
        it.status === 200 && it.ms >= 120 && it.ms < 120 + 200 * $slack && it.bytes === $size && it.request_id === 'mine-1' &&
        it.trace_id === '$trace' && it.parent_id === '$span' && /^[0-9a-f]{16}$/.test(it.span_id) && it.span_id !== '$span' &&
        /^127\.0\.0\.1:\d+$/.test(it.peer) && it.level === 'info' && !('client_gone' in it)
})()"
ask /healthz
id=$(header X-Request-Id)
accessed "without a trace a new one, and the id that the client was told" "(() => {
    const it = lines.at(-1)
    return it.route === '/healthz' && it.bytes === 3 && it.request_id === '$id' && !('parent_id' in it) &&
        /^[0-9a-f]{32}$/.test(it.trace_id) && it.trace_id !== '$trace'
})()"
ask /nowhere/at/all
accessed "a route that is not there is empty" "lines.at(-1).status === 404 && lines.at(-1).route === '' && lines.at(-1).target === '/nowhere/at/all'"
ask /healthz -X DELETE
accessed "a method that is not there has its route" "lines.at(-1).status === 405 && lines.at(-1).route === '/healthz' && lines.at(-1).method === 'DELETE'"
ask /healthz -I
accessed "HEAD sends no bytes" "lines.at(-1).status === 200 && lines.at(-1).method === 'HEAD' && lines.at(-1).bytes === 0"
ask /panic -H "traceparent: 00-$trace-$span-01"
accessed "a panic is an answer" "lines.at(-1).status === 500 && lines.at(-1).route === '/panic'"
finds "the panic's own line has the same trace" "the handler panicked.*\"trace_id\":\"$trace\"" "$log"
curl -s -m 0.3 -o "$scratch/waste" "$url/fetch?source=gone&delay_ms=5000"
accessed "a client that went away is told of" "lines.at(-1).client_gone === true && lines.at(-1).target.includes('gone')"
client trace.mjs
accessed "each of 300 pipelined requests has a line, in their order" "(() => {
    const mine = lines.filter((it) => it.target.startsWith('/healthz?n=')).map((it) => Number(it.target.slice(11)))
    return mine.length === 300 && mine.every((n, at) => n === at)
})()"
accessed "what is no request has a line as well" "lines.some((it) => it.status === 400 && it.target === '' && it.method === '')"
stop_server

start_server --access-log on --log-format text
ask '/fetch?source=a&delay_ms=1' -H 'X-Request-Id: mine-2'
stop_server
finds "as text" ' info  request route=/fetch status=200 ms=[0-9]+\.[0-9]{3} bytes=[0-9]+ peer=127\.0\.0\.1:[0-9]+ method=GET target=/fetch\?source=a&delay_ms=1 request_id=mine-2 trace_id=[0-9a-f]{32} span_id=[0-9a-f]{16}$' "$log"

start_server
ask /healthz
stop_server
! grep -q '"message":"request"' "$log"
check $? "it is off unless it is asked for"

# ---- Server-Timing ---------------------------------------------------------------------------------

start_server
ask '/aggregate?source=API%20Server:80&source=Database:30'
finds "each fetch has its time" '^Server-Timing: total;dur=(8|9|1[0-9]{2}|[2-9][0-9]{2})[0-9]*\.[0-9]{3}, API_Server;dur=[0-9]+\.[0-9]{3}, Database;dur=[0-9]+\.[0-9]{3}.$' "$head"
ask '/fetch?source=a%0d%0aX:%20y&delay_ms=1'
same "a name with a line end is refused" '422 ' "$status $(header X)"
many=$(i=0; while [ $i -lt 40 ]; do printf '&source=name%%20%s:0' $i; i=$((i + 1)); done)
ask "/aggregate?${many#&}"
finds "of forty fetches it tells sixteen" '^Server-Timing: .*, name_15;dur=[0-9.]+, more;desc="24".$' "$head"
stop_server
finish
