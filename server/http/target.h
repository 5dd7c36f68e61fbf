/*
 * target.h - the request target: its forms, its escapes, and the authority in it or in Host.
 */
#ifndef WOK_HTTP_TARGET_PRIVATE_H
#define WOK_HTTP_TARGET_PRIVATE_H

#include <wok/base.h>
#include <wok/http/message.h>

/**
 * Checks a target, resolves the escapes of unreserved characters in its path, and fills the target,
 * path and query of the request, and its authority if the target is an absolute one.
 *
 * The path is rewritten where it stands and never grows; bytes in front of it move up, so the target
 * afterwards ends where it ended and may begin later.  `request->method` must be set.
 *
 * Errors:     NULL if the target is good; else the sentence that says why not (status 400).
 * Source:     RFC 9112 section 3.2; RFC 3986 sections 3 and 6.2.2.
 */
WOK_MUST_USE
const char *wok__target_read(char *target, size_t size, wok_http_request *request);

/**
 * True for `host` or `host:port`, without user information; an empty text is not one.
 *
 * A host is a name, an IPv4 address or an IP literal in brackets; a port has at most five digits and
 * is at most 65535, and may be missing after its colon.
 */
bool wok__authority_is_valid(wok_slice authority);

/** The value of a hexadecimal digit, or -1. */
int wok__hex_value(char c);

#endif
