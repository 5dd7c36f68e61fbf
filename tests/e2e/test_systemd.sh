#!/bin/sh
# The units of deploy/systemd: systemd takes them, and finds them tight; its own activation works.
. "$(dirname "$0")/common"
. "$(dirname "$0")/certificates"

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
# Those of docs/operations.md, beside and over them: the first block there is the socket, the second the service's.
block() { # number, of those that begin with [Unit]
    awk -v wanted="$1" '/^    \[Unit\]/ { count++ } /^    / { if (count == wanted) print substr($0, 5); next } { if (count == wanted) exit }' \
        "$here/../../docs/operations.md"
}
mkdir "$scratch/units/wok-server.service.d"
block 1 >"$scratch/units/wok-server-tls.socket"
block 2 >"$scratch/tls.conf"
cp "$scratch/tls.conf" "$scratch/units/wok-server.service.d/override.conf"
for unit in wok-server-tls.socket wok-server.service; do
    verify $unit
    check $? "docs/operations.md: $unit for TLS is valid" "$(cat "$scratch/complaints")"
    ! grep -q 'wok-server' "$scratch/complaints"
    check $? "docs/operations.md: $unit for TLS: nothing is ignored" "$(grep wok-server "$scratch/complaints")"
done
finds "docs/operations.md has a socket for TLS" '^FileDescriptorName=https$' "$scratch/units/wok-server-tls.socket"
finds "docs/operations.md has a key for the service" '^LoadCredential=site.key:' "$scratch/units/wok-server.service.d/override.conf"
sed -i 's/^LoadCredential=site.crt:.*/LoadCredentials=site.crt/' "$scratch/units/wok-server.service.d/override.conf"
verify wok-server.service
grep -q 'override.conf.*LoadCredentials' "$scratch/complaints"
check $? "a directive with a slip would be seen there, too"
rm -r "$scratch/units/wok-server.service.d"
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

    # Two sockets by their names, of which one speaks TLS; what docs/operations.md tells to set.
    make_certificate site localhost
    cd "$scratch" || exit 1
    : >"$log"
    variables=$(sed -n 's/^Environment=//p' "$scratch/tls.conf" | sed "s|%d|$scratch|g")
    # shellcheck disable=SC2086 # a list
    systemd-socket-activate $(for variable in $variables; do echo "-E $variable"; done) -l "$scratch/http.sock" -l "$scratch/https.sock" \
        --fdname=http:https "$WOK_SERVER" 2>"$log" &
    server=$!
    until_true 10 test -S "$scratch/https.sock"
    same "of two sockets the one that is called https speaks TLS" ok \
        "$(curl -s -m 20 --cacert site.crt --unix-socket "$scratch/https.sock" https://localhost/healthz)"
    same "and the other one is in clear" ok "$(curl -s -m 20 --unix-socket "$scratch/http.sock" http://localhost/healthz)"
    reload_says 'read 1 certificates again'
    stop_server
else
    skip "systemd-socket-activate is not here"
fi
finish
