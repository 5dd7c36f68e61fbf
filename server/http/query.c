/*
 * query.c - reading the parameters of a request.
 *
 * Decoded bytes are appended to the caller's buffer and never overwritten, so that every parameter of
 * one walk stays good until the buffer goes.
 */
#include <wok/http/query.h>

#include <errno.h>

#include "http/target.h"

static ssize_t decode(wok_slice text, bool plus_is_space, char *buffer, size_t capacity)
{
    size_t out = 0;

    for (size_t in = 0; in < text.size; in++, out++) {
        char c = text.data[in];
        if (c == '%') {
            int high = text.size - in > 2 ? wok__hex_value(text.data[in + 1]) : -1;
            int low = text.size - in > 2 ? wok__hex_value(text.data[in + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0)
                return -EINVAL;
            c = (char)(high * 16 + low);
            in += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (out == capacity)
            return -ENOSPC;
        buffer[out] = c;
    }
    return (ssize_t)out;
}

ssize_t wok_http_percent_decode(wok_slice text, char *buffer, size_t capacity)
{
    return decode(text, false, buffer, capacity);
}

wok_http_query wok_http_query_begin(wok_slice query, char *buffer, size_t capacity)
{
    return (wok_http_query){.rest = query, .buffer = buffer, .room = capacity};
}

/* Gives `text` itself if it holds no escape, else its decoded copy in the buffer. */
static int resolve(wok_http_query *query, wok_slice text, wok_slice *ret_text)
{
    if (text.size == 0 ||
        (memchr(text.data, '%', text.size) == NULL && memchr(text.data, '+', text.size) == NULL)) {
        *ret_text = text;
        return 0;
    }

    ssize_t size = decode(text, true, query->buffer, query->room);
    if (size < 0)
        return (int)size;
    *ret_text = (wok_slice){query->buffer, (size_t)size};
    query->buffer += size;
    query->room -= (size_t)size;
    return 0;
}

int wok_http_query_next(wok_http_query *query, wok_http_parameter *ret_parameter)
{
    wok_slice rest = query->rest;

    while (rest.size > 0 && rest.data[0] == '&') {
        rest.data++;
        rest.size--;
    }
    if (rest.size == 0) {
        query->rest = rest;
        return 0;
    }

    const char *separator = memchr(rest.data, '&', rest.size);
    size_t size = separator != NULL ? (size_t)(separator - rest.data) : rest.size;
    query->pair = (wok_slice){rest.data, size};
    query->rest = (wok_slice){rest.data + size, rest.size - size};

    const char *equals = memchr(rest.data, '=', size);
    size_t name_size = equals != NULL ? (size_t)(equals - rest.data) : size;
    wok_http_parameter parameter = {.value = {NULL, 0}};
    int error = resolve(query, (wok_slice){rest.data, name_size}, &parameter.name);
    if (error == 0 && equals != NULL)
        error = resolve(query, (wok_slice){equals + 1, size - name_size - 1}, &parameter.value);
    if (error < 0)
        return error;

    *ret_parameter = parameter;
    return 1;
}
