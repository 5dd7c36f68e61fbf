/*
 * target.c - the request target: its forms, its escapes, and the authority in it or in Host.
 *
 * Escapes of unreserved characters (letters, digits, "-._~") say the same as the characters, so they
 * are resolved, in place; all others mean something different from the plain character or cannot be
 * written plainly, so they stay.  After that a path is compared byte by byte, "%2e%2e" is a dot
 * segment like any other, and "%2F" never becomes a separator.
 *
 * Why dot segments are refused and not removed: browsers, curl and every client library remove them
 * before they send; who sends one wants to slip past somebody's path rules.
 *
 * llhttp has checked the characters before (its strict build: no control, no space, no byte above
 * 127); nothing here depends on it.
 */
#include "http/target.h"

#include "http/headers.h"

/* The length of the escape "%41". */
#define ESCAPE_SIZE 3

int wok__hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_unreserved(char c)
{
    return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* ---- the authority ---- */

static bool is_port(wok_slice digits)
{
    unsigned port = 0;

    if (digits.size > 5)
        return false;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        port = port * 10 + (unsigned)(digits.data[i] - '0');
    }
    return port <= UINT16_MAX;
}

/* reg-name of RFC 3986 section 3.2.2, which an IPv4 address is as well; not empty. */
static bool is_name(wok_slice host)
{
    for (size_t i = 0; i < host.size; i++) {
        char c = host.data[i];
        if (is_unreserved(c) || memchr("!$&'()*+;=", c, 10) != NULL)
            continue; /* the comma is left out: lists are joined with it, and no name has one */
        if (c != '%' || host.size - i < ESCAPE_SIZE || wok__hex_value(host.data[i + 1]) < 0 ||
            wok__hex_value(host.data[i + 2]) < 0)
            return false;
    }
    return host.size > 0;
}

/* What stands between the brackets: only its alphabet is checked, nobody here connects to it. */
static bool is_ip_literal(wok_slice address)
{
    for (size_t i = 0; i < address.size; i++)
        if (wok__hex_value(address.data[i]) < 0 && address.data[i] != ':' && address.data[i] != '.')
            return false;
    return address.size >= 2;
}

bool wok__authority_is_valid(wok_slice authority)
{
    if (authority.size == 0)
        return false;

    const char *end = authority.data + authority.size;
    const char *host_end;

    if (authority.data[0] == '[') {
        const char *bracket = memchr(authority.data, ']', authority.size);
        if (bracket == NULL)
            return false;
        wok_slice inside = {authority.data + 1, (size_t)(bracket - authority.data) - 1};
        if (!is_ip_literal(inside))
            return false;
        host_end = bracket + 1;
    } else {
        const char *colon = memchr(authority.data, ':', authority.size);
        host_end = colon != NULL ? colon : end;
        if (!is_name((wok_slice){authority.data, (size_t)(host_end - authority.data)}))
            return false;
    }
    if (host_end == end)
        return true;
    return *host_end == ':' && is_port((wok_slice){host_end + 1, (size_t)(end - host_end) - 1});
}

/* ---- path and query ---- */

/* NULL, or what is wrong with the escapes of a target that has some. */
static const char *check_escapes(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '%')
            continue;
        if (size - i < ESCAPE_SIZE || wok__hex_value(text[i + 1]) < 0 ||
            wok__hex_value(text[i + 2]) < 0)
            return "A '%' in the request target is not followed by two hexadecimal digits.";
        if (text[i + 1] == '0' && text[i + 2] == '0')
            return "The request target contains %00.";
    }
    return NULL;
}

/* Resolves the escapes of unreserved characters, writes the others in capitals; gives the new size. */
static size_t normalise(char *path, size_t size)
{
    size_t out = 0;

    for (size_t in = 0; in < size; in++, out++) {
        path[out] = path[in];
        if (path[in] != '%')
            continue;
        int byte = wok__hex_value(path[in + 1]) * 16 + wok__hex_value(path[in + 2]);
        if (is_unreserved((char)byte)) {
            path[out] = (char)byte;
        } else {
            path[++out] = "0123456789ABCDEF"[byte >> 4];
            path[++out] = "0123456789ABCDEF"[byte & 15];
        }
        in += ESCAPE_SIZE - 1;
    }
    return out;
}

static bool has_dot_segment(const char *path, size_t size)
{
    if (memchr(path, '.', size) == NULL)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (path[i] != '/')
            continue;
        size_t dots = 0;
        while (i + 1 + dots < size && path[i + 1 + dots] == '.')
            dots++;
        bool ends = i + 1 + dots == size || path[i + 1 + dots] == '/';
        if (ends && (dots == 1 || dots == 2))
            return true;
    }
    return false;
}

/* The size of "http://" or "https://" in front, 0 if there is neither. */
static size_t scheme_size(const char *target, size_t size)
{
    static const wok_slice schemes[] = {{"http://", 7}, {"https://", 8}};

    for (size_t i = 0; i < WOK_COUNT(schemes); i++)
        if (size >= schemes[i].size &&
            wok__equal_ignoring_case((wok_slice){target, schemes[i].size}, schemes[i]))
            return schemes[i].size;
    return 0;
}

static size_t find_authority_end(const char *target, size_t begin, size_t end)
{
    while (begin < end && target[begin] != '/' && target[begin] != '?')
        begin++;
    return begin;
}

const char *wok__target_read(char *target, size_t size, wok_http_request *request)
{
    size_t authority_at = 0, path_at = 0;

    request->target = (wok_slice){target, size};
    if (size == 0 || memchr(target, '#', size) != NULL)
        return "The request target contains a fragment; that part of a URL stays with the client.";
    if (target[0] == '*') {
        if (size != 1 || request->method != WOK_HTTP_OPTIONS)
            return "The request target '*' stands alone and goes with OPTIONS only.";
        request->path = request->target;
        return NULL;
    }
    if (target[0] != '/') {
        authority_at = scheme_size(target, size);
        if (authority_at == 0)
            return "The request target is neither a path nor an http or https URL.";
        path_at = find_authority_end(target, authority_at, size);
        if (!wok__authority_is_valid((wok_slice){target + authority_at, path_at - authority_at}))
            return "The request target names no valid host and port.";
    }

    const char *mark = memchr(target + path_at, '?', size - path_at);
    size_t path_end = mark != NULL ? (size_t)(mark - target) : size;

    if (memchr(target, '%', size) != NULL) {
        const char *refusal = check_escapes(target, size);
        if (refusal != NULL)
            return refusal;
        /* What stands before the query moves up by what became shorter. */
        size_t path_size = normalise(target + path_at, path_end - path_at);
        size_t gap = path_end - path_at - path_size;
        memmove(target + gap, target, path_at + path_size);
        target += gap;
        size -= gap;
        path_end -= gap;
        request->target = (wok_slice){target, size};
    }
    if (has_dot_segment(target + path_at, path_end - path_at))
        return "The request target contains a '.' or '..' segment.";

    request->path = (wok_slice){target + path_at, path_end - path_at};
    if (request->path.size == 0) /* "http://host?x" asks for "/": the second slash of the scheme */
        request->path = (wok_slice){target + authority_at - 1, 1};
    if (path_end < size)
        request->query = (wok_slice){target + path_end + 1, size - path_end - 1};
    if (authority_at > 0)
        request->authority = (wok_slice){target + authority_at, path_at - authority_at};
    return NULL;
}
