/*
 * context_x86_64.S - the switch between stacks, and the frame that catches an unwind.
 *
 * A suspended context is a stack pointer.  Above it lie, from low to high addresses,
 *
 *      r15  r14  r13  r12  rbx  rbp  return address        (7 words, 56 bytes)
 *
 * which is all that the System V ABI makes a callee preserve, but for the control words of the
 * floating point units (context.h says why they stay).  A new context has the same shape, with
 * wok__context_entry as its return address.
 *
 * The switch ends in a jump, not in a return: the return would be predicted by the calls of the
 * stack just left, and be wrong every time (3 ns against 10 ns for a switch).
 *
 * CET: the jump carries `notrack`, because a return address is no landing pad.  The object is marked
 * for indirect branch tracking but not for shadow stacks, which would have to be switched too; the
 * linker then leaves shadow stacks off for the program.
 *
 * CFI: at each instruction the unwinder finds the caller, also on a suspended stack, where the rules
 * are those after wok__context_swap's jump.  It stops at wok__context_entry, which has no caller.
 */
#ifndef WOK_CONTEXT_UCONTEXT

#if defined(__CET__) && (__CET__ & 1)
#define ENDBR endbr64
#define NOTRACK notrack
#else
#define ENDBR
#define NOTRACK
#endif

#define FUNCTION(name)                                                                             \
        .globl name;                                                                               \
        .hidden name;                                                                              \
        .type name, @function;                                                                     \
        .p2align 4;                                                                                \
name:

#define END(name) .size name, . - name

        .text

/* void wok__context_swap(void **ret_sp, void *sp) */
FUNCTION(wok__context_swap)
        .cfi_startproc
        ENDBR
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp      /* the other stack has the same shape: the CFI goes on being true */
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rcx
        NOTRACK jmp *%rcx
        .cfi_endproc
END(wok__context_swap)

/*
 * Where a new context begins: entry in r12, argument in r13, the stack pointer on a multiple of 16.
 * The nop stands in front because an unwinder looks up a return address minus one.
 */
        .p2align 4
        .cfi_startproc
        .cfi_undefined %rip     /* the outermost frame: unwinders stop here */
        nop
        .globl wok__context_entry
        .hidden wok__context_entry
        .type wok__context_entry, @function
wok__context_entry:
        ENDBR
        ldmxcsr default_mxcsr(%rip)
        fldcw   default_x87(%rip)
        movq    %r13, %rdi
        call    *%r12
        ud2                     /* an entry never returns */
        .cfi_endproc
END(wok__context_entry)

/*
 * void wok__context_walk(const void *sp, void (*fn)(void *argument), void *argument)
 *
 * Calls fn(argument) on the caller's stack, but tells the unwinder that the caller is the context
 * suspended at sp.
 */
FUNCTION(wok__context_walk)
        .cfi_startproc
        ENDBR
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        movq    %rdi, %rbx
        .cfi_remember_state
        .cfi_def_cfa %rbx, 56
        .cfi_offset %r15, -56
        .cfi_offset %r14, -48
        .cfi_offset %r13, -40
        .cfi_offset %r12, -32
        .cfi_offset %rbx, -24
        .cfi_offset %rbp, -16
        .cfi_offset %rip, -8
        movq    %rdx, %rdi
        call    *%rsi
        .cfi_restore_state
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        ret
        .cfi_endproc
END(wok__context_walk)

/*
 * void wok__context_call(void *sp, void (*fn)(void *argument), void *argument)
 *
 * Calls fn(argument) on the stack of the context suspended at sp, below what lies there.  A call and its
 * return: nothing is predicted wrongly.  rbp leads the unwinder back to the caller's stack.
 */
FUNCTION(wok__context_call)
        .cfi_startproc
        ENDBR
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        andq    $-16, %rdi
        movq    %rdi, %rsp
        movq    %rdx, %rdi
        call    *%rsi
        movq    %rbp, %rsp
        .cfi_def_cfa_register %rsp
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        ret
        .cfi_endproc
END(wok__context_call)

/*
 * bool wok__catch_run(struct wok__catch *catch_frame, void (*fn)(void *argument), void *argument)
 *
 * The pushed registers are read by wok__catch_resume only; on the way back from fn they are what
 * they were, so they are not popped one by one.
 */
FUNCTION(wok__catch_run)
        .cfi_startproc
        ENDBR
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        subq    $8, %rsp        /* a call wants the stack pointer on a multiple of 16 */
        .cfi_adjust_cfa_offset 8
        movq    %rsp, (%rdi)
        movq    %rdx, %rdi
        call    *%rsi
        movl    $1, %eax
        addq    $56, %rsp
        .cfi_adjust_cfa_offset -56
        ret
        .cfi_endproc
END(wok__catch_run)

/* void wok__catch_resume(struct wok__catch *catch_frame): its wok__catch_run returns false */
FUNCTION(wok__catch_resume)
        .cfi_startproc
        ENDBR
        movq    (%rdi), %rsp
        .cfi_def_cfa %rsp, 64
        .cfi_offset %r15, -56
        .cfi_offset %r14, -48
        .cfi_offset %r13, -40
        .cfi_offset %r12, -32
        .cfi_offset %rbx, -24
        .cfi_offset %rbp, -16
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        xorl    %eax, %eax
        ret
        .cfi_endproc
END(wok__catch_resume)

        .section .rodata
        .p2align 2
default_mxcsr:
        .long   0x1f80          /* System V ABI, 3.4.1: all exceptions masked, round to nearest */
default_x87:
        .short  0x037f          /* the same, with extended precision */

#if defined(__CET__) && (__CET__ & 1)
        .section .note.gnu.property, "a"
        .p2align 3
        .long   4, 16, 5        /* sizes of name and description; NT_GNU_PROPERTY_TYPE_0 */
        .asciz  "GNU"
        .long   0xc0000002, 4   /* GNU_PROPERTY_X86_FEATURE_1_AND */
        .long   1, 0            /* IBT, and padding */
#endif

#endif
        .section .note.GNU-stack, "", @progbits
