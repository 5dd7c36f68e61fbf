/*
 * context_aarch64.S - the switch between stacks, and the frame that catches an unwind.
 *
 * A suspended context is a stack pointer.  Above it lie
 *
 *      x29 x30 (the return address)  x19 ... x28  d8 ... d15        (20 words, 160 bytes)
 *
 * which is all that the AAPCS64 makes a callee preserve, but for fpcr (context.h says why it stays).
 * A new context has the same shape, with wok__context_entry as its return address.
 *
 * The switch ends in `ret`: where branch targets are enforced (BTI) a plain indirect branch may go
 * to a landing pad only, and a return address is none.  The return address is stored as the caller
 * left it in x30; code with pointer authentication signs it in its own frame, not here.
 *
 * CFI: at each instruction the unwinder finds the caller, also on a suspended stack.  It stops at
 * wok__context_entry, which has no caller.
 */
#ifndef WOK_CONTEXT_UCONTEXT

#define BTI_C hint #34

#define FUNCTION(name)                                                                             \
        .globl name;                                                                               \
        .hidden name;                                                                              \
        .type name, %function;                                                                     \
        .p2align 4;                                                                                \
name:

#define END(name) .size name, . - name

        .text

        .macro push_registers
        sub     sp, sp, #160
        .cfi_adjust_cfa_offset 160
        stp     x29, x30, [sp]
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        .endm

        .macro pop_registers
        ldp     x29, x30, [sp]
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        add     sp, sp, #160
        .endm

        /* Where the registers lie while the frame address is 160 above them. */
        .macro describe_registers
        .cfi_offset x29, -160
        .cfi_offset x30, -152
        .cfi_offset x19, -144
        .cfi_offset x20, -136
        .cfi_offset x21, -128
        .cfi_offset x22, -120
        .cfi_offset x23, -112
        .cfi_offset x24, -104
        .cfi_offset x25, -96
        .cfi_offset x26, -88
        .cfi_offset x27, -80
        .cfi_offset x28, -72
        .cfi_offset d8, -64
        .cfi_offset d9, -56
        .cfi_offset d10, -48
        .cfi_offset d11, -40
        .cfi_offset d12, -32
        .cfi_offset d13, -24
        .cfi_offset d14, -16
        .cfi_offset d15, -8
        .endm

        .macro forget_registers
        .cfi_adjust_cfa_offset -160
        .irp    register, x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29, x30, d8, d9, d10, d11, d12, d13, d14, d15
        .cfi_restore \register
        .endr
        .endm

/* void wok__context_swap(void **ret_sp, void *sp) */
FUNCTION(wok__context_swap)
        .cfi_startproc
        BTI_C
        push_registers
        describe_registers
        mov     x9, sp
        str     x9, [x0]
        mov     sp, x1          /* the other stack has the same shape: the CFI goes on being true */
        pop_registers
        forget_registers
        ret
        .cfi_endproc
END(wok__context_swap)

/*
 * Where a new context begins: entry in x19, argument in x20.
 * The nop stands in front because an unwinder looks up a return address minus one.
 */
        .p2align 4
        .cfi_startproc
        .cfi_undefined x30      /* the outermost frame: unwinders stop here */
        nop
        .globl wok__context_entry
        .hidden wok__context_entry
        .type wok__context_entry, %function
wok__context_entry:
        msr     fpcr, xzr       /* AAPCS64: round to nearest, no traps */
        mov     x0, x20
        blr     x19
        brk     #0              /* an entry never returns */
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
        BTI_C
        stp     x29, x30, [sp, #-32]!
        str     x19, [sp, #16]
        .cfi_adjust_cfa_offset 32
        .cfi_rel_offset x29, 0
        .cfi_rel_offset x30, 8
        .cfi_rel_offset x19, 16
        mov     x19, x0
        .cfi_remember_state
        .cfi_def_cfa x19, 160
        describe_registers
        mov     x0, x2
        blr     x1
        .cfi_restore_state
        ldr     x19, [sp, #16]
        ldp     x29, x30, [sp], #32
        .cfi_adjust_cfa_offset -32
        .cfi_restore x19
        .cfi_restore x29
        .cfi_restore x30
        ret
        .cfi_endproc
END(wok__context_walk)

/*
 * void wok__context_call(void *sp, void (*fn)(void *argument), void *argument)
 *
 * Calls fn(argument) on the stack of the context suspended at sp, below what lies there.  x29 leads the
 * unwinder back to the caller's stack.
 */
FUNCTION(wok__context_call)
        .cfi_startproc
        BTI_C
        stp     x29, x30, [sp, #-16]!
        .cfi_adjust_cfa_offset 16
        .cfi_rel_offset x29, 0
        .cfi_rel_offset x30, 8
        mov     x29, sp
        .cfi_def_cfa_register x29
        mov     sp, x0
        mov     x0, x2
        blr     x1
        mov     sp, x29
        .cfi_def_cfa_register sp
        ldp     x29, x30, [sp], #16
        .cfi_adjust_cfa_offset -16
        .cfi_restore x29
        .cfi_restore x30
        ret
        .cfi_endproc
END(wok__context_call)

/*
 * bool wok__catch_run(struct wok__catch *catch_frame, void (*fn)(void *argument), void *argument)
 *
 * The pushed registers are read by wok__catch_resume only; on the way back from fn they are what
 * they were, but for the frame pointer's pair.
 */
FUNCTION(wok__catch_run)
        .cfi_startproc
        BTI_C
        push_registers
        .cfi_rel_offset x29, 0
        .cfi_rel_offset x30, 8
        mov     x9, sp
        str     x9, [x0]
        mov     x29, sp
        mov     x0, x2
        blr     x1
        ldp     x29, x30, [sp]
        add     sp, sp, #160
        .cfi_adjust_cfa_offset -160
        .cfi_restore x29
        .cfi_restore x30
        mov     w0, #1
        ret
        .cfi_endproc
END(wok__catch_run)

/* void wok__catch_resume(struct wok__catch *catch_frame): its wok__catch_run returns false */
FUNCTION(wok__catch_resume)
        .cfi_startproc
        BTI_C
        ldr     x9, [x0]
        mov     sp, x9
        .cfi_def_cfa sp, 160
        describe_registers
        pop_registers
        forget_registers
        mov     w0, #0
        ret
        .cfi_endproc
END(wok__catch_resume)

#if defined(__ARM_FEATURE_BTI_DEFAULT)
        .section .note.gnu.property, "a"
        .p2align 3
        .long   4, 16, 5        /* sizes of name and description; NT_GNU_PROPERTY_TYPE_0 */
        .asciz  "GNU"
        .long   0xc0000000, 4   /* GNU_PROPERTY_AARCH64_FEATURE_1_AND */
        .long   1, 0            /* BTI, and padding */
#endif

#endif
        .section .note.GNU-stack, "", %progbits
