/*
 * health.c - GET /healthz and GET /readyz, for whoever decides to restart a process or to send it
 * requests.
 *
 * Liveness asks nothing of anything: a server that answers at all is alive, and one that is slow
 * because it has much to do must not be restarted for it.  Readiness turns off with the shutdown, so
 * that balancers look elsewhere before the listeners close.
 */
#include "handlers.h"

void wok__handle_healthz(wok_http_exchange *exchange)
{
    wok_http_respond(exchange, 200, WOK__TEXT_TYPE);
    (void)wok_http_response_append(exchange, WOK_SLICE("ok\n")); /* without memory: a 500 */
}

void wok__handle_readyz(wok_http_exchange *exchange)
{
    bool draining = wok_http_exchange_draining(exchange);

    wok_http_respond(exchange, draining ? 503 : 200, WOK__TEXT_TYPE);
    (void)wok_http_response_append(exchange,
                                   draining ? WOK_SLICE("draining\n") : WOK_SLICE("ready\n"));
}
