#!/bin/sh
# Rules of the house that no compiler checks.  Each check prints what breaks it, as FILE:LINE: reason.
#
#   tests/tidy.sh [ROOT]
#
# tests/support/test_tidy.sh breaks each rule once in a scratch tree and sees it reported.
set -u
cd "${1:-$(dirname "$0")/..}" || exit 1
results=$(mktemp) || exit 1 # one line for each check; the checks run in pipelines, so no variable
trap 'rm -f "$results"' EXIT

# c_lines FOLDERS...: every line of C there as FILE:LINE:TEXT, comments and string contents blanked
# so that prose cannot break a rule.
c_lines() {
    find "$@" -type f \( -name '*.c' -o -name '*.h' \) 2>/dev/null | sort | while read -r file; do
        awk -v file="$file" '
            {
                line = $0; out = ""
                while (line != "") {
                    if (inside) {
                        end = index(line, "*/")
                        if (!end) { line = ""; break }
                        line = substr(line, end + 2); inside = 0
                    } else if (match(line, /\/\*|\/\/|"([^"\\]|\\.)*"/)) {
                        start = substr(line, RSTART, 2)
                        out = out substr(line, 1, RSTART - 1)
                        if (start == "/*") { inside = 1; line = substr(line, RSTART + 2) }
                        else if (start == "//") line = ""
                        else {
                            text = substr(line, RSTART, RLENGTH)
                            out = out ($0 ~ /^ *# *include/ ? text : "\"\"")
                            line = substr(line, RSTART + RLENGTH)
                        }
                    } else { out = out line; line = "" }
                }
                if (out ~ /[^ \t]/) print file ":" FNR ":" out
            }' "$file"
    done
}

# check CLAIM: what stands on standard input breaks it
check() {
    broken=$(cat)
    if [ -z "$broken" ]; then
        echo "ok   $1" | tee -a "$results"
    else
        echo "FAIL $1" | tee -a "$results"
        echo "$broken" | sed 's/^/       /'
    fi
}

# says REASON: makes 'FILE:LINE:TEXT' into 'FILE:LINE: REASON'
says() { sed "s|^\([^:]*:[0-9]*\):.*|\1: $1|"; }

# ---- layers ----------------------------------------------------------------------------------------

# Lower includes never point up: util <- platform <- time/wheel, task <- sync, channel, time/timer,
# blocking <- io <- sched <- runtime.c.  observe reads them all; they see its counters and probes.
c_lines runtime | grep -E ':[0-9]+: *# *include *"' | awk -F: '
    function rank(path) {
        if (path ~ /^time\/(timer|interval)/) return 4
        if (path ~ /^util\/slab/) return 2 # it maps memory and takes locks
        if (path ~ /^util\//) return 1
        if (path ~ /^platform\//) return 2
        if (path ~ /^(time|task)\//) return 3
        if (path ~ /^(sync|channel|blocking)\//) return 4
        if (path ~ /^io\//) return 5
        if (path ~ /^sched\//) return 6
        if (path ~ /^observe\/(counters|probe|histogram)/) return 0
        if (path ~ /^observe\//) return 7
        return 8
    }
    {
        from = $1; sub(/^runtime\//, "", from)
        split($3, parts, "\""); to = parts[2]
        if (from ~ /^observe\/(counters|probe|histogram)/) mine = 2; else mine = rank(from)
        if (to == "model_atomic.h") next # the seam of the model checker
        if (to !~ /\//) {
            if (from ~ /\//) print $1 ":" $2 ": includes \"" to "\" without its folder"
        } else if (rank(to) > mine)
            print $1 ":" $2 ": includes \"" to "\", a layer above its own"
    }' | check "includes inside runtime/ point down"

c_lines runtime/include server/include | grep -E ':[0-9]+: *# *include *"' |
    says 'a public header includes a private one' | check "public headers include public headers only"

c_lines runtime | grep -E '# *include *(<(wok/http|jansson|openssl|llhttp)|"(http|net|conn|serve)/)' |
    says 'runtime knows nothing of HTTP' | check "runtime/ knows nothing of the layers above it"

c_lines server | grep -E '# *include *"' | awk -F: '
    function rank(path) {
        return path ~ /^(http|log)\// ? 1 : path ~ /^net\// ? 2 : path ~ /^conn\// ? 3 : path ~ /^serve\// ? 4 : 0
    }
    $1 != "server/main.c" {
        from = $1; sub(/^server\//, "", from)
        split($3, parts, "\""); to = parts[2]
        if (to == "platform/atomic.h") next # all atomics go through it
        if (rank(to) == 0) print $1 ":" $2 ": includes \"" to "\", which is not of server/"
        else if (rank(to) > rank(from)) print $1 ":" $2 ": includes \"" to "\", a layer above its own"
    }' | check "includes inside server/ point down: http, log <- net <- conn <- serve"

{
    c_lines server/http | grep -E '# *include *(<(openssl/|sys/socket|netinet/|arpa/|poll|sys/epoll|pthread)|"platform/)'
    c_lines server/http | grep -E '# *include *<wok/' | grep -vE '<wok/(base|time)\.h>|<wok/http/'
} | says 'server/http is bytes in, events out: no runtime, no sockets, no OpenSSL' |
    check "server/http/ uses neither runtime nor OpenSSL"

c_lines handlers | grep -E '# *include *(<(sys/socket|sys/un|netinet/|arpa/|netdb|poll|sys/epoll|wok/net)|"(net|conn|serve|http)/)' |
    says 'handlers know no socket' | check "handlers/ know no socket"

c_lines server | grep -v '^server/main.c:' | grep -E '# *include *.*(handlers/|jansson)' |
    says 'the server knows no handler' | check "server/ knows no handler"

# ---- atomics ---------------------------------------------------------------------------------------

c_lines runtime server handlers examples tests | grep -E '__(atomic|sync)_|stdatomic|_Atomic' |
    grep -vE '^(runtime/platform/atomic\.h|tests/model/)' | says 'atomics go through platform/atomic.h' |
    check "atomics only in platform/atomic.h"

# A label stands in the comment of each access of its pair.
labels=$(grep -rnE '(/\*|//|^ *\*).*\[[a-z][a-z0-9_]*\.[a-z][a-z0-9_-]*\]' --include='*.[chS]' runtime server 2>/dev/null |
    grep -v '^runtime/platform/atomic.h:' |
    awk '{
        match($0, /^[^:]*:[0-9]+:/); place = substr($0, 1, RLENGTH)
        sub(/^[^:]*:[0-9]+:/, ""); sub(/^.*(\/\*|\/\/)/, "") # the code before the comment may have subscripts
        while (match($0, /\[[a-z][a-z0-9_]*\.[a-z][a-z0-9_-]*\]/)) {
            print place substr($0, RSTART, RLENGTH)
            $0 = substr($0, RSTART + RLENGTH)
        }
    }')
echo "$labels" | awk -F: 'NF { count[$3]++; where[$3] = $1 ":" $2 }
    END { for (label in count) if (count[label] < 2) print where[label] ": label " label " has one end only" }' |
    sort | check "each label of an atomic access has both ends"

echo "$labels" | awk -F: 'NF && !seen[$3]++ { print $1 ":" $2 ":" $3 }' |
    while IFS=: read -r file line label; do
        grep -qF -- "$label" docs/memory-ordering.md 2>/dev/null ||
            echo "$file:$line: label $label is not in docs/memory-ordering.md"
    done | check "each label is explained in docs/memory-ordering.md"

# Every ordering above relaxed says which pair it belongs to: on its line or within three lines.
find runtime server -name '*.[ch]' ! -path runtime/platform/atomic.h 2>/dev/null | sort | while read -r file; do
    awk -v file="$file" '
        { text[FNR] = $0 }
        END {
            for (i = 1; i <= FNR; i++) {
                code = text[i]; sub(/\/\*.*/, "", code)
                if (code ~ /^ *\*/ || code !~ /(^|[^a-z_])(load_acquire|store_release|(exchange|cas|fetch_[a-z]+)_(acquire|release|acq_rel)|fence_seq_cst)\(/)
                    continue
                found = 0
                for (j = i - 3; j <= i + 3; j++)
                    if (text[j] ~ /\[[a-z][a-z0-9_]*\.[a-z][a-z0-9_-]*\]/) found = 1
                if (!found) print file ":" i ": an ordering without a label"
            }
        }' "$file"
done | check "each ordering above relaxed has a label"

# ---- tests -----------------------------------------------------------------------------------------

c_lines tests | grep -E '(^|[^A-Za-z0-9_])(u?sleep|nanosleep|clock_nanosleep|thrd_sleep) *\(' |
    says 'tests wait for events, they do not sleep' | check "tests never sleep"

{
    c_lines tests | grep -v '^tests/e2e/' | grep -E '(^|[^A-Z_])AF_INET6?([^A-Z_]|$)'
    grep -rnE 'net\.(connect|createServer)|/dev/tcp/|(^|[ |(])(curl|nc) ' tests --include='*.sh' --include='*.mjs' 2>/dev/null |
        grep -vE '^tests/(e2e/|tidy\.sh|support/test_tidy\.sh)'
} | says 'network sockets appear in tests/e2e/ only' | check "no network sockets in tests outside tests/e2e/"

find tests \( -name 'test_*.sh' -o -path 'tests/examples/*.sh' -o -name 'image.sh' \
    -o -name 'tidy.sh' -o -name 'manual.sh' \) \
    ! -perm -u+x 2>/dev/null | sed 's/$/:1: not executable/' |
    check "test scripts are executable"

# ---- documents -------------------------------------------------------------------------------------

{
    index=docs/decisions/README.md
    for file in docs/decisions/[0-9]*.md; do
        [ -f "$file" ] || continue
        line=$(sed -n "1s|^# \([0-9]*\)\. \(.*\)|- [\1](${file##*/}) \2|p" "$file")
        grep -qxF -- "${line:-no heading}" "$index" 2>/dev/null || echo "$index:1: has no line '$line' for $file"
    done
    grep -onE '\]\([^)]*\.md\)' "$index" 2>/dev/null | sed 's/^\([0-9]*\):](\(.*\))/\1 \2/' | while read -r line file; do
        [ -f "docs/decisions/$file" ] || echo "$index:$line: there is no $file"
    done
} | check "docs/decisions/README.md lists each decision, and no other"

# ---- files -----------------------------------------------------------------------------------------

find runtime server handlers examples tests loadtest -type f -name '*.[chS]' 2>/dev/null | sort | while read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 600 ] || echo "$file:$lines: more than 600 lines: look for its second subject"
done | check "no file is longer than 600 lines"

find runtime server handlers -type f -name '*.c' 2>/dev/null | sort | while read -r file; do
    awk -v file="$file" '/^{/ { start = FNR } /^}/ && start {
        if (FNR - start > 80) print file ":" start ": a function of " FNR - start " lines"
        start = 0 }' "$file"
done | check "no function is longer than 80 lines"

find runtime server handlers examples loadtest tests -type f -name '*.[ch]' 2>/dev/null | sort | while read -r file; do
    head -n 1 "$file" | grep -q '^/\*' || echo "$file:1: begins without a comment that says what it is for"
done | check "each C file begins with the comment that says what it is for"

# Spelt in two parts, so that this file does not find itself.
marks='TO''DO|FIX''ME|XX''X|HA''CK|place''holder|not impl''emented'
grep -rnE --exclude-dir=.git --exclude-dir=build --exclude-dir=.cache "(^|[^A-Za-z0-9_])($marks)([^A-Za-z0-9_]|\$)" \
    . 2>/dev/null | says 'work left is an entry in the issue list' | check "no leftover markers"

{
    grep -rnE --include='*.[chS]' -i 'copyright|all rights reserved' . --exclude-dir=build --exclude-dir=.cache 2>/dev/null
    find . \( -name build -o -name .cache -o -name .git \) -prune -o -type d \
        \( -name vendor -o -name 'third*party' -o -name node_modules \) -print | sed 's/$/:1:/'
} | says 'no third-party source is committed' | check "no third-party source"

# Without -fexceptions a file's cleanup handlers are skipped silently by a panic.
for commands in build/*/compile_commands.json; do
    [ -f "$commands" ] || continue
    grep '"command":' "$commands" | grep -v -- ' -fexceptions ' | grep -vE '\.S"?,?$' |
        sed "s|.* -c \([^\"]*\).*|$commands:1: \1 is compiled without -fexceptions|"
done | check "every C file is compiled with -fexceptions"

passed=$(grep -c '^ok ' "$results") failed=$(grep -c '^FAIL ' "$results")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
