/*
 * reload.h - what SIGHUP asks for.
 */
#ifndef WOK_SERVER_SERVE_RELOAD_H
#define WOK_SERVER_SERVE_RELOAD_H

#include <wok/http/server.h>

#include "serve/config.h"

/* Reads the certificates again and says in the log what came of it; waits for a blocking thread. */
void wok__reload(const struct wok__config *config, wok_http_server *server);

#endif
