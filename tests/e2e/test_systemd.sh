#!/bin/sh
# The units of deploy/systemd: systemd takes them, and finds them tight; its own activation works.
. "$(dirname "$0")/common"

if ! command -v systemd-analyze >/dev/null; then
    echo "$0: cannot run here: systemd-analyze is missing (package systemd)" >&2
    exit 77
fi
units=$here/../../deploy/systemd
mkdir "$scratch/units"
# The program is where it was built, and not where it will be installed.
sed "s|/usr/bin/wok-server|$WOK_SERVER|" "$units/wok-server.service" >"$scratch/units/wok-server.service"
cp "$units/wok-server.socket" "$scratch/units"

verify() { SYSTEMD_UNIT_PATH=$scratch/units: systemd-analyze verify --man=no "$scratch/units/$1" >"$scratch/complaints" 2>&1; }
for unit in wok-server.service wok-server.socket; do
    verify $unit
    check $? "$unit is valid" "$(cat "$scratch/complaints")"
    # It says of others on this machine what it likes.
    ! grep -q 'wok-server' "$scratch/complaints"
    check $? "$unit: nothing is ignored" "$(grep wok-server "$scratch/complaints")"
done
sed -i 's/^ProtectHome=/ProtectHouse=/' "$scratch/units/wok-server.service"
verify wok-server.service
grep -q 'wok-server.service.*ProtectHouse' "$scratch/complaints"
check $? "a directive with a slip would be seen"

# 0 is tight, 10 is open; what is left is that it has clients.
if systemd-analyze --help 2>/dev/null | grep -q -- --threshold; then
    systemd-analyze security --offline=true --threshold=15 "$units/wok-server.service" >"$scratch/exposure" 2>&1
    check $? "systemd-analyze security: at most 1.5" "$(tail -n 1 "$scratch/exposure")"
    sed 's/^DynamicUser=.*//; s/^CapabilityBoundingSet=.*//' "$units/wok-server.service" >"$scratch/units/wok-server.service"
    ! systemd-analyze security --offline=true --threshold=15 "$scratch/units/wok-server.service" >"$scratch/exposure" 2>&1
    check $? "without two of its lines it would be more" "$(tail -n 1 "$scratch/exposure")"
else
    skip "systemd-analyze security: this systemd cannot judge a file"
fi

# What the service is given is more than a drain takes by default.
stop=$(sed -n 's/^TimeoutStopSec=//p' "$units/wok-server.service")
grace=$("$WOK_SERVER" --check-config | awk '$1 == "WOK_GRACE" { print $2 }')
[ "$((stop * 1000))" -gt $((grace + 2000)) ]
check $? "TimeoutStopSec is longer than a drain"

# systemd's own activation, without a systemd that runs.
if command -v systemd-socket-activate >/dev/null; then
    systemd-socket-activate -l "$scratch/wok.sock" --fdname=http "$WOK_SERVER" 2>"$log" &
    server=$!
    until_true 10 test -S "$scratch/wok.sock"
    same "started by its first connection, it answers that" ok \
        "$(curl -s -m 20 --unix-socket "$scratch/wok.sock" http://localhost/healthz)"
    finds "and says where it listens" "listening on unix:$scratch/wok.sock" "$log"
    stop_server
else
    skip "systemd-socket-activate is not here"
fi
finish
