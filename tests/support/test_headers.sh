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

cxx_compilers=''
for compiler in g++ clang++; do # with a library
    echo '#include <string>' | "$compiler" -fsyntax-only -x c++ - 2>/dev/null &&
        cxx_compilers="$cxx_compilers $compiler"
done
includes='-Iruntime/include -Iserver/include'
warnings='-Wall -Wextra -Wpedantic -Wshadow -Werror'

# shellcheck disable=SC2086 # $includes and $warnings are lists
for header in runtime/include/wok/*.h server/include/wok/http/*.h; do
    name=${header#*/include/}
    for compiler in $compilers; do
        for standard in c11 gnu17; do
            if printf '#include <%s>\n' "$name" |
                "$compiler" -std="$standard" -fexceptions $warnings -Wstrict-prototypes $includes \
                    -fsyntax-only -x c -; then
                ok
            else
                bad "$compiler -std=$standard: <$name> does not stand by itself"
            fi
        done
    done
    for compiler in $cxx_compilers; do
        if printf '#include <%s>\n' "$name" |
            "$compiler" -std=c++17 $warnings $includes -fsyntax-only -x c++ -; then
            ok
        else
            bad "$compiler: <$name> is no C++17"
        fi
    done
done

refused() { # compiler, language, option: wok.h says why it does not compile
    if printf '#include <wok/wok.h>\n' | "$1" -x "$2" "$3" -Iruntime/include -fsyntax-only - 2>&1 |
        grep -q 'wok needs -fexceptions'; then
        ok
    else
        bad "$1: wok.h compiles without -fexceptions"
    fi
}
for compiler in $compilers; do
    refused "$compiler" c -std=gnu17
done
for compiler in $cxx_compilers; do
    refused "$compiler" c++ -fno-exceptions
done

# Each macro is usable from C++: the consumer, which tests/consumer runs, has them all and compiles as
# strictly as can be.
for macro in $(sed -n 's/^#define \([A-Za-z0-9_]*\)(.*/\1/p' runtime/include/wok/*.h | grep -vE '_$|__'); do
    if grep -qw "$macro" tests/consumer/cxx/main.cpp; then
        ok
    else
        bad "$macro() is not used in tests/consumer/cxx/main.cpp"
    fi
done

# Each function of a channel has its typed form in that channel's family, which calls it.
# shellcheck disable=SC2013 # names are words
forms() { # channel, macro, folder of the headers
    sed -n "/^#define $2(/,/enum { name_##_value_size_/p" "$3/wok/channel.h" >"$family"
    for name in $(sed -n "s/^[^ *].*[ *]\{0,1\}\(wok_$1_[a-z_]*\)(.*/\1/p" "$3/wok/$1.h"); do
        if ! grep -q "name_##_${name#wok_"$1"_}(" "$family" || ! grep -q "[^a-z_]$name(" "$family"; then
            echo "$name"
        fi
    done
}
family=$(mktemp) || exit 1
trap 'rm -f "$family"' EXIT
for channel in 'mpsc WOK_CHANNEL' 'oneshot WOK_ONESHOT' 'watch WOK_WATCH' 'broadcast WOK_BROADCAST'; do
    # shellcheck disable=SC2086 # two words
    missing=$(forms $channel runtime/include)
    if [ -z "$missing" ] && [ "$(grep -c 'name_##_' "$family")" -gt 10 ]; then
        ok
    else
        bad "${channel#* }() lacks the typed form of" $missing
    fi
done

# What a user's types and functions are called is no business of the macros'.
# shellcheck disable=SC2086
names() { # compiler and options...
    for names in '' -DNAMES_OF_FUNCTIONS; do
        if "$@" -fexceptions $warnings $names $includes -fsyntax-only tests/consumer/names.c; then
            ok
        else
            bad "$*: a macro does not leave the user all names: names.c $names"
        fi
    done
}
for compiler in $compilers; do
    names "$compiler" -std=c11
done
for compiler in $cxx_compilers; do
    names "$compiler" -std=c++17 -x c++
done

# What cannot be moved by copying its bytes is refused.
# shellcheck disable=SC2086
for compiler in $cxx_compilers; do
    for standard in c++17 c++20; do
        if "$compiler" -std="$standard" $warnings $includes -fsyntax-only tests/consumer/cxx/main.cpp; then
            ok
        else
            bad "$compiler -std=$standard: a macro is not usable"
        fi
    done
    if printf '%s\n' '#include <string>' '#include <wok/wok.h>' 'WOK_TASK(greet, std::string, int);' \
        'int greet(std::string *, int *) { return 0; }' |
        "$compiler" -std=c++17 $includes -fsyntax-only -x c++ - 2>/dev/null; then
        bad "$compiler: a std::string is moved by copying its bytes"
    else
        ok
    fi
done

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
