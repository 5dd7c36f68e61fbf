/*
 * panic_log.h - a log of what was cleaned up, for the tests of panics: a letter for each event.
 *
 * Order is a fact where one thread runs at a time, or where the events belong to one task.
 */
#ifndef WOK_TESTS_SUPPORT_PANIC_LOG_H
#define WOK_TESTS_SUPPORT_PANIC_LOG_H

#include <pthread.h>
#include <string.h>

#include "support/wok_test.h"

static pthread_mutex_t panic_log_lock = PTHREAD_MUTEX_INITIALIZER;
static char panic_log[1024];

static inline void log_event(char letter)
{
    pthread_mutex_lock(&panic_log_lock);
    size_t length = strlen(panic_log);
    cr_assert_lt(length, sizeof panic_log - 1);
    panic_log[length] = letter;
    pthread_mutex_unlock(&panic_log_lock);
}

static inline void forget_log(void)
{
    memset(panic_log, 0, sizeof panic_log);
}

/* This has happened since the last look, and nothing else. */
#define assert_log(events_)                                                                        \
    do {                                                                                           \
        cr_assert_str_eq(panic_log, (events_));                                                    \
        forget_log();                                                                              \
    } while (0)

/* For WOK_CLEANUP, and as a task's drop function. */
__attribute__((unused)) static void log_cleanup(char *letter)
{
    log_event(*letter);
}

/* Awaits the handle: the task has panicked, with a message that holds this. */
static inline void assert_panicked(wok_join *join, const char *message)
{
    wok_join_error why = {.outcome = WOK_RETURNED};

    cr_assert_eq(wok_join_await(join, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(why.message, message), "%s", why.message);
}

#endif
