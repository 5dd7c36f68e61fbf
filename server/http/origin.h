/*
 * origin.h - whether a page of another site has its visitor's browser ask.
 */
#ifndef WOK_HTTP_ORIGIN_PRIVATE_H
#define WOK_HTTP_ORIGIN_PRIVATE_H

#include <stdbool.h>

#include <wok/http/message.h>

/**
 * True if the request says that it comes from elsewhere: Sec-Fetch-Site other than same-origin or none, or, without
 * that header, a Referer of another host or port.  Who says nothing, as curl does, does not.
 *
 * Source:     Fetch Metadata Request Headers, section 2.3; RFC 9110 section 10.1.3.
 */
bool wok__request_is_from_elsewhere(const wok_http_request *request);

#endif
