/*
 * tls.h - TLS on a stream, for a stackless task.
 */
#ifndef WOK_SERVER_NET_TLS_H
#define WOK_SERVER_NET_TLS_H

#include <errno.h>
#include <stdbool.h>

#include <wok/net.h>
#include <wok/semaphore.h>

#include <openssl/ssl.h>

#include <wok/http/tls.h>

#include "platform/atomic.h"

/* ---- tls_context.c, tls_files.c, tls_ocsp.c: what handshakes are made with ---------------------------------- */

/* An OCSP response, as clients get it. */
struct wok__tls_staple {
    const X509 *certificate; /* a context's: which it is about */
    unsigned char *bytes;
    size_t size;
    int64_t until;   /* seconds since 1970 */
    atomic_u32 told; /* 1: that it has expired was logged; relaxed, since nothing hangs on it */
    char *file;
};

struct wok_http_tls {
    atomic_u32 refs; /* [tls.refs] whoever made it, the server, and each handshake under way */
    size_t count;
    SSL_CTX *contexts
        [WOK_HTTP_TLS_CERTIFICATES_MAX]; /* one for each set of names; the first is the default */
    size_t staple_count;
    struct wok__tls_staple staples[WOK_HTTP_TLS_CERTIFICATES_MAX];
};

void wok__tls_context_ref(wok_http_tls *tls);

/* A file being read, and where the line goes that says why it does not do. */
struct wok__tls_reading {
    const char *file;
    char *why;
    size_t why_size;
};

/* Writes the line, the file in front, and returns the error. */
__attribute__((format(printf, 3, 4))) int wok__tls_fail(struct wok__tls_reading *reading, int error,
                                                        const char *format, ...);

/* The whole file in memory; NULL: the line says why, and `ret_error` what. */
BIO *wok__tls_slurp(struct wok__tls_reading *reading, const char *file, int *ret_error);

/* What OpenSSL thinks of it. */
const char *wok__tls_reason(void);

/* "Jun  1 12:00:00 2024 GMT" */
void wok__tls_format_time(const ASN1_TIME *time, char *text, int size);

/* Reads the pair into the context: 0, or a negative errno and the line why. */
int wok__tls_read_pair(SSL_CTX *context, const wok_http_tls_certificate *pair, char *why,
                       size_t why_size);

/* Clients have to show a certificate that one of the file's has signed; results as above. */
int wok__tls_read_client_ca(SSL_CTX *context, const char *file, char *why, size_t why_size);

/* An OCSP response about one of the certificates, which have been read; results as above. */
int wok__tls_read_ocsp(wok_http_tls *tls, const char *file, char *why, size_t why_size);
void wok__tls_staples_free(wok_http_tls *tls);

/* From here on clients that ask are given what has been read. */
void wok__tls_staple(wok_http_tls *tls);

/* ---- tls_session.c: a connection's ---------------------------------------------------------------- */

enum wok__tls_state {
    WOK__TLS_OPENING,     /* the handshake is not over */
    WOK__TLS_ESTABLISHED, /* bytes go both ways */
    WOK__TLS_FAILED,      /* OpenSSL must not be called any more */
};

struct wok__tls {
    enum wok__tls_state state;
    bool wants_write;  /* the last wait was for room to send */
    bool ended;        /* the stream's end was seen */
    bool has_turn;     /* it holds a permit of `turns`; kept for one round of the run queue */
    bool has_stepped;  /* with the permit that it holds */
    bool said_goodbye; /* our close_notify was sent, or cannot be */
    uint8_t first_size;
    char first[5];   /* of the stream: all that OpenSSL looks at before it gives up on a stranger */
    int error;       /* the stream's last error */
    uint64_t handed; /* bytes that the stream took, parts of records included */
    SSL *ssl;        /* NULL until the first bytes come: who says nothing costs nothing */
    wok_stream *stream; /* the connection's */
    wok_cx *cx;         /* during a call into OpenSSL */
    char *early;        /* the first bytes, until OpenSSL has taken them */
    size_t early_size, early_taken;
    wok_http_tls *context; /* until the handshake is over */
    wok_semaphore *turns;  /* the server's */
    wok_op turn;           /* waiting for a permit, while the vtable is set */
};

/* A session of its own on the stream, which is borrowed until wok__tls_free(); it takes the context's
 * reference, also on failure.  NULL: no memory. */
struct wok__tls *wok__tls_new(wok_http_tls *context, wok_stream *stream, wok_semaphore *turns);

/* Says nothing to the peer; NULL is fine. */
void wok__tls_free(struct wok__tls *tls);

static inline bool wok__tls_is_established(const struct wok__tls *tls)
{
    return tls->state == WOK__TLS_ESTABLISHED;
}

/* 0 when the handshake is over, -EAGAIN, -EPROTO when it failed (the peer was told why), or what the
 * stream said. */
int wok__tls_handshake(struct wok__tls *tls, wok_cx *cx);

/* After -EPROTO.  True: the peer speaks HTTP in clear, and has been sent nothing. */
bool wok__tls_asks_in_clear(const struct wok__tls *tls);

/* transport.h says what they do. */
ssize_t wok__tls_recv(struct wok__tls *tls, wok_cx *cx, void *buffer, size_t size);
ssize_t wok__tls_send(struct wok__tls *tls, wok_cx *cx, const struct iovec *pieces, int count);

/* Sends close_notify, once: 0, or -EAGAIN.  Nothing may be sent after it. */
int wok__tls_say_goodbye(struct wok__tls *tls, wok_cx *cx);

#endif
