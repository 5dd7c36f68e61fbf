#!/bin/sh
# OCSP stapling: responses from files, given to clients that ask, changed by SIGHUP; two kinds of keys for a name.
. "$(dirname "$0")/common"
. "$(dirname "$0")/certificates"
cd "$scratch" || exit 1

# ---- an authority with two servers, and its responder ----------------------------------------------

make_certificate root root.example 30
make_certificate other other.example 30
make_server() { # name, host, serial, [key, [another line of extensions]]
    openssl req -newkey "${4:-ec}" -pkeyopt "$(case ${4:-ec} in ec) echo ec_paramgen_curve:P-256 ;; *) echo rsa_keygen_bits:2048 ;; esac)" \
        -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
    printf 'subjectAltName=DNS:%s\n%s\n' "$2" "${5:-}" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA root.crt -CAkey root.key -set_serial "$3" -days 20 -extfile "$1.ext" \
        -out "$1.leaf" 2>/dev/null
    cat "$1.leaf" root.crt >"$1.crt"
}
make_server one one.example 0x11
make_server two two.example 0x12
make_server rsa one.example 0x13 rsa
make_server revoked one.example 0x14
make_server responder ocsp.example 0x15 ec extendedKeyUsage=OCSPSigning
{
    printf 'V\t401231235959Z\t\t11\tunknown\t/CN=one\n'
    printf 'V\t401231235959Z\t\t12\tunknown\t/CN=two\n'
    printf 'V\t401231235959Z\t\t13\tunknown\t/CN=rsa\n'
    printf 'R\t401231235959Z\t250101000000Z\t14\tunknown\t/CN=revoked\n'
} >index
signer=root.crt
respond() { # certificate, file, options of the responder...
    certificate=$1 file=$2
    shift 2
    openssl ocsp -issuer root.crt -cert "$certificate" -reqout request -no_nonce >/dev/null 2>&1
    openssl ocsp -index index -CA root.crt -rsigner "$signer" -rkey "${signer%.*}.key" -reqin request -respout "$file" "$@" \
        >responder 2>&1
    [ -s "$file" ] || {
        check 1 "openssl answers about $certificate" "$(tail -n 3 responder)"
        finish
    }
}
respond one.leaf one.ocsp -ndays 3
respond two.leaf two.ocsp -ndays 3
respond rsa.leaf rsa.ocsp -ndays 3
respond revoked.leaf revoked.ocsp -ndays 3
signer=responder.leaf
respond one.leaf appointed.ocsp -ndays 3
signer=two.leaf # the issuer has signed its certificate, but for other things
respond one.leaf usurped.ocsp -ndays 3
signer=root.crt

# ---- files that do not do --------------------------------------------------------------------------

refused() { # claim, exit code, the line, options...
    claim=$1 wanted=$2 line=$3
    shift 3
    timeout -k 1 $((5 * slack)) "$WOK_SERVER" --listen-tls 127.0.0.1:0 "$@" >out 2>err
    same "$claim: exit code" "$wanted" $?
    same "$claim: one line on stderr, nothing on stdout" '1 0' "$(($(wc -l <err))) $(($(wc -c <out)))"
    finds "$claim: the value, the reason, the cure" "$line" err
}
pair='--tls-cert one.crt --tls-key one.key'
printf 'nonsense' >text.ocsp
head -c 100 one.ocsp >short.ocsp
{ cat one.ocsp && echo more; } >long.ocsp
openssl ocsp -issuer other.crt -cert other.crt -reqout request -no_nonce >/dev/null 2>&1
openssl ocsp -index index -CA other.crt -rsigner other.crt -rkey other.key -reqin request -respout other.ocsp >/dev/null 2>&1
# Signed by somebody else, about the right certificate.
openssl ocsp -issuer root.crt -cert one.leaf -reqout request -no_nonce >/dev/null 2>&1
openssl ocsp -index index -CA root.crt -rsigner other.crt -rkey other.key -reqin request -respout forged.ocsp -ndays 3 >/dev/null 2>&1
# shellcheck disable=SC2086 # a list of options
{
    refused "no such file" 78 'none.ocsp: No such file.*; ' $pair --tls-ocsp none.ocsp
    refused "no response" 78 'text.ocsp: it is no OCSP response in DER form; ' $pair --tls-ocsp text.ocsp
    refused "half a response" 78 'short.ocsp: it is no OCSP response in DER form; ' $pair --tls-ocsp short.ocsp
    refused "a response and something behind it" 78 'long.ocsp: it is no OCSP response in DER form; ' $pair --tls-ocsp long.ocsp
    refused "about another's certificate" 78 'other.ocsp: it is about none of the certificates; ' $pair --tls-ocsp other.ocsp
    refused "about a certificate that is not served" 78 'two.ocsp: it is about none of the certificates; ' $pair --tls-ocsp two.ocsp
    refused "signed by somebody else" 78 "forged.ocsp: the certificate's issuer has not signed it .*; " $pair --tls-ocsp forged.ocsp
    refused "signed by who may not" 78 "usurped.ocsp: the certificate's issuer has not signed it .*; " $pair --tls-ocsp usurped.ocsp
    refused "two about one certificate" 78 'one.ocsp: one.ocsp is about the same certificate; ' $pair --tls-ocsp one.ocsp --tls-ocsp one.ocsp
    refused "a revoked certificate" 78 'revoked.ocsp: it says that the certificate is revoked; ' --tls-cert revoked.crt --tls-key revoked.key --tls-ocsp revoked.ocsp
    refused "--check-config looks at it" 78 'text.ocsp: it is no OCSP response' --check-config $pair --tls-ocsp text.ocsp
}
timeout -k 1 5 "$WOK_SERVER" --tls-ocsp one.ocsp >out 2>err
same "a response without a listener: exit code" 2 $?
finds "a response without a listener" 'tls-ocsp one.ocsp: no listener uses it; ' err

# ---- stapled ---------------------------------------------------------------------------------------

status_of() { # host, options...: what the client is told of its certificate
    host=$1
    shift
    openssl s_client -connect "127.0.0.1:$port" -servername "$host" -status -CAfile root.crt "$@" </dev/null >shown 2>&1
    sed -n 's/^ *\(OCSP response: no response sent\|Serial Number: .*\|Cert Status: .*\|Next Update: .*\)$/\1/p' shown |
        head -n 2 | tr '\n' ' '
}
next_update() { sed -n 's/^ *Next Update: //p' shown; }

start_server --listen-tls 127.0.0.1:0 --tls-cert two.crt --tls-key two.key --tls-cert one.crt --tls-key one.key --tls-ocsp one.ocsp
tls_port
for version in -tls1_2 -tls1_3; do
    same "$version: a client that asks is given it" 'Serial Number: 11 Cert Status: good ' "$(status_of one.example $version)"
    finds "$version: it belongs to the certificate" 'Verify return code: 0 \(ok\)' shown
    same "$version: a certificate without one has none" 'OCSP response: no response sent ' "$(status_of two.example $version)"
done
openssl s_client -connect "127.0.0.1:$port" -servername one.example </dev/null >shown 2>&1
! grep -q 'OCSP response' shown
check $? "who does not ask is not given it"

# ---- changed by SIGHUP -----------------------------------------------------------------------------

status_of one.example >/dev/null
before=$(next_update)
cp other.ocsp one.ocsp
reload_says 'kept the certificates: one.ocsp: it is about none'
same "a wrong response changes nothing" 'Serial Number: 11 Cert Status: good ' "$(status_of one.example)"
same "it is the same one" "$before" "$(next_update)"
cp appointed.ocsp one.ocsp
reload_says 'read 2 certificates again'
same "one that an appointed responder signed is taken" 'Serial Number: 11 Cert Status: good ' "$(status_of one.example)"
finds "and clients take it" 'Verify return code: 0 \(ok\)' shown
respond one.leaf one.ocsp -ndays 7
reload_says 'read 2 certificates again'
status_of one.example >/dev/null
[ "$before" != "$(next_update)" ]
check $? "a new response is given to new clients" "$(next_update)"

stop_server

# ---- two kinds of keys for one name ----------------------------------------------------------------

start_server --listen-tls 127.0.0.1:0 --tls-cert two.crt --tls-key two.key --tls-cert one.crt --tls-key one.key \
    --tls-cert rsa.crt --tls-key rsa.key --tls-ocsp rsa.ocsp,two.ocsp,one.ocsp
tls_port
same "who takes both is shown the elliptic curve's" 'Serial Number: 11 Cert Status: good ' "$(status_of one.example)"
same "who takes RSA only is shown that, and its response" 'Serial Number: 13 Cert Status: good ' \
    "$(status_of one.example -sigalgs RSA-PSS+SHA256)"
same "in TLS 1.2 as well" 'Serial Number: 13 Cert Status: good ' \
    "$(status_of one.example -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256)"
same "another name has its own" 'Serial Number: 12 Cert Status: good ' "$(status_of two.example)"
reload_says 'read 3 certificates again'
same "and after SIGHUP" 'Serial Number: 13 Cert Status: good ' "$(status_of one.example -sigalgs RSA-PSS+SHA256)"
cd / || exit 1
stop_server
finish
