/* Tests of h1_encoder.c. */
#include "http/h1_encoder.h"

#include <errno.h>
#include <stdlib.h>

#include "support/test.h"

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define SERVER_LINE "Server: wok/" WOK_VERSION "\r\nX-Content-Type-Options: nosniff\r\n"
#define START(status) "HTTP/1.1 " status "\r\n" SERVER_LINE "Date: " DATE "\r\n"

static const struct wok__h1_response_context keep = {
    .version = WOK_HTTP_1_1,
    .keep_alive = true,
    .date = {DATE, 29},
};

static const char *encoded(const wok_http_response_head *head,
                           const struct wok__h1_response_context *context)
{
    static char text[4096];
    ssize_t size = wok__h1_encode_head(text, sizeof text - 1, head, context);

    cr_assert_gt(size, 0, "error %zd", size);
    cr_assert_leq((size_t)size, wok__h1_head_size_max(head, context));
    text[size] = '\0';
    return text;
}

static const wok_http_response_head ok = {
    .status = 200,
    .content_type = {"text/plain", 10},
    .content_length = 3,
};

Test(h1_encoder, an_answer_on_keep_alive)
{
    cr_assert_str_eq(encoded(&ok, &keep),
                     START("200 OK") "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\n");
    cr_assert(wok__h1_sends_body(&ok, &keep));
}

Test(h1_encoder, connection_says_what_the_version_does_not)
{
    struct wok__h1_response_context context = keep;

    context.keep_alive = false;
    cr_assert_not_null(strstr(encoded(&ok, &context), "\r\nConnection: close\r\n"));
    context.version = WOK_HTTP_1_0;
    cr_assert_not_null(strstr(encoded(&ok, &context), "\r\nConnection: close\r\n"));
    context.keep_alive = true;
    cr_assert_not_null(strstr(encoded(&ok, &context), "\r\nConnection: keep-alive\r\n"));
    cr_assert_null(strstr(encoded(&ok, &keep), "Connection"));
}

Test(h1_encoder, head_gets_the_length_and_no_body)
{
    struct wok__h1_response_context context = keep;

    context.head_request = true;
    cr_assert_str_eq(encoded(&ok, &context), encoded(&ok, &keep));
    cr_assert_not(wok__h1_sends_body(&ok, &context));
}

Test(h1_encoder, no_content_and_not_modified_have_neither_length_nor_body)
{
    wok_http_response_head head = ok;

    head.status = 204;
    cr_assert_str_eq(encoded(&head, &keep), START("204 No Content") "\r\n");
    cr_assert_not(wok__h1_sends_body(&head, &keep));
    head.status = 304;
    cr_assert_str_eq(encoded(&head, &keep), START("304 Not Modified") "\r\n");
    cr_assert_not(wok__h1_sends_body(&head, &keep));
}

Test(h1_encoder, fields_and_the_request_id)
{
    const wok_http_field fields[] = {
        {WOK_SLICE("Allow"), WOK_SLICE("GET, HEAD")},
        {WOK_SLICE("Retry-After"), WOK_SLICE("1")},
        {WOK_SLICE("Location"), WOK_SLICE("/tasks/17")},
        {WOK_SLICE("X-Empty"), {NULL, 0}},
    };
    wok_http_response_head head = {.status = 503, .fields = fields, .field_count = 4};
    struct wok__h1_response_context context = keep;

    context.request_id = WOK_SLICE("abc-1");
    cr_assert_str_eq(encoded(&head, &context),
                     START("503 Service Unavailable") "Content-Length: 0\r\n"
                                                      "X-Request-Id: abc-1\r\n"
                                                      "Allow: GET, HEAD\r\n"
                                                      "Retry-After: 1\r\n"
                                                      "Location: /tasks/17\r\n"
                                                      "X-Empty: \r\n\r\n");
}

Test(h1_encoder, what_the_connection_says_of_its_encryption)
{
    struct wok__h1_response_context context = keep;

    context.transport_security = WOK_SLICE("Strict-Transport-Security: max-age=60\r\n");
    cr_assert_str_eq(encoded(&ok, &context),
                     START("200 OK") "Content-Type: text/plain\r\nContent-Length: 3\r\n"
                                     "Strict-Transport-Security: max-age=60\r\n\r\n");
}

Test(h1_encoder, a_status_without_a_name_and_the_longest_length)
{
    wok_http_response_head head = {.status = 599, .content_length = UINT64_MAX};
    cr_assert_str_eq(encoded(&head, &keep),
                     START("599 ") "Content-Length: 18446744073709551615\r\n\r\n");
}

Test(h1_encoder, a_line_end_in_a_value_is_refused)
{
    static const wok_slice bad[] = {{"a\rb", 3},
                                    {"a\nb", 3},
                                    {"\r\nX: y", 6},
                                    {"a\0b", 3},
                                    {"a\x7f"
                                     "b",
                                     3},
                                    {"a\x1f", 2}};
    char buffer[1024];

    for (size_t i = 0; i < WOK_COUNT(bad); i++) {
        wok_http_field field = {WOK_SLICE("X"), bad[i]};
        wok_http_response_head head = ok;
        struct wok__h1_response_context context = keep;

        head.fields = &field;
        head.field_count = 1;
        cr_assert_eq(wok__h1_encode_head(buffer, sizeof buffer, &head, &keep), -EINVAL);
        field = (wok_http_field){bad[i], WOK_SLICE("x")};
        cr_assert_eq(wok__h1_encode_head(buffer, sizeof buffer, &head, &keep), -EINVAL);
        head.field_count = 0;
        head.content_type = bad[i];
        cr_assert_eq(wok__h1_encode_head(buffer, sizeof buffer, &head, &keep), -EINVAL);
        context.request_id = bad[i];
        cr_assert_eq(wok__h1_encode_head(buffer, sizeof buffer, &ok, &context), -EINVAL);
    }
}

Test(h1_encoder, names_that_are_none_and_headers_of_the_server_are_refused)
{
    static const char *const bad[] = {
        "",           "a b",  "a:",     "Content-Length", "transfer-encoding", "CONNECTION",
        "Keep-Alive", "Date", "Server", "X-Request-ID",   "Content-Type",      "\xc3\xbc",
    };
    char buffer[1024];

    for (size_t i = 0; i < WOK_COUNT(bad); i++) {
        wok_http_field field = {wok_slice_of(bad[i]), WOK_SLICE("x")};
        wok_http_response_head head = ok;
        head.fields = &field;
        head.field_count = 1;
        ssize_t size = wok__h1_encode_head(buffer, sizeof buffer, &head, &keep);
        if (strcmp(bad[i], "Keep-Alive") == 0) /* a hint like any other, it frames nothing */
            cr_assert_gt(size, 0);
        else
            cr_assert_eq(size, -EINVAL, "%s", bad[i]);
    }
}

Test(h1_encoder, only_final_statuses_are_encoded)
{
    static const int bad[] = {0, -1, 100, 102, 199, 600, 1000};
    char buffer[1024];

    for (size_t i = 0; i < WOK_COUNT(bad); i++) {
        wok_http_response_head head = {.status = bad[i]};
        cr_assert_eq(wok__h1_encode_head(buffer, sizeof buffer, &head, &keep), -EINVAL);
    }
}

Test(h1_encoder, too_small_a_buffer_is_told_and_not_overrun)
{
    const wok_http_field field = {WOK_SLICE("Allow"), WOK_SLICE("GET")};
    wok_http_response_head head = ok;
    struct wok__h1_response_context context = keep;

    head.fields = &field;
    head.field_count = 1;
    context.request_id = WOK_SLICE("id");
    context.keep_alive = false;
    size_t size = strlen(encoded(&head, &context));

    for (size_t capacity = 0; capacity <= size; capacity++) {
        char *exact = malloc(capacity + 1); /* ASan watches the byte behind */
        cr_assert_not_null(exact);
        exact[capacity] = '#';
        ssize_t got = wok__h1_encode_head(exact, capacity, &head, &context);
        cr_assert_eq(got, capacity < size ? -ENOSPC : (ssize_t)size);
        cr_assert_eq(exact[capacity], '#');
        free(exact);
    }
}

Test(h1_encoder, size_max_is_enough_for_every_status)
{
    struct wok__h1_response_context context = keep;

    context.version = WOK_HTTP_1_0;
    context.request_id = WOK_SLICE("0123456789");
    for (int status = 200; status < 600; status++) {
        wok_http_response_head head = ok;
        head.status = status;
        head.content_length = UINT64_MAX;
        (void)encoded(&head, &context);
    }
}
