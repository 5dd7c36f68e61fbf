/*
 * local.c - what a server keeps for each worker.
 */
#include "conn/local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn/exchange.h"
#include "conn/work.h"
#include "conn/server.h"

static const size_t sizes[WOK__POOLS] = {
    [WOK__POOL_EXCHANGES] = sizeof(struct wok_http_exchange),
    [WOK__POOL_WORKS] = sizeof(struct wok__work),
};

struct wok__server_local *wok__local(wok_http_server *server)
{
    int worker = wok_worker_index();

    return &server->locals[worker >= 0 ? (unsigned)worker : server->local_count - 1];
}

void *wok__local_take(wok_http_server *server, enum wok__pool_kind kind)
{
    struct wok__server_local *local = wok__local(server);
    void *object = local->pools[kind].first;

    if (object == NULL)
        return malloc(sizes[kind]);
    memcpy(&local->pools[kind].first, object, sizeof(void *));
    local->pools[kind].count--;
    return object;
}

void wok__local_give(wok_http_server *server, enum wok__pool_kind kind, void *object)
{
    struct wok__server_local *local = wok__local(server);

    if (wok_worker_index() < 0 || local->pools[kind].count >= WOK__POOL_KEPT) {
        free(object);
        return;
    }
    memcpy(object, &local->pools[kind].first, sizeof(void *));
    local->pools[kind].first = object;
    local->pools[kind].count++;
}

wok_slice wok__local_date(wok_http_server *server)
{
    struct wok__server_local *local = wok__local(server);
    time_t now = time(NULL);

    if (now != local->date_second) {
        wok__date_format(now, local->date);
        local->date_second = now;
    }
    return (wok_slice){local->date, sizeof local->date};
}

size_t wok__local_request_id(wok_http_server *server, char *buffer, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    struct wok__server_local *local = wok__local(server);
    uint64_t number = (uint64_t)(local - server->locals) << 56 | local->id_next++;

    if (size < 24)
        return 0;
    for (int i = 0; i < 8; i++)
        buffer[i] = digits[server->id_prefix >> (28 - 4 * i) & 15];
    for (int i = 0; i < 16; i++)
        buffer[8 + i] = digits[number >> (60 - 4 * i) & 15];
    return 24;
}
