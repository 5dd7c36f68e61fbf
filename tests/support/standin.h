/*
 * standin.h - the subset of Criterion's macros that our tests use, without Criterion.
 *
 *   Test(suite, name, .init =, .fini =, .timeout = seconds, .signal =, .exit_code =)
 *   cr_assert(condition[, format, ...]), cr_assert_not, _eq, _neq, _lt, _leq, _gt, _geq, _null, _not_null,
 *   _str_eq, _str_neq, _arr_eq, _arr_neq, cr_assert_fail
 *
 * Each test registers itself before main() (standin.c has it) and runs in a child process of its own, so
 * that a crash, an unexpected exit or a sanitizer's report ends one test and is counted.  A failed
 * assertion ends the process at once, from whatever thread and stack it happens on: nothing is unwound,
 * because the code under test is what unwinds.
 */
#ifndef WOK_TESTS_SUPPORT_STANDIN_H
#define WOK_TESTS_SUPPORT_STANDIN_H

/* As Criterion's header is: a test that compiles with the one compiles with the other. */
#pragma GCC system_header

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct standin_test {
    const char *suite;
    const char *name;
    void (*run)(void);
    struct standin_test *next;
    /* From here on what Test() takes, under Criterion's names. */
    void (*init)(void);
    void (*fini)(void);
    double timeout; /* seconds; scaled by what the sanitizer costs */
    int signal;     /* the test has to end by this signal */
    int exit_code;  /* the test has to end with this code */
};

/* Called before main() only, so the list needs no lock. */
void standin_register(struct standin_test *test);

/* Called when an assertion fails, before the process ends; NULL: nothing to say. */
extern void (*standin_last_words)(void);

void standin_fail(const char *file, int line, const char *what, const char *format, ...)
    __attribute__((noreturn, cold, format(printf, 4, 5)));

#define Test(Suite, Name, ...)                                                                     \
    static void standin_run_##Suite##_##Name(void);                                                \
    static struct standin_test standin_test_##Suite##_##Name = {                                   \
        .suite = #Suite, .name = #Name, .run = standin_run_##Suite##_##Name, __VA_ARGS__};         \
    __attribute__((constructor)) static void standin_register_##Suite##_##Name(void)               \
    {                                                                                              \
        standin_register(&standin_test_##Suite##_##Name);                                          \
    }                                                                                              \
    static void standin_run_##Suite##_##Name(void)

/* The message begins with a blank, so that the format is never empty, which -Wformat would report. */
#define STANDIN_CHECK(holds, what, ...)                                                            \
    do {                                                                                           \
        if (!(holds))                                                                              \
            standin_fail(__FILE__, __LINE__, what, " " __VA_ARGS__);                               \
    } while (0)

#define cr_assert(condition, ...) STANDIN_CHECK((condition), #condition, __VA_ARGS__)
#define cr_assert_not(condition, ...) STANDIN_CHECK(!(condition), "not " #condition, __VA_ARGS__)
#define cr_assert_fail(...) STANDIN_CHECK(false, "reached", __VA_ARGS__)
#define cr_assert_eq(a, b, ...) STANDIN_CHECK((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) STANDIN_CHECK((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) STANDIN_CHECK((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) STANDIN_CHECK((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) STANDIN_CHECK((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) STANDIN_CHECK((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_null(a, ...) STANDIN_CHECK((a) == NULL, #a " is NULL", __VA_ARGS__)
#define cr_assert_not_null(a, ...) STANDIN_CHECK((a) != NULL, #a " is not NULL", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)                                                                \
    STANDIN_CHECK(strcmp((a), (b)) == 0, #a " and " #b " are the same string", __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...)                                                               \
    STANDIN_CHECK(strcmp((a), (b)) != 0, #a " and " #b " are different strings", __VA_ARGS__)
#define cr_assert_arr_eq(a, b, size, ...)                                                          \
    STANDIN_CHECK(memcmp((a), (b), (size)) == 0, #a " and " #b " hold the same bytes", __VA_ARGS__)
#define cr_assert_arr_neq(a, b, size, ...)                                                         \
    STANDIN_CHECK(memcmp((a), (b), (size)) != 0, #a " and " #b " differ", __VA_ARGS__)

#endif
