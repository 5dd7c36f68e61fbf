/*
 * test_config_listeners.c - where a server may be asked to listen: how it is written, and what cannot be together.
 */
#include "config_test.h"

#include <unistd.h>

#define LISTENS(...) cr_assert_eq(READ(__VA_ARGS__), 0, "%s", error)
#define REFUSES(where, why)                                                                        \
    do {                                                                                           \
        cr_assert_eq(READ("--listen", where), 2, "%s", where);                                     \
        SAYS("--listen " where ": " why);                                                          \
        SAYS("; write it as 127.0.0.1:8080, [::1]:8080, :8080 or unix:/PATH");                     \
    } while (0)

Test(config_listeners, each_way_to_write_it_wrongly_has_its_reason)
{
    REFUSES("8080", "a port alone has a colon before it");
    REFUSES("127.0.0.1", "it has no port");
    REFUSES("localhost:8080", "the address is not a numeric IPv4 or [IPv6] address; names are not");
    REFUSES("*:8080", "the address is not a numeric");
    REFUSES("::1:8080", "an IPv6 address needs brackets");
    REFUSES("[fe80::1%eth0]:8080", "an address with a zone, %NAME, is not taken");
    REFUSES("[fe80::1]:8080", "a link-local address needs a zone");
    REFUSES("[::ffff:127.0.0.1]:8080", "it is an IPv4 address in IPv6's form");
    REFUSES("[127.0.0.1]:8080", "the address is not a numeric");
    REFUSES("[]:8080", "the address is not a numeric");
    REFUSES("127.0.0.1:http", "the port is not a number");
    REFUSES("[::1]", "the port is not a number");
}

Test(config_listeners, a_port_behind_a_colon_is_all_of_ipv4)
{
    LISTENS("--listen", ":80");
    cr_assert_str_eq(config.listeners[0].address, "0.0.0.0");
    cr_assert_not(config.listeners[0].v6);
    cr_assert_eq(config.listeners[0].port, 80);
}

#define AT_ONE_PLACE(a, b)                                                                         \
    do {                                                                                           \
        cr_assert_eq(READ("--listen", a, "--listen", b), 2, "%s %s", a, b);                        \
        SAYS("--listen " b ": " a " is asked for as well, at the same place; leave one out");      \
    } while (0)

Test(config_listeners, two_at_one_place_are_refused_before_they_are_opened)
{
    AT_ONE_PLACE("127.0.0.1:80", "127.0.0.1:80");
    AT_ONE_PLACE("0.0.0.0:80", "127.0.0.1:80");
    AT_ONE_PLACE("127.0.0.1:80", "0.0.0.0:80");
    AT_ONE_PLACE("[::1]:80", "[::0:1]:80");
    AT_ONE_PLACE("[::]:80", "[2001:db8::1]:80");
    AT_ONE_PLACE("unix:/run/a", "unix:/run/a");
    AT_ONE_PLACE("unix:@a", "unix:@a");
    cr_assert_eq(READ_ENV("WOK_LISTEN=127.0.0.1:1,127.0.0.1:2,127.0.0.1:1"), 78);
    SAYS("WOK_LISTEN 127.0.0.1:1: ");
    cr_assert_eq(READ_BOTH(ENV("WOK_LISTEN=:80"), "--listen-tls=127.0.0.1:80", "--tls-cert=c",
                           "--tls-key=k"),
                 2);
    SAYS("--listen-tls 127.0.0.1:80: 0.0.0.0:80 is asked for as well");
}

Test(config_listeners, what_only_looks_like_one_place_is_two)
{
    LISTENS("--listen", "127.0.0.1:80,127.0.0.1:81,127.0.0.2:80");
    LISTENS("--listen", "0.0.0.0:80,[::]:80");
    LISTENS("--listen", "127.0.0.1:0,127.0.0.1:0,0.0.0.0:0");
    LISTENS("--listen", "unix:/run/a,unix:/run/b,unix:@a,unix:@/run/a");
}

Test(config_listeners, an_inherited_socket_that_was_not_passed_is_found)
{
    char process[32];

    snprintf(process, sizeof process, "LISTEN_PID=%d", (int)getpid());
    cr_assert_eq(READ_BOTH(ENV(process, "LISTEN_FDS=1", "LISTEN_FDNAMES=https"), "--tls-cert=c",
                           "--tls-key=k", "--listen-tls", "fd:https,fd:3,fd:other"),
                 0, "%s", error);
    cr_assert_str_eq(wok__config_not_passed(&config)->address, "other");
    cr_assert_eq(READ_BOTH(ENV(process, "LISTEN_FDS=1", "LISTEN_FDNAMES=https"), "--tls-cert=c",
                           "--tls-key=k", "--listen-tls", "fd:https,:1"),
                 0, "%s", error);
    cr_assert_null(wok__config_not_passed(&config));
}
