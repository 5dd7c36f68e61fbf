#!/bin/sh
# What the compiler and the linker were told, as it shows in the program.
. "$(dirname "$0")/common"

if [ -n "${WOK_SANITIZE:-}" ]; then
    echo "$0: cannot run here: a build with sanitizers is not hardened" >&2
    exit 77
fi
if ! command -v readelf >/dev/null; then
    echo "$0: cannot run here: readelf is missing (package binutils)" >&2
    exit 77
fi
readelf -hlW "$WOK_SERVER" >"$scratch/headers"
readelf -dW "$WOK_SERVER" >"$scratch/dynamic"
readelf --dyn-syms -W "$WOK_SERVER" >"$scratch/symbols"

finds "it is position-independent, and has a new place each time" 'Type: +DYN' "$scratch/headers"
finds "the linker calls it that" 'FLAGS_1.* PIE' "$scratch/dynamic"
finds "relocations are read-only once it runs" 'GNU_RELRO' "$scratch/headers"
finds "all of them, since symbols are bound at the start" 'BIND_NOW|FLAGS_1.* NOW' "$scratch/dynamic"
finds "the stack is no code" 'GNU_STACK .* RW +0x' "$scratch/headers"
! grep -q 'LOAD.* RWE ' "$scratch/headers"
check $? "no memory is both written and executed"
! grep -qE 'TEXTREL|RPATH|RUNPATH' "$scratch/dynamic"
check $? "code is not relocated, and libraries come from the system's folders alone"
finds "functions with buffers check their frames (stack protector)" 'UND __stack_chk_fail' "$scratch/symbols"
finds "copies into buffers of known size are checked (FORTIFY_SOURCE)" 'UND __(v?snprintf|mem[a-z]+)_chk' "$scratch/symbols"

# Another program, without any of it, would be told apart.
printf 'int main(void) { return 0; }\n' >"$scratch/plain.c"
if ${CC:-gcc} -no-pie -Wl,-z,norelro,-z,lazy,-z,execstack -o "$scratch/plain" "$scratch/plain.c" 2>/dev/null; then
    readelf -hlW "$scratch/plain" >"$scratch/headers"
    ! grep -qE 'Type: +DYN|GNU_RELRO|GNU_STACK .* RW +0x' "$scratch/headers"
    check $? "a program that is not hardened does not look like this"
else
    skip "a program that is not hardened: no compiler for it"
fi
finish
