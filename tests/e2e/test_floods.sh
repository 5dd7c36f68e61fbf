#!/bin/sh
# Floods, each with a figure: what is slow, what is many, what breaks off, and what the machine runs out of.
. "$(dirname "$0")/common"

flood() { # which, options...
    which=$1
    shift
    start_server "$@"
    client floods.mjs "$which" "$server"
    stop_server
}

flood slowloris --head-timeout=1000
flood slowBody --body-timeout=1500
flood slowRead --write-timeout=30000
flood connects
flood resets
if [ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 13000 ]; then
    ulimit -n "$(ulimit -Hn)"
    flood idle
else
    skip "12,000 idle connections: this shell may open $(ulimit -Hn) descriptors only"
fi

# ---- a full disk under the log ---------------------------------------------------------------------

# /dev/full takes no line, so the port is found by the socket.
"$WOK_SERVER" --listen 127.0.0.1:0 2>/dev/full &
server=$!
listening_port() {
    for inode in $(ls -l "/proc/$server/fd" 2>/dev/null | sed -n 's/.*socket:\[\([0-9]*\)\].*/\1/p'); do
        awk -v inode="$inode" '$10 == inode && $4 == "0A" { split($2, part, ":"); print part[2]; exit }' /proc/net/tcp
    done | head -n 1
}
has_port() { port=$(listening_port) && [ -n "$port" ]; }
until_true 20 has_port
port=$((0x${port:-0}))
url=http://127.0.0.1:$port
for path in /panic /aggregate?mode=join\&source=a:0:panic /healthz; do
    ask "$path"
    case $path in /healthz) want=200 ;; *) want=500 ;; esac
    same "with a full disk under the log, $path is answered" "$want" "$status"
done
stop_server

# ---- no memory -------------------------------------------------------------------------------------

if [ -z "${WOK_SANITIZE:-}" ] && command -v prlimit >/dev/null; then
    start_server
    ask /healthz
    same "with memory it serves" 200 "$status"
    size=$(($(awk '/^VmSize:/ { print $2 }' "/proc/$server/status") * 1024))
    prlimit --pid "$server" --as=$((size + 8 * 1024 * 1024)):
    client starve.mjs
    prlimit --pid "$server" --as=unlimited:
    is_served() { ask /healthz && [ "$status" = 200 ]; }
    until_true 20 is_served
    same "when there is memory again it serves" 200 "$status"
    stop_server
else
    skip "no memory: a sanitizer needs all of the address space"
fi
finish
