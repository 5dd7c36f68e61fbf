/*
 * status.h - status codes, their reason phrases, and the start of a response for each.
 */
#ifndef WOK_HTTP_STATUS_PRIVATE_H
#define WOK_HTTP_STATUS_PRIVATE_H

#include <wok/base.h>

/* The lines that no response varies.  A body is what its Content-Type says, whatever a browser finds in it:
 * names in a JSON answer may be of a stranger's choice (docs/http.md, Answers). */
#define WOK__CONSTANT_LINES "Server: wok/" WOK_VERSION "\r\nX-Content-Type-Options: nosniff\r\n"

/**
 * Gives the first lines of a response, "HTTP/1.1 200 OK\r\n" and the constant ones.
 *
 * Empty for a status without a name; the encoder then writes the line itself.
 */
wok_slice wok__status_lines(int status);

/** True if a response with this status may carry a body (RFC 9110 section 6.4.1). */
bool wok__status_has_body(int status);

#endif
