/*
 * test_tls_files.c - certificates and keys from files, and what is said of those that do not do.
 */
#include "certificates.h"

#include <errno.h>
#include <unistd.h>

#include <wok/http/tls.h>

static char why[512];

static int read_pair(const char *certificate, const char *key)
{
    wok_http_tls *tls = NULL;
    wok_http_tls_certificate pair = {path_of(certificate), path_of(key)};
    int code;

    why[0] = '\0';
    code = wok_http_tls_new(&tls,
                            &(wok_http_tls_options){.certificates = &pair, .certificate_count = 1},
                            why, sizeof why);
    cr_assert_eq(code == 0, tls != NULL);
    wok_http_tls_unref(tls);
    return code;
}

static void is_refused(const char *certificate, const char *key, const char *file,
                       const char *reason)
{
    cr_assert_eq(read_pair(certificate, key), -EINVAL);
    cr_assert_eq(strncmp(why, path_of(file), strlen(path_of(file))), 0, "%s", why);
    cr_assert_not_null(strstr(why, reason), "%s", why);
    cr_assert_not_null(strstr(why, "; "), "no cure: %s", why);
    cr_assert_null(strchr(why, '\n'));
}

static void copy(const char *from, const char *to, const char *mode)
{
    FILE *source = fopen(path_of(from), "r"), *target = fopen(path_of(to), mode);
    int byte;

    cr_assert_not_null(source);
    cr_assert_not_null(target);
    while ((byte = getc(source)) != EOF)
        putc(byte, target);
    fclose(source);
    fclose(target);
}

Test(tls_files, a_pair_that_fits_is_taken, .timeout = 20)
{
    write_pair("a", "DNS:a.example");
    cr_assert_eq(read_pair("a.crt", "a.key"), 0, "%s", why);
    write_pair("ca", "DNS:ca.example");
    copy("ca.crt", "a.crt", "a"); /* with a chain */
    cr_assert_eq(read_pair("a.crt", "a.key"), 0, "%s", why);
    forget_files();
}

Test(tls_files, what_is_missing_or_no_file_is_named, .timeout = 20)
{
    write_pair("a", "DNS:a.example");
    is_refused("none.crt", "a.key", "none.crt", "No such file");
    is_refused("a.crt", "none.key", "none.key", "No such file");
    is_refused("", "a.key", "", "no plain file");
    cr_assert_eq(symlink("/dev/zero", path_of("endless")), 0);
    is_refused("endless", "a.key", "endless", "no plain file");
    forget_files();
}

Test(tls_files, what_holds_something_else_is_named, .timeout = 20)
{
    write_pair("a", "DNS:a.example");
    write_text("empty", "");
    write_text("text", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
    is_refused("empty", "a.key", "empty", "no certificate");
    is_refused("text", "a.key", "text", "no certificate");
    is_refused("a.key", "a.key", "a.key", "no certificate");
    is_refused("a.crt", "empty", "empty", "no private key");
    is_refused("a.crt", "a.crt", "a.crt", "no private key");
    copy("text", "a.crt", "a");
    is_refused("a.crt", "a.key", "a.crt", "damaged");
    forget_files();
}

Test(tls_files, a_key_of_another_certificate_is_refused, .timeout = 20)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);

    write_pair("a", "DNS:a.example");
    write_pair("b", "DNS:b.example");
    is_refused("a.crt", "b.key", "b.key", "not the key");
    write_key("rsa.key", key, NULL);
    is_refused("a.crt", "rsa.key", "rsa.key", "not the key");
    EVP_PKEY_free(key);
    forget_files();
}

Test(tls_files, a_key_with_a_passphrase_asks_nobody, .timeout = 20)
{
    EVP_PKEY *key = make_key();

    write_certificate("a.crt", key, "DNS:a.example", 0, 30);
    write_key("a.key", key, "secret");
    is_refused("a.crt", "a.key", "a.key", "passphrase");
    EVP_PKEY_free(key);
    forget_files();
}

Test(tls_files, a_certificate_out_of_its_time_is_refused, .timeout = 20)
{
    EVP_PKEY *key = make_key();

    write_key("a.key", key, NULL);
    write_certificate("old.crt", key, "DNS:a.example", -30, -1);
    is_refused("old.crt", "a.key", "old.crt", "expired on");
    write_certificate("new.crt", key, "DNS:a.example", 2, 30);
    is_refused("new.crt", "a.key", "new.crt", "not valid before");
    EVP_PKEY_free(key);
    forget_files();
}

Test(tls_files, a_file_of_authorities_has_certificates_and_nothing_damaged, .timeout = 20)
{
    const char *const bad[] = {"none", "empty", "a.key", "damaged"};
    const char *const said[] = {"No such file", "no certificates", "no certificates",
                                "no certificates"};

    write_pair("a", "DNS:a.example");
    write_text("empty", "");
    copy("a.crt", "damaged", "w");
    write_text("text", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
    copy("text", "damaged", "a");
    for (int i = 0; i < 4; i++) {
        wok_http_tls *tls = NULL;
        wok_http_tls_certificate pair = {path_of("a.crt"), path_of("a.key")};
        const char *file = path_of(bad[i]);
        wok_http_tls_options options = {&pair, 1, &file, 1, NULL, 0};
        cr_assert_eq(wok_http_tls_new(&tls, &options, why, sizeof why), -EINVAL);
        cr_assert_not_null(strstr(why, said[i]), "%s", why);
        cr_assert_eq(strncmp(why, file, strlen(file)), 0, "%s", why);
    }
    forget_files();
}

Test(tls_files, a_weak_key_is_refused, .timeout = 20)
{
    EVP_PKEY *key = EVP_RSA_gen(1024);

    write_key("a.key", key, NULL);
    write_certificate("a.crt", key, "DNS:a.example", 0, 30);
    is_refused("a.crt", "a.key", "a.crt", "2,048");
    EVP_PKEY_free(key);
    forget_files();
}
