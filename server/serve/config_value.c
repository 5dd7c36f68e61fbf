/*
 * config_value.c - one value of the configuration: from text, by the kind of its option.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "serve/config_reading.h"

/* ---- numbers --------------------------------------------------------------------------------------- */

bool wok__parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *ret_number)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0 && *ret_number >= low && *ret_number <= high;
}

static int set_number(struct wok__reading *reading, const struct wok__option *option,
                      const char *name, const char *value)
{
    char *place = (char *)reading->config + option->offset;
    uint64_t number;
    const char *unit = strcmp(option->value, "BYTES") == 0 ? " of bytes"
                       : option->kind == WOK__KIND_TIME    ? " of milliseconds"
                                                           : "";

    if (!wok__parse_number(value, option->low, option->high, &number))
        return wok__reading_fail(
            reading,
            "%s %.120s: it is not a whole number%s from %llu to %llu; give one "
            "or leave it out",
            name, value, unit, (unsigned long long)option->low, (unsigned long long)option->high);
    if (option->kind == WOK__KIND_TIME) {
        wok_duration duration = wok_ms(number);
        memcpy(place, &duration, sizeof duration);
    } else {
        size_t count = (size_t)number;
        memcpy(place, &count, sizeof count);
    }
    return 0;
}

static int set_mode(struct wok__reading *reading, const struct wok__option *option,
                    const char *name, const char *value)
{
    char *place = (char *)reading->config + option->offset;
    size_t digits = strspn(value, "01234567"), mode = strtoul(value, NULL, 8);

    if (digits == 0 || digits > 4 || value[digits] != '\0' || mode > option->high)
        return wok__reading_fail(reading,
                                 "%s %.120s: it is no octal number from 0 to %llo; write it as "
                                 "chmod takes it, 0660 for instance",
                                 name, value, (unsigned long long)option->high);
    memcpy(place, &mode, sizeof mode);
    return 0;
}

/* ---- listeners ------------------------------------------------------------------------------------- */

static bool parse_local(const char *path, struct wok__config_listener *ret_listener,
                        const char **reason)
{
    size_t size = strlen(path);

    *reason = "the path is missing, or longer than 107 bytes";
    if (size == 0 || size >= sizeof ret_listener->address)
        return false;
    *reason = "the path does not begin with / or @";
    if (path[0] != '/' && (path[0] != '@' || size == 1))
        return false;
    *ret_listener = (struct wok__config_listener){.local = true};
    memcpy(ret_listener->address, path, size + 1);
    return true;
}

/* An interface would have to be there by its name at each start, and a socket of IPv6 takes no IPv4. */
static bool parse_v6(struct wok__config_listener *listener, const char **reason)
{
    struct in6_addr address;

    if (strchr(listener->address, '%') != NULL)
        *reason = "an address with a zone, %NAME, is not taken; listen on [::], or on another one";
    if (inet_pton(AF_INET6, listener->address, &address) != 1)
        return false;
    *reason = "a link-local address needs a zone, %NAME, which is not taken; listen on [::]";
    if (IN6_IS_ADDR_LINKLOCAL(&address))
        return false;
    *reason = "it is an IPv4 address in IPv6's form, where only IPv6 is spoken";
    if (IN6_IS_ADDR_V4MAPPED(&address))
        return false;
    listener->loopback = IN6_IS_ADDR_LOOPBACK(&address);
    return true;
}

static bool parse_v4(struct wok__config_listener *listener, const char **reason)
{
    struct in_addr address;

    if (strchr(listener->address, ':') != NULL)
        *reason = "an IPv6 address needs brackets";
    if (inet_pton(AF_INET, listener->address, &address) != 1)
        return false;
    listener->loopback = ntohl(address.s_addr) >> 24 == 127;
    return true;
}

bool wok__config_parse_listen(const char *text, struct wok__config_listener *ret_listener,
                              const char **reason)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    size_t size;

    if (strncmp(text, "unix:", 5) == 0)
        return parse_local(text + 5, ret_listener, reason);
    *ret_listener = (struct wok__config_listener){.local = false};
    *reason = "it has no port";
    if (wok__parse_number(text, 0, 65535, &port))
        *reason = "a port alone has a colon before it";
    if (colon == NULL)
        return false;
    *reason = "the port is not a number from 0 to 65535";
    if (!wok__parse_number(colon + 1, 0, 65535, &port))
        return false;
    *reason = "the address is not a numeric IPv4 or [IPv6] address; names are not looked up";
    size = (size_t)(colon - text);
    ret_listener->v6 = size >= 2 && text[0] == '[' && text[size - 1] == ']';
    if (ret_listener->v6) {
        text++;
        size -= 2;
    }
    if (size >= sizeof ret_listener->address)
        return false;
    memcpy(ret_listener->address, text, size);
    if (size == 0 && !ret_listener->v6)
        memcpy(ret_listener->address, "0.0.0.0", sizeof "0.0.0.0");
    ret_listener->port = (uint16_t)port;
    return ret_listener->v6 ? parse_v6(ret_listener, reason) : parse_v4(ret_listener, reason);
}

int wok__config_format_listen(const struct wok__config_listener *listener, char *text, size_t size)
{
    if (listener->local || listener->inherited)
        return snprintf(text, size, "%s:%s", listener->local ? "unix" : "fd", listener->address);
    return snprintf(text, size, "%s%s%s:%u", listener->v6 ? "[" : "", listener->address,
                    listener->v6 ? "]" : "", listener->port);
}

static int add_listener(struct wok__reading *reading, const char *name, const char *value)
{
    struct wok__config *config = reading->config;
    const char *reason;

    if (config->listener_count == WOK__CONFIG_LISTENERS_MAX)
        return wok__reading_fail(reading,
                                 "%s %.120s: there are %d listeners already, which is the most; "
                                 "leave one out",
                                 name, value, WOK__CONFIG_LISTENERS_MAX);
    if (!wok__config_parse_listen(value, &config->listeners[config->listener_count], &reason))
        return wok__reading_fail(
            reading, "%s %.120s: %s; write it as 127.0.0.1:8080, [::1]:8080, :8080 or unix:/PATH",
            name, value, reason);
    config->listener_count++;
    return 0;
}

static int add_listeners(struct wok__reading *reading, const char *name, const char *value)
{
    char one[128];
    int code = 0;

    for (bool last = false; code == 0 && !last;) {
        size_t size = strcspn(value, ",");
        last = value[size] == '\0';
        snprintf(one, sizeof one, "%.*s", (int)(size < sizeof one ? size : sizeof one - 1), value);
        code = add_listener(reading, name, one);
        value += size + 1;
    }
    return code;
}

/* A platform that gives a port alone means that it will connect from elsewhere. */
static int set_port(struct wok__reading *reading, const char *value)
{
    struct wok__config_listener listener;
    const char *reason;
    char text[32];

    snprintf(text, sizeof text, "0.0.0.0:%.20s", value);
    if (!wok__config_parse_listen(text, &listener, &reason))
        return wok__reading_fail(reading, "PORT %.120s: %s; give one, or set WOK_LISTEN", value,
                                 reason);
    return add_listener(reading, "PORT", text);
}

/* ---- the rest -------------------------------------------------------------------------------------- */

static int set_user(struct wok__reading *reading, const char *name, const char *value)
{
    const char *reason;

    if (wok__user_find(value, &reading->config->user, &reason))
        return 0;
    return wok__reading_fail(reading, "%s %.120s: %s; write it as www-data, or as 65532:65532",
                             name, value, reason);
}

static int set_switch(struct wok__reading *reading, const struct wok__option *option,
                      const char *name, const char *value)
{
    bool *place = (bool *)((char *)reading->config + option->offset);
    bool on = value == NULL || strcmp(value, "on") == 0 || strcmp(value, "1") == 0;

    if (!on && strcmp(value, "off") != 0 && strcmp(value, "0") != 0)
        return wok__reading_fail(reading, "%s %.120s: it is neither on nor off; write one of them",
                                 name, value);
    *place = on;
    return 0;
}

static int set_choice(struct wok__reading *reading, const struct wok__option *option,
                      const char *name, const char *value)
{
    int place = wok__option_choice(option, value);
    size_t choice = (size_t)place;

    if (place < 0)
        return wok__reading_fail(reading, "%s %.120s: it is none that is known; give one of: %s",
                                 name, value, option->choices);
    memcpy((char *)reading->config + option->offset, &choice, sizeof choice);
    return 0;
}

static int set_action(struct wok__reading *reading, const struct wok__option *option,
                      const char *value)
{
    struct wok__config *config = reading->config;

    if (value != NULL && option->choices != NULL && wok__option_choice(option, value) < 0)
        return wok__reading_fail(reading, "%s %.120s: it is none that is known; give one of: %s",
                                 option->flag, value, option->choices);
    switch ((int)(option - wok__options)) {
    case WOK__OPTION_HELP:
        config->action = value == NULL               ? WOK__ACTION_HELP
                         : strcmp(value, "man") == 0 ? WOK__ACTION_HELP_MAN
                                                     : WOK__ACTION_HELP_MARKDOWN;
        break;
    case WOK__OPTION_VERSION:
        config->action = WOK__ACTION_VERSION;
        break;
    case WOK__OPTION_CHECK_CONFIG:
        config->action = WOK__ACTION_CHECK;
        break;
    case WOK__OPTION_COMPLETIONS:
        config->action = WOK__ACTION_COMPLETIONS;
        config->shell = value;
        break;
    default:
        config->action = WOK__ACTION_HEALTH_CHECK;
        config->health_url = value;
        break;
    }
    return 0;
}

static int set_file(struct wok__reading *reading, const char *name, const char *value)
{
    if (reading->source == WOK__FROM_FILE)
        return wok__reading_fail(reading, "%s %.120s: a file cannot name another; leave it out",
                                 name, value);
    reading->config->file = value;
    return 0;
}

int wok__reading_set(struct wok__reading *reading, const struct wok__option *option,
                     const char *name, const char *value)
{
    const char *text = value != NULL ? value : ""; /* those that need a value have one */
    size_t id = (size_t)(option - wok__options);
    int code = 0;

    switch (option->kind) {
    case WOK__KIND_LISTENERS:
        code = id == WOK__OPTION_LISTEN_TLS ? wok__reading_list(reading, option, name, text)
               : strcmp(name, "PORT") == 0  ? set_port(reading, text)
                                            : add_listeners(reading, name, text);
        break;
    case WOK__KIND_COUNT:
    case WOK__KIND_TIME:
        code = set_number(reading, option, name, text);
        break;
    case WOK__KIND_MODE:
        code = set_mode(reading, option, name, text);
        break;
    case WOK__KIND_USER:
        code = set_user(reading, name, text);
        break;
    case WOK__KIND_SWITCH:
        code = set_switch(reading, option, name, value);
        break;
    case WOK__KIND_OFF:
        code = set_switch(reading, option, name, "off");
        id--; /* what it switches off stands above it */
        break;
    case WOK__KIND_CHOICE:
        code = set_choice(reading, option, name, text);
        break;
    case WOK__KIND_FILE:
        code = set_file(reading, name, text);
        break;
    case WOK__KIND_FILES:
        code = wok__reading_list(reading, option, name, text);
        break;
    case WOK__KIND_ACTION:
        code = set_action(reading, option, value);
        break;
    }
    reading->config->origins[id] = (struct wok__origin){reading->source, name, reading->line};
    return code;
}
