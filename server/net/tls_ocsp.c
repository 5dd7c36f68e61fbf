/*
 * tls_ocsp.c - OCSP responses from files, and giving them to clients that ask ("stapling").
 *
 * A response says of itself which certificate it is about, so the order of the files does not matter, and a
 * certificate may have none.  The server fetches nothing: whoever renews the file sends SIGHUP.
 *
 * Invariants
 *   I1  what is kept was good when it was read: about one of the certificates, in its time, and signed by that
 *       certificate's issuer, where the chain in the file has the issuer.
 *   I2  what is given to a client is in its time; one that has expired meanwhile is left out, because a client
 *       may refuse it, and goes on without one.
 */
#include "net/tls.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "log/log.h"

/* Responders' clocks may be ahead of ours by so much. */
enum { LEEWAY_SECONDS = 300 };

/* ---- which certificate it is about ------------------------------------------------------------------ */

static bool is_about(OCSP_SINGLERESP *single, X509 *certificate)
{
    OCSP_CERTID *id = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single);
    ASN1_OCTET_STRING *name = NULL;
    ASN1_OBJECT *digest = NULL;
    ASN1_INTEGER *serial = NULL;
    const EVP_MD *method;
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (OCSP_id_get0_info(&name, &digest, NULL, &serial, id) != 1 ||
        ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate)) != 0)
        return false;
    method = EVP_get_digestbyobj(digest);
    return method != NULL &&
           X509_NAME_digest(X509_get_issuer_name(certificate), method, bytes, &size) == 1 &&
           ASN1_STRING_length(name) == (int)size &&
           memcmp(ASN1_STRING_get0_data(name), bytes, size) == 0;
}

struct subject {
    X509 *certificate,
        *issuer; /* borrowed from a context; the issuer NULL: its chain does not have it */
    STACK_OF(X509) * chain;
};

static X509 *issuer_of(X509 *certificate, STACK_OF(X509) * chain)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        if (X509_check_issued(sk_X509_value(chain, i), certificate) == X509_V_OK)
            return sk_X509_value(chain, i);
    }
    return X509_check_issued(certificate, certificate) == X509_V_OK ? certificate : NULL;
}

/* The single response about one of the server's certificates; NULL: there is none. */
static OCSP_SINGLERESP *find_subject(const wok_http_tls *tls, OCSP_BASICRESP *basic,
                                     struct subject *ret_subject)
{
    for (size_t i = 0; i < tls->count; i++) {
        SSL_CTX *context = tls->contexts[i];
        long which = SSL_CERT_SET_FIRST; /* it may have one of each kind of key */
        for (; SSL_CTX_set_current_cert(context, which) == 1; which = SSL_CERT_SET_NEXT) {
            X509 *certificate = SSL_CTX_get0_certificate(context);
            for (int at = 0; at < OCSP_resp_count(basic); at++) {
                OCSP_SINGLERESP *single = OCSP_resp_get0(basic, at);
                if (!is_about(single, certificate))
                    continue;
                *ret_subject = (struct subject){.certificate = certificate};
                SSL_CTX_get0_chain_certs(context, &ret_subject->chain);
                ret_subject->issuer = issuer_of(certificate, ret_subject->chain);
                return single;
            }
        }
    }
    return NULL;
}

/* ---- whether it is good ----------------------------------------------------------------------------- */

/* Seconds since 1970. */
static bool read_time(const ASN1_GENERALIZEDTIME *time, int64_t *ret_seconds)
{
    struct tm parts;

    if (ASN1_TIME_to_tm(time, &parts) != 1)
        return false;
    *ret_seconds = (int64_t)timegm(&parts);
    return true;
}

static int check_times(struct wok__tls_reading *reading, OCSP_SINGLERESP *single,
                       int64_t *ret_until)
{
    ASN1_GENERALIZEDTIME *begin = NULL, *end = NULL;
    int64_t now = (int64_t)time(NULL), from = 0,
            until = INT64_MAX; /* without an end: RFC 6960, 2.4 */
    char when[64];
    int status = OCSP_single_get0_status(single, NULL, NULL, &begin, &end);

    if (status == V_OCSP_CERTSTATUS_REVOKED)
        return wok__tls_fail(reading, -EINVAL,
                             "it says that the certificate is revoked; get a new certificate");
    if (status != V_OCSP_CERTSTATUS_GOOD)
        return wok__tls_fail(
            reading, -EINVAL,
            "it says that the responder does not know the certificate; ask the one "
            "of the certificate's issuer");
    if (!read_time(begin, &from) || (end != NULL && !read_time(end, &until)))
        return wok__tls_fail(reading, -EINVAL, "its times are none; ask the responder again");
    if (from > now + LEEWAY_SECONDS) {
        wok__tls_format_time(begin, when, sizeof when);
        return wok__tls_fail(reading, -EINVAL,
                             "it is not valid before %s; wait, or set this machine's clock", when);
    }
    if (until < now) {
        wok__tls_format_time(end, when, sizeof when);
        return wok__tls_fail(reading, -EINVAL, "it expired on %s; ask the responder for a new one",
                             when);
    }
    *ret_until = until;
    return 0;
}

/* The issuer's signature, or that of somebody whom it has made its responder. */
static int check_signature(struct wok__tls_reading *reading, OCSP_BASICRESP *basic,
                           const struct subject *subject)
{
    X509_STORE *store;
    int good;

    if (subject->issuer == NULL)
        return 0;
    store = X509_STORE_new();
    if (store == NULL || X509_STORE_add_cert(store, subject->issuer) != 1 ||
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1) {
        X509_STORE_free(store);
        return wok__tls_fail(reading, -ENOMEM, "there is no memory for it; let it have more");
    }
    ERR_clear_error();
    good = OCSP_basic_verify(basic, subject->chain, store, 0);
    X509_STORE_free(store);
    if (good == 1)
        return 0;
    return wok__tls_fail(
        reading, -EINVAL,
        "the certificate's issuer has not signed it (%s); ask the issuer's responder",
        wok__tls_reason());
}

/* ---- reading ---------------------------------------------------------------------------------------- */

/* Whole, and nothing behind it. */
static OCSP_RESPONSE *parse(struct wok__tls_reading *reading, BIO *text, int *ret_error)
{
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE_bio(text, NULL);
    int status;

    if (response == NULL || BIO_pending(text) != 0) {
        *ret_error = wok__tls_fail(reading, -EINVAL,
                                   "it is no OCSP response in DER form; name one as openssl ocsp "
                                   "-respout writes it");
    } else if ((status = OCSP_response_status(response)) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        *ret_error = wok__tls_fail(reading, -EINVAL, "the responder answered %s; ask it again",
                                   OCSP_response_status_str(status));
    } else {
        return response;
    }
    OCSP_RESPONSE_free(response);
    return NULL;
}

static int keep(struct wok__tls_reading *reading, wok_http_tls *tls, OCSP_RESPONSE *response,
                const struct subject *subject, int64_t until)
{
    struct wok__tls_staple *staple = &tls->staples[tls->staple_count];
    int size;

    for (size_t i = 0; i < tls->staple_count; i++) {
        if (tls->staples[i].certificate == subject->certificate)
            return wok__tls_fail(reading, -EINVAL,
                                 "%.200s is about the same certificate; leave one out",
                                 tls->staples[i].file);
    }
    size = i2d_OCSP_RESPONSE(response, &staple->bytes);
    staple->file = strdup(reading->file);
    tls->staple_count++;
    if (size <= 0 || staple->file == NULL)
        return wok__tls_fail(reading, -ENOMEM, "there is no memory for it; let it have more");
    staple->size = (size_t)size;
    staple->until = until;
    staple->certificate = subject->certificate;
    return 0;
}

int wok__tls_read_ocsp(wok_http_tls *tls, const char *file, char *why, size_t why_size)
{
    struct wok__tls_reading reading = {NULL, why, why_size};
    OCSP_RESPONSE *response = NULL;
    OCSP_BASICRESP *basic = NULL;
    OCSP_SINGLERESP *single;
    struct subject subject = {.certificate = NULL};
    int64_t until = 0;
    int error = 0;
    BIO *text = wok__tls_slurp(&reading, file, &error);

    if (text == NULL)
        return error;
    ERR_clear_error();
    response = parse(&reading, text, &error);
    BIO_free(text);
    if (response == NULL)
        return error;
    basic = OCSP_response_get1_basic(response);
    single = basic == NULL ? NULL : find_subject(tls, basic, &subject);
    if (single == NULL)
        error = wok__tls_fail(
            &reading, -EINVAL,
            "it is about none of the certificates; ask the responder about one of them");
    if (error == 0)
        error = check_times(&reading, single, &until);
    if (error == 0)
        error = check_signature(&reading, basic, &subject);
    if (error == 0)
        error = keep(&reading, tls, response, &subject, until);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return error;
}

void wok__tls_staples_free(wok_http_tls *tls)
{
    for (size_t i = 0; i < tls->staple_count; i++) {
        OPENSSL_free(tls->staples[i].bytes);
        free(tls->staples[i].file);
    }
}

/* ---- giving it: called by OpenSSL, where nothing suspends or panics ---------------------------------- */

static void tell_expired(struct wok__tls_staple *staple)
{
    static struct wok__log_site site = WOK__LOG_SITE_UNLIMITED(WOK__LOG_WARN, "");

    if (exchange_relaxed(&staple->told, 1) == 0) /* whoever says it, once is enough */
        wok__log_printf(&site,
                        "%.200s has expired and is not given to clients any more; put a new OCSP "
                        "response there and send SIGHUP",
                        staple->file);
}

static int give(SSL *ssl, void *all)
{
    wok_http_tls *tls = all;
    const X509 *certificate = SSL_get_certificate(ssl); /* the one that this client is shown */

    for (size_t i = 0; i < tls->staple_count; i++) {
        struct wok__tls_staple *staple = &tls->staples[i];
        unsigned char *copy;
        if (staple->certificate != certificate)
            continue;
        if (staple->until < (int64_t)time(NULL)) {
            tell_expired(staple);
            break;
        }
        copy = OPENSSL_memdup(staple->bytes, staple->size);
        if (copy == NULL)
            break;
        SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)staple->size); /* it takes the copy */
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

void wok__tls_staple(wok_http_tls *tls)
{
    for (size_t i = 0; i < tls->count && tls->staple_count != 0; i++) {
        SSL_CTX_set_tlsext_status_cb(tls->contexts[i], give);
        SSL_CTX_set_tlsext_status_arg(tls->contexts[i], tls);
    }
}
