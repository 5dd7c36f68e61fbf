/*
 * tls_context.c - what a server's handshakes are made with: one SSL_CTX for each set of names.
 *
 * A session begins with the first context and is moved to the one whose certificate fits the name that
 * the client asks for.  Tickets are sealed with the first one's keys whichever it was, and resumed there;
 * so everything that decides who may connect is the same in all of them.
 *
 * Certificates for the same names with keys of different kinds share a context: OpenSSL keeps one of each
 * kind there, and shows a client the one that it can verify.
 */
#include "net/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* ---- callbacks: they neither suspend nor panic ---------------------------------------------------- */

/* Protocols that may be spoken, the preferred one first.  HTTP/2 will stand before HTTP/1.1. */
static const unsigned char protocols[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

static int select_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_size,
                           const unsigned char *offered, unsigned offered_size, void *unused)
{
    unsigned char *found;

    (void)ssl;
    (void)unused;
    if (SSL_select_next_proto(&found, chosen_size, protocols, sizeof protocols, offered,
                              offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol, RFC 7301 */
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

static int select_certificate(SSL *ssl, int *alert, void *all)
{
    const wok_http_tls *tls = all;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    if (name == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    for (size_t i = 0; i < tls->count; i++) {
        X509 *certificate = SSL_CTX_get0_certificate(tls->contexts[i]);
        if (X509_check_host(certificate, name, strlen(name), 0, NULL) != 1)
            continue;
        if (i > 0)
            SSL_set_SSL_CTX(ssl, tls->contexts[i]);
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK; /* the first one's: the client decides what that is worth */
}

/* A key with a passphrase: nobody is there to be asked. */
static int no_passphrase(char *buffer, int size, int writing, void *unused)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)unused;
    return -1;
}

/* ---- building -------------------------------------------------------------------------------------- */

static bool configure(SSL_CTX *context)
{
    static const unsigned char session_context[] = "wok-server";

    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* Buffers are given back when they are empty: most connections are idle.  Records are read as they
     * come, in one recv.  An output that grew or moved since the last try is still the same output. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_OFF); /* clients keep theirs, as tickets */
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1 &&
           SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1) ==
               1;
}

static bool has_name(const GENERAL_NAMES *names, const GENERAL_NAME *name)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), (GENERAL_NAME *)name) == 0)
            return true;
    }
    return false;
}

/* In whichever order; a certificate without any is nobody's twin. */
static bool have_the_same_names(X509 *one, X509 *other)
{
    GENERAL_NAMES *a = X509_get_ext_d2i(one, NID_subject_alt_name, NULL, NULL);
    GENERAL_NAMES *b = X509_get_ext_d2i(other, NID_subject_alt_name, NULL, NULL);
    bool same = a != NULL && b != NULL && sk_GENERAL_NAME_num(a) == sk_GENERAL_NAME_num(b);

    for (int i = 0; same && i < sk_GENERAL_NAME_num(a); i++)
        same = has_name(b, sk_GENERAL_NAME_value(a, i)) && has_name(a, sk_GENERAL_NAME_value(b, i));
    GENERAL_NAMES_free(a);
    GENERAL_NAMES_free(b);
    return same;
}

/* Moves what the context has to an earlier one for the same names, if that has none of this kind of key. */
static bool share_context(const wok_http_tls *tls, SSL_CTX *context)
{
    X509 *certificate = SSL_CTX_get0_certificate(context);
    STACK_OF(X509) *chain = NULL;

    SSL_CTX_get0_chain_certs(context, &chain);
    for (size_t i = 0; i < tls->count; i++) {
        if (have_the_same_names(SSL_CTX_get0_certificate(tls->contexts[i]), certificate) &&
            SSL_CTX_use_cert_and_key(tls->contexts[i], certificate,
                                     SSL_CTX_get0_privatekey(context), chain, 0) == 1)
            return true;
    }
    return false;
}

static int add_context(wok_http_tls *tls, const wok_http_tls_options *options, size_t at, char *why,
                       size_t why_size)
{
    const wok_http_tls_certificate *pair = &options->certificates[at];
    int error;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (context == NULL || !configure(context)) {
        SSL_CTX_free(context);
        snprintf(why, why_size, "%s: there is no memory for it; let it have more",
                 pair->certificate_file);
        return -ENOMEM;
    }
    error = wok__tls_read_pair(context, pair, why, why_size);
    if (error < 0 || share_context(tls, context)) {
        SSL_CTX_free(context);
        return error;
    }
    tls->contexts[tls->count++] = context;
    for (size_t i = 0; i < options->client_ca_count && error == 0; i++)
        error = wok__tls_read_client_ca(context, options->client_ca_files[i], why, why_size);
    return error;
}

int wok_http_tls_new(wok_http_tls **ret_tls, const wok_http_tls_options *options, char *why,
                     size_t why_size)
{
    wok_http_tls *tls;
    int error = 0;

    if (options->certificate_count == 0 ||
        options->certificate_count > WOK_HTTP_TLS_CERTIFICATES_MAX ||
        options->ocsp_file_count > WOK_HTTP_TLS_CERTIFICATES_MAX) {
        snprintf(why, why_size,
                 "%zu certificates and %zu OCSP responses: there may be 1 to %d; give as many",
                 options->certificate_count, options->ocsp_file_count,
                 WOK_HTTP_TLS_CERTIFICATES_MAX);
        return -EINVAL;
    }
    tls = calloc(1, sizeof *tls);
    if (tls == NULL) {
        snprintf(why, why_size, "%s: there is no memory for it; let it have more",
                 options->certificates[0].certificate_file);
        return -ENOMEM;
    }
    store_relaxed(&tls->refs, 1);
    for (size_t i = 0; i < options->certificate_count && error == 0; i++)
        error = add_context(tls, options, i, why, why_size);
    for (size_t i = 0; i < options->ocsp_file_count && error == 0; i++)
        error = wok__tls_read_ocsp(tls, options->ocsp_files[i], why, why_size);
    ERR_clear_error();
    if (error < 0) {
        wok_http_tls_unref(tls);
        return error;
    }
    SSL_CTX_set_tlsext_servername_callback(tls->contexts[0], select_certificate);
    SSL_CTX_set_tlsext_servername_arg(tls->contexts[0], tls);
    wok__tls_staple(tls);
    *ret_tls = tls;
    return 0;
}

void wok__tls_context_ref(wok_http_tls *tls)
{
    fetch_add_relaxed(&tls->refs, 1);
}

void wok_http_tls_unref(wok_http_tls *tls)
{
    /* [tls.refs] the others' last use happens before the contexts are freed */
    if (tls == NULL || fetch_sub_acq_rel(&tls->refs, 1) != 1)
        return;
    for (size_t i = 0; i < tls->count; i++)
        SSL_CTX_free(tls->contexts[i]); /* sessions that use one hold it themselves */
    wok__tls_staples_free(tls);
    free(tls);
}
