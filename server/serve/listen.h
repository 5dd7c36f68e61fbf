/*
 * listen.h - letting a server accept from a socket that is open already, as the program does.
 */
#ifndef WOK_SERVER_SERVE_LISTEN_H
#define WOK_SERVER_SERVE_LISTEN_H

#include <wok/http/server.h>

#include "net/socket.h"

/* Accepts from a socket, and takes it when it succeeds.  0; -ENOSPC; as wok_listen_fd(). */
WOK_MUST_USE
int wok__server_listen(wok_http_server *server, const struct wok__socket *socket);

#endif
