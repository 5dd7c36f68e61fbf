#!/bin/sh
# Each limit and deadline as an option: one that is set low is met over a connection, at its edge.
. "$(dirname "$0")/common"

tried() { # what of limits.mjs, options...
    what=$1
    shift
    start_server "$@"
    client limits.mjs "$what"
    stop_server
}

tried sizes --target-bytes-max=64 --head-bytes-max=300 --headers-max=4 --body-bytes-max=20
tried none --body-bytes-max=0
tried chunks --chunk-extension-bytes-max=5 --trailer-bytes-max=8
tried memory --request-memory-max=200000
tried width --fan-out-max=3
tried perConnection --requests-per-connection-max=3
tried perAddress --connections-per-address-max=2
tried requests --requests-max=1
tried pipelined --pipelined-max=1
tried connections --connections-max=1
tried head --head-timeout=300
tried idle --idle-timeout=300
tried pieces --body-progress-timeout=300
tried body --body-timeout=600
tried write --write-timeout=500 --output-bytes-max=1
tried request --request-timeout=300

if ${CC:-cc} -O1 -shared -fPIC -o "$scratch/window.so" "$here/window.c"; then
    start_server --write-timeout=2000
    export LD_PRELOAD="$scratch/window.so" WOK_TEST_WINDOW=4096
    client limits.mjs slowly
    unset LD_PRELOAD WOK_TEST_WINDOW
    stop_server
else
    skip "a client that reads slowly: no C compiler"
fi

# By the other ways the same member of the same structure is set; once each is enough.
WOK_BODY_BYTES_MAX=20 WOK_TARGET_BYTES_MAX=64 WOK_HEAD_BYTES_MAX=300 WOK_HEADERS_MAX=4
export WOK_BODY_BYTES_MAX WOK_TARGET_BYTES_MAX WOK_HEAD_BYTES_MAX WOK_HEADERS_MAX
tried sizes
unset WOK_BODY_BYTES_MAX WOK_TARGET_BYTES_MAX WOK_HEAD_BYTES_MAX WOK_HEADERS_MAX
printf 'WOK_REQUEST_TIMEOUT=300\n' >"$scratch/wok.conf"
tried request --config "$scratch/wok.conf"
finish
