#!/bin/sh
# What the pages for operators say is so: their commands work, the defaults that they name are the defaults, the
# options, variables, files and tests that they name are there.  What the options are docs/server.md is told by
# the program itself: test_options.sh.
. "$(dirname "$0")/common"
root=$(cd "$here/../.." && pwd)
cd "$root" || exit 1
pages="README.md SECURITY.md docs/server.md docs/http.md docs/api.md docs/tls.md docs/operations.md docs/observability.md docs/hardening.md"
units="deploy/systemd/wok-server.service deploy/systemd/wok-server.socket deploy/kubernetes/wok-server.yaml"
"$WOK_SERVER" --help >"$scratch/help"
"$WOK_SERVER" --check-config >"$scratch/defaults" 2>/dev/null
# Each line of the file is something for which the claim does not hold.
none() { # claim, file
    [ ! -s "$2" ]
    check $? "$1" "$(tr '\n' ' ' <"$2")"
}

# ---- names -----------------------------------------------------------------------------------------

# Flags stand in spans of code that begin with one, or with the program.
# shellcheck disable=SC2086 # a list
spans() { grep -ohE '`(wok-server )?--?[A-Za-z][^`]*`' $pages; }
spans | grep -oE -- '(^| |`)--?[A-Za-z][a-z-]*' | tr -d '` ' | sort -u >"$scratch/flags"
grep -oE -- '(^| )--?[A-Za-z][a-z-]*' "$scratch/help" | tr -d ' ' | sort -u >"$scratch/known"
# The others are the compiler's, the linker's, a container engine's, and errors' names.
grep -vxFf "$scratch/known" "$scratch/flags" | grep -vxE -- '-(fcf-protection|mbranch-protection|z|E)|--env-file' >"$scratch/unknown"
none "each option that a page names is one" "$scratch/unknown"
same "and many are named" 1 $(($(wc -l <"$scratch/flags") >= 25))

# Of the others one is a slip on purpose, one stands for any, one is Kubernetes's; the rest are for the tests and the code.
# shellcheck disable=SC2086 # a list
grep -ohE 'WOK_[A-Z0-9_]*[A-Z0-9]' $pages $units | sort -u |
    grep -vxE 'WOK_(BODY_BYTE_MAX|NAME|SERVER_PORT|TASK|CLEANUP|FLOOD|SANITIZE|E2E_TRANSPORT|ROUTE_ALWAYS)' >"$scratch/variables"
grep -oE 'WOK_[A-Z_]*' "$scratch/help" | sort -u >"$scratch/known"
grep -vxFf "$scratch/known" "$scratch/variables" >"$scratch/unknown"
none "each variable that a page or a unit names is one" "$scratch/unknown"

# shellcheck disable=SC2086 # a list
grep -ohE '`[A-Za-z0-9_./-]*/[A-Za-z0-9_./-]*`|\]\([a-z0-9_./-]*\)' $pages | tr -d '`()]' | sort -u |
    grep -E '^\.?/?(docs|decisions|tests|server|runtime|handlers|examples|loadtest|deploy|net|conn)/|\.(md|sh|c|h|mjs|yaml)$' |
    grep -vE '/(NAME|page)$' | while read -r name; do
    [ -e "$name" ] || [ -e "docs/$name" ] || [ -e "server/$name" ] || [ -e "tests/e2e/http/$name" ] || echo "$name"
done >"$scratch/unknown"
none "each file that a page names is there" "$scratch/unknown"

grep -aohE '`(h1_[a-z]*|target|connection|budget)/[a-z0-9_]+(_…)?`' docs/http.md | tr -d '`' | sed 's/_…$/_/' | sort -u >"$scratch/tests"
while IFS=/ read -r suite name; do
    grep -rqE "(Test|WOK_TEST)\\($suite, $name|$(echo "$suite" | tr '[:lower:]' '[:upper:]')_TEST\\($name" tests/server || echo "$suite/$name"
done <"$scratch/tests" >"$scratch/unknown"
none "each unit test that docs/http.md names is there" "$scratch/unknown"
same "and many are named" 1 $(($(wc -l <"$scratch/tests") >= 20))

# ---- defaults --------------------------------------------------------------------------------------

says_default() { # page, what it says, the variable, its value
    grep -qF -- "$2" "$1"
    check $? "$1 says '$2'"
    same "$1: and $3 is that by default" "$4" "$(awk -v name="$3" '$1 == name { print $2 }' "$scratch/defaults")"
}
says_default docs/http.md 'target 8 KiB: 414' WOK_TARGET_BYTES_MAX 8192
says_default docs/http.md 'head 32 KiB, 100 headers: 431' WOK_HEAD_BYTES_MAX 32768
says_default docs/http.md 'head 32 KiB, 100 headers: 431' WOK_HEADERS_MAX 100
says_default docs/http.md 'body 1 MiB' WOK_BODY_BYTES_MAX 1048576
says_default docs/http.md 'extensions and superfluous zeros 4 KiB' WOK_CHUNK_EXTENSION_BYTES_MAX 4096
says_default docs/http.md 'trailers 4 KiB' WOK_TRAILER_BYTES_MAX 4096
says_default docs/http.md 'up to 16 requests run' WOK_PIPELINED_MAX 16
says_default docs/tls.md 'has 10 s (`--tls-handshake-timeout`)' WOK_TLS_HANDSHAKE_TIMEOUT 10000
says_default docs/hardening.md '`--output-bytes-max` (64 KiB)' WOK_OUTPUT_BYTES_MAX 65536
says_default docs/operations.md 'the grace of 8 s' WOK_GRACE 8000
says_default docs/server.md '`--socket-mode` (0660)' WOK_SOCKET_MODE 0660
says_default docs/server.md 'at least 1,400 bytes' WOK_COMPRESSION_BYTES_MIN 1400
says_default docs/api.md '`--fan-out-max` (1000)' WOK_FAN_OUT_MAX 1000
says_default deploy/systemd/wok-server.service 'WOK_GRACE, 8 s' WOK_GRACE 8000
says_default docs/observability.md 'at level `info`' WOK_LOG_LEVEL info

set_in() { # page, what it says, the unit or manifest, what stands there
    grep -qF -- "$2" "$1" && grep -qE -- "$4" "$3"
    check $? "$1 says '$2', and $3 has it"
}
set_in docs/operations.md '`WatchdogSec=20`' deploy/systemd/wok-server.service '^WatchdogSec=20$'
set_in docs/operations.md '`TimeoutStopSec=30`' deploy/systemd/wok-server.service '^TimeoutStopSec=30$'
set_in docs/operations.md '`Type=notify`' deploy/systemd/wok-server.service '^Type=notify$'
set_in docs/operations.md '`/etc/wok-server.conf`' deploy/systemd/wok-server.service '^EnvironmentFile=-/etc/wok-server.conf$'
set_in docs/operations.md 'on 127.0.0.1:8080 until' deploy/systemd/wok-server.socket '^ListenStream=127.0.0.1:8080$'
set_in docs/operations.md '`WOK_DRAIN_DELAY=5000`' deploy/kubernetes/wok-server.yaml '"5000"'
set_in docs/operations.md '`terminationGracePeriodSeconds: 30`' deploy/kubernetes/wok-server.yaml 'terminationGracePeriodSeconds: 30'
set_in docs/operations.md '`wok_worker_busy_ratio`' deploy/kubernetes/wok-server.yaml 'wok_worker_busy_ratio'

sed -n '/^exit codes:/,$p' "$scratch/help" | sed -n 's/^  \([0-9]*\) .*/\1/p' >"$scratch/codes"
same "--help lists the exit codes" '0 1 2 69 70 78' "$(tr '\n' ' ' <"$scratch/codes" | sed 's/ $//')"
while read -r code; do
    finds "docs/server.md has exit code $code" "(^|[ ,])$code [a-z]" docs/server.md
done <"$scratch/codes"

# ---- commands --------------------------------------------------------------------------------------

# The program's own: each as it stands, with --check-config where it would serve.
sed -n '/^    # \/etc\/wok-server.conf/,/^$/s/^    //p' docs/server.md >"$scratch/wok-server.conf"
finds "docs/server.md has a file" '^WOK_LISTEN=' "$scratch/wok-server.conf"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$scratch/site.key" -out "$scratch/site.crt" \
    -subj /CN=localhost -days 2 2>/dev/null
# shellcheck disable=SC2086 # a list
sed -n 's/^ \{2,4\}wok-server\( [^#]*\).*/\1/p' $pages "$scratch/help" | sort -u >"$scratch/commands"
same "there are commands" 1 $(($(wc -l <"$scratch/commands") >= 4))
while read -r options; do
    given=$(echo "$options" | sed "s|/etc/|$scratch/|g; s|site\\.|$scratch/site.|g; s/--check-config//")
    # shellcheck disable=SC2086 # a list
    timeout 10 "$WOK_SERVER" $given --check-config >/dev/null 2>"$scratch/complaints"
    check $? "it works: wok-server $options" "$(cat "$scratch/complaints")"
done <"$scratch/commands"

line=$(sed -n 's/^    \(wok-server: .*\)/\1/p' docs/server.md)
printf '#\n\nWOK_BODY_BYTE_MAX=1\n' >"$scratch/wok-server.conf"
"$WOK_SERVER" --config "$scratch/wok-server.conf" 2>"$scratch/complaints"
same "docs/server.md quotes a line as it is" "$line" "$(sed "s|$scratch/|/etc/|" "$scratch/complaints")"

# Requests, of which one may have several lines.
start_server
mkdir "$scratch/bin"
cat >"$scratch/bin/curl" <<END
#!/bin/sh
exec $(command -v curl) -s -m 30 -o "$body" -w '%{http_code}' "\$@"
END
chmod +x "$scratch/bin/curl"
for page in $pages "$scratch/help"; do
    awk 'function quotes(text) { return gsub("\047", "", text) }
        open { command = command " " $0; open = (open + quotes($0)) % 2; if (!open) print command; next }
        /^ +(\$ )?curl [\047-]/ && !/https:/ { command = $0; sub(/^ +(\$ )?/, "", command); open = quotes(command) % 2; if (!open) print command }' \
        "$page"
done | sort -u >"$scratch/commands"
same "there are requests" 1 $(($(wc -l <"$scratch/commands") >= 3))
while read -r command; do
    status=$(PATH=$scratch/bin:$PATH sh -c "$(echo "$command" | sed "s|http://127.0.0.1:8080|$url|")" </dev/null)
    same "it is answered: $(echo "$command" | cut -c 1-90)" 2 "${status%??}"
done <"$scratch/commands"

grep -E '^\| `/' docs/api.md | sed -E 's/^\| `([^`]*)` \| ([0-9]*) \| `?([a-z]*)`? ?\|$/\1 \2 \3/' >"$scratch/requests"
same "docs/api.md has requests" 1 $(($(wc -l <"$scratch/requests") >= 15))
while read -r path expected word; do
    ask "$path"
    same "docs/api.md: $path" "$expected $word" "$status $(grep -o '"status": "[a-z]*"' "$body" | head -n 1 | cut -d '"' -f 4)"
done <"$scratch/requests"
stop_server
finish
