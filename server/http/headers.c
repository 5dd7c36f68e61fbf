/*
 * headers.c - names, values and lists of header fields.
 *
 * A header line is kept as two ranges counted from the first byte of the head.  So the connection
 * may grow, move or copy its buffer at will: only `head` and five slices follow it.
 *
 * Invariants
 *   I1  known[n] is 0, or the index + 1 of the first line whose name has the number n.
 *   I2  a slice of a request is empty with NULL, or lies inside the head.
 *
 * Why not a hash table: a request carries about ten headers, of which a handler reads one or two.
 */
#include "http/headers.h"

#include <assert.h>

_Static_assert(WOK_HTTP_HEADERS_MAX <= UINT8_MAX, "an index + 1 fits into known[]");

/* tchar of RFC 9110 section 5.6.2. */
static const bool token_chars[256] = {
    ['!'] = true,         ['#'] = true,         ['$'] = true,         ['%'] = true, ['&'] = true,
    ['\''] = true,        ['*'] = true,         ['+'] = true,         ['-'] = true, ['.'] = true,
    ['^'] = true,         ['_'] = true,         ['`'] = true,         ['|'] = true, ['~'] = true,
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool wok__equal_ignoring_case(wok_slice text, wok_slice lower_case)
{
    if (text.size != lower_case.size)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (lower(text.data[i]) != lower_case.data[i])
            return false;
    return true;
}

static enum wok__header if_named(wok_slice name, const char *lower_case, enum wok__header header)
{
    wok_slice wanted = {lower_case, name.size};
    return wok__equal_ignoring_case(name, wanted) ? header : WOK__HEADER_UNKNOWN;
}

enum wok__header wok__header_of(wok_slice name)
{
    switch (name.size) {
    case 4:
        return lower(name.data[0]) == 'h' ? if_named(name, "host", WOK__HEADER_HOST)
                                          : if_named(name, "date", WOK__HEADER_DATE);
    case 6:
        switch (lower(name.data[0])) {
        case 'a':
            return if_named(name, "accept", WOK__HEADER_ACCEPT);
        case 'e':
            return if_named(name, "expect", WOK__HEADER_EXPECT);
        default:
            return if_named(name, "server", WOK__HEADER_SERVER);
        }
    case 10:
        return lower(name.data[0]) == 'c' ? if_named(name, "connection", WOK__HEADER_CONNECTION)
                                          : if_named(name, "user-agent", WOK__HEADER_USER_AGENT);
    case 11:
        return if_named(name, "traceparent", WOK__HEADER_TRACEPARENT);
    case 12:
        return lower(name.data[0]) == 'c'
                   ? if_named(name, "content-type", WOK__HEADER_CONTENT_TYPE)
                   : if_named(name, "x-request-id", WOK__HEADER_X_REQUEST_ID);
    case 14:
        return if_named(name, "content-length", WOK__HEADER_CONTENT_LENGTH);
    case 17:
        return if_named(name, "transfer-encoding", WOK__HEADER_TRANSFER_ENCODING);
    default:
        return WOK__HEADER_UNKNOWN;
    }
}

wok_slice wok__trim(wok_slice text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

bool wok__list_next(wok_slice *list, wok_slice *ret_member)
{
    while (list->size > 0) {
        const char *comma = memchr(list->data, ',', list->size);
        size_t size = comma != NULL ? (size_t)(comma - list->data) : list->size;
        size_t skip = comma != NULL ? size + 1 : size;
        wok_slice member = wok__trim((wok_slice){list->data, size});

        list->data += skip;
        list->size -= skip;
        if (member.size > 0) {
            *ret_member = member;
            return true;
        }
    }
    return false;
}

bool wok__is_token_char(char c)
{
    return token_chars[(unsigned char)c];
}

bool wok__is_token(wok_slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!wok__is_token_char(text.data[i]))
            return false;
    return text.size > 0;
}

bool wok__is_field_value(wok_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* ---- the header table of a request ---- */

static wok_slice name_of(const wok_http_request *request, const struct wok__http_header *header)
{
    return (wok_slice){request->head + header->name_offset, header->name_size};
}

static wok_slice value_of(const wok_http_request *request, const struct wok__http_header *header)
{
    return (wok_slice){request->head + header->value_offset, header->value_size};
}

bool wok__request_add_header(wok_http_request *request, const struct wok__http_header *header)
{
    if (request->header_count >= WOK_HTTP_HEADERS_MAX)
        return false;

    enum wok__header known = wok__header_of(name_of(request, header));

    request->headers[request->header_count++] = *header;
    if (known != WOK__HEADER_UNKNOWN && request->known[known] == 0)
        request->known[known] = (uint8_t)request->header_count;
    return true;
}

wok_slice wok__request_known(const wok_http_request *request, enum wok__header name)
{
    assert(name < WOK__HEADER_UNKNOWN);
    uint8_t place = request->known[name];
    return place != 0 ? value_of(request, &request->headers[place - 1]) : (wok_slice){NULL, 0};
}

wok_slice wok_http_request_header(const wok_http_request *request, wok_slice name)
{
    enum wok__header known = wok__header_of(name);
    if (known != WOK__HEADER_UNKNOWN)
        return wok__request_known(request, known);

    for (size_t i = 0; i < request->header_count; i++) {
        wok_slice candidate = name_of(request, &request->headers[i]);
        if (candidate.size != name.size)
            continue;
        size_t same = 0;
        while (same < name.size && lower(candidate.data[same]) == lower(name.data[same]))
            same++;
        if (same == name.size)
            return value_of(request, &request->headers[i]);
    }
    return (wok_slice){NULL, 0};
}

wok_http_field wok_http_request_header_at(const wok_http_request *request, size_t index)
{
    assert(index < request->header_count);
    const struct wok__http_header *header = &request->headers[index];
    return (wok_http_field){name_of(request, header), value_of(request, header)};
}

/* The old place may be freed already, so the distance is taken between numbers, not pointers. */
static void move_slice(wok_slice *slice, const char *from, const char *to)
{
    if (slice->data != NULL)
        slice->data = to + ((uintptr_t)slice->data - (uintptr_t)from);
}

void wok__request_move(wok_http_request *request, const char *head)
{
    move_slice(&request->method_name, request->head, head);
    move_slice(&request->target, request->head, head);
    move_slice(&request->path, request->head, head);
    move_slice(&request->query, request->head, head);
    move_slice(&request->authority, request->head, head);
    request->head = head;
}

wok_slice wok_http_method_name(wok_http_method method)
{
    switch (method) {
    case WOK_HTTP_GET:
        return WOK_SLICE("GET");
    case WOK_HTTP_HEAD:
        return WOK_SLICE("HEAD");
    case WOK_HTTP_POST:
        return WOK_SLICE("POST");
    case WOK_HTTP_PUT:
        return WOK_SLICE("PUT");
    case WOK_HTTP_DELETE:
        return WOK_SLICE("DELETE");
    case WOK_HTTP_OPTIONS:
        return WOK_SLICE("OPTIONS");
    case WOK_HTTP_PATCH:
        return WOK_SLICE("PATCH");
    case WOK_HTTP_TRACE:
        return WOK_SLICE("TRACE");
    case WOK_HTTP_OTHER:
        break;
    }
    return WOK_SLICE("");
}
