#!/bin/sh
# The same source gives the same libwok.a: a copy of it in another folder, built there with the options of the
# build that is looked at.
set -u
: "${WOK_BUILD:?the build to compare with}"
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
for tool in cmake objcopy; do
    command -v "$tool" >/dev/null || { echo "no $tool here"; exit 77; }
done

option() { # name: as the build has it
    sed -n "s/^$1:[A-Z]*=//p" "$WOK_BUILD/CMakeCache.txt"
}

mkdir "$work/elsewhere"
(cd "$root" && tar -cf - CMakeLists.txt cmake examples loadtest runtime) | tar -C "$work/elsewhere" -xf - || exit 1
generator='Unix Makefiles'
! command -v ninja >/dev/null || generator=Ninja
CCACHE_DISABLE=1 cmake -S "$work/elsewhere" -B "$work/copy/build" -G "$generator" \
    -DCMAKE_C_COMPILER="$(option CMAKE_C_COMPILER)" -DCMAKE_BUILD_TYPE="$(option CMAKE_BUILD_TYPE)" \
    -DWOK_LTO="$(option WOK_LTO)" -DWOK_WERROR="$(option WOK_WERROR)" -DWOK_TESTS=OFF -DWOK_SHARED=OFF \
    >"$work/log" 2>&1 &&
    CCACHE_DISABLE=1 cmake --build "$work/copy/build" --target wok >>"$work/log" 2>&1
[ $? -eq 0 ] || { echo "FAIL the copy does not build"; tail -n 20 "$work/log"; exit 1; }

# As it is installed, without gcc's own form of the code: that has the name of the source file as the compiler
# was given it, compressed, and no option changes that.
count=0
for archive in "$WOK_BUILD" "$work/copy/build"; do
    objcopy -D -R '.gnu.lto_*' -R '.gnu.debuglto_*' -N __gnu_lto_slim -N __gnu_lto_v1 \
        "$archive/lib/libwok.a" "$work/$((count += 1)).a" || exit 1
done
mine=$work/1.a theirs=$work/2.a
if cmp "$mine" "$theirs"; then
    echo "ok   libwok.a is the same, built elsewhere"
    exit 0
fi
echo "FAIL libwok.a is another, built elsewhere; its members that differ:"
mkdir "$work/mine" "$work/theirs"
(cd "$work/mine" && ar x "$mine") && (cd "$work/theirs" && ar x "$theirs")
diff -rq "$work/mine" "$work/theirs" | head -n 10
exit 1
