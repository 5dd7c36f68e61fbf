/*
 * access_log.h - a line for each answer.
 */
#ifndef WOK_SERVER_CONN_ACCESS_LOG_H
#define WOK_SERVER_CONN_ACCESS_LOG_H

#include "conn/connection.h"
#include "log/log.h"

/* A request has come in: notes who asks, once for a connection that has something to do; an idle one has no
 * room for it. */
void wok__access_log_peer(struct wok__connection *connection);

/* The exchange has been answered: it is at the output, or nobody is there to have it. */
void wok__access_log(struct wok__connection *connection, struct wok_http_exchange *exchange);

/* What tells a request from others, for any line about it. */
void wok__log_request(struct wok__log_line *line, struct wok_http_exchange *exchange);

#endif
