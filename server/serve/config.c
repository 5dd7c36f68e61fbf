/*
 * config.c - the options of wok-server, from flags and the environment.
 *
 * One table makes the flags, the environment's names and the help text.  A value is checked where
 * it is read, so that an error names the place it came from.
 */
#include "serve/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conn/server.h"

enum option_id { LISTEN, WORKERS, GRACE, DRAIN_DELAY, DEMO, NO_DEMO, HEALTH_CHECK, HELP, VERSION };

struct option {
    enum option_id id;
    const char *flag, *environment, *value, *what, *otherwise;
};

static const struct option options[] = {
    {LISTEN, "--listen", "WOK_LISTEN", "ADDR:PORT",
     "where to listen; repeatable; port 0 lets the kernel pick", "127.0.0.1:8080"},
    {WORKERS, "--workers", "WOK_WORKERS", "N", "worker threads, 1 to 56", "the usable cores"},
    {GRACE, "--grace", "WOK_GRACE", "MS", "how long a stop waits for running requests", "8000"},
    {DRAIN_DELAY, "--drain-delay", "WOK_DRAIN_DELAY", "MS",
     "how long a stop still accepts connections", "0"},
    {DEMO, "--demo", "WOK_DEMO", NULL, "serve the demonstration routes (WOK_DEMO=on|off)",
     "on if every listener is on loopback"},
    {NO_DEMO, "--no-demo", NULL, NULL, "do not serve them", NULL},
    {HEALTH_CHECK, "--health-check", NULL, "[URL]", "ask a running server's /healthz: exit 0 or 1",
     NULL},
    {HELP, "--help", NULL, NULL, "show this", NULL},
    {VERSION, "--version", NULL, NULL, "show the version", NULL},
};

void wok__config_help(FILE *file)
{
    fputs("usage: wok-server [options]\n\n"
          "An HTTP service that fans each request out into concurrent tasks.\n\noptions:\n",
          file);
    for (size_t i = 0; i < WOK_COUNT(options); i++) {
        const struct option *option = &options[i];
        char left[40];
        snprintf(left, sizeof left, "%s%s%s", option->flag, option->value ? " " : "",
                 option->value ? option->value : "");
        fprintf(file, "  %-22s %s\n", left, option->what);
        if (option->environment != NULL)
            fprintf(file, "  %-22s also as %s; default: %s\n", "", option->environment,
                    option->otherwise);
    }
    fputs("\nA flag wins over the environment.  PORT=N alone means 0.0.0.0:N.\n\nexamples:\n"
          "  wok-server --listen 127.0.0.1:9000 --workers 2\n"
          "  curl 'http://127.0.0.1:8080/aggregate'\n\n"
          "exit codes: 0 orderly stop, 2 wrong usage, 69 a listener is unavailable,\n"
          "            70 internal failure at start, 78 wrong configuration,\n"
          "            128 + the signal's number at a second SIGTERM or SIGINT\n",
          file);
}

/* ---- values --------------------------------------------------------------------------------------- */

struct reading {
    struct wok__config *config;
    char *error;
    size_t error_size;
    int wrong_value; /* the exit code for a value that cannot be: usage for flags, config else */
    bool seen[VERSION + 1];
};

__attribute__((format(printf, 3, 4))) static int fail(struct reading *reading, int code,
                                                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(reading->error, reading->error_size, format, args);
    va_end(args);
    return code;
}

/* A decimal number in [low, high], or false. */
static bool parse_number(const char *text, unsigned long low, unsigned long high,
                         unsigned long *ret_number)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret_number = strtoul(text, &end, 10);
    return *end == '\0' && errno == 0 && *ret_number >= low && *ret_number <= high;
}

bool wok__config_parse_listen(const char *text, struct wok__config_listener *ret_listener,
                              const char **reason)
{
    const char *colon = strrchr(text, ':');
    struct in6_addr v6;
    struct in_addr v4;
    unsigned long port;
    size_t size;

    *reason = "it has no port";
    if (colon == NULL)
        return false;
    *reason = "the port is not a number from 0 to 65535";
    if (!parse_number(colon + 1, 0, 65535, &port))
        return false;
    *reason = "the address is not a numeric IPv4 or [IPv6] address";
    size = (size_t)(colon - text);
    ret_listener->v6 = size >= 2 && text[0] == '[' && text[size - 1] == ']';
    if (ret_listener->v6) {
        text++;
        size -= 2;
    }
    if (size >= sizeof ret_listener->address)
        return false;
    memcpy(ret_listener->address, text, size);
    ret_listener->address[size] = '\0';
    if (size == 0 && !ret_listener->v6)
        memcpy(ret_listener->address, "0.0.0.0", sizeof "0.0.0.0");
    ret_listener->port = (uint16_t)port;
    if (ret_listener->v6) {
        if (inet_pton(AF_INET6, ret_listener->address, &v6) != 1)
            return false;
        ret_listener->loopback = IN6_IS_ADDR_LOOPBACK(&v6);
        return true;
    }
    if (inet_pton(AF_INET, ret_listener->address, &v4) != 1)
        return false;
    ret_listener->loopback = ntohl(v4.s_addr) >> 24 == 127;
    return true;
}

static int set_listen(struct reading *reading, const char *name, const char *value)
{
    struct wok__config *config = reading->config;
    const char *reason;

    if (config->listener_count == WOK__CONFIG_LISTENERS_MAX)
        return fail(reading, reading->wrong_value,
                    "%s %s: there are %d listeners already, which "
                    "is the most; leave one out",
                    name, value, WOK__CONFIG_LISTENERS_MAX);
    if (!wok__config_parse_listen(value, &config->listeners[config->listener_count], &reason))
        return fail(reading, reading->wrong_value,
                    "%s %s: %s; write it as 127.0.0.1:8080 or [::1]:8080", name, value, reason);
    config->listener_count++;
    return 0;
}

static int set_number(struct reading *reading, const char *name, const char *value,
                      unsigned long low, unsigned long high, unsigned long *ret_number)
{
    if (parse_number(value, low, high, ret_number))
        return 0;
    return fail(reading, reading->wrong_value,
                "%s %s: it is not a whole number from %lu to %lu; "
                "give one or leave it out",
                name, value, low, high);
}

static int set_option(struct reading *reading, enum option_id id, const char *name,
                      const char *value)
{
    struct wok__config *config = reading->config;
    const char *text = value != NULL ? value : ""; /* those that take a value have one */
    unsigned long number = 0;
    int code = 0;

    reading->seen[id] = true;
    switch (id) {
    case LISTEN:
        return set_listen(reading, name, text);
    case WORKERS:
        code = set_number(reading, name, text, 1, 56, &number);
        config->workers = (unsigned)number;
        return code;
    case GRACE:
        code = set_number(reading, name, text, 0, 3600000, &number);
        config->grace = wok_ms(number);
        return code;
    case DRAIN_DELAY:
        code = set_number(reading, name, text, 0, 3600000, &number);
        config->drain_delay = wok_ms(number);
        return code;
    case DEMO:
        reading->seen[NO_DEMO] = true;
        config->demo = value == NULL || strcmp(value, "on") == 0 || strcmp(value, "1") == 0;
        if (!config->demo && strcmp(value, "off") != 0 && strcmp(value, "0") != 0)
            return fail(reading, reading->wrong_value, "%s %s: it is neither on nor off", name,
                        value);
        return 0;
    case NO_DEMO:
        reading->seen[DEMO] = true;
        config->demo = false;
        return 0;
    case HEALTH_CHECK:
        config->action = WOK__ACTION_HEALTH_CHECK;
        config->health_url = value;
        return 0;
    case HELP:
        config->action = WOK__ACTION_HELP;
        return 0;
    case VERSION:
        config->action = WOK__ACTION_VERSION;
        return 0;
    }
    return 0;
}

/* ---- flags ---------------------------------------------------------------------------------------- */

/* The option whose flag shares the longest beginning with `text`, for the error's hint. */
static const char *nearest_flag(const char *text, size_t size)
{
    const char *best = NULL;
    size_t best_shared = 4; /* "--" and two letters at least */

    for (size_t i = 0; i < WOK_COUNT(options); i++) {
        size_t shared = 0;
        while (shared < size && options[i].flag[shared] == text[shared])
            shared++;
        if (shared >= best_shared) {
            best_shared = shared + 1;
            best = options[i].flag;
        }
    }
    return best;
}

static int read_flag(struct reading *reading, int argc, char **argv, int *at)
{
    const char *argument = argv[*at];
    const char *equals = strchr(argument, '=');
    size_t size = equals != NULL ? (size_t)(equals - argument) : strlen(argument);
    const char *near;

    for (size_t i = 0; i < WOK_COUNT(options); i++) {
        const struct option *option = &options[i];
        const char *value = equals != NULL ? equals + 1 : NULL;
        bool optional = option->id == HEALTH_CHECK;
        if (strlen(option->flag) != size || memcmp(option->flag, argument, size) != 0)
            continue;
        if (option->value == NULL && value != NULL)
            return fail(reading, WOK__EXIT_USAGE, "%s: %s takes no value; leave it out", argument,
                        option->flag);
        if (option->value != NULL && value == NULL && *at + 1 < argc &&
            (!optional || argv[*at + 1][0] != '-'))
            value = argv[++*at];
        if (option->value != NULL && value == NULL && !optional)
            return fail(reading, WOK__EXIT_USAGE, "%s: its value is missing; write %s %s",
                        option->flag, option->flag, option->value);
        return set_option(reading, option->id, option->flag, value);
    }
    near = nearest_flag(argument, size);
    if (near != NULL)
        return fail(reading, WOK__EXIT_USAGE, "%s: there is no such option; did you mean %s?",
                    argument, near);
    return fail(reading, WOK__EXIT_USAGE, "%s: there is no such option; --help lists them",
                argument);
}

static int read_environment(struct reading *reading, const char *(*environment)(const char *name))
{
    const char *port = environment("PORT");
    char listen[32];

    reading->wrong_value = WOK__EXIT_CONFIG;
    for (size_t i = 0; i < WOK_COUNT(options); i++) {
        const char *name = options[i].environment;
        const char *value = name != NULL ? environment(name) : NULL;
        int code;
        if (value == NULL || reading->seen[options[i].id])
            continue;
        code = set_option(reading, options[i].id, name, value);
        if (code != 0)
            return code;
    }
    if (port == NULL || reading->seen[LISTEN])
        return 0;
    snprintf(listen, sizeof listen, "0.0.0.0:%.20s", port);
    return set_option(reading, LISTEN, "PORT", listen);
}

int wok__config_read(struct wok__config *config, int argc, char **argv,
                     const char *(*environment)(const char *name), char *error, size_t error_size)
{
    struct reading reading = {config, error, error_size, WOK__EXIT_USAGE, {false}};
    bool loopback = true;
    int code;

    *config = (struct wok__config){.grace = wok_ms(8000)};
    for (int at = 1; at < argc; at++) {
        code = read_flag(&reading, argc, argv, &at);
        if (code != 0)
            return code;
    }
    code = read_environment(&reading, environment);
    if (code != 0)
        return code;
    if (config->listener_count == 0)
        (void)set_listen(&reading, "--listen", "127.0.0.1:8080");
    for (unsigned i = 0; i < config->listener_count; i++)
        loopback = loopback && config->listeners[i].loopback;
    if (!reading.seen[DEMO])
        config->demo = loopback;
    return 0;
}
