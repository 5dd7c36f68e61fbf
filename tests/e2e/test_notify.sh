#!/bin/sh
# What a service manager is told: ready, stopping, and pings as long as every worker runs.
. "$(dirname "$0")/common"

if ! command -v python3 >/dev/null; then
    echo "$0: cannot run here: python3 is missing (./dev test installs it)" >&2
    exit 77
fi
# Stands in for the manager: writes what it is told, a line each, and '.' behind each datagram.
cat >"$scratch/manager.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
where = sys.argv[1]
s.bind("\0" + where[1:] if where[0] == "@" else where)
print("bound", flush=True)
while True:
    print(s.recv(4096).decode(), ".", sep="\n", flush=True)
END
told=$scratch/told manager=''
manage() { # path
    rm -f "$scratch/notify"
    : >"$told"
    python3 "$scratch/manager.py" "$1" >"$told" &
    manager=$!
    until_true 20 grep -q bound "$told"
    export NOTIFY_SOCKET="$1"
}
end_manager() {
    kill "$manager"
    wait "$manager" 2>/dev/null
    unset NOTIFY_SOCKET
}
is_told() { grep -q "$1" "$told"; }
pings() { grep -c '^WATCHDOG=1$' "$told"; }
monotonic_us() { python3 -c 'import time; print(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)'; }
more_pings() { [ "$(pings)" -ge "$1" ]; }

for where in "$scratch/notify" "@wok-notify-$$"; do
    manage "$where"
    start_server
    until_true 10 is_told '^READY=1$'
    check $? "it says that it is ready, to $where" "$(cat "$told")"
    same "with READY=1 goes a STATUS" 'STATUS=Serving' "$(sed -n '/^READY=1/{n;p;}' "$told")"
    same "without WATCHDOG_USEC there is no ping" 0 "$(pings)"
    before=$(monotonic_us)
    kill -HUP "$server"
    ready_again() { [ "$(grep -c '^READY=1$' "$told")" -eq 2 ]; }
    until_true 10 ready_again
    check $? "it says that it is ready after a reload" "$(cat "$told")"
    since=$(sed -n 's/^MONOTONIC_USEC=\([0-9]*\)$/\1/p' "$told")
    [ "$before" -le "${since:-0}" ] && [ "${since:-0}" -le "$(monotonic_us)" ]
    check $? "and since when it reloads, by the manager's clock" "$before, '$since', $(monotonic_us)"
    same "in this order" 'RELOADING=1 MONOTONIC_USEC READY=1' \
        "$(sed -n '/^RELOADING/,$p' "$told" | grep -E '^(RELOADING|MONOTONIC|READY)' | sed 's/\(USEC\)=.*/\1/' | tr '\n' ' ' | sed 's/ $//')"
    stop_server
    until_true 10 is_told '^STOPPING=1$'
    check $? "it says that it is stopping" "$(cat "$told")"
    finds "with STOPPING=1 goes what runs" '^STATUS=Draining 0 requests$' "$told"
    end_manager
done

manage "$scratch/notify"
timeout 20 "$WOK_SERVER" --listen 192.0.2.1:0 2>"$scratch/second"
same "a server that cannot start" 69 $?
same "is never called ready" 0 "$(grep -c READY "$told")"
end_manager
manage "$scratch/notify"

# ---- the watchdog ----------------------------------------------------------------------------------

export WATCHDOG_USEC=600000
start_server --workers 2 --demo
until_true 20 more_pings 3
check $? "it pings" "$(pings) pings"
before=$(pings)
curl -s -m 20 -o "$body" "$url/sleep?on=worker&ms=2000"
during=$(($(pings) - before))
[ "$during" -le 1 ]
check $? "while one of two workers is stuck it does not ping" "$during pings in 2 s"
until_true 20 more_pings $((before + during + 2))
check $? "it pings again when the worker is back"
before=$(pings)
curl -s -m 20 -o "$body" "$url/sleep?on=task&ms=2000"
[ "$(($(pings) - before))" -ge 2 ]
check $? "a task that waits is no reason to stop" "$(($(pings) - before)) pings in 2 s"
stop_server
end_manager

export WATCHDOG_PID=1
manage "$scratch/notify"
start_server
curl -s -m 20 -o "$body" "$url/sleep?on=task&ms=1000"
same "a watchdog that is another process's is not served" 0 "$(pings)"
stop_server
end_manager
unset WATCHDOG_USEC WATCHDOG_PID

# ---- what does not work ----------------------------------------------------------------------------

export NOTIFY_SOCKET=relative
timeout 20 "$WOK_SERVER" --listen 127.0.0.1:0 2>"$scratch/second"
same "a NOTIFY_SOCKET that is none: exit code" 78 $?
finds "a NOTIFY_SOCKET that is none: says so" 'NOTIFY_SOCKET' "$scratch/second"
export NOTIFY_SOCKET="$scratch/nobody"
start_server
until_true 10 grep -q 'cannot tell' "$log"
finds "a manager that is gone does not keep it from serving" 'cannot tell NOTIFY_SOCKET' "$log"
ask /healthz
same "it serves" 200 "$status"
stop_server
export WATCHDOG_USEC=often
timeout 20 "$WOK_SERVER" --listen 127.0.0.1:0 2>"$scratch/second"
same "a WATCHDOG_USEC that is none: exit code" 78 $?
finish
