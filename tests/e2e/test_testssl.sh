#!/bin/sh
# What testssl.sh finds: nothing above LOW, but that nobody else vouches for a certificate of one's own.
limit=${WOK_TESTSSL_LIMIT:-400} # seconds; half a minute, where the machine is not busy with other things
. "$(dirname "$0")/common"
. "$(dirname "$0")/certificates"

# Debian calls the program by the first of these names, upstream by the second.
scanner=$(command -v testssl || command -v testssl.sh) || {
    echo "$0: cannot run here: testssl.sh is missing (./dev check installs it)" >&2
    exit 77
}
if [ -n "${WOK_SANITIZE:-}" ]; then
    echo "$0: cannot run here: what is offered is the same in every build, and a sanitizer's is slow" >&2
    exit 77
fi

# Findings about a certificate that was made for this test, by their exact ids; all others count.
exempt='cert_chain_of_trust cert_revocation'

# It sleeps around each message, for networks that are slow.
export USLEEP_SND=0.01 USLEEP_REC=0.05

make_certificate server localhost 300
start_server --listen-tls 127.0.0.1:0 --tls-cert "$scratch/server.crt" --tls-key "$scratch/server.key" "$@"
tls_port

# Protocols, ciphers, forward secrecy, the server's choices and certificate, headers, vulnerabilities; not the
# clients that it can play, which have no verdict.  It asks nobody but the server.
cd "$scratch" || exit 1
scan() { # name, sections...
    name=$1
    shift
    timeout -k 5 "$limit" "$scanner" --quiet --color 0 --warnings off --nodns none --ip 127.0.0.1 --assume-http \
        "$@" --csvfile "$scratch/$name.csv" "localhost:$port" </dev/null >"$scratch/$name.scan" 2>&1
    echo $? >"$scratch/$name.code"
}
# Not --fast for the ciphers: it would ask by the openssl of this machine, which does not offer what is weak.
scan offers -p -s &
scans=$!
scan choices --fast -f -P &
scans="$scans $!"
scan defaults --fast -S -h &
scans="$scans $!"
scan flaws --fast -U
# shellcheck disable=SC2086 # a list
wait $scans
for name in offers choices defaults flaws; do
    code=$(cat "$scratch/$name.code")
    [ "$code" -ne 124 ] && [ "$code" -ne 137 ]
    check $? "the scan of $name ends within $limit s" "$(tail -n 3 "$scratch/$name.scan")"
done

# Each section has left something: a scan that did not reach the server finds nothing either.
cat "$scratch"/*.csv | sed 's/^"//; s/"$//; s/","/\t/g' | cut -f 1,4,5 >"$scratch/findings"
for id in SSLv3 TLS1 TLS1_2 TLS1_3 cipherlist_NULL PFS cipher_order cert_signatureAlgorithm HTTP_status_code \
    heartbleed ROBOT secure_client_renego CRIME_TLS SWEET32 BEAST LUCKY13; do
    finds "the scan has looked at $id" "^$id	" "$scratch/findings"
done
finds "TLS 1.2 is offered" '^TLS1_2	OK' "$scratch/findings"
finds "TLS 1.3 is offered" '^TLS1_3	OK' "$scratch/findings"

tab=$(printf '\t')
found=0
while IFS=$tab read -r id severity finding; do
    case $severity in
    MEDIUM | HIGH | CRITICAL | FATAL) ;;
    *) continue ;;
    esac
    case " $exempt " in
    *" $id "*)
        echo "note $id: $severity: $finding"
        continue
        ;;
    esac
    found=$((found + 1))
    check 1 "testssl.sh: $id" "$severity: $finding"
done <"$scratch/findings"
same "findings above LOW" 0 $found
cd / || exit 1
stop_server
finish
