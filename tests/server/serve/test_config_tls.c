/*
 * test_config_tls.c - what the configuration says of TLS, and what has to fit together there.
 */
#include "config_test.h"

#include <stdlib.h>
#include <unistd.h>

Test(config_tls, without_its_options_there_is_no_tls)
{
    wok_http_tls *tls = NULL;

    cr_assert_eq(READ("--workers", "1"), 0);
    cr_assert_eq(config.tls.listener_count, 0);
    cr_assert_eq(wok__config_tls_read(&config, &tls, error, sizeof error), 0);
    cr_assert_null(tls);
}

Test(config_tls, nobody_is_served_in_clear_who_asked_for_tls_only)
{
    cr_assert_eq(READ("--listen-tls", "[::1]:1", "--tls-cert", "a", "--tls-key", "b"), 0);
    cr_assert_eq(config.listener_count, 0);
    cr_assert_eq(config.tls.listener_count, 1);
    cr_assert_str_eq(config.tls.listeners[0].address, "::1");
    cr_assert_eq(config.demo, true);
    cr_assert_eq(
        READ("--listen-tls", ":1", "--tls-cert=a", "--tls-key=b", "--listen", "127.0.0.1:2"), 0);
    cr_assert_eq(config.listener_count, 1);
    cr_assert_eq(config.demo, false); /* :1 is everywhere */
}

Test(config_tls, certificates_and_keys_are_lists_in_one_order)
{
    cr_assert_eq(READ_ENV("WOK_LISTEN_TLS=127.0.0.1:1,127.0.0.1:2", "WOK_TLS_CERT=a.crt,b.crt",
                          "WOK_TLS_KEY=a.key,b.key"),
                 0);
    cr_assert_eq(config.tls.listener_count, 2);
    cr_assert_eq(config.tls.certificates.count, 2);
    cr_assert_str_eq(wok__config_path(&config.tls.certificates, 0), "a.crt");
    cr_assert_str_eq(wok__config_path(&config.tls.certificates, 1), "b.crt");
    cr_assert_str_eq(wok__config_path(&config.tls.keys, 1), "b.key");
    cr_assert_eq(READ_BOTH(ENV("WOK_TLS_CERT=x"), "--listen-tls=:1", "--tls-cert=a", "--tls-cert=b",
                           "--tls-key=c", "--tls-key=d"),
                 0);
    cr_assert_str_eq(wok__config_path(&config.tls.certificates, 1), "b");
}

Test(config_tls, each_slip_is_told)
{
    cr_assert_eq(READ("--listen-tls", "127.0.0.1:1"), 2);
    SAYS("--listen-tls 127.0.0.1:1: it needs a certificate");
    cr_assert_eq(READ("--tls-cert", "a", "--tls-key", "b"), 2);
    SAYS("--tls-cert a: no listener uses it");
    cr_assert_eq(READ_ENV("WOK_LISTEN_TLS=:1", "WOK_TLS_CERT=a,b", "WOK_TLS_KEY=c"), 78);
    SAYS("WOK_TLS_CERT b: there are 2 certificates and 1 keys");
    cr_assert_eq(READ("--listen-tls", ":1", "--tls-key", "b"), 2);
    SAYS("--tls-key b: there are 0 certificates and 1 keys");
    cr_assert_eq(READ("--tls-client-ca", "ca"), 2);
    SAYS("--tls-client-ca ca: no listener uses it");
    cr_assert_eq(READ("--listen-tls", "nowhere"), 2);
    SAYS("127.0.0.1:8443");
    cr_assert_eq(READ("--listen-tls", "unix:x"), 2);
    SAYS("unix:/PATH");
    cr_assert_eq(READ("--listen-tls", "fd:"), 2);
    SAYS("fd:NAME");
    cr_assert_eq(READ("--tls-ocsp", "o"), 2);
    SAYS("--tls-ocsp o: no listener uses it");
    cr_assert_eq(READ("--tls-hsts", "1"), 2);
    SAYS("--tls-hsts: no listener uses it");
    cr_assert_eq(READ("--tls-cert", ""), 2);
    SAYS("missing");
    cr_assert_eq(READ_ENV("WOK_LISTEN_TLS=:1,:2,:3,:4,:5,:6,:7,:8,:9"), 78);
    SAYS("8 listeners already");
    static char longest[1025] = "";
    memset(longest, 'x', 1023);
    cr_assert_eq(READ("--listen-tls", ":1", "--tls-cert", longest, "--tls-key", longest), 0, "%s",
                 error);
    longest[1023] = 'x';
    cr_assert_eq(READ("--listen-tls", ":1", "--tls-cert", longest, "--tls-key", "b"), 2);
    SAYS("it has more than 1023 bytes; shorten it");
    cr_assert_eq(READ_ENV("WOK_TLS_CERT=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"), 78);
    SAYS("16 files");
}

#define TLS_PAIR "--tls-cert=a", "--tls-key=b"

Test(config_tls, a_unix_socket_may_be_encrypted)
{
    cr_assert_eq(READ("--listen-tls", "unix:/x", TLS_PAIR), 0);
    cr_assert(config.tls.listeners[0].local);
    cr_assert_str_eq(config.tls.listeners[0].address, "/x");
    cr_assert_not(config.demo);
}

Test(config_tls, inherited_sockets_are_encrypted_by_name_or_number)
{
    char process[32];

    snprintf(process, sizeof process, "LISTEN_PID=%d", (int)getpid());
    cr_assert_eq(READ_BOTH(ENV(process, "LISTEN_FDS=3", "LISTEN_FDNAMES=web:https:"), TLS_PAIR,
                           "--listen-tls", "fd:https,fd:5,fd:other"),
                 0);
    cr_assert_not(wok__config_is_encrypted(&config, 0));
    cr_assert(wok__config_is_encrypted(&config, 1));
    cr_assert(wok__config_is_encrypted(&config, 2));
    cr_assert(wok__config_inherits(&config, &config.tls.listeners[0]));
    cr_assert_not(wok__config_inherits(&config, &config.tls.listeners[2]));
    cr_assert_eq(config.listener_count, 0);

    /* They are as many sockets as were passed, whatever names them. */
    cr_assert_eq(READ_BOTH(ENV(process, "LISTEN_FDS=8"), TLS_PAIR, "--listen-tls", "fd:3,fd:4"), 0);
    cr_assert_eq(READ_BOTH(ENV(process, "LISTEN_FDS=8"), TLS_PAIR, "--listen-tls", "fd:3,:1"), 78);
    SAYS("LISTEN_FDS 8: ");
}

Test(config_tls, files_that_do_not_do_are_wrong_configuration)
{
    wok_http_tls *tls = NULL;

    cr_assert_eq(READ("--listen-tls", ":1", "--tls-cert", "/none.crt", "--tls-key", "/none.key"),
                 0);
    cr_assert_eq(wok__config_tls_read(&config, &tls, error, sizeof error), 78);
    SAYS("/none.crt: No such file or directory; ");
    cr_assert_null(tls);
}

Test(config_tls, the_lists_are_shown_as_they_are_written)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    cr_assert_eq(READ("--listen-tls", "[::1]:1", "--listen-tls", "127.0.0.1:2", "--tls-cert", "a",
                      "--tls-key", "b", "--tls-cert", "c", "--tls-key", "d"),
                 0);
    wok__config_show(&config, file);
    fclose(file);
    cr_assert_not_null(strstr(text, "\nWOK_LISTEN_TLS             [::1]:1,127.0.0.1:2  "), "%s",
                       text);
    cr_assert_not_null(strstr(text, "\nWOK_TLS_CERT               a,c "), "%s", text);
    cr_assert_not_null(strstr(text, "WOK_LISTEN                 (none) "), "%s", text);
    free(text);
}
