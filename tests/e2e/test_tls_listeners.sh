#!/bin/sh
# TLS on Unix sockets and on sockets that the server is started with; --health-check of a server that speaks TLS only.
. "$(dirname "$0")/common"
. "$(dirname "$0")/certificates"
make_certificate one localhost
cd "$scratch" || exit 1
pair='--tls-cert one.crt --tls-key one.key'

ok_at() { # claim, curl's options and URL...
    claim=$1
    shift
    same "$claim" ok "$(curl -g -s -m 20 --cacert one.crt "$@")"
}
is_ready() { grep -q 'workers, demonstrations' "$log" || ended; }
begin_server() { # command...: without --listen
    : >"$log"
    # shellcheck disable=SC2086 # a list of options
    "$@" $pair 2>"$log" &
    server=$!
    until_true 20 is_ready
}
tls_only_port() { port=$(sed -n 's|.*listening on https://[^"]*:\([0-9]*\).*|\1|p' "$log" | head -n 1); }
health() { # exit code, claim, arguments...: its line goes to err
    wanted=$1 claim=$2
    shift 2
    timeout -k 1 $((10 * slack)) "$WOK_SERVER" --health-check "$@" >out 2>err
    same "$claim" "$wanted" $?
}
path=$scratch/wok.sock

# ---- Unix sockets ----------------------------------------------------------------------------------

begin_server "$WOK_SERVER" --listen-tls "unix:$path" --socket-mode 0600
finds "the log says the path, and that it is TLS" "wok-server listening on unix:$path \(TLS\)" "$log"
finds "a Unix socket does not turn the demonstrations on" 'demonstrations off' "$log"
same "the file has the mode that was asked for" 'socket 600' "$(stat -c '%F %a' "$path")"
ok_at "it answers over TLS on a Unix socket" --unix-socket "$path" https://localhost/healthz
same "who asks there in clear is told" 400 "$(curl -s -m 10 -o "$body" -w '%{http_code}' --unix-socket "$path" http://localhost/healthz)"
# shellcheck disable=SC2086 # a list of options
{
    health 0 "--health-check asks it over TLS, where the listener is the first" $pair --listen-tls "unix:$path"
    health 0 "and where it is named" "unix:$path" $pair --listen-tls "unix:$path"
}
health 1 "a path alone is asked in clear" "unix:$path"
stop_server
[ ! -e "$path" ]
check $? "the file is gone after an orderly stop"

# ---- sockets that it is started with ---------------------------------------------------------------

cat >activate.py <<'END'
import os, socket, sys
names, path, command = sys.argv[1], sys.argv[2], sys.argv[3:]
sockets = [socket.socket(), socket.socket(), socket.socket(socket.AF_UNIX)]
for s, where in zip(sockets, [("127.0.0.1", 0), ("127.0.0.1", 0), path]):
    s.bind(where)
    s.listen(64)
for i, fd in enumerate([os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]):
    os.dup2(fd, 3 + i, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="3", LISTEN_FDNAMES=names)
os.execv(command[0], command)
END
urls() { sed -n 's|.*listening on \([^"]*\)".*|\1|p' "$log" | sed 's/:[0-9]*$//; s|/tmp.*wok.sock|PATH|' | tr '\n' ' '; }
if command -v python3 >/dev/null; then
    begin_server python3 activate.py web:secure:secure "$path" "$WOK_SERVER" --listen-tls fd:secure
    same "TLS is spoken on the sockets of that name, not on others" 'http://127.0.0.1 https://127.0.0.1 unix:PATH (TLS) ' "$(urls)"
    finds "the Unix socket among them does not turn the demonstrations on" 'demonstrations off' "$log"
    tls_only_port
    ok_at "an inherited TCP socket" --resolve "localhost:$port:127.0.0.1" "https://localhost:$port/healthz"
    ok_at "an inherited Unix socket" --unix-socket "$path" https://localhost/healthz
    port=$(sed -n 's|.*listening on http://[^"]*:\([0-9]*\).*|\1|p' "$log")
    ok_at "the other one in clear" "http://127.0.0.1:$port/healthz"
    stop_server
    rm "$path"
    begin_server python3 activate.py web:secure:secure "$path" "$WOK_SERVER" --listen-tls fd:3,fd:5
    same "they may be numbers" 'https://127.0.0.1 http://127.0.0.1 unix:PATH (TLS) ' "$(urls)"
    stop_server
    rm "$path"
    # shellcheck disable=SC2086 # a list of options
    timeout -k 1 $((5 * slack)) python3 activate.py web:secure:secure "$path" "$WOK_SERVER" $pair --listen-tls fd:secret 2>err
    same "a name that no socket has: exit code" 69 $?
    finds "a name that no socket has: says so" 'cannot listen on fd:secret: .*; no socket of this name was passed' err
    rm "$path"
    # shellcheck disable=SC2086 # a list of options
    timeout -k 1 $((5 * slack)) python3 activate.py web:secure:secure "$path" "$WOK_SERVER" $pair --check-config --listen-tls fd:secret >out 2>err
    same "--check-config of such a name: exit code, and nothing on stdout" '69 0' "$? $(($(wc -c <out)))"
    finds "--check-config of such a name: says so" '^wok-server: --listen-tls fd:secret: no socket of this name was passed; name it' err
    rm "$path"
    # shellcheck disable=SC2086 # a list of options
    timeout -k 1 $((5 * slack)) python3 activate.py web:secure:secure "$path" "$WOK_SERVER" $pair --check-config --listen-tls fd:secure >out 2>err
    same "--check-config of one that is there: exit code, and no word of it" '0 0' "$? $(grep -c 'no socket' err)"
    rm "$path"
else
    skip "sockets that it is started with: python3 is missing"
fi
# shellcheck disable=SC2086 # a list of options
{
    timeout -k 1 $((5 * slack)) "$WOK_SERVER" $pair --listen-tls fd:secure 2>err
    same "without such sockets: exit code" 69 $?
    "$WOK_SERVER" --check-config $pair --listen-tls fd:secure >out 2>err
    same "--check-config is for a file that the service manager will use: exit code" 0 $?
    finds "and it shows them" '^WOK_LISTEN_TLS +fd:secure +flag' out
    finds "and says what it cannot know" '^wok-server: --listen-tls fd:secure: no socket was passed to this check' err
    for value in fd: "fd:$(printf '%064d' 0)"; do
        timeout 20 "$WOK_SERVER" $pair --listen-tls "$value" 2>err
        same "--listen-tls $value is refused" 2 $?
    done
}

# ---- health ----------------------------------------------------------------------------------------

begin_server "$WOK_SERVER" --listen-tls 127.0.0.1:0
tls_only_port
health 0 "--health-check takes https://" "https://127.0.0.1:$port"
health 0 "and a name for loopback" "https://localhost:$port/healthz"
# shellcheck disable=SC2086 # a list of options
{
    health 0 "it asks where --listen-tls says" $pair --listen-tls "127.0.0.1:$port"
    health 0 "also of a server that listens everywhere" $pair --listen-tls ":$port"
    health 0 "an address alone is asked as the server listens there" "127.0.0.1:$port" $pair --listen-tls ":$port"
}
health 1 "a question in clear is not answered well" "http://127.0.0.1:$port"
finds "and it says so" "127.0.0.1 port $port: it did not answer 200" err
tls_port=$port
stop_server
health 1 "nobody is there" "https://127.0.0.1:$tls_port"
finds "and it says so" "127.0.0.1 port $tls_port: Connection refused" err

start_server
health 1 "a server in clear does not answer to TLS" "https://127.0.0.1:$port"
finds "and it says so" "127.0.0.1 port $port: wrong version number" err
stop_server

begin_server "$WOK_SERVER" --listen-tls 127.0.0.1:0 --tls-client-ca one.crt
tls_only_port
health 1 "a server that wants to see certificates is not asked without one" "https://127.0.0.1:$port"
finds "and it says so" "127.0.0.1 port $port: .*certificate required" err
cd / || exit 1
stop_server
finish
