#!/bin/sh
# Few privileges: another user, the sandbox, a read-only root without capabilities; and it serves as ever.
. "$(dirname "$0")/common"
. "$(dirname "$0")/certificates"

if [ -n "${WOK_SANITIZE:-}" ]; then
    echo "$0: cannot run here: the sanitizers make system calls of their own" >&2
    exit 77
fi
is_ready() { grep -q 'workers, demonstrations' "$log" || ended; }
# Of each thread, a field of /proc: the different values.
threads_have() { cat /proc/"$server"/task/*/status | sed -n "s/^$1:[[:space:]]*//p" | sort -u | tr '\t' ' ' | tr '\n' '|'; }
seccomp_works() { grep -q '^Seccomp:' /proc/self/status; }

# ---- always ----------------------------------------------------------------------------------------

start_server
same "no thread can gain privileges" '1|' "$(threads_have NoNewPrivs)"
same "without --sandbox there is no filter but one's own" "$(sed -n 's/^Seccomp:[[:space:]]*//p' /proc/self/status)|" "$(threads_have Seccomp)"
stop_server

# ---- the sandbox -----------------------------------------------------------------------------------

if seccomp_works; then
    path=$scratch/wok.sock
    make_certificate one one.example
    start_server --sandbox --demo --listen "unix:$path" \
        --listen-tls 127.0.0.1:0 --tls-cert "$scratch/one.crt" --tls-key "$scratch/one.key"
    same "all threads are in the sandbox" '2|' "$(threads_have Seccomp)"
    for what in /healthz /version /runtime '/aggregate?source=a:5' '/sleep?ms=5&on=pool' '/sleep?ms=5&on=worker'; do
        ask "$what"
        same "in the sandbox: $what" 200 "$status"
    done
    ask /panic
    same "in the sandbox: a panic is contained" 500 "$status"
    # More workers are blocked than there are: spare ones are started, and new threads are in it as well.
    asking=''
    for _ in 1 2 3 4; do
        curl -s -m 20 -o "$scratch/blocked" "$url/sleep?on=worker&ms=600" &
        asking="$asking $!"
    done
    # shellcheck disable=SC2086 # a list
    wait $asking
    same "threads that come later are in it too" '2|' "$(threads_have Seccomp)"
    reload_says 'read 1 certificates again'
    kill -QUIT "$server"
    until_true 10 grep -q 'task dump.*accepting' "$log"
    check $? "in the sandbox: SIGQUIT is answered in the log" "$(tail -n 3 "$log")"
    tls_port
    same "in the sandbox: TLS, by certificates that were read in it" ok "$(curl -sk -m 20 "https://127.0.0.1:$port/healthz")"
    stop_server
    [ ! -e "$path" ]
    check $? "in the sandbox: the file of its Unix socket is removed"

    # The drain, hangups, panics and closes of the other tests, in the sandbox.
    printf '#!/bin/sh\nexec %s --sandbox "$@"\n' "$WOK_SERVER" >"$scratch/sandboxed"
    chmod +x "$scratch/sandboxed"
    for suite in gone panic http; do
        WOK_SERVER=$scratch/sandboxed timeout 110 "$here/test_$suite.sh" >"$scratch/suite" 2>&1
        check $? "in the sandbox: test_$suite.sh passes" "$(grep FAIL "$scratch/suite" | head -n 3)"
    done
else
    skip "the sandbox: this kernel has no seccomp"
fi

# ---- another user ----------------------------------------------------------------------------------

"$WOK_SERVER" --user no-such-user-here 2>"$scratch/second"
same "a user that is none: exit code" 2 $?
finds "a user that is none: says so" 'no-such-user-here: there is no such user' "$scratch/second"
if [ "$(id -u)" -eq 0 ]; then
    mkdir "$scratch/run"
    chmod 755 "$scratch" "$scratch/run"
    chown 65531 "$scratch/run"
    path=$scratch/run/wok.sock
    start_server --user 65531:65532 --sandbox --listen "unix:$path"
    same "every thread is the user" '65531 65531 65531 65531|' "$(threads_have Uid)"
    same "every thread has the group" '65532 65532 65532 65532|' "$(threads_have Gid)"
    same "and no other one" '65532|' "$(threads_have Groups | tr -d ' ')"
    for set in CapInh CapPrm CapEff CapAmb; do
        same "no thread has capabilities: $set" '0000000000000000|' "$(threads_have $set)"
    done
    same "the socket's file is the user's" '65531 65532 660' "$(stat -c '%u %g %a' "$path")"
    ask /healthz
    same "it serves" 200 "$status"
    stop_server
    [ ! -e "$path" ]
    check $? "and removes the file as that user"
    if command -v setpriv >/dev/null; then
        timeout 20 setpriv --reuid 65531 --regid 65531 --clear-groups "$WOK_SERVER" --listen 127.0.0.1:0 --user root 2>"$scratch/second"
        same "who is not root cannot become another: exit code" 69 $?
        finds "who is not root cannot become another: says so" 'cannot become root: Operation not permitted; start it as root' "$scratch/second"
    fi
else
    skip "another user: this test is not run by root"
fi

# ---- a read-only root, and nothing else ------------------------------------------------------------

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null && unshare -m true 2>/dev/null; then
    mkdir "$scratch/root"
    : >"$log"
    # shellcheck disable=SC2016 # the inner shell expands them
    copy=$(readlink -f "$WOK_SERVER")
    unshare -m sh -c '
        mount --make-rprivate / && mount --bind / "$1" && mount -o remount,ro,bind "$1" &&
            mount -t proc -o ro proc "$1/proc" || exit 99
        mkdir "$1/never" 2>/dev/null && exit 98
        root=$1
        shift
        exec chroot "$root" setpriv --reuid 65531 --regid 65531 --clear-groups --bounding-set=-all --inh-caps=-all \
            --no-new-privs "$@"' sh "$scratch/root" "$copy" --listen 127.0.0.1:0 --sandbox 2>"$log" &
    server=$!
    until_true 20 is_ready
    url=$(sed -n '1s|.*listening on \(http://[^ "]*\).*|\1|p' "$log")
    ask /aggregate
    same "on a read-only root without capabilities it serves" 200 "$status"
    stop_server
else
    skip "a read-only root: it needs root, unshare and setpriv"
fi
finish
