/* Tests of target.c. */
#include "http/target.h"

#include "http_test.h"
#include "support/test.h"

static char bytes[9000];
static wok_http_request request;

static const char *read_as(wok_http_method method, const char *target)
{
    memset(&request, 0, sizeof request);
    request.method = method;
    size_t size = strlen(target);
    memcpy(bytes, target, size);
    bytes[size] = ' ';
    return wok__target_read(bytes, size, &request);
}

#define assert_refused(target)                                                                     \
    cr_assert_not_null(read_as(WOK_HTTP_GET, target), "'%s' passed", target)

static void assert_reads(const char *target, const char *path, const char *query)
{
    const char *refusal = read_as(WOK_HTTP_GET, target);
    cr_assert_null(refusal, "'%s' refused: %s", target, refusal);
    cr_assert(wok_slice_equal(request.path, wok_slice_of(path)), "'%s': path '%.*s'", target,
              (int)request.path.size, request.path.data);
    cr_assert(wok_slice_equal(request.query, wok_slice_of(query)), "'%s': query '%.*s'", target,
              (int)request.query.size, request.query.data);
}

Test(target, an_origin_form_is_a_path_and_a_query)
{
    assert_reads("/", "/", "");
    assert_reads("/a/b;c=d,e", "/a/b;c=d,e", "");
    assert_reads("/a?b=/../?c", "/a", "b=/../?c");
    assert_reads("/a?", "/a", "");
    assert_reads("//a//", "//a//", "");
    cr_assert_null(request.authority.data);
}

Test(target, an_absolute_form_names_its_authority)
{
    assert_reads("http://host/a?b", "/a", "b");
    cr_assert(wok_slice_equal(request.authority, WOK_SLICE("host")));
    assert_reads("HTTPS://[::1]:8443", "/", "");
    cr_assert(wok_slice_equal(request.authority, WOK_SLICE("[::1]:8443")));
    assert_reads("http://h?q=/x", "/", "q=/x");
    cr_assert(wok_slice_equal(request.authority, WOK_SLICE("h")));
    assert_reads("http://%41:1/%41", "/A", "");
    cr_assert(wok_slice_equal(request.authority, WOK_SLICE("%41:1")));
    cr_assert(wok_slice_equal(request.target, WOK_SLICE("http://%41:1/A")));
}

Test(target, other_forms_and_authorities_are_refused)
{
    assert_refused("");
    assert_refused("a/b");
    assert_refused("ftp://host/");
    assert_refused("http:/host/");
    assert_refused("http:///a");
    assert_refused("http://user@host/");
    assert_refused("http://host:port/");
    assert_refused("http://a,b/");
    assert_refused("host:443");
}

Test(target, the_asterisk_is_for_options_alone)
{
    cr_assert_null(read_as(WOK_HTTP_OPTIONS, "*"));
    cr_assert(wok_slice_equal(request.path, WOK_SLICE("*")));
    cr_assert_not_null(read_as(WOK_HTTP_GET, "*"));
    cr_assert_not_null(read_as(WOK_HTTP_OPTIONS, "*a"));
    cr_assert_not_null(read_as(WOK_HTTP_OPTIONS, "*?a"));
    cr_assert_null(read_as(WOK_HTTP_OPTIONS, "/a"));
}

Test(target, unreserved_escapes_are_resolved_and_others_kept)
{
    assert_reads("/%68ealth%7A", "/healthz", "");
    assert_reads("/%2D%2E%5f%7e", "/-._~", "");
    assert_reads("/a%2fb%20%c3%bc", "/a%2Fb%20%C3%BC", "");
    assert_reads("/%41?%41=%2f", "/A", "%41=%2f");
    cr_assert(wok_slice_equal(request.target, WOK_SLICE("/A?%41=%2f")));
    cr_assert_eq(request.target.data + request.target.size, bytes + strlen("/%41?%41=%2f"));
    assert_reads("/%2541", "/%2541", ""); /* decoded once, never twice */
}

Test(target, broken_escapes_and_nul_are_refused_wherever_they_stand)
{
    assert_refused("/%");
    assert_refused("/%4");
    assert_refused("/%4g");
    assert_refused("/%g4");
    assert_refused("/%00");
    assert_refused("/a?b=%");
    assert_refused("/a?b=%0");
    assert_refused("/a?b=%00c");
    assert_refused("/a%?b");
    assert_refused("/a%4?1");
    assert_refused("http://host/%zz");
}

Test(target, dot_segments_are_refused_plain_or_escaped)
{
    assert_refused("/.");
    assert_refused("/..");
    assert_refused("/a/../b");
    assert_refused("/a/./b");
    assert_refused("/%2e%2E/etc/passwd");
    assert_refused("/a/.%2e?x");
    assert_refused("http://host/..");
    assert_reads("/...", "/...", "");
    assert_reads("/.well-known/a..b/c.", "/.well-known/a..b/c.", "");
    assert_reads("/..%2Fa", "/..%2Fa", ""); /* a name with odd characters, not a way up */
}

Test(target, a_fragment_is_refused)
{
    assert_refused("/a#b");
    assert_refused("/a?b#c");
    assert_refused("#");
}

Test(target, an_authority_is_a_host_and_perhaps_a_port)
{
    static const char *const good[] = {
        "a",      "a.example",  "127.0.0.1:8080", "[::1]", "[::ffff:1.2.3.4]:80", "a:",
        "a:0080", "x_y-z.test", "a:65535",        "%41",   "a!$&'()*+;=b",
    };
    static const char *const bad[] = {
        "",    ":80",     "a b",      "a/b",      "a@b",       "a,b",   "a\tb",
        "a:b", "a:65536", "a:123456", "a:000080", "a:1:2",     "[::1",  "[]",
        "[:]", "[::1]x",  "[g::]",    "a\x7f",    "a\xc3\xbc", "%4",    "%zz",
        "a?b", "a#b",     "[::1]:x",  "::1",      "a[",        "\"a\"", "a\\b",
    };
    for (size_t i = 0; i < WOK_COUNT(good); i++)
        cr_assert(wok__authority_is_valid(wok_slice_of(good[i])), "%s", good[i]);
    for (size_t i = 0; i < WOK_COUNT(bad); i++)
        cr_assert_not(wok__authority_is_valid(wok_slice_of(bad[i])), "%s", bad[i]);
    cr_assert_not(wok__authority_is_valid((wok_slice){NULL, 0}));
    cr_assert_not(wok__authority_is_valid((wok_slice){"a\0b", 3}));
}

/* ---- a model of normalisation: split into units first, then judge each ---- */

static bool model(const char *text, size_t size, char *out, size_t *ret_size)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t n = 0;

    for (size_t i = 0; i < size;) {
        if (text[i] != '%') {
            out[n++] = text[i++];
            continue;
        }
        char pair[3] = {0};
        if (i + 2 < size) {
            pair[0] = text[i + 1];
            pair[1] = text[i + 2];
        }
        if (strspn(pair, "0123456789abcdefABCDEF") != 2 || strtoul(pair, NULL, 16) == 0)
            return false;
        char byte = (char)strtoul(pair, NULL, 16);
        if (strchr(unreserved, byte) != NULL)
            out[n++] = byte;
        else
            n += (size_t)sprintf(out + n, "%%%02X", (unsigned)(unsigned char)byte);
        i += 3;
    }
    *ret_size = n;
    return true;
}

Test(target, agrees_with_a_model_for_random_paths)
{
    static const char alphabet[] = "%%%%0123456789aAbBcCdDeEfFgzZ~-_:";
    struct http_test_rand rand = http_test_rand();

    for (int round = 0; round < 300000; round++) {
        char text[40] = "/", expected[160];
        size_t size = 1 + http_test_below(&rand, 30), expected_size = 0;
        for (size_t i = 1; i < size; i++)
            text[i] = alphabet[http_test_below(&rand, sizeof alphabet - 1)];
        text[size] = '\0';

        bool good = model(text, size, expected, &expected_size);
        const char *refusal = read_as(WOK_HTTP_GET, text);
        wok_slice wanted = {expected, expected_size};
        if (refusal != NULL && strstr(refusal, "segment") != NULL)
            continue; /* "/%2e": has its own test */
        cr_assert_eq(refusal == NULL, good, "'%s'", text);
        cr_assert(!good || wok_slice_equal(request.path, wanted), "'%s' -> '%.*s'", text,
                  (int)request.path.size, request.path.data);
    }
}
