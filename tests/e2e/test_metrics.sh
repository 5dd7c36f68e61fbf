#!/bin/sh
# GET /metrics: what Prometheus reads, and that it counts what was asked; in the sandbox and through a reload as well.
. "$(dirname "$0")/common"
start_server "$@"
client metrics.mjs
same_count() { curl -s "$url/metrics" | sed -n 's/^wok_http_requests_total{.*"GET".*"200".*"\/healthz"} //p'; }
before=$(same_count)
reload_says 'no certificates'
same "a reload takes no count back" "$before" "$(same_count)"
stop_server
if [ -z "${WOK_SANITIZE:-}" ]; then
    start_server --sandbox
    client metrics.mjs sandbox
    stop_server
else
    skip "in the sandbox: the sanitizers make system calls of their own"
fi
finish
