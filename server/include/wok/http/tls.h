/*
 * tls.h - certificates, and how TLS is spoken on a server's encrypted listeners.
 *
 * TLS 1.2 and 1.3, forward secrecy and authenticated encryption only, no renegotiation, no compression;
 * HTTP/1.1 by ALPN.  The files are read once: to take in new ones build another wok_http_tls and give
 * it to the server, whose connections go on with what they began with.
 */
#ifndef WOK_HTTP_TLS_H
#define WOK_HTTP_TLS_H

#include <wok/http/server.h>

WOK_BEGIN_DECLS

/** Certificates that have been read, and what goes with them; counted references. */
typedef struct wok_http_tls wok_http_tls;

/** A certificate: files in PEM form. */
typedef struct wok_http_tls_certificate {
    /** The server's own certificate first, then those that lead to the root. */
    const char *certificate_file;
    /** Its private key, without a passphrase. */
    const char *key_file;
} wok_http_tls_certificate;

/** How TLS is spoken; zero means the default everywhere. */
typedef struct wok_http_tls_options {
    /** At least one.  A client that names a host gets the first whose names fit, others the first; of
     *  certificates for the same names, with keys of different kinds, the one that it can verify. */
    const wok_http_tls_certificate *certificates;
    size_t certificate_count;
    /** Files of certificates in PEM form; with any, only clients are served whose certificate leads to one
     *  of them. */
    const char *const *client_ca_files;
    size_t client_ca_count;
    /** Files of OCSP responses in DER form, each about one of the certificates, which it names itself; given to
     *  clients that ask for it, until it expires. */
    const char *const *ocsp_files;
    size_t ocsp_file_count;
} wok_http_tls_options;

/** Certificates at most. */
enum { WOK_HTTP_TLS_CERTIFICATES_MAX = 16 };

/**
 * Reads certificates, keys and OCSP responses, and checks that they belong together and are valid now.
 *
 * It blocks while it reads: on a worker it is called at the start only, later on the blocking pool.
 *
 * Errors:     0; -EINVAL: a file is missing, cannot be read, or is not what it should be; -ENOMEM;
 *             -EMFILE, -ENFILE.  `why` then holds one line: the file, the reason, the cure.
 * Ownership:  returns owned: wok_http_tls_unref().  Borrows the options until it returns.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_http_tls_new(wok_http_tls **ret_tls, const wok_http_tls_options *options, char *why,
                     size_t why_size);

/**
 * Gives a reference back; NULL is fine.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_http_tls_unref(wok_http_tls *tls);

/**
 * What handshakes that begin from here on use; those under way and open connections keep what they have.
 *
 * Ownership:  takes the reference.
 * Threads:    any, until the server is freed.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_http_server_use_tls(wok_http_server *server, wok_http_tls *tls);

/**
 * As wok_http_server_listen(), and TLS is spoken on what it accepts.
 *
 * Errors:     as wok_http_server_listen(); -EINVAL before wok_http_server_use_tls().
 * Ownership:  borrows `address` until it returns; `ret_port` may be NULL.
 * Threads:    as wok_http_server_listen().
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_http_server_listen_tls(wok_http_server *server, const char *address, uint16_t port,
                               uint16_t *ret_port);

WOK_END_DECLS

#endif
