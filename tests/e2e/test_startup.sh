#!/bin/sh
# A start that the machine does not let succeed: one line that says what, why and what to do, and an exit code that tells
# it from wrong options (test_options.sh has those).
. "$(dirname "$0")/common"

exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&- # of whoever runs the tests: descriptors are counted here
out=$scratch/out
log=$scratch/second
run() { # command...: $code, $out, $log
    timeout -k 1 $((10 * slack)) "$@" >"$out" 2>"$log"
    code=$?
}
refused() { # claim, exit code, what and why as an expression, the cure as an expression
    same "$1: exit code" "$2" "$code"
    same "$1: one line on stderr, nothing on stdout" '1 0' "$(($(wc -l <"$log"))) $(($(wc -c <"$out")))"
    finds "$1: says what and why" "$3" "$log"
    finds "$1: says what to do" "$4" "$log"
}

# ---- where it listens ------------------------------------------------------------------------------

run "$WOK_SERVER" --listen "unix:$out/s"
refused "a file in place of a folder" 69 "cannot listen on unix:$out/s: Not a directory" 'make the folder'
run "$WOK_SERVER" --listen unix:/sys/s
refused "a folder that takes no files" 69 'cannot listen on unix:/sys/s: (Operation not permitted|Permission denied|Read-only)' 'use another one'
if command -v flock >/dev/null; then
    mkdir "$scratch/locked"
    run flock "$scratch/locked" "$WOK_SERVER" --listen "unix:$scratch/locked/s"
    refused "a folder that somebody has locked" 69 "cannot listen on unix:$scratch/locked/s: Device or resource busy" 'give another folder'
else
    skip "a folder that somebody has locked: flock is not here"
fi
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null && setpriv --reuid=65534 --clear-groups "$WOK_SERVER" --version >/dev/null 2>&1; then
    nobody='setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all'
    # shellcheck disable=SC2086 # a command
    run $nobody "$WOK_SERVER" --listen "unix:/usr/wok.sock"
    refused "a folder that may not be written" 69 'cannot listen on unix:/usr/wok.sock: Permission denied' 'folder that may be written'
    if [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null)" = 1024 ]; then
        # shellcheck disable=SC2086 # a command
        run $nobody "$WOK_SERVER" --listen 127.0.0.1:1
        refused "a port that needs a privilege" 69 'cannot listen on 127.0.0.1:1: Permission denied' 'ports below 1024 need a privilege'
    fi
else
    skip "what needs a privilege: this test is not run by root"
fi

# ---- sockets of a service manager ------------------------------------------------------------------

passed_fds() { # LISTEN_FDS, options...
    fds=$1
    shift
    # shellcheck disable=SC2016 # for the inner shell
    run sh -c 'export LISTEN_PID=$$ LISTEN_FDS=$1; server=$2; shift 2; exec "$server" "$@"' sh "$fds" "$WOK_SERVER" "$@"
}
passed_fds 1
refused "a socket that was not passed" 69 'LISTEN_FDS: descriptor 3 \(\): Bad file descriptor' 'ListenStream='
passed_fds 1 3<"$0"
refused "a file in place of a socket" 69 'LISTEN_FDS: descriptor 3 \(\): Socket operation on non-socket' 'ListenStream='
passed_fds three
refused "LISTEN_FDS that is no number" 78 'LISTEN_FDS: with LISTEN_PID it is not a number from 0 to 8' 'leave both'
passed_fds 9
refused "too many sockets" 78 'LISTEN_FDS: with LISTEN_PID it is not a number from 0 to 8' 'leave both'
passed_fds 8 --listen 127.0.0.1:0
refused "too many sockets with our own" 78 'LISTEN_FDS 8: with those of --listen they are more than 8' 'leave some out'

NOTIFY_SOCKET=relative run "$WOK_SERVER" --listen 127.0.0.1:0
refused "a NOTIFY_SOCKET that is none" 78 'NOTIFY_SOCKET or WATCHDOG_USEC is not as' 'leave both'
NOTIFY_SOCKET=/$(printf '%0108d' 0) run "$WOK_SERVER" --listen 127.0.0.1:0
refused "a NOTIFY_SOCKET that is too long" 78 'NOTIFY_SOCKET or WATCHDOG_USEC is not as' 'leave both'
for time in often 0 -1 99999999999999999999; do
    NOTIFY_SOCKET=/nobody WATCHDOG_USEC=$time run "$WOK_SERVER" --listen 127.0.0.1:0
    refused "WATCHDOG_USEC=$time" 78 'NOTIFY_SOCKET or WATCHDOG_USEC is not as' 'leave both'
done
# ---- a server that begins and does not get there ---------------------------------------------------

socket=$scratch/wok.sock

# Runs what is to end by itself, or to serve: $code, which is 0 if it serves, after a stop.
try() { # command...
    : >"$log"
    "$@" --listen 127.0.0.1:0 --listen "unix:$socket" --workers 2 2>"$log" &
    server=$!
    until_true 30 is_ready
    serves=0
    grep -q 'workers, demonstrations' "$log" && serves=1
    kill -TERM "$server" 2>/dev/null
    wait_server 30
}
is_ready() { grep -q 'workers, demonstrations' "$log" || ended; }

clean() { # claim
    [ ! -e "$socket" ]
    check $? "$1: the file of its Unix socket is gone"
    no_reports
}

# ---- few descriptors -------------------------------------------------------------------------------

# From too few for anything on: each thing that it opens is once the first for which there is none.
limit=4 serves=0
reasons=$scratch/reasons
: >"$reasons"
while [ "$serves" -eq 0 ] && [ "$limit" -le 40 ]; do
    try prlimit --nofile=$limit "$WOK_SERVER"
    if [ "$serves" -eq 0 ]; then
        same "with $limit descriptors: exit code" 69 "$code"
        same "with $limit descriptors: one line says what is lacking" 1 "$(grep -c 'cannot .*: Too many open files; .*ulimit -n' "$log")"
        sed -n 's/.*cannot \([a-z ]*\).*: Too many.*/\1/p' "$log" >>"$reasons"
        clean "with $limit descriptors"
    fi
    limit=$((limit + 1))
done
check $((1 - serves)) "with $((limit - 1)) it serves" "$(tail -n 1 "$log")"
same "and stops" 0 "$code"
for reason in 'listen on' 'start the runtime' 'wait for signals'; do
    finds "among them it could not $reason" "^$reason" "$reasons"
done

# ---- little memory ---------------------------------------------------------------------------------

# Whatever it lacks first, it says so, or it serves.
serves_or_says() { # kilobytes
    : >"$log"
    prlimit --as=$(($1 * 1024)) "$WOK_SERVER" --workers 2 --listen 127.0.0.1:0 >"$out" 2>"$log" &
    server=$!
    until_true $((10 * slack)) is_listening
    if grep -q 'listening on http' "$log"; then
        kill -TERM "$server"
        wait_server 20
        serving=$((serving + 1))
        [ "$code" -eq 0 ] || wrong="$wrong $1: stopped with $code"
        return
    fi
    wait_server 20
    case $code in
    127) return ;; # the loader's: not even the program began
    69) grep -qE 'cannot .*: .*; let it have more' "$log" && [ "$(wc -l <"$log")" -eq 1 ] && refusing=$((refusing + 1)) && return ;;
    esac
    wrong="$wrong $1: $code $(head -c 200 "$log")"
}
if [ -z "${WOK_SANITIZE:-}" ]; then
    wrong='' serving=0 refusing=0
    for kilobytes in 8000 10000 12000 14000 16000 18000 20000 22000 24000 30000 60000; do
        serves_or_says "$kilobytes"
    done
    same "with little memory each start says what it lacks, or serves" '' "$wrong"
    [ "$serving" -gt 0 ] && [ "$refusing" -gt 2 ]
    check $? "with little memory both were seen" "$serving served, $refusing were refused"
fi

# ---- signals that a kernel forbids -----------------------------------------------------------------

# It runs a command for which sigaction(2) of one signal answers EPERM, by a filter of the kernel's.
cat >"$scratch/deaf.py" <<'END_OF_PROGRAM'
import ctypes, os, platform, struct, sys
number = {"x86_64": 13, "aarch64": 134}.get(platform.machine()) or sys.exit(77)
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
code = [(LOAD, 0, 0, 0), (EQUAL, 0, 3, number), (LOAD, 0, 0, 16), (EQUAL, 0, 1, int(sys.argv[1])),
        (RETURN, 0, 0, 0x00050001), (RETURN, 0, 0, 0x7fff0000)]
filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(filters)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
    sys.exit(77)
os.execv(sys.argv[2], sys.argv[2:])
END_OF_PROGRAM
if command -v python3 >/dev/null && python3 "$scratch/deaf.py" 1 /bin/true; then
    for signal in 15 2 1; do
        try python3 "$scratch/deaf.py" $signal "$WOK_SERVER"
        same "without signal $signal: exit code" 70 "$code"
        same "without signal $signal: one line says so" 1 \
            "$(grep -c 'cannot wait for signals: Operation not permitted; ' "$log")"
        same "without signal $signal: it has not said that it listens" 0 "$(grep -c 'listening on' "$log")"
        clean "without signal $signal"
    done
else
    skip "signals that the kernel forbids: it needs python3 and seccomp"
fi

# ---- what a kernel may refuse ----------------------------------------------------------------------

if [ -n "${WOK_SANITIZE:-}" ]; then
    skip "what a kernel may refuse: a sanitizer's own library has to be loaded first"
elif ! ${CC:-cc} -D_GNU_SOURCE -O1 -shared -fPIC -o "$scratch/refuse.so" "$here/refuse.c" -ldl; then
    skip "what a kernel may refuse: no C compiler"
else
    without() { # call and argument and error, options...
        what=$1
        shift
        run env LD_PRELOAD="$scratch/refuse.so" WOK_TEST_REFUSE="$what" "$WOK_SERVER" "$@"
    }
    case $(uname -m) in
    aarch64) seccomp=277 ;;
    *) seccomp=317 ;;
    esac
    without 'socket 10 97' --listen '[::1]:0' # AF_INET6, EAFNOSUPPORT
    refused "a kernel without IPv6" 69 'cannot listen on \[::1\]:0: Address family not supported' 'use an IPv4 address'
    without "syscall $seccomp 38" --listen 127.0.0.1:0 --sandbox # ENOSYS
    refused "a kernel without seccomp" 69 'cannot enter the sandbox: Function not [a-z]+' 'leave --sandbox out'
    without 'prctl 38 22' --listen 127.0.0.1:0 # PR_SET_NO_NEW_PRIVS, EINVAL
    refused "a kernel that keeps new privileges" 70 'cannot forbid new privileges: Invalid argument' 'errno'
    without 'socket 1 24' --listen 'unix:@wok-test-startup' # AF_UNIX, EMFILE
    refused "no descriptor for a Unix socket" 69 'cannot listen on unix:@wok-test-startup: Too many open files' 'ulimit -n'
    NOTIFY_SOCKET=/nobody without 'socket 1 24' --listen 127.0.0.1:0
    refused "no descriptor for NOTIFY_SOCKET" 69 'cannot open a socket for NOTIFY_SOCKET: Too many open files' 'ulimit -n'
fi
finish
