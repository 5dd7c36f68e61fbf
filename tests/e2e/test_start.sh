#!/bin/sh
# A server that cannot start: whatever it lacks, and wherever on its way, it says so in one line, ends by a code
# that says whose fault it is, and leaves nothing behind.
. "$(dirname "$0")/common"

path=$scratch/wok.sock

# Runs what is to end by itself, or to serve: $code, which is 0 if it serves, after a stop.
try() { # command...
    : >"$log"
    "$@" --listen 127.0.0.1:0 --listen "unix:$path" --workers 2 2>"$log" &
    server=$!
    until_true 30 is_ready
    serves=0
    grep -q 'workers, demonstrations' "$log" && serves=1
    kill -TERM "$server" 2>/dev/null
    wait_server 30
}
is_ready() { grep -q 'workers, demonstrations' "$log" || ended; }

clean() { # claim
    [ ! -e "$path" ]
    check $? "$1: the file of its Unix socket is gone"
    no_reports
}

# ---- descriptors -----------------------------------------------------------------------------------

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

# ---- what the kernel forbids -----------------------------------------------------------------------

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
finish
