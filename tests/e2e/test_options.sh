#!/bin/sh
# The command line and the environment: what they do, and what each mistake is told.
. "$(dirname "$0")/common"

out=$scratch/out
run() { # options...: $code, $out, $log; bounded, since a server that starts would stay
    timeout -k 1 $((5 * slack)) "$WOK_SERVER" "$@" >"$out" 2>"$log"
    code=$?
}

# A start-up error is one line: the value, the reason, the cure.
told() { # claim, exit code, the value as an expression, the cure as an expression
    same "$1: exit code" "$2" "$code"
    same "$1: one line on stderr, nothing on stdout" '1 0' "$(($(wc -l <"$log"))) $(($(wc -c <"$out")))"
    finds "$1: names the value" "$3" "$log"
    finds "$1: names the cure" "$4" "$log"
}

# ---- wrong usage -----------------------------------------------------------------------------------

run --listne 127.0.0.1:0
told "an option with a slip" 2 '--listne' 'did you mean --listen'
run --drain_delay 5
told "an option with an underscore" 2 '--drain_delay' 'did you mean --drain-delay'
run --frobnicate
told "an unknown option" 2 '--frobnicate' '--help'
run serve
told "an argument that is no option" 2 'serve' '--help'
run --listen
told "a missing value" 2 '--listen' 'ADDR:PORT'
run --requests-max --check-config
told "an option where the value should be" 2 '--requests-max: its value is missing' '--requests-max N'
run --access-log maybe
told "a switch that is neither" 2 '--access-log maybe' 'on.*off'
run --listen 127.0.0.1:0 --listen :1 --listen 127.0.0.1:1
told "two listeners at one place" 2 '--listen 127.0.0.1:1: 0.0.0.0:1' 'leave one out'
run --version=3
told "a value too many" 2 '--version' 'no value'
for value in 0 -1 57 many 2.5 '' 99999999999999999999; do
    run --workers "$value"
    told "--workers '$value'" 2 "--workers $value" '1 to 56'
done
for option in --grace --drain-delay; do
    for value in -1 1h '' 99999999999; do
        run $option "$value"
        told "$option '$value'" 2 "$option $value" '0 to [0-9]+'
    done
done
for value in 127.0.0.1 127.0.0.1:http 127.0.0.1:65536 127.0.0.1: :: ::1:80 host.example:80 300.1.1.1:80 '[::1' \
    '[127.0.0.1]:80' 1.2.3:80 8080 '*:80' '[fe80::1%lo]:80' '[fe80::1]:80' '[::ffff:127.0.0.1]:80' ''; do
    run --listen "$value"
    told "--listen '$value'" 2 '--listen ' '127.0.0.1:8080'
done

# ---- wrong environment -----------------------------------------------------------------------------

WOK_WORKERS=many run
told "WOK_WORKERS=many" 78 'WOK_WORKERS.*many' '1 to 56'
WOK_GRACE=long run
told "WOK_GRACE=long" 78 'WOK_GRACE.*long' '0 to [0-9]+'
WOK_DRAIN_DELAY=1s run
told "WOK_DRAIN_DELAY=1s" 78 'WOK_DRAIN_DELAY.*1s' '0 to [0-9]+'
WOK_DEMO=maybe run
told "WOK_DEMO=maybe" 78 'WOK_DEMO.*maybe' 'on.*off'
WOK_LISTEN=nowhere run
told "WOK_LISTEN=nowhere" 78 'WOK_LISTEN.*nowhere' '127.0.0.1:8080'
PORT=http run
told "PORT=http" 78 'PORT.*http' '0 to 65535'

# ---- the file --------------------------------------------------------------------------------------

file=$scratch/wok.conf
printf '# first\n\nWOK_WORKERS=many\n' >"$file"
run --config "$file"
told "a wrong value in the file" 78 "wok.conf:3: WOK_WORKERS many" '1 to 56'
printf 'WOK_LISTN=:1\n' >"$file"
WOK_CONFIG=$file run
told "a wrong name in the file" 78 'wok.conf:1: WOK_LISTN' 'did you mean WOK_LISTEN'
run --config "$scratch/none"
told "a file that is not there" 78 "$scratch/none: No such file" 'can be read'
run --config "$scratch"
told "a folder as the file" 78 "$scratch: Is a directory" 'can be read'
printf '\377\376W\000' >"$file"
run --config "$file"
told "a file in UTF-16" 78 '--config .*wok.conf: it is UTF-16' 'UTF-8'
printf 'WOK_GRACE=1\nWOK\000_GRACE=1\n' >"$file"
run --config "$file"
told "a zero byte in the file" 78 'wok.conf:2: it holds a zero byte' 'text file'
printf 'WOK_GRACE 1' >"$file"
run --config "$file"
told "a line that is no option, without an end" 78 'wok.conf:1: WOK_GRACE 1' 'NAME=value'
run --config /dev/zero
told "a file without end" 78 '/dev/zero' 'smaller file'
if [ "$(id -u)" -ne 0 ]; then
    chmod 0 "$file"
    run --config "$file"
    told "a file that may not be read" 78 'wok.conf: Permission denied' 'can be read'
    chmod 600 "$file"
elif command -v setpriv >/dev/null && setpriv --reuid=65534 --clear-groups "$WOK_SERVER" --version >/dev/null 2>&1; then
    chmod 0 "$file"
    timeout 20 setpriv --reuid=65534 --clear-groups "$WOK_SERVER" --config "$file" >"$out" 2>"$log"
    code=$?
    told "a file that may not be read" 78 'wok.conf: Permission denied' 'can be read'
    chmod 600 "$file"
else
    skip "a file that may not be read: root reads all"
fi

# ---- --check-config --------------------------------------------------------------------------------

printf 'WOK_WORKERS=3\nWOK_GRACE=3\nWOK_IDLE_TIMEOUT=4000\n' >"$file"
WOK_GRACE=2 WOK_WORKERS=2 run --check-config --config="$file" --workers 1 --listen 127.0.0.1:1
same "--check-config: exit code" 0 "$code"
for line in 'WOK_LISTEN +127.0.0.1:1 +flag --listen' 'WOK_WORKERS +1 +flag --workers' \
    'WOK_GRACE +2 +environment WOK_GRACE' 'WOK_IDLE_TIMEOUT +4000 +file .*wok.conf:3' \
    'WOK_DRAIN_DELAY +0 +default' 'WOK_CONNECTIONS_MAX +\(the descriptors less 64\) +default' \
    'WOK_CONFIG +.*/wok.conf +flag --config'; do
    finds "--check-config shows $line" "^$line\$" "$out"
done
run --check-config --listen 127.0.0.1:1 --listen 127.0.0.1:1
told "--check-config of two listeners at one place" 2 '--listen 127.0.0.1:1: 127.0.0.1:1' 'leave one out'
WOK_GRACE=2s run --check-config
told "--check-config of a wrong environment" 78 'WOK_GRACE 2s' 'milliseconds'
run --check-config --grace 2s
told "--check-config of a wrong flag" 2 '--grace 2s' 'milliseconds'
run --check-config --target-bytes-max 500 --head-bytes-max 400
told "--check-config of what does not fit together" 2 '--target-bytes-max 500' 'raise --head-bytes-max'
log=$scratch/second
(ulimit -n 100 && timeout 20 "$WOK_SERVER" --check-config --connections-max 101 >"$out" 2>"$log")
code=$?
told "more connections than descriptors" 2 '--connections-max 101.* 100 ' 'ulimit -n'
(ulimit -n 100 && timeout 20 "$WOK_SERVER" --check-config --connections-max 100 >"$out" 2>"$log")
same "as many connections as descriptors" 0 $?
log=$scratch/log

# ---- what is not available -------------------------------------------------------------------------

start_server
taken=127.0.0.1:$port
log=$scratch/second
run --listen "$taken"
told "a port that is taken" 69 "$taken" 'another process|port 0'
run --listen 192.0.2.1:0
told "an address of another machine" 69 '192\.0\.2\.1' '0\.0\.0\.0|its own'
run --listen 127.0.0.1:0 --listen "$taken"
same "a second listener that is taken: exit code" 69 "$code"
finds "a second listener that is taken: named" "cannot listen on $taken" "$log"

# The runtime needs some ten: with fewer it cannot start, and says what would help.
timeout 20 prlimit --nofile=6 "$WOK_SERVER" --listen 127.0.0.1:0 --workers 2 >"$out" 2>"$log"
code=$?
told "too few descriptors to start" 69 'start the runtime: Too many open files' 'ulimit -n'
if [ -c /dev/full ]; then
    for option in --help --check-config '--completions=bash'; do
        timeout 20 "$WOK_SERVER" $option >/dev/full 2>"$log"
        code=$?
        : >"$out"
        told "$option into a full disk" 69 'stdout: No space left' 'where there is room'
    done
fi

# ---- the health check ------------------------------------------------------------------------------

run --health-check "$url"
same "--health-check of a server that runs" 0 "$code"
run --health-check "$url/healthz"
same "--health-check takes a whole URL" 0 "$code"
run --health-check "$url/readyz?x=1"
same "--health-check takes a path of ours" 0 "$code"
run --health-check "$url/nowhere"
same "--health-check asks for the path that it is given" 1 "$code"
for nothing in '' http:// "$url/a b" "$url/#x"; do
    run "--health-check=$nothing"
    same "--health-check of '$nothing'" 1 "$code"
    finds "--health-check of '$nothing' says that it is no URL" 'it is not a URL' "$log"
done
run --listen "$taken" --health-check
same "--health-check asks where --listen says" 0 "$code"
WOK_LISTEN=$taken run --health-check
same "--health-check asks where WOK_LISTEN says" 0 "$code"
run --health-check=nonsense
same "--health-check of nonsense" 1 "$code"
finds "--health-check of nonsense says so" nonsense "$log"
log=$scratch/log
stop_server
run --health-check "$url"
same "--health-check of a server that is gone" 1 "$code"
finds "--health-check says why not" "$port.*refused" "$log"
# Something that accepts and says nothing: the check gives up by itself.
node -e 'const s = require("net").createServer(() => {}).listen(0, "127.0.0.1", () => console.log(s.address().port))' \
    >"$scratch/mute" &
mute=$!
until_true 10 test -s "$scratch/mute"
run --health-check "http://127.0.0.1:$(cat "$scratch/mute")"
same "--health-check of a server that hangs" 1 "$code"
kill "$mute"
wait "$mute" 2>/dev/null

# ---- what tells something --------------------------------------------------------------------------

run --help
same "--help: exit code, on stdout" '0 0' "$code $(($(wc -c <"$log")))"
for word in --listen --workers --grace --drain-delay --demo --no-demo --health-check --help --version \
    WOK_LISTEN WOK_WORKERS WOK_GRACE WOK_DRAIN_DELAY WOK_DEMO PORT; do
    finds "--help names $word" "$word" "$out"
done
grep -q '.\{101\}' "$out"
same "--help fits into 100 columns" 1 $?
cp "$out" "$scratch/help"
for help in -h --help; do
    run $help
    same "$help is --help" '0 0' "$code $(cmp "$out" "$scratch/help" >/dev/null; echo $?)"
done
WOK_GRACE=wrong run --help
same "--help in a wrong environment" '0 0' "$code $(($(wc -c <"$log")))"
run --help=markdown
sed -n '/^<!-- made by: wok-server --help=markdown/,/^<!-- end/{/^<!--/d;p}' "$here/../../docs/server.md" >"$scratch/documented"
cmp -s "$out" "$scratch/documented"
check $? "docs/server.md lists the options as they are" "$(diff "$out" "$scratch/documented" | head -n 5)"
run --help=html
told "--help=html" 2 '--help html' 'man markdown'
run --version
same "--version: exit code, on stdout, one line" '0 0 1' "$code $(($(wc -c <"$log"))) $(($(wc -l <"$out")))"
cp "$out" "$scratch/version"
run -V
same "-V is --version" '0 0' "$code $(cmp "$out" "$scratch/version" >/dev/null; echo $?)"
finds "--version tells it" '^wok-server [0-9]+\.[0-9]+\.[0-9]+' "$out"

# ---- what a server takes ---------------------------------------------------------------------------

# On a busy machine a worker may be taken for a blocked one, and get a spare.
workers_are() { ask /runtime && holds "$1" "it.workers.filter((w) => !w.spare).length === $2"; }

start_server --workers=3
workers_are "--workers=3 starts three" 3
[ "$port" -gt 0 ] && grep -q "^.*listening on http://127.0.0.1:$port" "$log"
check $? "port 0 is the kernel's choice, told in the first line"
ask /panic
same "on loopback the demonstration is on" 500 "$status"
stop_server

export WOK_WORKERS=1 WOK_DEMO=off
start_server
workers_are "WOK_WORKERS=1 starts one" 1
for path in /panic '/sleep?ms=1&on=worker'; do
    ask "$path"
    is_problem "WOK_DEMO=off: $path" 404 '--demo'
done
ask /
finds "WOK_DEMO=off: the index does not list /panic" '/healthz' "$body"
! grep -q '/panic' "$body"
check $? "WOK_DEMO=off: the index does not list what is off"
stop_server
start_server --workers 2 --demo
workers_are "a flag wins over the environment" 2
ask /panic
same "--demo wins over WOK_DEMO" 500 "$status"
stop_server
export WOK_DEMO=on
start_server --no-demo
ask /panic
same "--no-demo wins over WOK_DEMO" 404 "$status"
stop_server
unset WOK_WORKERS WOK_DEMO

# Asked while its only worker is blocked, and there is a spare one from then on.
has_spare() {
    curl -s -m 10 "$url/sleep?ms=200&on=worker" >/dev/null &
    sleeper=$!
    ask /healthz
    wait "$sleeper"
    ask /runtime
    grep -q '"spare": true' "$body"
}
start_server --workers 1 --demo
until_true 20 has_spare
holds "/runtime tells a spare worker from the one" "it.workers[0].spare === false && it.workers[1].spare === true"
workers_are "--workers 1 starts one" 1
stop_server

printf 'WOK_WORKERS=3\nWOK_DEMO=off\n' >"$file"
start_server --config "$file"
workers_are "WOK_WORKERS=3 in the file starts three" 3
ask /panic
same "WOK_DEMO=off in the file" 404 "$status"
stop_server
export WOK_LISTN=x WOK_SERVER_PORT=tcp://10.0.0.1:80
start_server
finds "an unknown WOK_ name is a warning" 'ignored in the environment.*WOK_LISTN \(did you mean WOK_LISTEN\?\)' "$log"
finds "an unknown WOK_ name: all are in one line" 'WOK_LISTN.* WOK_SERVER_PORT|WOK_SERVER_PORT.* WOK_LISTN' "$log"
finds "an unknown WOK_ name: the first line still says where" '1:.*wok-server listening' "$(
    grep -n . "$log" >"$scratch/numbered"
    echo "$scratch/numbered"
)"
stop_server
unset WOK_LISTN WOK_SERVER_PORT

start_server --listen 127.0.0.1:0
second=$(sed -n '2s|.*listening on \(http://[^ "]*\).*|\1|p' "$log")
same "--listen is repeatable" 'ok' "$(curl -s -m 5 "$second/healthz")"
stop_server

# Not on loopback alone: the demonstration needs to be asked for.
: >"$log" # or the line of the server before is taken for this one's
"$WOK_SERVER" --listen 0.0.0.0:0 2>"$log" &
server=$!
until_true 20 is_listening
port=$(sed -n '1s|.*:\([0-9]*\).*|\1|p' "$log") url=http://127.0.0.1:$port
ask /panic
same "on all addresses the demonstration is off" 404 "$status"
stop_server

if grep -q . /proc/net/if_inet6 2>/dev/null; then
    : >"$log" # or the line of the server before is taken for this one's
    "$WOK_SERVER" --listen '[::1]:0' 2>"$log" &
    server=$!
    until_true 20 is_listening
    url=$(sed -n '1s|.*listening on \(http://[^ "]*\).*|\1|p' "$log")
    same "IPv6: the URL has brackets, and works" ok "$(curl -g -s -m 5 "$url/healthz")"
    port=${url##*:} log=$scratch/second
    run --listen "[::1]:$port" --health-check
    same "IPv6: --health-check" 0 "$code"
    log=$scratch/log
    stop_server
else
    skip "IPv6: this machine has none"
fi
finish
