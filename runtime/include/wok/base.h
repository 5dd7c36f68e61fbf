/*
 * base.h - attributes, cleanup and slices that every other header of wok uses.
 *
 * wok unwinds a task's stack when the task panics or is aborted by force, and runs every
 * __attribute__((cleanup)) handler on the way.  A C file that was compiled without -fexceptions has
 * no tables for that, and its handlers would be skipped silently; hence the #error below.
 */
#ifndef WOK_BASE_H
#define WOK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(__EXCEPTIONS)
#error "wok needs -fexceptions in every C file: without it cleanup handlers are skipped silently"
#endif

#ifdef __cplusplus
/** Begins declarations that C++ is to take for those of C; stands alone on its line. */
#define WOK_BEGIN_DECLS extern "C" {
/** Ends what WOK_BEGIN_DECLS began. */
#define WOK_END_DECLS }
#else
#define WOK_BEGIN_DECLS
#define WOK_END_DECLS
#endif

/** Part of the library's binary interface. */
#define WOK_API __attribute__((visibility("default")))
/** The caller has to look at the result. */
#define WOK_MUST_USE __attribute__((warn_unused_result))
/** Marks a cancellation point: the call may return -ECANCELED, and may unwind an aborted task. */
#define WOK_CP
/** Does not return. */
#define WOK_NORETURN __attribute__((noreturn))
/** Checks the arguments of a printf-like function. */
#define WOK_PRINTF(at, first) __attribute__((__format__(__printf__, at, first)))

/** Runs `function(&variable)` when the variable goes out of scope, also by a panic or a forced abort;
 *  a variable that is there for this alone is no unused one. */
#define WOK_CLEANUP(function) __attribute__((cleanup(function), unused))

/*
 * Where C and C++ differ: `WOK_TYPE_(type){...}` is a value, `WOK_ZERO_(type)` one of zero bytes,
 * WOK_AUTO_ the type of what follows, a member marked WOK_OPTIONAL_ may be left out where C++ would
 * warn of it, and a WOK_PLAIN_ type may be moved by copying its bytes.
 */
#ifdef __cplusplus
#define WOK_TYPE_(type) type
#define WOK_ZERO_(type) (type{})
#define WOK_AUTO_ auto
#define WOK_OPTIONAL_ = {}
#define WOK_PLAIN_(type)                                                                           \
    static_assert(__is_trivially_copyable(type), #type " is not moved by copying its bytes")
#else
#define WOK_TYPE_(type) (type)
#define WOK_ZERO_(type) ((type){0})
#define WOK_AUTO_ __auto_type
#define WOK_OPTIONAL_
#define WOK_PLAIN_(type) _Static_assert(1, #type ": C has no other types")
#endif

/** Moves a pointer out of `variable`: gives its value and leaves NULL behind. */
#define WOK_TAKE(variable)                                                                         \
    __extension__({                                                                                \
        WOK_AUTO_ wok_taken_ = (variable);                                                         \
        (variable) = NULL;                                                                         \
        wok_taken_;                                                                                \
    })

/** Moves a descriptor out of `variable`: gives its value and leaves -EBADF (-9) behind. */
#define WOK_TAKE_FD(variable)                                                                      \
    __extension__({                                                                                \
        int wok_taken_ = (variable);                                                               \
        (variable) = -9;                                                                           \
        wok_taken_;                                                                                \
    })

/* A name of its own for each use, so that blocks of one kind can be nested without one hiding another;
 * clang 22 warns of __COUNTER__ as of an extension, and has one name for each line. */
#if defined(__clang_major__) && __clang_major__ >= 22
#define WOK_NUMBER_ __LINE__
#else
#define WOK_NUMBER_ __COUNTER__
#endif
#define WOK_PASTE_(a, b) a##b
#define WOK_PASTE2_(a, b) WOK_PASTE_(a, b)
#define WOK_UNIQUE_(name) WOK_PASTE2_(name, WOK_NUMBER_)

/* Two arguments of three or more: `WOK_TWO_OF_(__VA_ARGS__, b, 0)` gives the second a default. */
#define WOK_TWO_OF_(a, b, ...) a, b

/** Number of elements of an array. */
#define WOK_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** Bytes with a length; borrows what it points to and ends with no NUL. */
typedef struct wok_slice {
    const char *data;
    size_t size;
} wok_slice;

/** A slice of a string literal. */
#define WOK_SLICE(literal) (WOK_TYPE_(wok_slice){("" literal), sizeof(literal) - 1})

/** A slice of a NUL-terminated string; borrows it. */
static inline wok_slice wok_slice_of(const char *text)
{
    return WOK_TYPE_(wok_slice){text, strlen(text)};
}

/** True when both hold the same bytes. */
static inline bool wok_slice_equal(wok_slice a, wok_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

#endif
