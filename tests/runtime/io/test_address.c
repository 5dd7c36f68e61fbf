/*
 * test_address.c - numeric addresses, to and from text.
 */
#include <errno.h>

#include "support/test.h"

#include "io/net.h"

static void check_round_trip(const char *text, uint16_t port, const char *want)
{
    struct wok__address address;
    char buffer[64];

    cr_assert_eq(wok__address_parse(text, port, &address), 0);
    cr_assert_eq(wok__address_format(&address, buffer, sizeof buffer), strlen(want));
    cr_assert_str_eq(buffer, want);
}

Test(address, is_read_and_written)
{
    check_round_trip(NULL, 80, "127.0.0.1:80");
    check_round_trip("0.0.0.0", 0, "0.0.0.0:0");
    check_round_trip("192.168.1.20", 65535, "192.168.1.20:65535");
    check_round_trip("::1", 8080, "[::1]:8080");
    check_round_trip("2001:db8::ffff:1", 1, "[2001:db8::ffff:1]:1");
}

Test(address, is_a_number_and_no_name)
{
    const char *const wrong[] = {"", "localhost", "127.0.0.1:80", "1.2.3", "[::1]", "300.1.1.1"};
    struct wok__address address = {.size = 7};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert_eq(wok__address_parse(wrong[i], 1, &address), -EINVAL, "%s", wrong[i]);
    cr_assert_eq(address.size, 7, "untouched on failure");
}

Test(address, is_cut_to_the_buffer)
{
    struct wok__address address;
    char buffer[8];

    cr_assert_eq(wok__address_parse(NULL, 80, &address), 0);
    cr_assert_eq(wok__address_format(&address, buffer, sizeof buffer), 7);
    cr_assert_str_eq(buffer, "127.0.0");
    cr_assert_eq(wok__address_format(&address, buffer, 0), 0);
    address.storage.ss_family = AF_UNSPEC;
    cr_assert_eq(wok__address_format(&address, buffer, sizeof buffer), 7);
    cr_assert_str_eq(buffer, "unknown");
}
