/*
 * origin.c - whether a page of another site has its visitor's browser ask.
 */
#include "http/origin.h"

#include <string.h>
#include <strings.h>

#include "http/headers.h"

/* "https://host:port/..." is of its authority, "/..." of ours, and all else of nobody we know. */
static bool is_ours(wok_slice referer, wok_slice authority)
{
    const char *end = referer.data + referer.size, *begin;

    if (referer.size > 0 && referer.data[0] == '/' && (referer.size == 1 || referer.data[1] != '/'))
        return true;
    begin = memmem(referer.data, referer.size, "//", 2);
    if (begin == NULL)
        return false;
    begin += 2;
    size_t size = 0;
    while (begin + size < end && strchr("/?#", begin[size]) == NULL)
        size++;
    return size > 0 && size == authority.size && strncasecmp(begin, authority.data, size) == 0;
}

bool wok__request_is_from_elsewhere(const wok_http_request *request)
{
    bool told = false, by_referer = false;

    for (size_t i = 0; i < request->header_count; i++) {
        wok_http_field field = wok_http_request_header_at(request, i);
        if (wok__equal_ignoring_case(field.name, WOK_SLICE("sec-fetch-site"))) {
            told = true;
            if (!wok_slice_equal(field.value, WOK_SLICE("same-origin")) &&
                !wok_slice_equal(field.value, WOK_SLICE("none")))
                return true;
        } else if (wok__equal_ignoring_case(field.name, WOK_SLICE("referer"))) {
            by_referer |= !is_ours(field.value, request->authority);
        }
    }
    return !told && by_referer;
}
