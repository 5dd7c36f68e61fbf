#!/bin/sh
# Three replicas behind HAProxy are restarted one by one under load on kept connections: no request fails.
. "$(dirname "$0")/common"

if ! command -v haproxy >/dev/null && [ -x /usr/sbin/haproxy ]; then PATH=$PATH:/usr/sbin; fi
if ! command -v haproxy >/dev/null; then
    echo "$0: cannot run here: haproxy is missing (./dev check installs it)" >&2
    exit 77
fi
delay=$((1000 * slack))
pids='' ports=''
proxy=''
end_all() {
    # shellcheck disable=SC2086 # lists
    kill -KILL $pids $proxy 2>/dev/null
    cleanup
}
trap end_all EXIT

start_replica() { # number, port
    : >"$scratch/log.$1"
    "$WOK_SERVER" --listen "127.0.0.1:$2" --workers 1 --drain-delay $delay 2>"$scratch/log.$1" 9>&- &
    replica=$!
    until_true 20 grep -q 'listening on http' "$scratch/log.$1"
    replica_port=$(sed -n 's|.*listening on http://127.0.0.1:\([0-9]*\).*|\1|p' "$scratch/log.$1")
}
for i in 1 2 3; do
    start_replica $i 0
    pids="$pids $replica" ports="$ports $replica_port"
done

# A replica that says 503 at /readyz gets no new request, and one that is back gets some after a check.  Nothing is
# tried a second time, not even a connection that is refused: that would hide what is looked for.  A check that a
# busy machine keeps waiting is not a failed one.
{
    printf 'global\n  stats socket %s/stats level admin\n' "$scratch"
    printf 'defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n'
    printf '  timeout check 20s\n  retries 0\n'
    printf 'frontend in\n  bind %s/front\n  default_backend replicas\n' "$scratch"
    printf 'backend replicas\n  balance roundrobin\n  option httpchk GET /readyz\n  http-reuse safe\n'
    printf '  default-server check inter 100ms fall 1 rise 1\n'
    i=0
    for at in $ports; do
        i=$((i + 1))
        printf '  server replica%d 127.0.0.1:%d\n' $i "$at"
    done
} >"$scratch/haproxy.cfg"
haproxy -db -f "$scratch/haproxy.cfg" >"$scratch/haproxy.log" 2>&1 &
proxy=$!

# A column of HAProxy's own table of a replica.
stat_of() { # replica, column
    node -e '
        const [, path, name, column] = process.argv
        let text = ""
        const it = require("net").connect(path, () => it.write("show stat\n"))
        it.on("data", (piece) => (text += piece)).on("end", () => {
            const [head, ...rows] = text.replace(/^# /, "").trim().split("\n").map((line) => line.split(","))
            console.log(rows.find((row) => row[1] === name)?.[head.indexOf(column)])
        }).on("error", () => {})' "$scratch/stats" "replica$1" "$2"
}
is_up() { stat_of "$1" status | grep -q '^UP'; }
is_down() { stat_of "$1" status | grep -q '^DOWN'; }
all_up() { is_up 1 && is_up 2 && is_up 3; }
until_true 30 all_up
check $? "HAProxy finds three replicas" "$(cat "$scratch/haproxy.log")"

mkfifo "$scratch/until"
node "$here/rolling.mjs" "$scratch/front" 24 <"$scratch/until" >"$scratch/figures" 2>&1 &
load=$!
exec 9>"$scratch/until"

# shellcheck disable=SC2086 # lists
set -- $pids
i=0
for pid in "$@"; do
    i=$((i + 1))
    at=$(echo "$ports" | awk -v i=$i '{ print $i }')
    served() { [ "$(stat_of $i stot)" -gt 20 ]; }
    until_true 30 served
    check $? "replica $i serves before its restart"
    server=$pid log=$scratch/log.$i
    kill -TERM "$server"
    until_true 20 is_down $i
    check $? "HAProxy sees that replica $i drains"
    wait_server 30
    same "replica $i: the exit code is 0" 0 "$code"
    finds "replica $i gives nothing up" ' 0 given up' "$log"
    no_reports
    start_replica $i "$at"
    pids="$pids $replica"
    same "replica $i is back at its port" "$at" "$replica_port"
    until_true 30 is_up $i
    check $? "HAProxy finds replica $i again"
    before=$(stat_of $i stot)
    served_again() { [ "$(stat_of $i stot)" -gt $((before + 20)) ]; }
    until_true 30 served_again
    check $? "replica $i serves after its restart"
done

exec 9>&-
wait "$load"
figures=$(head -n 1 "$scratch/figures")
echo "$figures"
finds "requests on kept connections were answered" '^answered [1-9][0-9]{2,} reused [1-9][0-9]{2,}' "$scratch/figures"
finds "and none failed" ' failed 0$' "$scratch/figures"
grep '^failure' "$scratch/figures"
log=$scratch/haproxy.log
finish
