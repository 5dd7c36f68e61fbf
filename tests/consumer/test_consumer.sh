#!/bin/sh
# Programs on an installed libwok: installs the build into a folder, moves that folder, and builds and
# runs a C and a C++ project there, with each compiler that this machine has, by find_package() and by
# pkg-config, with the static and with the shared library.
set -u
: "${WOK_BUILD:?the build that is to be installed}"
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

verdict() { # 0 if it holds, the claim; what went wrong is in $work/log
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok   $2"
    else
        failed=$((failed + 1))
        echo "FAIL $2"
        sed 's/^/       /' "$work/log" | tail -n 20
    fi
    : >"$work/log"
}

for tool in cmake pkg-config nm readelf strings; do
    command -v "$tool" >/dev/null || { echo "no $tool here"; exit 77; }
done

# ---- the tree --------------------------------------------------------------------------------------

prefix=$work/moved
cmake --install "$WOK_BUILD" --prefix "$work/tree" >"$work/log" 2>&1 && mv "$work/tree" "$prefix"
verdict $? "the build installs"

library=$(find "$prefix" -name libwok.so)
lib=$(dirname "$library")
export PKG_CONFIG_PATH="$lib/pkgconfig"
export LD_LIBRARY_PATH="$lib" # only the programs built by hand need it: CMake's carry their path

grep -rnE "$work|$root|$WOK_BUILD" "$lib/cmake" "$lib/pkgconfig" >"$work/log"
[ $? -eq 1 ]
verdict $? "no installed file names a folder of this machine"
for file in "$lib/libwok.a" "$library" "$prefix/bin/wok-server"; do
    strings -a "$file" | grep -E "^.{0,9}($root|$WOK_BUILD)/" | sed "s|^|$(basename "$file"): |"
done >"$work/log"
[ ! -s "$work/log" ]
verdict $? "no library and no program names the folder that it was built in"

for file in include/wok/wok.h share/doc/wok/LICENSE share/doc/wok/docs/install.md \
    share/doc/wok/examples/01_spawn.c bin/wok-server share/man/man1/wok-server.1 \
    share/bash-completion/completions/wok-server share/zsh/site-functions/_wok-server \
    share/fish/vendor_completions.d/wok-server.fish; do
    [ -s "$prefix/$file" ] || echo "no $file"
done >"$work/log"
[ ! -s "$work/log" ]
verdict $? "headers, documents, examples, the server, its manual page and completions are there"

readelf -d "$library" >"$work/log"
grep -q 'SONAME.*\[libwok\.so\.0\]' "$work/log" && ! grep -q TEXTREL "$work/log" &&
    [ "$(readlink "$lib/libwok.so.0")" = "$(basename "$(readlink -f "$library")")" ]
verdict $? "the shared library has a version, and its text needs no relocation"

# The binary interface is what the headers declare, no more and no less.
sh "$root/tests/manual.sh" --names "$prefix/include" | sort >"$work/declared"
nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$work/exported"
diff "$work/declared" "$work/exported" >"$work/log"
verdict $? "the shared library exports what the headers declare with WOK_API, and nothing else"

pkg-config --cflags wok | tr ' ' '\n' >"$work/log" 2>&1
grep -qx -e -fexceptions "$work/log" && grep -qx -e -pthread "$work/log"
verdict $? "pkg-config --cflags gives -fexceptions and -pthread"
pkg-config --libs wok | tr ' ' '\n' >"$work/log" 2>&1
grep -qx -e -lwok "$work/log" && grep -qx -e -pthread "$work/log"
verdict $? "pkg-config --libs gives -lwok and -pthread"

# Any compiler can read libwok.a; what only the gcc that built it can read stands beside it.
readelf -S "$lib/libwok.a" 2>&1 | grep -E 'gnu\.(debug)?lto_|Error' | sort | uniq -c >"$work/log"
[ ! -s "$work/log" ]
verdict $? "libwok.a is machine code only"
lto=$(pkg-config --variable=static_lto wok)
if [ -n "$lto" ]; then
    readelf -S "$lto" 2>"$work/log" | grep -q 'gnu\.lto_'
    verdict $? "libwok_lto.a has what gcc optimises at the link"
fi

# ---- the projects ----------------------------------------------------------------------------------

generator='Unix Makefiles'
! command -v ninja >/dev/null || generator=Ninja

runs() { # program...: ends with 0, in time
    timeout -k 1 20 "$@" >>"$work/log" 2>&1
}

inside() { # program: it needs no libwok.so
    [ -x "$1" ] && ! readelf -d "$1" | grep -q 'NEEDED.*libwok'
}

outside() { # program: it needs libwok.so
    [ -x "$1" ] && readelf -d "$1" | grep -q 'NEEDED.*libwok\.so\.0'
}

by_cmake() { # c or cxx, compiler, options...
    project=$1 language=C compiler=$2
    [ "$project" = c ] || language=CXX
    build=$work/build-$project-$compiler
    shift 2
    cmake -S "$here/$project" -B "$build" -G "$generator" -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_${language}_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$prefix" "$@" >>"$work/log" 2>&1 &&
        cmake --build "$build" >>"$work/log" 2>&1
    verdict $? "$compiler: the $project project finds wok and compiles"
    for kind in wok wok_static wok_shared; do
        (unset LD_LIBRARY_PATH && runs "$build/use_$kind")
        verdict $? "$compiler: the $project program with wok::$kind"
    done
    inside "$build/use_wok_static" && outside "$build/use_wok_shared"
    verdict $? "$compiler: each of the two has the library that it asked for"
    if [ -x "$build/use_wok_static_lto" ]; then
        runs "$build/use_wok_static_lto"
        verdict $? "$compiler: the $project program with wok::wok_static_lto"
    fi
    case "$*" in *BUILD_SHARED_LIBS=ON*) outside "$build/use_wok" ;; *) inside "$build/use_wok" ;; esac
    verdict $? "$compiler: wok::wok is static, or shared where BUILD_SHARED_LIBS is on"
}

links_and_runs() { # the claim, how to link...
    claim=$1
    shift
    rm -f "$work/program"
    "$@" -o "$work/program" >>"$work/log" 2>&1 && runs "$work/program"
    verdict $? "$claim"
}

# shellcheck disable=SC2046 # lists of options
by_pkg_config() { # source, compiler, options...
    source=$here/$1 compiler=$2 object=$work/main.o
    shift 2
    rm -f "$object"
    "$compiler" "$@" $(pkg-config --cflags wok) -c "$source" -o "$object" >>"$work/log" 2>&1
    verdict $? "$compiler: $(basename "$source") compiles by pkg-config"
    links_and_runs "$compiler: and runs with the shared library" \
        "$compiler" "$object" $(pkg-config --libs wok)
    outside "$work/program"
    verdict $? "$compiler: which is not inside"
    archive=$(pkg-config --variable=static wok)
    links_and_runs "$compiler: and runs with libwok.a" "$compiler" "$object" "$archive" -pthread
    inside "$work/program"
    verdict $? "$compiler: which is inside"
    if [ -n "$lto" ]; then # clang takes the machine code
        links_and_runs "$compiler: and runs with libwok_lto.a" "$compiler" "$object" "$lto" -pthread
    fi
    links_and_runs "$compiler: and runs with static libraries only" \
        "$compiler" -static "$object" $(pkg-config --static --libs wok)
}

# gcc 12's sanitizers cannot place their shadow where the kernel randomises more than 28 bits.
fixed=''
if [ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 32)" -gt 28 ] && setarch -R true 2>/dev/null; then
    fixed='setarch -R'
fi

# A correct program that AddressSanitizer watches has nothing to say but its own line, and a wrong one is
# found, on the stack of a task: so the tool did look.
watched() { # the claim, how to link...
    claim=$1
    shift
    rm -f "$work/program"
    # shellcheck disable=SC2086 # two words or none
    "$@" -o "$work/program" >"$work/log" 2>&1 &&
        timeout -k 1 60 $fixed "$work/program" >"$work/log" 2>&1 && [ "$(cat "$work/log")" = '0 wrong' ]
    verdict $? "$claim: a correct program is not reported"
    # shellcheck disable=SC2086
    timeout -k 1 60 $fixed "$work/program" wrong >"$work/log" 2>&1
    grep -q 'AddressSanitizer: stack-buffer-overflow' "$work/log" && grep -q ' in parks' "$work/log"
    verdict $? "$claim: a wrong one is"
}

# shellcheck disable=SC2046 # lists of options
with_asan() { # compiler
    for level in -O0 -O2; do
        "$1" -std=c11 -Wall -Wextra -Wpedantic -Werror -g "$level" -fsanitize=address \
            $(pkg-config --cflags wok) -c "$here/c/watched.c" -o "$work/watched.o" >"$work/log" 2>&1
        verdict $? "$1 $level: watched.c compiles with AddressSanitizer"
        set -- "$1" "$level" -fsanitize=address "$work/watched.o"
        watched "$1 $level, libwok.a" "$@" "$(pkg-config --variable=static wok)" -pthread
        watched "$1 $level, libwok.so" "$@" $(pkg-config --libs wok)
        [ -z "$lto" ] || watched "$1 $level, libwok_lto.a" "$@" "$lto" -pthread
    done
}

for compiler in gcc clang; do
    command -v "$compiler" >/dev/null || continue
    with_asan "$compiler"
    by_cmake c "$compiler"
    by_pkg_config c/main.c "$compiler" -std=c11 -Wall -Wextra -Wpedantic -Werror
    # shellcheck disable=SC2046
    "$compiler" $(pkg-config --cflags wok | sed 's/-fexceptions//') -fsyntax-only "$here/c/main.c" \
        >"$work/log" 2>&1
    grep -q 'error.*wok needs -fexceptions' "$work/log"
    verdict $? "$compiler: a C file without -fexceptions is refused"
done
for compiler in g++ clang++; do # with a library
    echo '#include <string>' | "$compiler" -fsyntax-only -x c++ - 2>/dev/null || continue
    by_cmake cxx "$compiler" -DBUILD_SHARED_LIBS=ON
    by_pkg_config cxx/main.cpp "$compiler" -std=c++17 -Wall -Wextra -Wpedantic -Werror
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
