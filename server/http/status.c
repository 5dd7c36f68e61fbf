/*
 * status.c - status codes, their reason phrases, and the start of a response for each.
 *
 * The lines that never change for a status are one literal, so that the encoder copies them with
 * one memcpy; compilers turn the switch into a table lookup.
 */
#include "http/status.h"

#include <wok/http/message.h>

#define EACH_STATUS(X)                                                                             \
    X(100, "Continue")                                                                             \
    X(101, "Switching Protocols")                                                                  \
    X(102, "Processing")                                                                           \
    X(103, "Early Hints")                                                                          \
    X(200, "OK")                                                                                   \
    X(201, "Created")                                                                              \
    X(202, "Accepted")                                                                             \
    X(203, "Non-Authoritative Information")                                                        \
    X(204, "No Content")                                                                           \
    X(205, "Reset Content")                                                                        \
    X(206, "Partial Content")                                                                      \
    X(300, "Multiple Choices")                                                                     \
    X(301, "Moved Permanently")                                                                    \
    X(302, "Found")                                                                                \
    X(303, "See Other")                                                                            \
    X(304, "Not Modified")                                                                         \
    X(307, "Temporary Redirect")                                                                   \
    X(308, "Permanent Redirect")                                                                   \
    X(400, "Bad Request")                                                                          \
    X(401, "Unauthorized")                                                                         \
    X(403, "Forbidden")                                                                            \
    X(404, "Not Found")                                                                            \
    X(405, "Method Not Allowed")                                                                   \
    X(406, "Not Acceptable")                                                                       \
    X(408, "Request Timeout")                                                                      \
    X(409, "Conflict")                                                                             \
    X(410, "Gone")                                                                                 \
    X(411, "Length Required")                                                                      \
    X(412, "Precondition Failed")                                                                  \
    X(413, "Content Too Large")                                                                    \
    X(414, "URI Too Long")                                                                         \
    X(415, "Unsupported Media Type")                                                               \
    X(416, "Range Not Satisfiable")                                                                \
    X(417, "Expectation Failed")                                                                   \
    X(421, "Misdirected Request")                                                                  \
    X(422, "Unprocessable Content")                                                                \
    X(426, "Upgrade Required")                                                                     \
    X(428, "Precondition Required")                                                                \
    X(429, "Too Many Requests")                                                                    \
    X(431, "Request Header Fields Too Large")                                                      \
    X(499, "Client Closed Request")                                                                \
    X(500, "Internal Server Error")                                                                \
    X(501, "Not Implemented")                                                                      \
    X(502, "Bad Gateway")                                                                          \
    X(503, "Service Unavailable")                                                                  \
    X(504, "Gateway Timeout")                                                                      \
    X(505, "HTTP Version Not Supported")                                                           \
    X(507, "Insufficient Storage")

wok_slice wok_http_status_reason(int status)
{
    switch (status) {
#define REASON(code, reason)                                                                       \
    case code:                                                                                     \
        return WOK_SLICE(reason);
        EACH_STATUS(REASON)
#undef REASON
    default:
        return WOK_SLICE("Unknown");
    }
}

wok_slice wok__status_lines(int status)
{
    switch (status) {
#define LINES(code, reason)                                                                        \
    case code:                                                                                     \
        return WOK_SLICE("HTTP/1.1 " #code " " reason "\r\n" WOK__CONSTANT_LINES);
        EACH_STATUS(LINES)
#undef LINES
    default:
        return WOK_SLICE("");
    }
}

bool wok__status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}
