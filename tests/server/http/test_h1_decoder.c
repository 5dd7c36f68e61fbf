/*
 * Tests of h1_decoder.c and h1_rules.c: one for each thing that llhttp 8.1.0 leaves to the server, and
 * one for each thing that it is trusted with.
 */
#include "http/h1_decoder.h"

#include "h1_cases.h"
/* ---- what comes out ---- */

Test(h1_decoder, a_request_without_a_body)
{
    assert_trace("GET /a?b=c HTTP/1.1\r\nHost: example:80\r\nX-Empty:\r\nAccept: \t*/* \t\r\n\r\n",
                 "HEAD GET /a?b=c path=/a query=b=c authority=example:80 1.1 keep length 0\n"
                 "  Host=example:80\n  X-Empty=\n  Accept=*/*\n"
                 "COMPLETE\n");
}

Test(h1_decoder, a_request_with_a_sized_body_and_one_behind_it)
{
    assert_trace(POST "Content-Length: 5\r\n\r\nhelloGET /next HTTP/1.0\r\n\r\n",
                 "HEAD POST / path=/ query= authority=h 1.1 keep length 5\n"
                 "  Host=h\n  Content-Length=5\n"
                 "BODY hello\nCOMPLETE\n"
                 "HEAD GET /next path=/next query= authority= 1.0 close length 0\n"
                 "COMPLETE\nCLOSE\n");
}

Test(h1_decoder, a_chunked_request_with_extensions_and_trailers)
{
    assert_trace(CHUNKED "5;a=b\r\nhello\r\n0006\r\n world\r\n0;last\r\nX: y\r\n\r\n" GET "\r\n",
                 "HEAD POST / path=/ query= authority=h 1.1 keep chunked 0\n"
                 "  Host=h\n  Transfer-Encoding=chunked\n"
                 "BODY hello world\nCOMPLETE\n"
                 "HEAD GET / path=/ query= authority=h 1.1 keep length 0\n  Host=h\nCOMPLETE\n");
}

Test(h1_decoder, the_methods_have_their_numbers)
{
    static const char *const names[] = {"GET",     "HEAD",  "POST",  "PUT",      "DELETE",
                                        "OPTIONS", "PATCH", "TRACE", "PROPFIND", "M-SEARCH"};

    for (size_t i = 0; i < WOK_COUNT(names); i++) {
        static wok_http_request request;
        struct wok__h1_limits limits = WOK__H1_LIMITS_DEFAULT;
        struct wok__h1_decoder decoder;
        char text[64];
        int size = snprintf(text, sizeof text, "%s /x HTTP/1.1\r\nHost: h\r\n\r\n", names[i]);

        wok__h1_decoder_begin(&decoder, &limits, &request);
        cr_assert_eq(wok__h1_decoder_feed(&decoder, text, (size_t)size), WOK__H1_HEAD);
        cr_assert(wok_slice_equal(request.method_name, wok_slice_of(names[i])));
        cr_assert_eq(request.method, i < WOK_HTTP_OTHER ? i : WOK_HTTP_OTHER);
    }
}

/* ---- 1. versions ---- */

Test(h1_decoder, versions_other_than_1_0_and_1_1_are_505)
{
    assert_status("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505);
    assert_status("GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505);
    assert_status("GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505);
    assert_status("GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505);
    assert_status("GET /\r\n", 505);
    assert_status("GET /\r\nHost: h\r\n\r\n", 505);
    assert_status("GET / RTSP/1.0\r\nHost: h\r\n\r\n", 505);
    assert_status("SOURCE / ICE/1.0\r\nHost: h\r\n\r\n", 505);
    assert_status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    assert_status("PRI * HTTP/1.1\r\nHost: h\r\n\r\n", 400);
    assert_passes("GET / HTTP/1.0\r\n\r\n");
}

Test(h1_decoder, what_is_no_version_is_400)
{
    assert_status("GET / HTTP/1\r\n", 400);
    assert_status("GET / HTTP/1.\r\n", 400);
    assert_status("GET / HTTP/1.1x\r\n", 400);
    assert_status("GET / HTTP/1.1 \r\n", 400);
    assert_status("GET / HTTP/1.10\r\n", 400);
    assert_status("GET / HTTP/11.1\r\n", 400);
    assert_status("GET / http/1.1\r\n", 400);
    assert_status("GET / FOO/1.1\r\n", 400);
}

/* ---- the request line ---- */

Test(h1_decoder, the_request_line_has_two_single_spaces)
{
    assert_status("GET  / HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_status("GET /  HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_status("GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_status("GET /\tHTTP/1.1\r\n" HOST "\r\n", 400);
    assert_status(" GET / HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_status("GET / a HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_status("GET HTTP/1.1\r\n" HOST "\r\n", 400);
}

Test(h1_decoder, an_unknown_method_is_501_and_noise_400)
{
    assert_status("FOO / HTTP/1.1\r\n" HOST "\r\n", 501);
    assert_status("get / HTTP/1.1\r\n" HOST "\r\n", 501);
    assert_status("GETX / HTTP/1.1\r\n" HOST "\r\n", 501);
    assert_status("DESCRIBE / HTTP/1.1\r\n" HOST "\r\n", 501);
    assert_status("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400); /* TLS on a plain port */
    assert_status("G{T / HTTP/1.1\r\n", 400);
    assert_status("FOO\r\n", 400);
    assert_status("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF", 400); /* not waited for any longer */
    assert_status("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDE", 0);
    assert_traced("CUT OFF 400");
    assert_status("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDE ", 501);
}

Test(h1_decoder, connect_is_refused)
{
    assert_status("CONNECT host:443 HTTP/1.1\r\nHost: host:443\r\n\r\n", 501);
}

/* ---- 2. Host ---- */

Test(h1_decoder, host_is_there_exactly_once_and_valid)
{
    assert_status("GET / HTTP/1.1\r\n\r\n", 400);
    assert_status("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400);
    assert_status("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhOST: b\r\n\r\n", 400);
    assert_status("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400);
    assert_status("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400);
    assert_status("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400);
    assert_status("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400);
    assert_status("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400);
    assert_status("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400);
    assert_status("GET http://a/ HTTP/1.1\r\n\r\n", 400);
    assert_passes("GET / HTTP/1.0\r\n\r\n");
    assert_passes("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n");
    assert_passes("GET / HTTP/1.1\r\nHost:\r\n\r\n"); /* what a client without an authority sends */
}

Test(h1_decoder, the_authority_of_the_target_wins_over_host)
{
    assert_passes("GET http://a:1/x HTTP/1.1\r\nHost: b\r\n\r\n");
    assert_traced("path=/x query= authority=a:1");
    assert_passes("GET /x HTTP/1.1\r\nHost: b\r\n\r\n");
    assert_traced("authority=b");
}

/* ---- 3. Transfer-Encoding and Content-Length ---- */

Test(h1_decoder, the_only_transfer_coding_is_a_single_chunked)
{
    assert_passes(POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_passes(POST "transfer-encoding: \t CHUNKED \r\n\r\n0\r\n\r\n");
    assert_status(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501);
    assert_status(POST "Transfer-Encoding: gzip\r\n\r\n", 501);
    assert_status(POST "Transfer-Encoding: identity\r\n\r\n", 501);
    assert_status(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501);
    assert_status(POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 501);
    assert_status(POST "Transfer-Encoding:\r\n\r\n", 400);
    assert_status(POST "Transfer-Encoding: \r\nContent-Length: 1\r\n\r\na", 400);
    assert_traced("both Content-Length and");
    assert_status(POST "Content-Length: 1\r\nTransfer-Encoding: \r\n\r\na", 400);
    assert_traced("both Content-Length and");
    assert_status(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    assert_status(POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    assert_status(POST "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    assert_status(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n\r\n", 400);
    assert_status(POST "Transfer-Encoding: chunked, gzip\r\n\r\n", 400);
    assert_status(POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 400);
    assert_status(POST "Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n", 400);
    assert_status(POST "Transfer-Encoding: \x0b"
                       "chunked\r\n\r\n",
                  400);
    assert_status("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    assert_status("POST / HTTP/1.0\r\nTransfer-Encoding:\r\n\r\n", 400);
}

Test(h1_decoder, content_length_is_one_plain_number)
{
    assert_passes(POST "Content-Length: 0\r\n\r\n");
    assert_passes(POST "Content-Length: 0001\r\n\r\na");
    assert_status(POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    assert_status(POST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", 400);
    assert_status(POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400);
    assert_status(POST "Content-Length: 1, 1\r\n\r\na", 400);
    assert_status(POST "Content-Length: +1\r\n\r\na", 400);
    assert_status(POST "Content-Length: -1\r\n\r\na", 400);
    assert_status(POST "Content-Length: 0x1\r\n\r\na", 400);
    assert_status(POST "Content-Length: 1 1\r\n\r\na", 400);
    assert_status(POST "Content-Length: 1.0\r\n\r\na", 400);
    assert_status(POST "Content-Length:\r\n\r\n", 400);
    assert_status(POST "Content-Length: \r\n\r\n", 400);
    assert_status(POST "Content-Length: 18446744073709551616\r\n\r\n", 400);
    assert_status(POST "Content-Length: 18446744073709551615\r\n\r\n", 413);
}

/* ---- 5. blank lines ---- */

Test(h1_decoder, four_blank_lines_may_precede_a_request)
{
    assert_passes("\r\n\r\n\r\n\r\n" GET "\r\n");
    assert_status("\r\n\r\n\r\n\r\n\r\n", 400);
    assert_status("\n" GET "\r\n", 400);
    assert_status("\r" GET "\r\n", 400);
    assert_status("\r\r\n", 400);
    assert_trace("\r\n\r\n", "");
    assert_trace("\r", "");
}

Test(h1_decoder, a_decoder_is_idle_until_its_first_byte)
{
    static wok_http_request request;
    struct wok__h1_limits limits = WOK__H1_LIMITS_DEFAULT;
    struct wok__h1_decoder decoder;
    char bytes[] = "\r\nG";

    wok__h1_decoder_begin(&decoder, &limits, &request);
    cr_assert(wok__h1_decoder_is_idle(&decoder));
    cr_assert_eq(wok__h1_decoder_feed(&decoder, bytes, 0), WOK__H1_NEED_MORE);
    cr_assert(wok__h1_decoder_is_idle(&decoder));
    cr_assert_eq(wok__h1_decoder_feed(&decoder, bytes, 1), WOK__H1_NEED_MORE);
    cr_assert_not(wok__h1_decoder_is_idle(&decoder));
    cr_assert_eq(wok__h1_decoder_feed(&decoder, bytes + 1, 2), WOK__H1_NEED_MORE);
    cr_assert_not(wok__h1_decoder_is_idle(&decoder));
}

/* ---- 6. lines ---- */

Test(h1_decoder, folded_header_values_are_refused)
{
    assert_status(GET "X: a\r\n b\r\n\r\n", 400);
    assert_status(GET "X: a\r\n\tb\r\n\r\n", 400);
    assert_status(GET "X: a\r\n \r\n\r\n", 400);
    assert_status(GET "X:\r\n a\r\n\r\n", 400);
    assert_status(GET "X: \r\n \r\n\r\n", 400);
    assert_status(GET "X:\r\n\t\r\n a\r\n\r\n", 400);
    assert_status(POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400);
    assert_status(POST "Transfer-Encoding: chunked\r\n , gzip\r\n\r\n0\r\n\r\n", 400);
    assert_status(POST "Content-Length:\r\n 1\r\n\r\na", 400);
    assert_status("GET / HTTP/1.1\r\nHost:\r\n h\r\n\r\n", 400);
    assert_passes(GET "X: a  b\r\nY:\r\nZ: \r\n\r\n");
}

Test(h1_decoder, header_lines_are_well_formed)
{
    assert_status(GET "X : a\r\n\r\n", 400);
    assert_status(GET "X\t: a\r\n\r\n", 400);
    assert_status(GET "X a: a\r\n\r\n", 400);
    assert_status(GET ": a\r\n\r\n", 400);
    assert_status(GET "X\r\n\r\n", 400);
    assert_status(GET "X: a\0b\r\n\r\n", 400);
    assert_status(GET "X: a\x01"
                      "b\r\n\r\n",
                  400);
    assert_status(GET "X: a\x7f\r\n\r\n", 400);
    assert_status(GET "X\0: a\r\n\r\n", 400);
    assert_status(GET "X(): a\r\n\r\n", 400);
    assert_status(GET "\xc3\xbc: a\r\n\r\n", 400);
    assert_status("GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400);
    assert_status("GET / HTTP/1.1\r\n\tHost: h\r\n\r\n", 400);
    assert_passes(GET "X: gr\xc3\xbc\xc3\x9f \"quoted\"\t(c)\r\n!#$%&'*+-.^_`|~9aZ: v\r\n\r\n");
}

Test(h1_decoder, a_line_ends_with_cr_and_lf_only)
{
    assert_status("GET / HTTP/1.1\n" HOST "\r\n", 400);
    assert_status("GET / HTTP/1.1\r\nHost: h\n\r\n", 400);
    assert_status("GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400);
    assert_status(GET "\n", 400);
    assert_status(GET "X:\n\r\n", 400);
    assert_status("GET / HTTP/1.0\r\n\n", 400);
    assert_status("GET / HTTP/1.1\r" HOST "\r\n", 400);
    assert_status("GET /\n", 505); /* the line of HTTP/0.9, however it ends */
}

/* CVE-2023-30589: a CR without LF separated headers in llhttp before 8.1.1. */
Test(h1_decoder, a_cr_without_lf_separates_nothing)
{
    assert_status(GET "X: a\rY: b\r\n\r\n", 400);
    assert_status(GET "X:\rTransfer-Encoding: chunked\r\n\r\n", 400);
    assert_status(GET "X: \rY: b\r\n\r\n", 400);
    assert_status(POST "Content-Length: 1\rX: y\r\n\r\na", 400);
    assert_status(GET "\rX: y\r\n\r\n", 400);
    assert_status(GET "\r\r\n", 400);
    assert_status(CHUNKED "1\rX\r\na\r\n0\r\n\r\n", 400);
    assert_status(CHUNKED "1\r\naXX0\r\n\r\n", 400);
    assert_status(CHUNKED "0\r\nX: a\rY: b\r\n\r\n", 400);
}

/* ---- chunks and trailers ---- */

Test(h1_decoder, chunks_are_well_formed)
{
    assert_status(CHUNKED "g\r\n", 400);
    assert_status(CHUNKED "\r\n", 400);
    assert_status(CHUNKED "-1\r\n", 400);
    assert_status(CHUNKED "0x1\r\n", 400);
    assert_status(CHUNKED " 1\r\n", 400);
    assert_status(CHUNKED "1 \r\na\r\n", 400);
    assert_status(CHUNKED "1\na\r\n", 400);
    assert_status(CHUNKED "1\r\na\n0\r\n\r\n", 400);
    assert_status(CHUNKED "1\r\nab\r\n0\r\n\r\n", 400);
    assert_status(CHUNKED "10000000000000001\r\n", 400);
    assert_status(CHUNKED "1;\r\na\r\n", 400);
    assert_status(CHUNKED "1;a=\"b\nc\"\r\na\r\n", 400);
    assert_passes(CHUNKED "1;a=\"b;c \";d\r\nx\r\n0\r\n\r\n");
    assert_passes(CHUNKED "A\r\n0123456789\r\n00\r\n\r\n");
}

Test(h1_decoder, trailers_change_nothing)
{
    assert_passes(CHUNKED "0\r\nHost: evil\r\nConnection: close\r\nX: y\r\n\r\n");
    cr_assert(trace.last.keep_alive);
    cr_assert_null(strstr(trace.text, "evil"));
    assert_status(CHUNKED "0\r\nX: a\r\n b\r\n\r\n", 400);
    assert_status(CHUNKED "0\r\nX:\r\n b\r\n\r\n", 400);
    assert_status(CHUNKED "0\r\n\n", 400);
    assert_status(CHUNKED "0\r\nX: a\r\n\n", 400);
    assert_status(CHUNKED "0\r\nX : a\r\n\r\n", 400);
    assert_status(CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    assert_status(CHUNKED "0\r\n: y\r\n\r\n", 400);
    assert_status(CHUNKED "0\r\nX: y\r\n: y\r\n\r\n", 400);
    assert_passes(CHUNKED "0\r\nContent-Length: 40\r\n\r\n");
}

/* ---- 8. upgrade ---- */

Test(h1_decoder, an_upgrade_is_not_taken_up_and_the_next_request_is_seen)
{
    run_slice(WOK_SLICE(GET "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" GET "\r\n"));
    cr_assert_eq(trace.requests, 2, "%s", trace.text);
    run_slice(WOK_SLICE(POST
                        "Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "1\r\na\r\n0\r\n\r\n" GET "\r\n"));
    cr_assert_eq(trace.requests, 2, "%s", trace.text);
}

/* ---- 9. pipelining ---- */

Test(h1_decoder, a_thousand_requests_in_one_buffer_come_out_one_by_one)
{
    static char many[64000];
    static wok_http_request request;
    struct wok__h1_limits limits = WOK__H1_LIMITS_DEFAULT;
    size_t size = 0, at = 0;

    for (int i = 0; i < 1000; i++)
        size += (size_t)sprintf(many + size, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i);
    for (int i = 0; i < 1000; i++) {
        struct wok__h1_decoder decoder;
        char path[16];

        wok__h1_decoder_begin(&decoder, &limits, &request);
        cr_assert_eq(wok__h1_decoder_feed(&decoder, many + at, size - at), WOK__H1_HEAD);
        at += decoder.consumed;
        sprintf(path, "/%d", i);
        cr_assert(wok_slice_equal(request.path, wok_slice_of(path)));
        cr_assert_eq(wok__h1_decoder_feed(&decoder, many + at, size - at), WOK__H1_COMPLETE);
        cr_assert_eq(decoder.consumed, 0);
    }
    cr_assert_eq(at, size);
}

/* ---- 10. Connection ---- */

static bool keeps_alive(const char *version, const char *headers)
{
    char text[256];
    int size = snprintf(text, sizeof text, "GET / HTTP/%s\r\nHost: h\r\n%s\r\n", version, headers);

    cr_assert_eq(status_of_slice((wok_slice){text, (size_t)size}), 0);
    return trace.last.keep_alive;
}

Test(h1_decoder, the_connection_header_is_read_as_a_list_of_tokens)
{
    cr_assert(keeps_alive("1.1", ""));
    cr_assert(keeps_alive("1.1", "Connection: keep-alive\r\n"));
    cr_assert(keeps_alive("1.1", "Connection: closed, x-close\r\n"));
    cr_assert_not(keeps_alive("1.1", "Connection: close\r\n"));
    cr_assert_not(keeps_alive("1.1", "Connection: close\t\r\n"));
    cr_assert_not(keeps_alive("1.1", "Connection: \tCLOSE\t, x\r\n"));
    cr_assert_not(keeps_alive("1.1", "Connection: x\r\nConnection: close\r\n"));
    cr_assert_not(keeps_alive("1.1", "Connection: keep-alive, close\r\n"));
    cr_assert_not(keeps_alive("1.1", "Connection: ,,close\r\n"));
    cr_assert_not(keeps_alive("1.0", ""));
    cr_assert(keeps_alive("1.0", "Connection: Keep-Alive\r\n"));
    cr_assert(keeps_alive("1.0", "Connection: x,keep-alive\t\r\n"));
    cr_assert_not(keeps_alive("1.0", "Connection: keep-alive\r\nConnection: close\r\n"));
}

/* ---- 11. the end of the input ---- */

Test(h1_decoder, the_end_of_input_cuts_off_what_is_not_complete)
{
    static const char *const cut[] = {
        "G",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n\r",
        POST "Content-Length: 2\r\n\r\na",
        POST "Content-Length: 2\r\n\r\n",
        CHUNKED,
        CHUNKED "1",
        CHUNKED "1\r\na",
        CHUNKED "1\r\na\r\n",
        CHUNKED "1\r\na\r\n0\r\n",
        CHUNKED "0\r\nX: y\r\n",
    };

    for (size_t i = 0; i < WOK_COUNT(cut); i++) {
        run_slice(wok_slice_of(cut[i]));
        assert_traced("CUT OFF 400");
        cr_assert_eq(trace.requests, 0);
    }
    run_slice(WOK_SLICE(GET "\r\n"));
    cr_assert_null(strstr(trace.text, "CUT"));
    run_slice(WOK_SLICE(""));
    cr_assert_null(strstr(trace.text, "CUT"));
}

/* ---- 12. Expect ---- */

Test(h1_decoder, a_continue_is_expected_only_where_a_body_follows_on_1_1)
{
    assert_status(POST "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n", 0);
    assert_traced(" continue\n");
    assert_status(POST "Transfer-Encoding: chunked\r\nExpect: 100-Continue\r\n\r\n", 0);
    assert_traced(" continue\n");
    assert_passes(POST "Expect: 100-continue\r\n\r\n");
    cr_assert_null(strstr(trace.text, " continue\n"));
    assert_passes(POST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n");
    cr_assert_null(strstr(trace.text, " continue\n"));
    assert_passes("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\na");
    cr_assert_null(strstr(trace.text, " continue\n"));
    assert_passes("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: x\r\n\r\na");
}

Test(h1_decoder, an_unknown_expectation_is_417)
{
    assert_status(POST "Content-Length: 1\r\nExpect: 200-ok\r\n\r\n", 417);
    assert_status(GET "Expect: 100-continue, x\r\n\r\n", 417);
    assert_status(GET "Expect: 100-continue\r\nExpect: x\r\n\r\n", 417);
}

/* ---- 13. the target (test_target.c has the details) ---- */

Test(h1_decoder, a_refused_target_leaves_the_connection_usable)
{
    run_slice(WOK_SLICE("POST /%zz HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab" GET "\r\n"));
    cr_assert_eq(trace.status, 400);
    cr_assert_eq(trace.requests, 2);
    assert_traced("REFUSED 400 A '%'");
    assert_traced("BODY ab\nCOMPLETE\nHEAD GET");

    assert_refused("GET /../a HTTP/1.1\r\n" HOST "\r\n");
    assert_refused("GET /a#b HTTP/1.1\r\n" HOST "\r\n");
    assert_refused("GET * HTTP/1.1\r\n" HOST "\r\n");
    assert_passes("OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
    assert_traced("path=* ");
}

Test(h1_decoder, a_refused_target_ends_the_connection_if_the_body_is_uncertain)
{
    assert_status(
        "POST /%zz HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab", 400);
    assert_traced("ERROR 400");
}

Test(h1_decoder, characters_that_no_url_holds_are_refused)
{
    assert_status("GET /\xc3\xbc HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_status("GET /\x01 HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_status("GET /\x7f HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_status("GET /a\0b HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_status("GET \\a HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_status("GET ?a HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_status("GET http//a HTTP/1.1\r\n" HOST "\r\n", 400);
}

Test(h1_decoder, a_path_is_normalised_in_the_buffer)
{
    assert_passes("GET /%68ealthz?%68 HTTP/1.1\r\nHost: h\r\nX-After: kept\r\n\r\n");
    assert_traced("HEAD GET /healthz?%68 path=/healthz query=%68 authority=h");
    assert_traced("X-After=kept");
}

/* ---- errors stay ---- */

Test(h1_decoder, an_error_stays_until_begin)
{
    static wok_http_request request;
    struct wok__h1_limits limits = WOK__H1_LIMITS_DEFAULT;
    struct wok__h1_decoder decoder;
    char bad[] = "GET / HTTP/2.0\r\n", good[] = GET "\r\n";

    wok__h1_decoder_begin(&decoder, &limits, &request);
    cr_assert_eq(wok__h1_decoder_feed(&decoder, bad, strlen(bad)), WOK__H1_ERROR);
    cr_assert_eq(wok__h1_decoder_feed(&decoder, good, strlen(good)), WOK__H1_ERROR);
    cr_assert_eq(decoder.status, 505);
    cr_assert_not(wok__h1_decoder_finish(&decoder));
    cr_assert_eq(decoder.status, 505);
    wok__h1_decoder_begin(&decoder, &limits, &request);
    cr_assert_eq(wok__h1_decoder_feed(&decoder, good, strlen(good)), WOK__H1_HEAD);
    cr_assert_eq(decoder.status, 0);
}
