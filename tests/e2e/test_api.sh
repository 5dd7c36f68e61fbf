#!/bin/sh
# Every route as a user of curl sees it: status, type, headers, body, and the sentences of refusals.
. "$(dirname "$0")/common"
start_server "$@"
baseline=$(live_tasks)

# ---- what every answer has -------------------------------------------------------------------------

for path in / /healthz /readyz /version '/fetch?source=x' '/aggregate?source=x:0' '/sleep?ms=0' /runtime \
    /nowhere; do
    ask "$path" -H 'X-Request-Id: client-7'
    same "$path ends with one newline" '1 1' "$(($(tail -c 1 "$body" | wc -l))) $(($(tail -c 2 "$body" | wc -l)))"
    same "$path echoes X-Request-Id" client-7 "$(header X-Request-Id)"
    finds "$path is dated" '^Date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] [A-Z][a-z]{2} 20[0-9]{2} .* GMT' "$head"
    same "$path is only what its type says" nosniff "$(header X-Content-Type-Options)"
    finds "$path names the server" '^Server: wok/[0-9]+\.[0-9]+\.[0-9]+' "$head"
    same "$path tells its length" "$(($(wc -c <"$body")))" "$(header Content-Length)"
done

ask /healthz
first=$(header X-Request-Id)
ask /healthz
finds "a request without an id gets one" '^X-Request-Id: [0-9A-Za-z-]{8,}' "$head"
[ "$first" != "$(header X-Request-Id)" ]
check $? "each request gets an id of its own"
ask /healthz -H "X-Request-Id: $(printf '%0300d' 7)"
[ "$(header X-Request-Id | wc -c)" -lt 200 ]
check $? "an id that is too long is not echoed"
ask /healthz -H 'X-Request-Id: two words'
finds "an id with a space is not echoed" '^X-Request-Id: [0-9A-Za-z-]{8,}.$' "$head"

# ---- the small routes ------------------------------------------------------------------------------

ask /healthz
same "/healthz answers 200 ok" '200 ok' "$status $(cat "$body")"
same "/healthz is text" 'text/plain; charset=utf-8' "$type"
ask /readyz
same "/readyz answers 200 ready" '200 ready' "$status $(cat "$body")"
ask /
same "/ answers 200" 200 "$status"
same "/ is JSON" application/json "$type"
holds "/ lists the endpoints" "it.name === 'wok-server' && it.endpoints.length === 15 &&
    it.endpoints.every(e => e.method && e.path && e.does)"
ask /version
holds "/version tells what runs" "it.name === 'wok-server' && /^\d+\.\d+\.\d+$/.test(it.version) &&
    /^\d+\.\d+/.test(it.llhttp) && /^3\./.test(it.openssl) && /^2\./.test(it.jansson) &&
    it.commit.length > 6 && /gcc|Clang/i.test(it.compiler) && it.io === 'epoll'"
ask /runtime
holds "/runtime has figures" "it.driver === 'epoll' && it.workers.length >= 1 && it.tasks.live >= 1 &&
    it.workers.every((w, i) => w.worker === i && w.busy_ms >= 0 && w.polls >= 0) &&
    it.server.requests > 10 && it.server.requests_running === 1"

ask '/fetch?source=x&delay_ms=20'
same "/fetch answers 200" 200 "$status"
holds "/fetch gives one result" "it.source === 'x' && it.status === 'ok' && it.data === 'Data from x' &&
    it.delay_ms === 20 && it.elapsed_ms >= 20 && !('task' in it)"
ask '/fetch?source=x&outcome=error'
same "/fetch of a failing backend is 502" 502 "$status"
holds "/fetch says what failed" "it.status === 'error' && it.error.includes('x') && !('data' in it)"
ask '/fetch?source=x&outcome=hang&timeout_ms=30'
same "/fetch of a hanging backend is 504 at the timeout" 504 "$status"
holds "/fetch says what timed out" "it.status === 'timeout' && it.elapsed_ms >= 30"
ask '/fetch?source=x&outcome=panic'
same "a panic in /fetch is the request's own" 500 "$status"

for on in task pool worker; do
    ask "/sleep?ms=15&on=$on"
    same "/sleep on=$on answers 200" 200 "$status"
    holds "/sleep on=$on tells the time" "it.on === '$on' && it.asked_ms === 15 && it.slept_ms >= 15"
done
ask '/sleep?ms=0'
holds "/sleep is on a task by default" "it.on === 'task'"
ask /panic
is_problem "/panic" 500 panic

# ---- methods ---------------------------------------------------------------------------------------

for path in / /healthz /readyz /version /runtime '/fetch?source=x' '/aggregate?source=x:0'; do
    ask "$path"
    length=$(header Content-Length)
    like=$type
    ask "$path" -I
    same "HEAD $path answers as GET" "200 $like" "$status $type"
    case $path in
    / | /healthz | /readyz | /version)
        same "HEAD $path tells GET's length" "$length" "$(header Content-Length)"
        ;;
    esac
    ask "$path" -X OPTIONS
    same "OPTIONS $path answers 204" 204 "$status"
    finds "OPTIONS $path says GET, HEAD and OPTIONS" '^Allow: .*GET.*HEAD.*OPTIONS' "$head"
    ask "$path" -X DELETE
    is_problem "DELETE $path" 405 'DELETE.*GET'
    finds "DELETE $path is told what there is" '^Allow: .*GET' "$head"
done
ask /aggregate -X OPTIONS
finds "OPTIONS /aggregate says POST as well" '^Allow: .*POST' "$head"
ask '' -X OPTIONS --request-target '*'
same "OPTIONS * answers 204" 204 "$status"
ask /healtz
is_problem "a path with a slip" 404 'healthz'
ask /aggregates
is_problem "a path with a letter too many" 404 '.aggregate'
ask /nowhere/at/all
is_problem "a path far from all" 404 'nowhere'

# ---- /aggregate: the answer ------------------------------------------------------------------------

# What a fan-out takes is told by the clock of a machine that may be busy: it may delay a run as it likes,
# never hasten it.  So the bound from below is the greatest delay, and what shows that the fetches ran at
# the same time is their overlap: how much less the answer took than its fetches together.  A busy machine
# adds to both.  That it takes exactly the greatest delay is shown on a paused clock, in
# tests/handlers/test_aggregate.c.
ask_overlapping() { # claim, ms at least, ms of overlap at least, path, curl's options...
    claim=$1 low=$2 overlap=$3
    shift 3
    ask "$@"
    holds "$claim" "it.total_ms >= $low &&
        it.results.reduce((sum, r) => sum + r.elapsed_ms, 0) - it.total_ms >= $overlap"
}

ask_overlapping "the fetches of the example run at the same time" 500 150 /aggregate
same "the example answers 200" '200 application/json' "$status $type"
holds "the example is the article's" "it.mode === 'spawn' && it.status === 'complete' &&
    it.sequential_ms === 800 && it.tasks_spawned === 2 && it.results.length === 2 &&
    it.results[0].source === 'API Server' && it.results[0].data === 'Data from API Server' &&
    it.results[0].delay_ms === 500 && it.results[0].elapsed_ms >= 500 && it.results[0].task > 0 &&
    it.results[1].source === 'Database' && it.results[1].data === 'Data from Database' &&
    it.results[1].delay_ms === 300 && it.results[1].elapsed_ms >= 300 &&
    it.results[1].task > 0 && it.results[0].task !== it.results[1].task"
ask_overlapping "so do those of mode=join" 500 150 '/aggregate?mode=join'
holds "mode=join spawns nothing" "it.mode === 'join' && it.tasks_spawned === 0 &&
    it.results.every(r => !('task' in r) && r.status === 'ok')"
ask '/aggregate?mode=sequential'
holds "mode=sequential takes the sum" "it.total_ms >= 800 &&
    it.total_ms >= it.results[0].elapsed_ms + it.results[1].elapsed_ms - 0.01"
holds "mode=sequential spawns nothing" "it.mode === 'sequential' && it.tasks_spawned === 0 &&
    it.results.every(r => !('task' in r) && r.status === 'ok')"
ask_overlapping "and those of a POST" 60 15 /aggregate -H 'Content-Type: application/json' \
    -d '{"mode": "spawn", "timeout_ms": 2000, "require": "all", "sources": [
         {"name": "API Server", "delay_ms": 60}, {"name": "Database", "delay_ms": 30, "outcome": "ok"}]}'
holds "POST answers in the order of the sources" "it.sequential_ms === 90 &&
    it.results.map(r => r.source).join() === 'API Server,Database'"
ask '/aggregate?source=a%3Ab%20%C3%A9:1&source=a:2&source=a:0:ok'
holds "names are any UTF-8, with colons, not unique" "it.results.map(r => r.source).join() === 'a:b é,a,a'"

# ---- /aggregate: outcomes and requirements ---------------------------------------------------------

for mode in spawn join sequential; do
    ask "/aggregate?mode=$mode&source=a:1&source=b:1:error"
    same "$mode, all, one fails: 502" 502 "$status"
    holds "$mode, all, one fails: failed, with what arrived" "it.status === 'failed' &&
        it.results[0].data === 'Data from a' && it.results[1].status === 'error' &&
        it.results[1].error.length > 5 && !('data' in it.results[1])"
    ask "/aggregate?mode=$mode&source=a:1&source=b:0:hang&timeout_ms=40"
    same "$mode, all, one hangs: 504" 504 "$status"
    holds "$mode, all, one hangs: timeout" "it.status === 'failed' && it.results[0].status === 'ok' &&
        it.results[1].status === 'timeout' && it.results[1].elapsed_ms >= 38 && it.total_ms >= 40"
    ask "/aggregate?mode=$mode&source=a:1:error&source=b:1&require=none"
    same "$mode, none: 200" 200 "$status"
    holds "$mode, none: partial" "it.status === 'partial' && it.results[1].status === 'ok'"
    ask "/aggregate?mode=$mode&source=a:1:error&source=b:2&source=c:5000&require=any"
    same "$mode, any: 200" 200 "$status"
    holds "$mode, any: the first success answers" "it.status === 'partial' && it.total_ms < 2500 &&
        it.results.map(r => r.status).join() === 'error,ok,cancelled' && it.results[2].error.length > 5"
    ask "/aggregate?mode=$mode&source=a:1&source=b:2&source=c:5000&require=2"
    holds "$mode, 2 of 3: complete" "it.status === 'complete' && it.total_ms < 2500 &&
        it.results.map(r => r.status).join() === 'ok,ok,cancelled'"
    ask "/aggregate?mode=$mode&source=a:1:error&source=b:1:error&require=any"
    same "$mode, any of none: 502" '502 failed' "$status $(sed -n 's/.*"status": "\(failed\)".*/\1/p' "$body")"
done
ask '/aggregate?source=a:1&source=b:1:panic'
same "spawn, one panics: 502" 502 "$status"
holds "spawn, one panics: it says so" "it.results[0].status === 'ok' && it.results[1].status === 'panic' &&
    it.results[1].error.includes('panic')"
for mode in join sequential; do
    ask "/aggregate?mode=$mode&source=a:1&source=b:1:panic"
    is_problem "$mode, one panics: the request's own" 500 panic
done

# ---- /aggregate: refusals --------------------------------------------------------------------------

refused() { # claim, status, regular expression, path, curl's options...
    why=$1 code=$2 detail=$3
    shift 3
    ask "$@"
    is_problem "$why" "$code" "$detail"
}
refused "an unknown parameter" 400 'sauce' '/aggregate?sauce=a:1'
refused "a source without a delay" 400 'source' '/aggregate?source=a'
refused "a delay that is no number" 400 'source' '/aggregate?source=a:soon'
refused "a negative delay" 422 '60000' '/aggregate?source=a:-1'
refused "a delay out of range" 422 '60000' '/aggregate?source=a:60001'
refused "a huge delay" 422 '60000' '/aggregate?source=a:99999999999999999999999'
refused "an unknown outcome" 422 'hang' '/aggregate?source=a:1:maybe'
refused "an empty name" 422 '128' '/aggregate?source=:1'
refused "a name that is too long" 422 '128' "/aggregate?source=$(printf '%0129d' 0):1"
refused "a name with a control character" 422 'control' '/aggregate?source=a%0Ab:1'
refused "a name that is no UTF-8" 400 'UTF-8' '/aggregate?source=a%FF:1'
refused "an unknown mode" 422 'sequential' '/aggregate?mode=fast'
refused "a mode given twice" 400 'mode' '/aggregate?mode=join&mode=join'
refused "a timeout of zero" 422 '60000' '/aggregate?timeout_ms=0'
refused "a timeout that is too long" 422 '60000' '/aggregate?timeout_ms=60001'
refused "a quorum above the number of sources" 422 'require' '/aggregate?require=3'
refused "a quorum of zero" 422 'require' '/aggregate?require=0'
refused "a requirement that is none" 422 'require' '/aggregate?require=most'
refused "a bad escape" 400 '%' '/aggregate?source=a%zz:1'
refused "/fetch without a source" 400 'source' '/fetch'
refused "/fetch with an unknown parameter" 400 'delay' '/fetch?source=a&delay=5'
refused "/sleep without ms" 400 'ms' '/sleep'
refused "/sleep out of range" 422 '60000' '/sleep?ms=60001'
refused "/sleep on nothing" 422 'pool' '/sleep?ms=1&on=bed'

json_refused() { # claim, status, regular expression, document
    refused "POST: $1" "$2" "$3" /aggregate -H 'Content-Type: application/json' -d "$4"
}
deep() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "["; for (i = 0; i < n; i++) printf "]" }'; }
json_refused "not JSON" 400 'JSON' 'hello'
json_refused "cut off" 400 'JSON' '{"sources": ['
json_refused "trailing bytes" 400 'JSON' '{} {}'
json_refused "a duplicate key" 400 'JSON' '{"mode": "join", "mode": "spawn"}'
json_refused "no UTF-8" 400 'JSON' "$(printf '{"mode": "\377"}')"
json_refused "not an object" 400 'object' '[]'
json_refused "nested too deeply" 400 '32' "$(deep 33)"
json_refused "nested ten thousand deep" 400 '32' "$(deep 10000)"
json_refused "an unknown member" 400 'sauces' '{"sauces": []}'
json_refused "an unknown member of a source" 400 'delay' '{"sources": [{"name": "a", "delay": 1}]}'
json_refused "no sources in the list" 422 '1000' '{"sources": []}'
json_refused "a source without a name" 400 'name' '{"sources": [{"delay_ms": 1}]}'
json_refused "a delay that is a string" 400 'delay_ms' '{"sources": [{"name": "a", "delay_ms": "1"}]}'
json_refused "a delay with a fraction" 400 'delay_ms' '{"sources": [{"name": "a", "delay_ms": 1.5}]}'
json_refused "a delay out of range" 422 'delay_ms.*60000' '{"sources": [{"name": "a", "delay_ms": 60001}]}'
json_refused "a number beyond 64 bits" 422 '64' '{"timeout_ms": 99999999999999999999999}'
json_refused "a quorum above the number" 422 'require' '{"require": 2, "sources": [{"name": "a"}]}'
node -e 'console.log(JSON.stringify({sources: Array.from({length: 1001}, () => ({name: "a"}))}))' \
    >"$scratch/many"
json_refused "1,001 sources" 422 '1000' "@$scratch/many"
refused "POST without a body" 400 'empty' /aggregate -X POST
refused "POST of a form" 415 'application.json' /aggregate -d 'mode=join'
refused "POST of a body that says it is compressed" 415 'Content-Encoding' /aggregate -H 'Content-Type: application/json' \
    -H 'Content-Encoding: gzip' -d '{}'
ask /aggregate -H 'Content-Type: application/json; charset=utf-8' -d '{"sources": [{"name": "a"}]}'
same "POST with a charset is fine" 200 "$status"

# ---- a thousand sources, two hundred times at once -------------------------------------------------

node -e 'console.log(JSON.stringify({sources: Array.from({length: 1000},
    (_, i) => ({name: "source " + i, delay_ms: 100}))}))' >"$scratch/thousand"
ask_overlapping "1,000 sources of 100 ms are asked at the same time" 100 90000 /aggregate \
    -H 'Content-Type: application/json' -d "@$scratch/thousand"
holds "1,000 sources: each has answered, in order" "it.results.length === 1000 &&
    it.tasks_spawned === 1000 && it.sequential_ms === 100000 && it.status === 'complete' &&
    it.results.every((r, i) => r.source === 'source ' + i && r.data === 'Data from source ' + i &&
        r.elapsed_ms >= 100)"
client api_many.mjs

until_true 10 at_most_live "$baseline"
same "no task is left over" "$baseline" "$(live_tasks)"
stop_server
finish
