#!/bin/sh
# Where it listens: Unix sockets, IPv6 beside IPv4, several at once, and sockets that it is started with.
. "$(dirname "$0")/common"

ok_at() { # claim, curl's options and URL...
    claim=$1
    shift
    same "$claim" ok "$(curl -g -s -m 10 "$@")"
}
begin_server() { # options...: without --listen
    : >"$log"
    "$@" 2>"$log" &
    server=$!
    until_true 20 is_ready
}
is_ready() { grep -q 'workers, demonstrations' "$log" || ended; }
path=$scratch/wok.sock

# ---- Unix sockets ----------------------------------------------------------------------------------

begin_server "$WOK_SERVER" --listen "unix:$path" --socket-mode 0600
finds "the log says the path" "wok-server listening on unix:$path(\"|\$)" "$log"
finds "a Unix socket does not turn the demonstrations on" 'demonstrations off' "$log"
same "the file has the mode that was asked for" 'socket 600' "$(stat -c '%F %a' "$path")"
ok_at "it answers on a Unix socket" --unix-socket "$path" http://localhost/healthz
same "a request with a body" 200 "$(curl -s -m 10 -o "$body" -w '%{http_code}' --unix-socket "$path" \
    -H 'Content-Type: application/json' -d '{"sources": [{"name": "a", "delay_ms": 5}]}' http://localhost/aggregate)"
timeout 20 "$WOK_SERVER" --health-check "unix:$path"
same "--health-check takes a path" 0 $?
WOK_LISTEN=unix:$path timeout 20 "$WOK_SERVER" --health-check
same "--health-check asks where WOK_LISTEN says" 0 $?
timeout 20 "$WOK_SERVER" --listen "unix:$path" 2>"$scratch/second"
same "a second server on a live socket: exit code" 69 $?
finds "a second server on a live socket: says so" "cannot listen on unix:$path: Address already in use" "$scratch/second"
ok_at "the first one goes on" --unix-socket "$path" http://localhost/healthz
stop_server
[ ! -e "$path" ]
check $? "the file is gone after an orderly stop"
timeout 20 "$WOK_SERVER" --health-check "unix:$path" 2>"$scratch/second"
same "--health-check of a path where nobody is" 1 $?
finds "--health-check names the path" "unix:$path: No such file" "$scratch/second"

begin_server "$WOK_SERVER" --listen "unix:$path"
same "without --socket-mode it is 0660" 660 "$(stat -c %a "$path")"
kill -KILL "$server"
wait "$server" 2>/dev/null
[ -S "$path" ]
check $? "a server that was killed leaves its file"
begin_server "$WOK_SERVER" --listen "unix:$path"
ok_at "the next one replaces it" --unix-socket "$path" http://localhost/healthz
stop_server

# Ten at once after one that was killed: exactly one may win, and be found at the path.
begin_server "$WOK_SERVER" --listen "unix:$path"
kill -KILL "$server"
wait "$server" 2>/dev/null
starters=''
for i in 1 2 3 4 5 6 7 8 9 10; do
    "$WOK_SERVER" --workers 1 --listen "unix:$path" 2>"$scratch/start.$i" &
    starters="$starters $!"
done
all_decided() { [ "$(cat "$scratch"/start.* | grep -cE 'cannot listen on|server listening on')" -eq 10 ]; }
until_true 30 all_decided
same "of ten that start at once one wins" '1 9' \
    "$(cat "$scratch"/start.* | grep -c 'server listening on') $(cat "$scratch"/start.* | grep -c 'already in use')"
ok_at "and it is the one at the path" --unix-socket "$path" http://localhost/healthz
# shellcheck disable=SC2086 # a list
kill $starters 2>/dev/null
for starter in $starters; do wait "$starter"; done
server=''

echo text >"$path"
timeout 20 "$WOK_SERVER" --listen "unix:$path" 2>"$scratch/second"
same "a file that is no socket: exit code" 69 $?
finds "a file that is no socket: says so" 'a file that is no socket is there' "$scratch/second"
same "a file that is no socket is left alone" text "$(cat "$path")"
rm "$path"
timeout 20 "$WOK_SERVER" --listen "unix:$scratch/none/s" 2>"$scratch/second"
same "no such folder: exit code" 69 $?
finds "no such folder: says so" 'make the folder' "$scratch/second"
for value in unix: unix:relative unix:@ "unix:/$(printf '%0107d' 0)"; do
    timeout 20 "$WOK_SERVER" --listen "$value" 2>"$scratch/second"
    same "--listen $value is refused" 2 $?
done
for value in 8 0999 rw 1777 00660 01777 '' 06600; do
    timeout 20 "$WOK_SERVER" --socket-mode "$value" 2>"$scratch/second"
    same "--socket-mode '$value' is refused" 2 $?
    finds "--socket-mode '$value': the cure" '0660' "$scratch/second"
done

name=wok-test-$$
begin_server "$WOK_SERVER" --listen "unix:@$name"
ok_at "an abstract name" --abstract-unix-socket "$name" http://localhost/healthz
timeout 20 "$WOK_SERVER" --health-check "unix:@$name"
same "--health-check of an abstract name" 0 $?
stop_server

# A request that is running when it stops is answered, also here.
begin_server "$WOK_SERVER" --listen "unix:$path"
curl -s -m 10 -o "$body" -w '%{http_code}' --unix-socket "$path" 'http://localhost/aggregate?source=a:700' >"$scratch/status" &
asking=$!
running() { curl -s -m 5 --unix-socket "$path" http://localhost/runtime | grep -q '"live": [^01]'; }
until_true 20 running
stop_server
wait "$asking"
same "a running request of a Unix socket is finished in the drain" 200 "$(cat "$scratch/status")"

# ---- several ---------------------------------------------------------------------------------------

if grep -q . /proc/net/if_inet6 2>/dev/null; then
    # All IPv4 addresses hold the port first; all of IPv6 can then have the same one.
    begin_server "$WOK_SERVER" --listen 0.0.0.0:0
    port=$(sed -n '1s|.*:\([0-9]*\).*|\1|p' "$log")
    stop_server
    begin_server "$WOK_SERVER" --listen "0.0.0.0:$port" --listen "[::]:$port" --listen "unix:$path"
    ok_at "both families on one port: IPv4" "http://127.0.0.1:$port/healthz"
    ok_at "both families on one port: IPv6" "http://[::1]:$port/healthz"
    ok_at "and a Unix socket beside them" --unix-socket "$path" http://localhost/healthz
    stop_server
    begin_server "$WOK_SERVER" --listen "[::]:0"
    port=$(sed -n '1s|.*:\([0-9]*\).*|\1|p' "$log")
    curl -s -m 5 "http://127.0.0.1:$port/healthz" >"$body"
    same "[::] alone takes no IPv4" 7 $?
    stop_server
else
    skip "IPv6: this machine has none"
fi

# ---- sockets that it is started with ---------------------------------------------------------------

# It opens sockets and starts the server with them, as a service manager does.
cat >"$scratch/activate.py" <<'END'
import os, socket, sys
kinds, names, command = sys.argv[1].split(","), sys.argv[2], sys.argv[3:]
sockets = []
for kind in kinds:
    if kind == "tcp":
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.bind(("127.0.0.1", 0))
        s.listen(64)
    elif kind == "deaf":
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.bind(("127.0.0.1", 0))
    elif kind == "udp":
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 0))
    else:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.bind(kind)
        s.listen(64)
    sockets.append(s)
pid = os.environ.get("TEST_LISTEN_PID")
def run():
    child = os.fork()
    if child == 0:
        spare = [os.dup(s.fileno()) for s in sockets]
        high = [os.dup2(fd, 100 + i) for i, fd in enumerate(spare)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i, inheritable=True)
        os.closerange(3 + len(high), 200)
        os.environ.update(LISTEN_PID=pid or str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=names)
        os.execv(command[0], command)
    return child
child = run()
print(child, flush=True)
for line in sys.stdin:  # each line: wait for the present one, and start the next
    os.waitpid(child, 0)
    child = run()
    print(child, flush=True)
END
if ! command -v python3 >/dev/null; then
    skip "sockets that it is started with: python3 is missing"
    finish
fi
mkfifo "$scratch/next"
activate() { # kinds, names, options...
    kinds=$1 names=$2
    shift 2
    : >"$log"
    : >"$scratch/pids"
    python3 "$scratch/activate.py" "$kinds" "$names" "$WOK_SERVER" "$@" <"$scratch/next" >"$scratch/pids" 2>"$log" &
    manager=$!
    exec 9>"$scratch/next"
    until_true 20 test -s "$scratch/pids"
    server=$(tail -n 1 "$scratch/pids")
}
until_it_ends() { until_true 20 sh -c "! kill -0 $1 2>/dev/null || grep -qs '^State:.*Z' /proc/$1/status"; }
release() {
    exec 9>&-
    kill "$server" "$manager" 2>/dev/null
    wait "$manager" 2>/dev/null
    until_it_ends "$server"
    server=''
}

activate "tcp,$path" 'web:local'
until_true 20 is_ready
same "inherited sockets alone are served, without the default" 2 "$(grep -c 'listening on' "$log")"
url=$(sed -n '1s|.*listening on \(http://[^ "]*\).*|\1|p' "$log")
ok_at "an inherited TCP socket" "$url/healthz"
ok_at "an inherited Unix socket" --unix-socket "$path" http://localhost/healthz
# The next server gets the same sockets: what connects between the two is neither refused nor lost.
first=$server
kill -TERM "$first"
until_it_ends "$first"
[ -S "$path" ]
check $? "the file of an inherited socket is its owner's to remove"
curl -s -m 20 "$url/healthz" >"$scratch/between" &
asking=$!
curl -s -m 20 --unix-socket "$path" http://localhost/healthz >"$scratch/between.unix" &
asking="$asking $!"
echo next >&9
two() { [ "$(wc -l <"$scratch/pids")" -eq 2 ]; }
until_true 20 two
server=$(tail -n 1 "$scratch/pids")
# shellcheck disable=SC2086 # a list
wait $asking
same "who connected while nobody ran is answered by the next" 'ok ok' "$(cat "$scratch/between") $(cat "$scratch/between.unix")"
release
rm -f "$path"

activate tcp '' --listen 127.0.0.1:0
until_true 20 is_ready
same "--listen comes on top" 2 "$(grep -c 'listening on http' "$log")"
release

TEST_LISTEN_PID=1 activate tcp '' --listen "unix:$path"
until_true 20 is_ready
same "sockets for another process are left alone" 1 "$(grep -c 'listening on' "$log")"
release

refuses() { # kind of socket, what is said of it
    activate "$1" first
    until_it_ends "$server"
    finds "an inherited socket that is $1 is refused" "LISTEN_FDS: descriptor 3 \\(first\\): $2; .*ListenStream=" "$log"
    release
}
refuses deaf 'It does not listen'
refuses udp 'Operation not supported'
finish
