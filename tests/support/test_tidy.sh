#!/bin/sh
# Each check of tests/tidy.sh has to be seen failing: breaks one rule at a time in a scratch tree that is
# otherwise clean, and expects exactly that check to fail.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/verdict"

put() { # FILE, text on standard input; every C file begins with its comment
    mkdir -p "$(dirname "$work/tree/$1")"
    { case $1 in *.c | *.h) echo '/* A file of the scratch tree. */' ;; esac; cat; } >"$work/tree/$1"
}

clean_tree() {
    rm -rf "$work/tree"
    put runtime/sched/queue.c <<'C'
#include "platform/atomic.h"
#include "task/state.h"
void publish(void)
{
    store_release(&tail, 1); /* [queue.publish] */
    (void)load_acquire(&tail); /* [queue.publish] */
    puts("sleep(1) AF_INET __atomic_load_n"); /* AF_INET sleep(1) */
}
C
    put runtime/task/state.c <<'C'
#include "task/schedule.h"
#include "time/wheel.h"
C
    put runtime/include/wok/base.h <<'C'
#include <stddef.h>
C
    put server/http/headers.c <<'C'
#include "http/headers.h"
#include <wok/base.h>
C
    put server/conn/connection.c <<'C'
#include "http/headers.h"
#include <sys/socket.h>
C
    put handlers/fetch.c <<'C'
#include <wok/task.h>
C
    put tests/runtime/test_queue.c <<'C'
int wok_sleep(int duration);
C
    put tests/e2e/test_sockets.c <<'C'
int family = AF_INET;
C
    echo '[queue.publish] the slot is visible before the tail' | put docs/memory-ordering.md
    printf '[{"command": "gcc -fexceptions -o a.o -c a.c",\n}]\n' | put build/dev/compile_commands.json
}

# fails CLAIM: the tree as it is now breaks exactly the check whose claim contains CLAIM
fails() {
    sh "$root/tests/tidy.sh" "$work/tree" >"$work/out" 2>&1
    code=$?
    [ "$code" -ne 0 ] && [ "$(grep -c '^FAIL' "$work/out")" = 1 ] && grep -q "^FAIL.*$1" "$work/out"
    verdict $? "seen failing: $1"
    clean_tree
}

clean_tree
sh "$root/tests/tidy.sh" "$work/tree" >"$work/out" 2>&1
verdict $? "a clean tree passes"

echo '#include "sched/queue.h"' | put runtime/task/join.c
fails 'includes inside runtime/ point down'
echo '#include "queue.h"' | put runtime/sched/worker.c
fails 'includes inside runtime/ point down'
echo '#include "platform/atomic.h"' | put runtime/include/wok/task.h
fails 'public headers include public headers only'
echo '#include <wok/http/message.h>' | put runtime/io/net.c
fails 'runtime/ knows nothing of the layers above it'
echo '#include "conn/connection.h"' | put server/http/target.c
fails 'includes inside server/ point down'
echo '#include "task/state.h"' | put server/conn/exchange.c
fails 'includes inside server/ point down'
echo '#include <wok/task.h>' | put server/http/target.c
fails 'server/http/ uses neither runtime nor OpenSSL'
echo '#include <openssl/evp.h>' | put server/http/target.c
fails 'server/http/ uses neither runtime nor OpenSSL'
echo '#include <sys/socket.h>' | put handlers/json.c
fails 'handlers/ know no socket'
echo '#include <jansson.h>' | put server/serve/router.c
fails 'server/ knows no handler'
echo '#include <stdatomic.h>' | put runtime/io/op.c
fails 'atomics only in platform/atomic.h'
echo 'int x = __atomic_load_n(&y, 0);' | put tests/runtime/test_op.c
fails 'atomics only in platform/atomic.h'
echo 'int x = load_acquire(&y); /* [queue.other] */' | put runtime/io/op.c
echo '[queue.publish] [queue.other]' | put docs/memory-ordering.md
fails 'each label of an atomic access has both ends'
echo 'int x; /* [op.done] */ int y; ' | put runtime/io/op.c
echo 'int x; /* [op.done] */ int y; ' | put runtime/io/net.c
fails 'each label is explained in docs/memory-ordering.md'
echo 'int x = load_acquire(&y);' | put runtime/io/op.c
fails 'each ordering above relaxed has a label'
echo 'void f(void) { usleep (1); }' | put tests/runtime/test_op.c
fails 'tests never sleep'
echo 'int family = AF_INET6;' | put tests/runtime/test_op.c
fails 'no network sockets in tests'
echo 'node -e "net.connect(80)"' | put tests/examples/test_01.sh
chmod +x "$work/tree/tests/examples/test_01.sh"
fails 'no network sockets in tests'
echo '# 7. Seven' | put docs/decisions/0007-seven.md
fails 'docs/decisions/README.md lists each decision'
echo '- [7](0007-seven.md) Six' | put docs/decisions/README.md
echo '# 7. Seven' | put docs/decisions/0007-seven.md
fails 'docs/decisions/README.md lists each decision'
echo '- [7](0007-seven.md) Seven' | put docs/decisions/README.md
fails 'docs/decisions/README.md lists each decision'
echo 'exit 0' | put tests/e2e/test_x.sh
fails 'test scripts are executable'
seq 700 | sed 's/.*/int x&;/' | put runtime/io/op.c
fails 'no file is longer than 600 lines'
{ echo 'int f(void)'; echo '{'; seq 90 | sed 's/.*/    g();/'; echo '}'; } | put runtime/io/op.c
fails 'no function is longer than 80 lines'
: >"$work/tree/runtime/io_op.c"
echo 'int x;' >"$work/tree/runtime/io_op.c"
fails 'each C file begins with the comment'
echo '/* TO''DO later */' | put runtime/io/op.c
fails 'no leftover markers'
echo '/* Copyright someone else */' | put runtime/io/op.c
fails 'no third-party source'
printf '[{"command": "gcc -o a.o -c a.c",\n}]\n' | put build/dev/compile_commands.json
fails 'every C file is compiled with -fexceptions'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
