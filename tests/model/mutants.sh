#!/bin/sh
# Breaks the shipped lock-free code on purpose, once in each place, and requires that the checks see it.
#
#   mutants.sh ROOT ENGINE_LIBRARY [CHECK]      (CC is the compiler; cc by default)
#
# Two kinds of mutants:
#   orders   each acquire, release and fence of a checked file is weakened by itself.  An ordering
#            whose loss no check notices is either not needed or not tested; both are defects.
#   logic    the sed expressions of mutants.list, for what an ordering cannot break.
#
# A mutant counts as caught only when the check ends with the checker's report (exit code 3): one
# that does not compile, does not apply or runs out of time is an error.
set -u
root=$1 engine=$2 only=${3:-}
here=$root/tests/model
cc=${CC:-cc}
flags="-std=gnu17 -O1 -w -fexceptions -DWOK_MODEL"
patience=30 # seconds of its own for one mutant; most are caught in the first hundredth
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM
passed=0 failed=0

# Names that atomic.h has no use for and a weakened ordering may have.
cat >"$work/orders.h" <<'END'
#define fetch_sub_acquire(p, v) WOK__FETCH_SUB(p, v, __ATOMIC_ACQUIRE)
#define fetch_or_acquire(p, v) WOK__FETCH_OR(p, v, __ATOMIC_ACQUIRE)
#define fetch_and_acquire(p, v) WOK__FETCH_AND(p, v, __ATOMIC_ACQUIRE)
END

fail() {
    failed=$((failed + 1))
    echo "FAILED $1"
}

# compile CHECK FILE OBJECT: one file, with the mutated tree in front of the real one
compile() {
    # shellcheck disable=SC2046,SC2086
    $cc $flags $(defines "$1") -include "$work/orders.h" -I"$work/tree" -I"$here" -I"$root/runtime" \
        -I"$root/runtime/include" -c -o "$3" "$2"
}

# build CHECK SOURCES...: what a mutant in a .c file does not concern is compiled once
build() {
    check=$1
    shift
    mutant=$(cd "$work/tree" && find . -type f)
    mutant=${mutant#./}
    # shellcheck disable=SC2046
    set -- "../tests/model/check_$check.c" "$@" $(links "$check")
    objects=''
    for source; do
        case $source in *.h) continue ;; esac
        object=$work/objects/$check/$(echo "$source" | tr / .).o
        text=$root/runtime/$source
        case $mutant in
        "$source") text=$work/tree/$source object=$work/mutant.o ;;
        *.h) object=$work/mutant.$(echo "$source" | tr / .).o ;;
        esac
        case $object in
        "$work"/mutant*) ;;
        *) [ ! -f "$object" ] || text='' ;;
        esac
        mkdir -p "$(dirname "$object")"
        [ -z "$text" ] || compile "$check" "$text" "$object" || return 1
        objects="$objects $object"
    done >"$work/build.out" 2>&1
    # shellcheck disable=SC2086
    $cc -o "$work/program" $objects "$engine" >>"$work/build.out" 2>&1
}

# What CMake compiles this check with: the lines at its top are for both.  What it only links is not
# mutated: another check is for that.
sources() { sed -n 's|^ \* model sources: *||p' "$here/check_$1.c"; }
links() { sed -n 's|^ \* model links: *||p' "$here/check_$1.c"; }
defines() { sed -n 's|^ \* model defines: *||p' "$here/check_$1.c"; }

# judge NAME CHECK SOURCES...: builds the tree with the mutant and runs the check
judge() {
    name=$1
    shift
    if ! build "$@"; then
        fail "$name: does not compile"
        sed 's/^/       /' "$work/build.out" | head -n 5
        return
    fi
    (ulimit -t "$patience" && exec "$work/program") >"$work/run.out" 2>&1
    code=$?
    if [ $code -eq 3 ]; then
        passed=$((passed + 1))
        echo "caught $name: $(sed -n '/ FAILED: /{n;p;q;}' "$work/run.out" | sed 's|[^ ]*/||g')"
    elif [ $code -eq 0 ]; then
        fail "$name: no check notices"
    else
        fail "$name: the check ended with code $code, which is no report"
        tail -n 3 "$work/run.out" | sed 's/^/       /'
    fi
}

# weaker FILE: lines "LINE FROM TO LABEL", one for each way to weaken one access of the file
weaker() {
    awk '
        { text[FNR] = $0 }
        function label(line,    offset, sign, found) {
            for (offset = 0; offset <= 3; offset++)
                for (sign = 1; sign >= -1; sign -= 2)
                    if (match(text[line + sign * offset], /\[[a-z][a-z0-9_]*\.[a-z][a-z0-9_-]*\]/))
                        return substr(text[line + sign * offset], RSTART, RLENGTH)
            return "[no-label]"
        }
        END {
            for (i = 1; i <= FNR; i++) {
                code = text[i]
                sub(/\/\*.*/, "", code)
                if (code ~ /^ *\*/ || code ~ /^ *# *define/)
                    continue
                while (match(code, /(load_acquire|store_release|(exchange|cas|fetch_[a-z]+)_(acquire|release|acq_rel)|fence_seq_cst)\(/)) {
                    from = substr(code, RSTART, RLENGTH - 1)
                    code = substr(code, RSTART + RLENGTH)
                    stem = from
                    if (from == "fence_seq_cst")
                        print i, from, "no_fence", label(i)
                    else if (sub(/_acq_rel$/, "", stem)) {
                        print i, from, stem "_acquire", label(i)
                        print i, from, stem "_release", label(i)
                    } else {
                        sub(/_(acquire|release)$/, "", stem)
                        print i, from, stem "_relaxed", label(i)
                    }
                }
            }
        }' "$1"
}

# plant FILE SED: the mutated file, alone in the tree; false if it changes nothing
plant() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree/$(dirname "$1")"
    sed "$2" "$root/runtime/$1" >"$work/tree/$1" && ! cmp -s "$root/runtime/$1" "$work/tree/$1"
}
echo '#define no_fence() ((void)0)' >>"$work/orders.h"

for path in "$here"/check_*.c; do
    [ -f "$path" ] || continue
    check=$(basename "$path" .c)
    check=${check#check_}
    [ -z "$only" ] || [ "$only" = "$check" ] || continue
    files=$(sources "$check")

    for file in $files; do
        weaker "$root/runtime/$file" >"$work/weaker"
        while read -r line from to label; do
            if plant "$file" "${line}s/$from(/$to(/"; then
                # shellcheck disable=SC2086
                judge "$file:$line $label $from -> $to" "$check" $files
            else
                fail "$file:$line $label $from -> $to: does not apply"
            fi
        done <"$work/weaker"
    done

    grep "^$check|" "$here/mutants.list" >"$work/logic"
    while IFS='|' read -r _ file claim expression; do
        if plant "$file" "$expression"; then
            # shellcheck disable=SC2086
            judge "$file: $claim" "$check" $files
        else
            fail "$file: $claim: does not apply"
        fi
    done <"$work/logic"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
