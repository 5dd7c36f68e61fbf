/*
 * test_config.c - options from flags and the environment, and the sentences that refuse them.
 */
#include <string.h>

#include "support/test.h"

#include "serve/config.h"

static const char *const *variables; /* NAME, value, ..., NULL */

static const char *environment(const char *name)
{
    for (const char *const *at = variables; at != NULL && *at != NULL; at += 2) {
        if (strcmp(*at, name) == 0)
            return at[1];
    }
    return NULL;
}

static char error[512];

static int read_flags(struct wok__config *config, const char *const *env, int argc, char **argv)
{
    variables = env;
    error[0] = '\0';
    return wok__config_read(config, argc, argv, environment, error, sizeof error);
}

#define READ(config, env, ...)                                                                     \
    read_flags(config, env, (int)(sizeof((char *[]){"wok-server", __VA_ARGS__}) / sizeof(char *)), \
               (char *[]){"wok-server", __VA_ARGS__, NULL})

static int read_nothing(struct wok__config *config, const char *const *env)
{
    char *argv[] = {"wok-server", NULL};

    return read_flags(config, env, 1, argv);
}

Test(config, without_options_it_listens_on_loopback_with_demonstrations)
{
    struct wok__config config;

    cr_assert_eq(read_nothing(&config, NULL), 0);
    cr_assert_eq(config.listener_count, 1);
    cr_assert_str_eq(config.listeners[0].address, "127.0.0.1");
    cr_assert_eq(config.listeners[0].port, 8080);
    cr_assert_eq(config.demo, true);
    cr_assert_eq(config.workers, 0);
    cr_assert_eq(config.grace.ns, wok_ms(8000).ns);
    cr_assert_eq(config.drain_delay.ns, 0);
}

Test(config, a_flag_wins_over_the_environment)
{
    static const char *const env[] = {"WOK_LISTEN", "0.0.0.0:1", "WOK_WORKERS", "3",
                                      "WOK_GRACE",  "77",        NULL};
    struct wok__config config;

    cr_assert_eq(READ(&config, env, "--listen", "[::1]:9000", "--grace=5"), 0);
    cr_assert_eq(config.listener_count, 1);
    cr_assert_str_eq(config.listeners[0].address, "::1");
    cr_assert_eq(config.listeners[0].v6, true);
    cr_assert_eq(config.workers, 3);
    cr_assert_eq(config.grace.ns, wok_ms(5).ns);
}

Test(config, a_listener_beyond_loopback_turns_the_demonstrations_off_unless_asked)
{
    static const char *const on[] = {"WOK_DEMO", "on", NULL};
    static const char *const port[] = {"PORT", "9001", NULL};
    struct wok__config config;

    cr_assert_eq(READ(&config, NULL, "--listen", "0.0.0.0:80"), 0);
    cr_assert_eq(config.demo, false);
    cr_assert_eq(READ(&config, NULL, "--listen", "127.0.0.1:80", "--listen", "10.0.0.1:80"), 0);
    cr_assert_eq(config.demo, false);
    cr_assert_eq(READ(&config, on, "--listen", "0.0.0.0:80"), 0);
    cr_assert_eq(config.demo, true);
    cr_assert_eq(READ(&config, on, "--listen", "0.0.0.0:80", "--no-demo"), 0);
    cr_assert_eq(config.demo, false);
    cr_assert_eq(read_nothing(&config, port), 0);
    cr_assert_str_eq(config.listeners[0].address, "0.0.0.0");
    cr_assert_eq(config.listeners[0].port, 9001);
}

Test(config, each_error_names_the_value_and_the_cure)
{
    static const char *const bad_workers[] = {"WOK_WORKERS", "many", NULL};
    static const char *const bad_demo[] = {"WOK_DEMO", "maybe", NULL};
    struct wok__config config;

    cr_assert_eq(READ(&config, NULL, "--listn", "x"), 2);
    cr_assert_not_null(strstr(error, "--listn"));
    cr_assert_not_null(strstr(error, "did you mean --listen?"));
    cr_assert_eq(READ(&config, NULL, "--listen"), 2);
    cr_assert_not_null(strstr(error, "--listen ADDR:PORT"));
    cr_assert_eq(READ(&config, NULL, "--listen", "localhost:1"), 2);
    cr_assert_not_null(strstr(error, "localhost:1"));
    cr_assert_not_null(strstr(error, "127.0.0.1:8080"));
    cr_assert_eq(READ(&config, NULL, "--listen", "127.0.0.1:65536"), 2);
    cr_assert_not_null(strstr(error, "65535"));
    cr_assert_eq(READ(&config, NULL, "--workers", "0"), 2);
    cr_assert_not_null(strstr(error, "from 1 to 56"));
    cr_assert_eq(READ(&config, NULL, "--workers", "57"), 2);
    cr_assert_eq(READ(&config, NULL, "--workers", "56"), 0);
    cr_assert_eq(READ(&config, NULL, "--demo=yes"), 2);
    cr_assert_eq(read_nothing(&config, bad_workers), 78);
    cr_assert_not_null(strstr(error, "WOK_WORKERS many"));
    cr_assert_eq(read_nothing(&config, bad_demo), 78);
    cr_assert_not_null(strstr(error, "neither on nor off"));
}

Test(config, actions_are_told_apart)
{
    struct wok__config config;

    cr_assert_eq(READ(&config, NULL, "--help"), 0);
    cr_assert_eq(config.action, WOK__ACTION_HELP);
    cr_assert_eq(READ(&config, NULL, "--version"), 0);
    cr_assert_eq(config.action, WOK__ACTION_VERSION);
    cr_assert_eq(READ(&config, NULL, "--health-check"), 0);
    cr_assert_eq(config.action, WOK__ACTION_HEALTH_CHECK);
    cr_assert_null(config.health_url);
    cr_assert_eq(READ(&config, NULL, "--health-check", "http://127.0.0.1:1"), 0);
    cr_assert_str_eq(config.health_url, "http://127.0.0.1:1");
}
