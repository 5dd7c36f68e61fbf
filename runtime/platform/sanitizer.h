/*
 * sanitizer.h - which tools watch this build, and what they want to be told.
 *
 * AddressSanitizer keeps one idea of "the stack" per thread, ThreadSanitizer one shadow call stack,
 * Valgrind guesses from jumps of the stack pointer.  Fibers break all three assumptions, and each
 * tool has calls to set it right.  This header finds out which tool is there; context.c, stack.c and
 * unwind.c make the calls.  Without a tool everything here is nothing.
 *
 * WOK__ASAN, WOK__TSAN   0 or 1, by the compiler's own macros.
 * WOK_VALGRIND           0 or 1.  Set it for the build, or leave it to <valgrind/memcheck.h> being
 *                        installed.  The client requests cost about a nanosecond when a fiber is
 *                        made and nothing when it is switched to.
 */
#ifndef WOK_PLATFORM_SANITIZER_H
#define WOK_PLATFORM_SANITIZER_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WOK__ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define WOK__TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(WOK__ASAN)
#define WOK__ASAN 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(WOK__TSAN)
#define WOK__TSAN 1
#endif
#ifndef WOK__ASAN
#define WOK__ASAN 0
#endif
#ifndef WOK__TSAN
#define WOK__TSAN 0
#endif

/* Valgrind and the sanitizers exclude each other. */
#if WOK__ASAN || WOK__TSAN
#undef WOK_VALGRIND
#define WOK_VALGRIND 0
#elif !defined(WOK_VALGRIND)
#if __has_include(<valgrind/memcheck.h>)
#define WOK_VALGRIND 1
#else
#define WOK_VALGRIND 0
#endif
#endif

#if WOK__ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if WOK__TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if WOK_VALGRIND
#include <valgrind/memcheck.h>
#endif

/*
 * A function which runs while the tool's picture of the stack is not yet, or no longer, true.  In
 * clang no_sanitize("thread") still records entry and exit on the shadow call stack, and an unwind
 * which jumps out of such a function would leave its entry behind for ever; hence the stronger word.
 */
#if defined(__clang__)
#define WOK__NOT_INSTRUMENTED                                                                      \
    __attribute__((noinline, disable_sanitizer_instrumentation, no_sanitize("address", "thread")))
#elif WOK__ASAN || WOK__TSAN
#define WOK__NOT_INSTRUMENTED                                                                      \
    __attribute__((noinline, no_sanitize_address, no_sanitize_thread, no_sanitize_undefined))
#else
#define WOK__NOT_INSTRUMENTED __attribute__((noinline))
#endif

#endif
