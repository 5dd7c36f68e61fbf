/*
 * config_listeners.c - which listeners cannot be together, as far as that shows without opening them.
 *
 * Two of ours at one place are a slip, and would fail as if another process had the port.  All addresses of a
 * family take the place of each of them: Linux lets nobody else listen there, whatever SO_REUSEADDR says.
 */
#include <arpa/inet.h>
#include <string.h>

#include "serve/config_reading.h"

/* As bytes, since an IPv6 address is written in many ways; its size. */
static size_t address_of(const struct wok__config_listener *listener, unsigned char *ret_bytes)
{
    (void)inet_pton(listener->v6 ? AF_INET6 : AF_INET, listener->address, ret_bytes);
    return listener->v6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
}

static bool take_each_others_place(const struct wok__config_listener *a,
                                   const struct wok__config_listener *b)
{
    static const unsigned char everywhere[sizeof(struct in6_addr)];
    unsigned char a_bytes[sizeof(struct in6_addr)], b_bytes[sizeof(struct in6_addr)];
    size_t size;

    if (a->inherited || b->inherited || a->local != b->local)
        return false;
    if (a->local)
        return strcmp(a->address, b->address) == 0;
    if (a->v6 != b->v6 || a->port != b->port || a->port == 0)
        return false;
    size = address_of(a, a_bytes);
    (void)address_of(b, b_bytes);
    return memcmp(a_bytes, b_bytes, size) == 0 || memcmp(a_bytes, everywhere, size) == 0 ||
           memcmp(b_bytes, everywhere, size) == 0;
}

static const struct wok__config_listener *listener_at(const struct wok__config *config, unsigned at)
{
    return at < config->listener_count ? &config->listeners[at]
                                       : &config->tls.listeners[at - config->listener_count];
}

int wok__reading_check_listeners(struct wok__reading *reading)
{
    const struct wok__config *config = reading->config;
    unsigned count = config->listener_count + config->tls.listener_count;

    for (unsigned i = 1; i < count; i++) {
        for (unsigned j = 0; j < i; j++) {
            char where[128], other[128];
            if (!take_each_others_place(listener_at(config, i), listener_at(config, j)))
                continue;
            wok__config_format_listen(listener_at(config, i), where, sizeof where);
            wok__config_format_listen(listener_at(config, j), other, sizeof other);
            return wok__reading_fail(
                reading, "%s %.120s: %.120s is asked for as well, at the same place; leave one out",
                wok__reading_back_to(reading, i < config->listener_count ? WOK__OPTION_LISTEN
                                                                         : WOK__OPTION_LISTEN_TLS),
                where, other);
        }
    }
    return 0;
}

const struct wok__config_listener *wok__config_not_passed(const struct wok__config *config)
{
    for (unsigned i = 0; i < config->tls.listener_count; i++) {
        const struct wok__config_listener *listener = &config->tls.listeners[i];
        if (listener->inherited && !wok__config_inherits(config, listener))
            return listener;
    }
    return NULL;
}
