#!/bin/sh
# HTTP/1 byte by byte, over TLS: what test_http.sh says holds there as well, with the same cases.
. "$(dirname "$0")/common"
. "$(dirname "$0")/certificates"
make_certificate server localhost
start_server --listen-tls 127.0.0.1:0 --tls-cert "$scratch/server.crt" --tls-key "$scratch/server.key" "$@"
tls_port
export WOK_E2E_TRANSPORT=tls
client http.mjs
stop_server
finish
