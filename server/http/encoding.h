/*
 * encoding.h - which encoding of an answer a client would rather have.
 */
#ifndef WOK_HTTP_ENCODING_PRIVATE_H
#define WOK_HTTP_ENCODING_PRIVATE_H

#include <wok/base.h>
#include <wok/http/message.h>

enum wok__encoding {
    WOK__ENCODING_IDENTITY, /* as it is */
    WOK__ENCODING_GZIP,     /* gzip is welcome */
    WOK__ENCODING_GZIP_ONLY /* and nothing else is, however small the answer */
};

/**
 * Reads the request's Accept-Encoding.
 *
 * gzip is taken if its weight, or that of `*` where it is not named, is above zero and not below the
 * weight of identity, where that is named.  Without the header the answer goes as it is.  A member whose
 * weight is malformed does not count.
 *
 * Source:     RFC 9110 sections 12.4.2 and 12.5.3.
 */
enum wok__encoding wok__encoding_wanted(const wok_http_request *request);

/** True for a content type whose bodies are text, and so worth compressing. */
bool wok__type_is_text(wok_slice content_type);

#endif
