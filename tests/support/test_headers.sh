#!/bin/sh
# test_headers.sh - each public header stands by itself, in C and in C++, and refuses a compiler that
# would skip cleanup handlers silently.
set -u
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAIL $*"
}

compilers=''
for compiler in gcc clang; do
    command -v "$compiler" >/dev/null && compilers="$compilers $compiler"
done
[ -n "$compilers" ] || { echo "neither gcc nor clang is here"; exit 77; }

for compiler in $compilers; do
    for header in runtime/include/wok/*.h server/include/wok/http/*.h; do
        name=${header#*/include/}
        if printf '#include <%s>\n' "$name" |
            "$compiler" -std=gnu17 -fexceptions -Wall -Wextra -Wshadow -Wstrict-prototypes -Werror \
                -Iruntime/include -Iserver/include -fsyntax-only -x c -; then
            ok
        else
            bad "$compiler: <$name> does not stand by itself"
        fi
    done
    if printf '#include <wok/wok.h>\n' |
        "$compiler" -std=gnu17 -Iruntime/include -fsyntax-only -x c - 2>&1 |
        grep -q 'wok needs -fexceptions'; then
        ok
    else
        bad "$compiler: wok.h compiles without -fexceptions"
    fi
done

if command -v g++ >/dev/null; then
    if printf '#include <wok/wok.h>\nint main() { return wok_cancelled(); }\n' |
        g++ -std=c++17 -Wall -Wextra -Werror -Iruntime/include -fsyntax-only -x c++ -; then
        ok
    else
        bad "g++: <wok/wok.h> is no C++"
    fi
fi

# Three wrong uses of the typed macros are diagnosed, and the right one is not.
use() { # what follows the family, as C
    printf '%s\n' '#include <wok/wok.h>' 'struct a { int x; };' 'typedef const char *text;' \
        'WOK_TASK(fetch, struct a, text);' \
        'static int fetch(struct a *args, text *ret) { (void)args; *ret = ""; return 0; }' \
        'static int child(int *borrowed) { return *borrowed; }' \
        'int use(wok_scope *scope); int use(wok_scope *scope) {' \
        '(void)scope; (void)child; text right = 0; double wrong = 0; (void)right; (void)wrong;' \
        "$1" 'return 0; }' | "$2" -std=gnu17 -fexceptions -Wall -Wextra -Werror -Iruntime/include \
        -fsyntax-only -x c - 2>/dev/null
}
for compiler in $compilers; do
    if use 'fetch_join j = wok_spawn(fetch, {.x = 1}); return fetch_await(&j, &right, 0);' "$compiler"; then
        ok
    else
        bad "$compiler: the right use is refused"
    fi
    for wrong in 'fetch_join j = wok_spawn(fetch, {.y = 1}); (void)j;' \
        'fetch_join j = wok_spawn(fetch, {.x = 1}); return fetch_await(&j, &wrong, 0);' \
        'wok_scope_spawn(scope, child, &wrong);'; do
        if use "$wrong" "$compiler"; then
            bad "$compiler accepts: $wrong"
        else
            ok
        fi
    done
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
