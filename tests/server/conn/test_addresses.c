/*
 * test_addresses.c - what counts as one address, and how many connections each has.
 */
#include <stdio.h>
#include <stdlib.h>

#include "support/seed.h"
#include "support/test.h"

#include "conn/addresses.h"

static bool is_one(const char *a, const char *b)
{
    struct wok__address_key first = wok__address_key_parse(a), second = wok__address_key_parse(b);

    return first.kind != 0 && first.kind == second.kind && first.bits == second.bits;
}

Test(addresses, an_ipv6_network_of_64_bits_counts_as_one_address)
{
    cr_assert(is_one("[2001:db8:1:2::1]:80", "[2001:db8:1:2:ffff:ffff:ffff:ffff]:81"));
    cr_assert(!is_one("[2001:db8:1:2::1]:80", "[2001:db8:1:3::1]:80"));
    cr_assert(is_one("10.0.0.1:1", "10.0.0.1:65535"));
    cr_assert(!is_one("10.0.0.1:1", "10.0.0.2:1"));
}

Test(addresses, an_ipv4_address_is_the_same_through_a_listener_of_both_kinds)
{
    cr_assert(is_one("[::ffff:10.0.0.1]:1", "10.0.0.1:1"));
    cr_assert(!is_one("[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.2]:1"));
}

Test(addresses, what_has_no_address_has_no_limit)
{
    struct wok__addresses addresses = {0};
    struct wok__address_count *count;

    for (int i = 0; i < 3; i++) {
        cr_assert(wok__addresses_take(&addresses, wok__address_key_parse("unknown"), 1, &count));
        cr_assert_null(count);
        wok__addresses_give(&addresses, count);
    }
    wok__addresses_done(&addresses);
}

/* Against an array that is obviously right. */
Test(addresses, count_as_a_model_does_under_random_connections)
{
    enum { ADDRESSES = 500, MAX = 3, STEPS = 100000 };
    static struct wok__address_count *held[ADDRESSES][MAX];
    static unsigned counts[ADDRESSES];
    struct wok__addresses addresses = {.seed = 12345};
    struct wok__rand rand = test_rand();

    for (int step = 0; step < STEPS; step++) {
        unsigned at = (unsigned)(wok__rand_next(&rand) % ADDRESSES);
        char text[64];
        snprintf(text, sizeof text, at % 2 ? "[2001:db8:0:%x::7]:9" : "10.0.7.%u:9", at / 2);
        struct wok__address_key key = wok__address_key_parse(text);
        if ((wok__rand_next(&rand) % 2) == 0) {
            struct wok__address_count *count = NULL;
            bool taken = wok__addresses_take(&addresses, key, MAX, &count);
            cr_assert_eq(taken, counts[at] < MAX, "%s", text);
            if (taken)
                held[at][counts[at]++] = count;
        } else if (counts[at] != 0) {
            wok__addresses_give(&addresses, held[at][--counts[at]]);
        }
    }
    for (unsigned at = 0; at < ADDRESSES; at++) {
        while (counts[at] != 0)
            wok__addresses_give(&addresses, held[at][--counts[at]]);
    }
    cr_assert_eq(addresses.used, 0);
    wok__addresses_done(&addresses);
}
