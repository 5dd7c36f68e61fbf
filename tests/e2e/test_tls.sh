#!/bin/sh
# TLS: what is agreed on, what is refused, what wrong files are told, and certificates that change.
. "$(dirname "$0")/common"
. "$(dirname "$0")/certificates"

# ---- files that do not do --------------------------------------------------------------------------

make_certificate one one.example
make_certificate two two.example 30 rsa
make_certificate three one.example
cd "$scratch" || exit 1

refused() { # claim, exit code, the line, options...
    claim=$1 wanted=$2 line=$3
    shift 3
    timeout -k 1 $((5 * slack)) "$WOK_SERVER" "$@" >out 2>err
    same "$claim: exit code" "$wanted" $?
    same "$claim: one line on stderr, nothing on stdout" '1 0' "$(($(wc -l <err))) $(($(wc -c <out)))"
    finds "$claim: the value, the reason, the cure" "$line" err
}

for how in '' --check-config; do
    # shellcheck disable=SC2086 # a word or none
    {
        refused "no such certificate $how" 78 'none.crt: No such file.*; .*read' $how --listen-tls 127.0.0.1:0 --tls-cert none.crt --tls-key one.key
        refused "no such key $how" 78 'none.key: No such file.*; .*read' $how --listen-tls 127.0.0.1:0 --tls-cert one.crt --tls-key none.key
        refused "another's key $how" 78 'two.key: it is not the key of the certificate in one.crt; ' $how --listen-tls 127.0.0.1:0 --tls-cert one.crt --tls-key two.key
        refused "no certificate in it $how" 78 'one.key: it holds no certificate.*; ' $how --listen-tls 127.0.0.1:0 --tls-cert one.key --tls-key one.key
        refused "a second pair that is wrong $how" 78 'three.key: it is not the key' $how --listen-tls 127.0.0.1:0 --tls-cert one.crt --tls-key one.key --tls-cert two.crt --tls-key three.key
    }
done
refused "a listener without a certificate" 2 'listen-tls 127.0.0.1:0: it needs a certificate; give --tls-cert' --listen-tls 127.0.0.1:0
refused "a certificate without a listener" 2 'tls-cert one.crt: no listener.*give --listen-tls' --tls-cert one.crt --tls-key one.key
if [ "$(id -u)" -ne 0 ]; then
    chmod 0 three.key
    refused "a key that may not be read" 78 'three.key: Permission denied; ' --listen-tls 127.0.0.1:0 --tls-cert three.crt --tls-key three.key
    chmod 600 three.key
else
    skip "a key that may not be read: root reads all"
fi
"$WOK_SERVER" --check-config --listen-tls 127.0.0.1:1 --tls-cert one.crt --tls-key one.key >out 2>err
same "--check-config of files that do: exit code" 0 $?
finds "--check-config shows them" '^WOK_TLS_CERT +one.crt +flag --tls-cert$' out
finds "--check-config shows that nothing is served in clear" '^WOK_LISTEN +\(none\) +default$' out

# ---- the client ------------------------------------------------------------------------------------

start_server --listen-tls 127.0.0.1:0 --tls-cert one.crt --tls-key one.key --tls-cert two.crt --tls-key two.key \
    --tls-handshake-timeout 1000
tls_port
client tls.mjs "$clear_port" 1000

client storm.mjs "$clear_port" 2

# ---- certificates that change ----------------------------------------------------------------------

shown() { # the subject and the key of the certificate that is shown to one.example
    openssl s_client -connect "127.0.0.1:$port" -servername one.example </dev/null 2>/dev/null | openssl x509 -noout -pubkey 2>/dev/null
}
of_file() { openssl x509 -noout -pubkey -in "$1"; }

before=$(of_file one.crt)
curl -sk --no-buffer "https://127.0.0.1:$port/sleep?ms=1500" >old 2>&1 &
old=$!
same "before, the first certificate is shown" "$before" "$(shown)"
cp three.crt one.crt
reload_says 'kept the certificates: one.key: it is not the key'
same "a pair that does not fit is not taken" "$before" "$(shown)"
cp three.key one.key
reload_says 'read 2 certificates again'
same "new files are shown to new connections" "$(of_file three.crt)" "$(shown)"
rm one.crt
reload_says 'kept the certificates: one.crt: No such file'
same "a file that is gone changes nothing" "$(of_file three.crt)" "$(shown)"
wait "$old"
same "a request over all of this is answered" 0 $?
finds "and whole" 'slept_ms' old
stop_server

# ---- what browsers are told ---------------------------------------------------------------------------

start_server --listen-tls 127.0.0.1:0 --tls-cert two.crt --tls-key two.key --tls-hsts 31536000
tls_port
told() { curl -sk -m 20 -D - -o answer "$1" | sed -n 's/^Strict-Transport-Security: *\(.*\)\r$/\1/p'; }
same "--tls-hsts: an answer over TLS" 'max-age=31536000' "$(told "https://127.0.0.1:$port/healthz")"
same "a refusal over TLS" 'max-age=31536000' "$(told "https://127.0.0.1:$port/nowhere")"
same "no answer in clear" '' "$(told "http://127.0.0.1:$clear_port/healthz")"
stop_server

# ---- clients' certificates -------------------------------------------------------------------------

start_server --listen-tls 127.0.0.1:0 --tls-cert two.crt --tls-key two.key --tls-client-ca three.crt
tls_port
answer() { curl -sk -m 20 -o answer -w '%{http_code}' "$@" "https://127.0.0.1:$port/healthz"; }
same "a client of the authority is served" 200 "$(answer --cert three.crt --key three.key)"
same "a client without a certificate is not" 000 "$(answer)"
same "without --tls-hsts nothing is said" '' "$(curl -sk -m 20 --cert three.crt --key three.key -D - -o answer \
    "https://127.0.0.1:$port/healthz" | grep -i strict)"
same "a client with another's is not" 000 "$(answer --cert two.crt --key two.key)"
cd / || exit 1
stop_server

# ---- without TLS -----------------------------------------------------------------------------------

start_server
kill -HUP "$server"
says_so() { grep -q 'no certificates to read again' "$log"; }
until_true 10 says_so
check $? "without TLS a SIGHUP ends nothing, and says so"
ask /healthz
same "and it goes on serving" 200 "$status"
stop_server
finish
