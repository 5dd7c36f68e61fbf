/*
 * request_test.h - a request of headers alone, built header by header.
 */
#ifndef WOK_TESTS_REQUEST_TEST_H
#define WOK_TESTS_REQUEST_TEST_H

#include <string.h>

#include "support/test.h"

#include "http/headers.h"

static wok_http_request request;
static char head[8192];

static void begin_request(void)
{
    memset(&request, 0, sizeof request);
    request.head = head;
    head[0] = '\0';
}

static void add(const char *name, const char *value)
{
    size_t used = strlen(head);
    struct wok__http_header header = {
        .name_offset = (uint32_t)used,
        .name_size = (uint32_t)strlen(name),
        .value_offset = (uint32_t)(used + strlen(name)),
        .value_size = (uint32_t)strlen(value),
    };

    strcat(head, name);
    strcat(head, value);
    cr_assert(wok__request_add_header(&request, &header));
}

#endif
