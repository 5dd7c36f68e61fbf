#!/bin/sh
# Large answers, which are written while they are taken: their lengths, slow readers and the drain, in clear and over TLS.
. "$(dirname "$0")/common"
. "$(dirname "$0")/certificates"
make_certificate server localhost

scenes() { # options...
    start_server "$@"
    [ "$transport" = tcp ] || tls_port
    export WOK_E2E_TRANSPORT=$transport
    client streams.mjs lengths
    if [ -f "$scratch/window.so" ]; then
        export LD_PRELOAD="$scratch/window.so" WOK_TEST_WINDOW=4096
        client streams.mjs slowly
        client streams.mjs drain "$server"
        unset LD_PRELOAD WOK_TEST_WINDOW
    else
        kill -TERM "$server"
    fi
    unset WOK_E2E_TRANSPORT
    wait_server 20
    same "$transport: it stops with exit code 0" 0 "$code"
    no_reports
}

${CC:-cc} -O1 -shared -fPIC -o "$scratch/window.so" "$here/window.c" || skip "slow readers: no C compiler"
transport=tcp
scenes
transport=tls
scenes --listen-tls 127.0.0.1:0 --tls-cert "$scratch/server.crt" --tls-key "$scratch/server.key"
finish
