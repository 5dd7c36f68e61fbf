/*
 * test_origin.c - which requests a page of another site has made.
 */
#include "support/test.h"

#include "http/origin.h"
#include "request_test.h"

static void begin(const char *authority)
{
    begin_request();
    request.authority = wok_slice_of(authority);
}

static bool referred(const char *authority, const char *referer)
{
    begin(authority);
    add("Referer", referer);
    return wok__request_is_from_elsewhere(&request);
}

static bool fetched(const char *site)
{
    begin("wok.example");
    add("Sec-Fetch-Site", site);
    return wok__request_is_from_elsewhere(&request);
}

Test(origin, who_says_nothing_comes_from_nowhere)
{
    begin("wok.example");
    cr_assert_not(wok__request_is_from_elsewhere(&request));
}

Test(origin, a_referer_names_its_host_and_port)
{
    cr_assert_not(referred("wok.example", "https://wok.example/a?b#c"));
    cr_assert_not(referred("wok.example:8443", "https://WOK.example:8443"));
    cr_assert_not(referred("[::1]:8080", "http://[::1]:8080?q"));
    cr_assert_not(referred("wok.example", "/here"));
    cr_assert_not(referred("wok.example", "/"));
    cr_assert(referred("wok.example", "https://google.com/"));
    cr_assert(referred("wok.example", "https://wok.example.evil/"));
    cr_assert(referred("wok.example", "https://evil/wok.example"));
    cr_assert(referred("wok.example", "https://evil/?//wok.example"));
    cr_assert(referred("wok.example", "https://wok.example:444/"));
    cr_assert(referred("wok.example", "https://wok.exampl/"));
    cr_assert(referred("wok@example", "https://wok`example/"));
    cr_assert(referred("wok.example", "//evil/"));
    cr_assert(referred("wok.example", "about:blank"));
    cr_assert(referred("wok.example", ""));

    begin_request(); /* as of HTTP/1.0 without a Host */
    add("Referer", "https:///");
    cr_assert(wok__request_is_from_elsewhere(&request));
}

Test(origin, the_browsers_own_word_goes_first)
{
    cr_assert_not(fetched("same-origin"));
    cr_assert_not(fetched("none"));
    cr_assert(fetched("same-site"));
    cr_assert(fetched("cross-site"));
    cr_assert(fetched("something new"));
    cr_assert(fetched(""));

    begin("wok.example");
    add("Referer", "https://google.com/");
    add("sec-fetch-site", "none");
    cr_assert_not(wok__request_is_from_elsewhere(&request));
    begin("wok.example");
    add("Sec-Fetch-Site", "same-origin");
    add("Sec-Fetch-Site", "cross-site");
    cr_assert(wok__request_is_from_elsewhere(&request), "one of two lines is enough");
}
