/*
 * status.h - status codes, their reason phrases, and the start of a response for each.
 */
#ifndef WOK_HTTP_STATUS_PRIVATE_H
#define WOK_HTTP_STATUS_PRIVATE_H

#include <wok/base.h>

/**
 * Gives the first two lines of a response, "HTTP/1.1 200 OK\r\nServer: wok/0.1.0\r\n".
 *
 * Empty for a status without a name; the encoder then writes the line itself.
 */
wok_slice wok__status_lines(int status);

/** True if a response with this status may carry a body (RFC 9110 section 6.4.1). */
bool wok__status_has_body(int status);

#endif
