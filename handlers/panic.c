/*
 * panic.c - GET /panic: the demonstration that a panic ends one request.
 */
#include "handlers.h"

#include <wok/task.h>

void wok__handle_panic(wok_http_exchange *exchange)
{
    (void)exchange;
    wok_panic("GET /panic was asked to panic");
}
