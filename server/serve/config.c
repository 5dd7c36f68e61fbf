/*
 * config.c - the configuration of wok-server: which source wins, and what has to fit together.
 *
 * The sources are read from the strongest to the weakest, flags, environment, file, defaults, and what a
 * stronger one has given is passed over.  A value is checked where it is read, so that an error names the
 * place it came from; what depends on two values is checked at the end.
 */
#include "serve/config.h"

#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/inherited.h"
#include "net/socket.h"
#include "serve/config_reading.h"

/* ---- while it is read ------------------------------------------------------------------------------ */

int wok__reading_fail(struct wok__reading *reading, const char *format, ...)
{
    size_t used = 0;
    va_list args;

    if (reading->source == WOK__FROM_FILE && reading->line != 0)
        used = (size_t)snprintf(reading->error, reading->error_size,
                                "%.200s:%u: ", reading->config->file, reading->line);
    va_start(args, format);
    vsnprintf(reading->error + used, reading->error_size - used, format, args);
    va_end(args);
    for (char *at = reading->error; *at != '\0'; at++) { /* one line, whatever the value holds */
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    }
    return reading->source == WOK__FROM_FLAG ? WOK__EXIT_USAGE : WOK__EXIT_CONFIG;
}

bool wok__reading_has(const struct wok__reading *reading, const struct wok__option *option)
{
    enum wok__source source = reading->config->origins[option - wok__options].source;

    return source != 0 && source < reading->source;
}

/* ---- flags ----------------------------------------------------------------------------------------- */

static int unknown_flag(struct wok__reading *reading, const char *argument, size_t size)
{
    const char *near = wok__option_near_flag(argument, size);

    if (near != NULL)
        return wok__reading_fail(reading, "%.120s: there is no such option; did you mean %s?",
                                 argument, near);
    return wok__reading_fail(reading, "%.120s: there is no such option; --help lists them",
                             argument);
}

/* True for what is meant as an option and not as a value, though one may begin with dashes. */
static bool is_flag(const char *argument)
{
    return strncmp(argument, "--", 2) == 0 ||
           wok__option_by_flag(argument, strcspn(argument, "=")) != NULL;
}

/* What was to be the value may be seen in `next`, NULL: nothing was there. */
static int value_is_missing(struct wok__reading *reading, const struct wok__option *option,
                            const char *next)
{
    if (option->choices != NULL)
        return wok__reading_fail(reading, "%s: its value is missing; give one of: %s", option->flag,
                                 option->choices);
    if (next != NULL && wok__option_by_flag(next, strcspn(next, "=")) == NULL)
        return wok__reading_fail(
            reading, "%s: its value is missing, unless it is %.120s; write %s %s, or %s=%.120s",
            option->flag, next, option->flag, option->value, option->flag, next);
    return wok__reading_fail(reading, "%s: its value is missing; write %s %s", option->flag,
                             option->flag, option->value);
}

static int read_flag(struct wok__reading *reading, int argc, char **argv, int *at)
{
    const char *argument = argv[*at];
    const char *equals = strchr(argument, '=');
    size_t size = equals != NULL ? (size_t)(equals - argument) : strlen(argument);
    const struct wok__option *option = wok__option_by_flag(argument, size);
    const char *value = equals != NULL ? equals + 1 : NULL;
    const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;

    if (option == NULL)
        return unknown_flag(reading, argument, size);
    if (value != NULL && option->form == WOK__VALUE_NONE)
        return wok__reading_fail(reading, "%.120s: %s takes no value; leave it out", argument,
                                 option->flag);
    if (value == NULL && next != NULL &&
        ((option->form == WOK__VALUE_NEEDED && !is_flag(next)) ||
         (option->form == WOK__VALUE_OPTIONAL && next[0] != '-')))
        value = argv[++*at];
    if (value == NULL && option->form == WOK__VALUE_NEEDED)
        return value_is_missing(reading, option, next);
    return wok__reading_set(reading, option, option->flag, value);
}

static int read_flags(struct wok__reading *reading, int argc, char **argv)
{
    reading->source = WOK__FROM_FLAG;
    for (int at = 1; at < argc; at++) {
        int code = read_flag(reading, argc, argv, &at);
        if (code != 0)
            return code;
    }
    return 0;
}

/* ---- environment ----------------------------------------------------------------------------------- */

/* A name that begins as ours do may be another tool's, or a slip: it is said, and not refused.  All in one
 * line, because Kubernetes sets seven for each service, WOK_SERVER_PORT and so on. */
static void warn_of(struct wok__config *config, const char *name, size_t size)
{
    const char *near = wok__option_near_name(name, size);
    size_t used = strlen(config->warning);

    if (size > 64 || sizeof config->warning - used < 160)
        return; /* enough is said */
    used += (size_t)snprintf(
        config->warning + used, sizeof config->warning - used, "%s%.*s",
        used == 0 ? "ignored in the environment, since there is no such option: " : ", ", (int)size,
        name);
    if (near != NULL)
        snprintf(config->warning + used, sizeof config->warning - used, " (did you mean %s?)",
                 near);
}

static int read_environment(struct wok__reading *reading, char *const *environment)
{
    const struct wok__option *listen = &wok__options[WOK__OPTION_LISTEN];
    const char *port = NULL;
    int code = 0;

    reading->source = WOK__FROM_ENVIRONMENT;
    for (; *environment != NULL && code == 0; environment++) {
        const char *name = *environment;
        size_t size = strcspn(name, "=");
        const struct wok__option *option = wok__option_by_name(name, size);
        if (name[size] == '\0')
            continue;
        if (option != NULL && !wok__reading_has(reading, option))
            code = wok__reading_set(reading, option, option->environment, name + size + 1);
        else if (strncmp(name, "PORT=", 5) == 0)
            port = name + 5;
        else if (option == NULL && strncmp(name, "WOK_", 4) == 0 &&
                 strncmp(name, "WOK_TEST_", 9) != 0) /* those are the runtime's */
            warn_of(reading->config, name, size);
    }
    if (code == 0 && port != NULL && reading->config->origins[WOK__OPTION_LISTEN].source == 0)
        code = wok__reading_set(reading, listen, "PORT", port);
    return code;
}

/* What a service manager passes is no option, but decides over the default of one. */
static int read_inherited(struct wok__reading *reading, char *const *environment)
{
    struct wok__config *config = reading->config;
    unsigned opened = config->listener_count;

    for (unsigned i = 0; i < config->tls.listener_count; i++)
        opened += !config->tls.listeners[i].inherited;
    reading->source = WOK__FROM_ENVIRONMENT;
    if (wok__inherited_read(environment, getpid(), &config->inherited) < 0)
        return wok__reading_fail(
            reading,
            "LISTEN_FDS: with LISTEN_PID it is not a number from 0 to %d; leave both to the "
            "service manager",
            WOK__INHERITED_MAX);
    if (opened + config->inherited.count > WOK__CONFIG_LISTENERS_MAX &&
        config->inherited.count != 0)
        return wok__reading_fail(
            reading, "LISTEN_FDS %u: with those of --listen they are more than %d; leave some out",
            config->inherited.count, WOK__CONFIG_LISTENERS_MAX);
    return 0;
}

/* ---- defaults and relations ------------------------------------------------------------------------ */

static int read_defaults(struct wok__reading *reading)
{
    struct wok__config *config = reading->config;
    bool loopback = true;

    reading->source = WOK__FROM_DEFAULT;
    for (size_t i = 0; i < WOK__OPTIONS; i++) {
        const struct wok__option *option = &wok__options[i];
        int code = 0;
        if (config->origins[i].source != 0 || option->otherwise == NULL)
            continue;
        if (wok__option_default_in_words(option) ||
            (i == WOK__OPTION_LISTEN && /* what was asked for is all */
             config->tls.listener_count + config->inherited.count != 0))
            config->origins[i].source = WOK__FROM_DEFAULT;
        else
            code = wok__reading_set(reading, option, option->flag, option->otherwise);
        if (code != 0)
            return code;
    }
    for (unsigned i = 0; i < config->listener_count; i++)
        loopback = loopback && config->listeners[i].loopback;
    for (unsigned i = 0; i < config->tls.listener_count; i++)
        loopback =
            loopback && (config->tls.listeners[i].loopback || config->tls.listeners[i].inherited);
    for (unsigned i = 0; i < config->inherited.count; i++)
        loopback = loopback && wok__socket_is_loopback(WOK__INHERITED_FIRST + (int)i);
    if (config->origins[WOK__OPTION_DEMO].source == WOK__FROM_DEFAULT)
        config->demo = loopback;
    return 0;
}

const char *wok__reading_back_to(struct wok__reading *reading, enum wok__option_id id)
{
    const struct wok__origin *origin = &reading->config->origins[id];

    reading->source = origin->source;
    reading->line = origin->line;
    return origin->name;
}

/* Who sets both has mistaken one for the other; a lower limit with the other's default is meant so. */
static bool both_given(const struct wok__config *config, enum wok__option_id a,
                       enum wok__option_id b)
{
    return config->origins[a].source < WOK__FROM_DEFAULT &&
           config->origins[b].source < WOK__FROM_DEFAULT;
}

static int check_relations(struct wok__reading *reading)
{
    const struct wok__config *config = reading->config;
    const wok_http_server_options *server = &config->server;
    struct rlimit descriptors;
    int code;

    if (server->target_bytes_max >= server->head_bytes_max &&
        both_given(config, WOK__OPTION_TARGET_BYTES_MAX, WOK__OPTION_HEAD_BYTES_MAX))
        return wok__reading_fail(
            reading,
            "%s %zu: the head, of which the target is a part, may have %zu bytes only; "
            "set it below that, or raise --head-bytes-max",
            wok__reading_back_to(reading, WOK__OPTION_TARGET_BYTES_MAX), server->target_bytes_max,
            server->head_bytes_max);
    if (server->body_progress_timeout.ns > server->body_timeout.ns &&
        both_given(config, WOK__OPTION_BODY_PROGRESS_TIMEOUT, WOK__OPTION_BODY_TIMEOUT))
        return wok__reading_fail(
            reading,
            "%s %llu: a whole body may take %llu ms only; set it to that or less, or raise "
            "--body-timeout",
            wok__reading_back_to(reading, WOK__OPTION_BODY_PROGRESS_TIMEOUT),
            (unsigned long long)(server->body_progress_timeout.ns / 1000000),
            (unsigned long long)(server->body_timeout.ns / 1000000));
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0 && descriptors.rlim_max != RLIM_INFINITY &&
        server->connections_max > descriptors.rlim_max)
        return wok__reading_fail(
            reading,
            "%s %zu: this process may open %llu descriptors; raise that limit (ulimit -n, "
            "or LimitNOFILE=), or ask for less",
            wok__reading_back_to(reading, WOK__OPTION_CONNECTIONS_MAX), server->connections_max,
            (unsigned long long)descriptors.rlim_max);
    if ((code = wok__reading_check_listeners(reading)) != 0)
        return code;
    return wok__reading_check_tls(reading);
}

/* ---- all of it ------------------------------------------------------------------------------------- */

/* These tell about the program, and do so also where the rest of the configuration is wrong. */
static bool only_tells(enum wok__config_action action)
{
    return action == WOK__ACTION_HELP || action == WOK__ACTION_HELP_MAN ||
           action == WOK__ACTION_HELP_MARKDOWN || action == WOK__ACTION_VERSION ||
           action == WOK__ACTION_COMPLETIONS;
}

int wok__config_read(struct wok__config *config, int argc, char **argv, char *const *environment,
                     char *error, size_t error_size)
{
    struct wok__reading reading = {.config = config, .error = error, .error_size = error_size};
    int code;

    *config = (struct wok__config){0};
    code = read_flags(&reading, argc, argv);
    if (code != 0 || only_tells(config->action))
        return code;
    code = read_environment(&reading, environment);
    if (code == 0 && config->file != NULL)
        code = wok__reading_file(&reading);
    if (code == 0)
        code = read_inherited(&reading, environment);
    if (code == 0)
        code = read_defaults(&reading);
    if (code == 0)
        code = check_relations(&reading);
    return code;
}
