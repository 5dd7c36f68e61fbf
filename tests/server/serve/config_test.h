/*
 * config_test.h - what the tests of the configuration share: reading it from given arguments.
 */
#ifndef WOK_TESTS_SERVER_SERVE_CONFIG_TEST_H
#define WOK_TESTS_SERVER_SERVE_CONFIG_TEST_H

#include <string.h>

#include "support/test.h"

#include "serve/config.h"

static struct wok__config config;
static char error[512];

static inline int read_both(const char *const *environment, int argc, char **argv)
{
    error[0] = '\0';
    return wok__config_read(&config, argc, argv, (char *const *)environment, error, sizeof error);
}

#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_ENV ((const char *const[]){NULL})
#define READ_BOTH(environment, ...)                                                                \
    read_both(environment, (int)(sizeof((char *[]){"wok-server", __VA_ARGS__}) / sizeof(char *)),  \
              (char *[]){"wok-server", __VA_ARGS__, NULL})
#define READ(...) READ_BOTH(NO_ENV, __VA_ARGS__)
#define READ_ENV(...) read_both(ENV(__VA_ARGS__), 1, (char *[]){"wok-server", NULL})

#define SAYS(text) cr_assert_not_null(strstr(error, text), "it says: %s", error)

#endif
