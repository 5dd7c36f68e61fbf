/*
 * health_check.h - asking a running server whether it is alive: the image's HEALTHCHECK.
 */
#ifndef WOK_SERVER_SERVE_HEALTH_CHECK_H
#define WOK_SERVER_SERVE_HEALTH_CHECK_H

#include "serve/config.h"

/* GET /healthz with a blocking socket, at most 2 s: 0 if it answered 200, else 1 and a line on
 * stderr that says why. */
int wok__health_check(const struct wok__config *config);

#endif
