/*
 * encoding.c - which encoding of an answer a client would rather have.
 */
#include "http/encoding.h"

#include <string.h>

#include "http/headers.h"

/* Weights in thousandths; -1: not named. */
struct weights {
    int gzip, identity, any;
};

/* "0", "0.5", "1.000"; -1: it is none. */
static int read_weight(wok_slice text)
{
    int weight, digit = 100;

    if (text.size < 1 || text.size > 5 || (text.data[0] != '0' && text.data[0] != '1'))
        return -1;
    weight = text.data[0] == '1' ? 1000 : 0;
    if (text.size > 1 && text.data[1] != '.')
        return -1;
    for (size_t i = 2; i < text.size; i++, digit /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        weight += digit * (text.data[i] - '0');
    }
    return weight <= 1000 ? weight : -1;
}

/* Cuts ";q=..." off the coding; its weight, or -1. */
static int cut_weight(wok_slice *coding)
{
    const char *semicolon = memchr(coding->data, ';', coding->size);
    wok_slice rest;

    if (semicolon == NULL)
        return 1000;
    rest = (wok_slice){semicolon + 1, coding->size - (size_t)(semicolon + 1 - coding->data)};
    coding->size = (size_t)(semicolon - coding->data);
    *coding = wok__trim(*coding);
    rest = wok__trim(rest);
    if (rest.size < 2 || (rest.data[0] != 'q' && rest.data[0] != 'Q') || rest.data[1] != '=')
        return -1;
    return read_weight((wok_slice){rest.data + 2, rest.size - 2});
}

static void weigh(struct weights *weights, wok_slice list)
{
    wok_slice coding;

    while (wok__list_next(&list, &coding)) {
        int weight = cut_weight(&coding);
        if (weight < 0)
            continue;
        if (wok__equal_ignoring_case(coding, WOK_SLICE("gzip")) ||
            wok__equal_ignoring_case(coding, WOK_SLICE("x-gzip")))
            weights->gzip = weight;
        else if (wok__equal_ignoring_case(coding, WOK_SLICE("identity")))
            weights->identity = weight;
        else if (wok_slice_equal(coding, WOK_SLICE("*")))
            weights->any = weight;
    }
}

enum wok__encoding wok__encoding_wanted(const wok_http_request *request)
{
    struct weights weights = {-1, -1, -1};
    int gzip;
    bool refuses_identity;

    for (size_t i = 0; i < request->header_count; i++) {
        wok_http_field field = wok_http_request_header_at(request, i);
        if (wok__equal_ignoring_case(field.name, WOK_SLICE("accept-encoding")))
            weigh(&weights, field.value);
    }
    gzip = weights.gzip >= 0 ? weights.gzip : weights.any;
    if (gzip <= 0 || gzip < weights.identity)
        return WOK__ENCODING_IDENTITY;
    refuses_identity = weights.identity == 0 || (weights.identity < 0 && weights.any == 0);
    return refuses_identity ? WOK__ENCODING_GZIP_ONLY : WOK__ENCODING_GZIP;
}

static bool ends_with(wok_slice text, wok_slice end)
{
    return text.size >= end.size &&
           wok__equal_ignoring_case((wok_slice){text.data + text.size - end.size, end.size}, end);
}

bool wok__type_is_text(wok_slice content_type)
{
    const char *semicolon =
        content_type.size > 0 ? memchr(content_type.data, ';', content_type.size) : NULL;
    wok_slice type = content_type;

    if (semicolon != NULL)
        type.size = (size_t)(semicolon - type.data);
    type = wok__trim(type);
    if (type.size > 5 && wok__equal_ignoring_case((wok_slice){type.data, 5}, WOK_SLICE("text/")))
        return !ends_with(type, WOK_SLICE("/event-stream"));
    return ends_with(type, WOK_SLICE("/json")) || ends_with(type, WOK_SLICE("+json")) ||
           ends_with(type, WOK_SLICE("+xml")) || ends_with(type, WOK_SLICE("/javascript"));
}
