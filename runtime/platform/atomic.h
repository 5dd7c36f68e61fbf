/*
 * atomic.h - every atomic access of wok, with its ordering in its name.
 *
 * An atomic field is a struct with one member, so that a plain access does not compile by accident.
 * The operations are macros over the compiler's builtins.  Under WOK_MODEL the same source goes to
 * the model checker (tests/model/): that is why no code of ours uses <stdatomic.h> or the builtins
 * directly, and why the checker can weaken an ordering by its label without touching the code.
 */
#ifndef WOK_PLATFORM_ATOMIC_H
#define WOK_PLATFORM_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#define atomic_of(type)                                                                            \
    struct {                                                                                       \
        type value;                                                                                \
    }

typedef atomic_of(uint8_t) atomic_u8;
typedef atomic_of(uint32_t) atomic_u32;
typedef atomic_of(uint64_t) atomic_u64;
typedef atomic_of(bool) atomic_flag_t;

#ifdef WOK_MODEL
#include "model_atomic.h"
#else
#define WOK__LOAD(p, order) __atomic_load_n(&(p)->value, order)
#define WOK__STORE(p, v, order) __atomic_store_n(&(p)->value, (v), order)
#define WOK__EXCHANGE(p, v, order) __atomic_exchange_n(&(p)->value, (v), order)
#define WOK__CAS(p, expected, desired, order, failure)                                             \
    __atomic_compare_exchange_n(&(p)->value, (expected), (desired), false, order, failure)
#define WOK__FETCH_ADD(p, v, order) __atomic_fetch_add(&(p)->value, (v), order)
#define WOK__FETCH_SUB(p, v, order) __atomic_fetch_sub(&(p)->value, (v), order)
#define WOK__FETCH_OR(p, v, order) __atomic_fetch_or(&(p)->value, (v), order)
#define WOK__FETCH_AND(p, v, order) __atomic_fetch_and(&(p)->value, (v), order)
#define WOK__FENCE(order) __atomic_thread_fence(order)
#endif

#define load_relaxed(p) WOK__LOAD(p, __ATOMIC_RELAXED)
#define load_acquire(p) WOK__LOAD(p, __ATOMIC_ACQUIRE)
#define store_relaxed(p, v) WOK__STORE(p, v, __ATOMIC_RELAXED)
#define store_release(p, v) WOK__STORE(p, v, __ATOMIC_RELEASE)

#define exchange_relaxed(p, v) WOK__EXCHANGE(p, v, __ATOMIC_RELAXED)
#define exchange_acquire(p, v) WOK__EXCHANGE(p, v, __ATOMIC_ACQUIRE)
#define exchange_release(p, v) WOK__EXCHANGE(p, v, __ATOMIC_RELEASE)
#define exchange_acq_rel(p, v) WOK__EXCHANGE(p, v, __ATOMIC_ACQ_REL)

/* Compare-and-swap, strong.  `expected` is a pointer to a plain value, updated on failure.  The
 * failure ordering is relaxed in the first two and acquire in the last two. */
#define cas_relaxed(p, expected, desired)                                                          \
    WOK__CAS(p, expected, desired, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define cas_release(p, expected, desired)                                                          \
    WOK__CAS(p, expected, desired, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define cas_acquire(p, expected, desired)                                                          \
    WOK__CAS(p, expected, desired, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)
#define cas_acq_rel(p, expected, desired)                                                          \
    WOK__CAS(p, expected, desired, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

#define fetch_add_relaxed(p, v) WOK__FETCH_ADD(p, v, __ATOMIC_RELAXED)
#define fetch_add_acquire(p, v) WOK__FETCH_ADD(p, v, __ATOMIC_ACQUIRE)
#define fetch_add_release(p, v) WOK__FETCH_ADD(p, v, __ATOMIC_RELEASE)
#define fetch_add_acq_rel(p, v) WOK__FETCH_ADD(p, v, __ATOMIC_ACQ_REL)
#define fetch_sub_relaxed(p, v) WOK__FETCH_SUB(p, v, __ATOMIC_RELAXED)
#define fetch_sub_acquire(p, v) WOK__FETCH_SUB(p, v, __ATOMIC_ACQUIRE)
#define fetch_sub_release(p, v) WOK__FETCH_SUB(p, v, __ATOMIC_RELEASE)
#define fetch_sub_acq_rel(p, v) WOK__FETCH_SUB(p, v, __ATOMIC_ACQ_REL)
#define fetch_or_relaxed(p, v) WOK__FETCH_OR(p, v, __ATOMIC_RELAXED)
#define fetch_or_release(p, v) WOK__FETCH_OR(p, v, __ATOMIC_RELEASE)
#define fetch_or_acq_rel(p, v) WOK__FETCH_OR(p, v, __ATOMIC_ACQ_REL)
#define fetch_and_relaxed(p, v) WOK__FETCH_AND(p, v, __ATOMIC_RELAXED)
#define fetch_and_release(p, v) WOK__FETCH_AND(p, v, __ATOMIC_RELEASE)
#define fetch_and_acq_rel(p, v) WOK__FETCH_AND(p, v, __ATOMIC_ACQ_REL)

#define fence_seq_cst() WOK__FENCE(__ATOMIC_SEQ_CST)

/* Tells the processor that this is a spin. */
static inline void spin_hint(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
