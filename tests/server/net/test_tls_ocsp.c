/*
 * test_tls_ocsp.c - responses in and out of their time; tests/e2e/test_tls_ocsp.sh has the rest, with those of
 * a real responder.
 */
#include "tls_test.h"

#include <time.h>

#include <openssl/ocsp.h>

#include "net/tls.h"

/* About the self-signed certificate "a", from and until so many seconds from now. */
static void write_response(const char *name, int status, long from, long until)
{
    FILE *pem = fopen(path_of("a.crt"), "r"), *file = NULL;
    X509 *certificate = PEM_read_X509(pem, NULL, NULL, NULL);
    EVP_PKEY *key = NULL;
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), certificate, certificate);
    ASN1_TIME *begin = X509_gmtime_adj(NULL, from), *end = X509_gmtime_adj(NULL, until);
    ASN1_TIME *revoked = X509_gmtime_adj(NULL, -10);
    OCSP_RESPONSE *response = NULL;

    fclose(pem);
    pem = fopen(path_of("a.key"), "r");
    key = PEM_read_PrivateKey(pem, NULL, NULL, NULL);
    fclose(pem);
    cr_assert_not_null(OCSP_basic_add1_status(basic, id, status, OCSP_REVOKED_STATUS_NOSTATUS,
                                              status == V_OCSP_CERTSTATUS_REVOKED ? revoked : NULL,
                                              begin, until != 0 ? end : NULL));
    cr_assert_eq(OCSP_basic_sign(basic, certificate, key, EVP_sha256(), NULL, 0), 1);
    response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    file = fopen(path_of(name), "w");
    cr_assert_not_null(file);
    cr_assert_eq(ASN1_i2d_fp_of(OCSP_RESPONSE, i2d_OCSP_RESPONSE, file, response), 1);
    cr_assert_eq(fclose(file), 0);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(begin);
    ASN1_TIME_free(end);
    ASN1_TIME_free(revoked);
    EVP_PKEY_free(key);
    X509_free(certificate);
}

static char why[512];

static int read_response(const char *name, wok_http_tls **ret_tls)
{
    wok_http_tls_certificate pair = {path_of("a.crt"), path_of("a.key")};
    const char *ocsp = path_of(name);

    why[0] = '\0';
    return wok_http_tls_new(ret_tls,
                            &(wok_http_tls_options){.certificates = &pair,
                                                    .certificate_count = 1,
                                                    .ocsp_files = &ocsp,
                                                    .ocsp_file_count = 1},
                            why, sizeof why);
}

static void is_taken(const char *name, int64_t until)
{
    wok_http_tls *tls = NULL;

    cr_assert_eq(read_response(name, &tls), 0, "%s", why);
    cr_assert_eq(tls->staple_count, 1);
    if (until == INT64_MAX)
        cr_assert_eq(tls->staples[0].until, until);
    else
        cr_assert_leq(llabs(tls->staples[0].until - (time(NULL) + until)), 5);
    wok_http_tls_unref(tls);
}

static void is_refused(const char *name, const char *reason)
{
    wok_http_tls *tls = NULL;

    cr_assert_eq(read_response(name, &tls), -EINVAL);
    cr_assert_null(tls);
    cr_assert_eq(strncmp(why, path_of(name), strlen(path_of(name))), 0, "%s", why);
    cr_assert_not_null(strstr(why, reason), "%s", why);
    cr_assert_not_null(strstr(why, "; "), "no cure: %s", why);
}

Test(tls, a_response_is_taken_in_its_time_only, .timeout = 20)
{
    write_pair("a", "DNS:a.example");
    write_response("good", V_OCSP_CERTSTATUS_GOOD, -100, 100);
    is_taken("good", 100);
    write_response("endless", V_OCSP_CERTSTATUS_GOOD, -100, 0);
    is_taken("endless", INT64_MAX);
    write_response("ahead", V_OCSP_CERTSTATUS_GOOD, 200, 1000); /* clocks differ */
    is_taken("ahead", 1000);
    write_response("early", V_OCSP_CERTSTATUS_GOOD, 400, 1000);
    is_refused("early", "not valid before");
    write_response("late", V_OCSP_CERTSTATUS_GOOD, -100, -10);
    is_refused("late", "expired on");
    forget_files();
}

Test(tls, only_good_news_are_taken, .timeout = 20)
{
    write_pair("a", "DNS:a.example");
    write_response("revoked", V_OCSP_CERTSTATUS_REVOKED, -100, 100);
    is_refused("revoked", "is revoked");
    write_response("unknown", V_OCSP_CERTSTATUS_UNKNOWN, -100, 100);
    is_refused("unknown", "does not know");
    forget_files();
}

/* What a client that asks is given: the size of the response, or -1. */
static long given(void)
{
    struct client client = client_new(0);
    const unsigned char *response = NULL;
    long size;

    SSL_set_tlsext_status_type(client.ssl, TLSEXT_STATUSTYPE_ocsp);
    cr_assert(client_connect(&client));
    size = SSL_get_tlsext_status_ocsp_resp(client.ssl, &response);
    asks_and_is_answered(&client);
    client_free(&client);
    return size;
}

TLS_TEST(a_response_that_expires_meanwhile_is_left_out)
{
    wok_http_tls *tls = NULL;

    cr_assert_eq(given(), -1);
    write_pair("a", "DNS:a.example");
    write_response("good", V_OCSP_CERTSTATUS_GOOD, -100, 100);
    cr_assert_eq(read_response("good", &tls), 0, "%s", why);
    forget_files();
    long size = (long)tls->staples[0].size;
    wok_http_server_use_tls(server, tls);
    cr_assert_eq(given(), size);
    cr_assert_eq(load_relaxed(&tls->staples[0].told), 0);

    tls->staples[0].until = (int64_t)time(NULL) - 1;
    cr_assert_eq(given(), -1);
    cr_assert_eq(load_relaxed(&tls->staples[0].told), 1); /* and that is said */
    cr_assert_eq(given(), -1);
}
