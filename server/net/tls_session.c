/*
 * tls_session.c - one connection's TLS: OpenSSL between a stream and who polls it.
 *
 * OpenSSL reads and writes through a BIO of ours, which tries the stream with the context of the poll
 * that is under way.  A try that has to wait registers the polling task itself, so whatever OpenSSL was
 * about to do, a read that has to write first included, its "retry" is our -EAGAIN, and nothing needs to
 * be kept about which direction is waited for.  Memory BIOs would copy every byte once more, and leave
 * to us to move what OpenSSL has to say on its own account (alerts, tickets, key updates).
 *
 * Invariants
 *   T1  OpenSSL is called from polls of one task only, one at a time; `cx` is set exactly then.
 *   T2  the error queue, which is the thread's and not the session's, is emptied before each call:
 *       what another connection left there would be taken for this one's failure.
 *   T3  after a failure OpenSSL is not called again.
 *   T4  a permit is held by sessions with bytes to work on only, never while waiting for the peer.
 *
 * Turns
 *   A handshake is some hundred microseconds of signing which nothing can interrupt, and after a burst of
 *   connections the run queue is full of them: whoever comes behind would wait for them all.  So a
 *   handshake makes a step only with one of a few permits, and keeps it until it is polled again, which
 *   is behind everything that was in the queue by then.  The others wait in line for a permit, off the
 *   queue.  In one round of the queue there are so at most as many steps as there are permits.
 */
#include "net/tls.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>

/* A ClientHello has some 300 to 1,800 bytes; what is behind them is read as it is needed. */
enum { EARLY_BYTES = 2048 };

/* ---- the stream as a BIO --------------------------------------------------------------------------- */

static int take_early(struct wok__tls *tls, char *buffer, size_t size)
{
    size_t left = tls->early_size - tls->early_taken;

    if (size > left)
        size = left;
    memcpy(buffer, tls->early + tls->early_taken, size);
    tls->early_taken += size;
    if (size == left)
        free(WOK_TAKE(tls->early));
    return (int)size;
}

static int note_first(struct wok__tls *tls, const char *bytes, int size)
{
    for (int i = 0; i < size && tls->first_size < sizeof tls->first; i++)
        tls->first[tls->first_size++] = bytes[i];
    return size;
}

static int bio_read(BIO *bio, char *buffer, int size)
{
    struct wok__tls *tls = BIO_get_data(bio);
    ssize_t got;

    BIO_clear_retry_flags(bio);
    if (tls->early != NULL)
        return note_first(tls, buffer, take_early(tls, buffer, (size_t)size));
    got = wok_stream_recv_poll(tls->stream, tls->cx, buffer, (size_t)size);
    if (got > 0)
        return note_first(tls, buffer, (int)got);
    if (got == -EAGAIN) {
        tls->wants_write = false;
        BIO_set_retry_read(bio);
        return -1;
    }
    tls->ended = got == 0;
    tls->error = (int)got;
    return got == 0 ? 0 : -1;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
    struct wok__tls *tls = BIO_get_data(bio);
    struct iovec piece = {(void *)bytes, (size_t)size};
    ssize_t sent = wok_stream_send_poll(tls->stream, tls->cx, &piece, 1);

    BIO_clear_retry_flags(bio);
    if (sent >= 0) {
        tls->handed += (uint64_t)sent;
        return (int)sent;
    }
    if (sent == -EAGAIN) {
        tls->wants_write = true;
        BIO_set_retry_write(bio);
    } else {
        tls->error = (int)sent;
    }
    return -1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    const struct wok__tls *tls = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: /* nothing is held back here */
        return 1;
    case BIO_CTRL_EOF:
        return tls->ended;
    default:
        return 0;
    }
}

static BIO_METHOD *method; /* constant once made; lives as long as the process */
static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;

static void make_method(void)
{
    BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wok stream");

    if (made == NULL)
        return;
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_ctrl);
    method = made;
}

static BIO *stream_bio(struct wok__tls *tls)
{
    BIO *bio;

    if (!CRYPTO_THREAD_run_once(&method_once, make_method) || method == NULL)
        return NULL;
    bio = BIO_new(method);
    if (bio == NULL)
        return NULL;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    return bio;
}

/* ---- life ------------------------------------------------------------------------------------------ */

struct wok__tls *wok__tls_new(wok_http_tls *context, wok_stream *stream, wok_semaphore *turns)
{
    struct wok__tls *tls = calloc(1, sizeof *tls);

    if (tls == NULL) {
        wok_http_tls_unref(context);
        return NULL;
    }
    tls->context = context;
    tls->stream = stream;
    tls->turns = turns;
    return tls;
}

static void give_turn_back(struct wok__tls *tls)
{
    if (tls->has_turn)
        wok_semaphore_release(tls->turns, 1);
    tls->has_turn = tls->has_stepped = false;
}

void wok__tls_free(struct wok__tls *tls)
{
    if (tls == NULL)
        return;
    wok_op_drop(&tls->turn);
    give_turn_back(tls);
    SSL_free(tls->ssl);
    free(tls->early);
    wok_http_tls_unref(tls->context);
    free(tls);
}

/* The first bytes are there. */
static int begin_session(struct wok__tls *tls)
{
    BIO *bio = stream_bio(tls);

    tls->ssl = bio == NULL ? NULL : SSL_new(tls->context->contexts[0]);
    if (tls->ssl == NULL) {
        BIO_free(bio);
        return -ENOMEM;
    }
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_accept_state(tls->ssl);
    return 0;
}

/* ---- calls into OpenSSL ---------------------------------------------------------------------------- */

static void begin_call(struct wok__tls *tls, wok_cx *cx)
{
    ERR_clear_error(); /* T2 */
    tls->cx = cx;
}

/* What a call that did not succeed means: -EAGAIN, 0 for the peer's close_notify, or an error. */
static int end_call(struct wok__tls *tls, int code)
{
    tls->cx = NULL;
    switch (SSL_get_error(tls->ssl, code)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        tls->state = WOK__TLS_FAILED;
        return tls->error < 0 ? tls->error : -ECONNRESET;
    default:
        tls->state = WOK__TLS_FAILED;
        return -EPROTO;
    }
}

/* ---- the handshake --------------------------------------------------------------------------------- */

/* 0: there is something to make a step with, or -EAGAIN, or an error. */
static int have_bytes(struct wok__tls *tls, wok_cx *cx)
{
    char first[EARLY_BYTES];
    ssize_t got;

    if (tls->early != NULL || tls->wants_write)
        return 0;
    if (tls->ssl != NULL)
        return (int)wok_stream_recv_poll(tls->stream, cx, NULL, 0);
    /* Readiness alone says nothing of a stream that is new: it is to be tried. */
    got = wok_stream_recv_poll(tls->stream, cx, first, sizeof first);
    if (got <= 0)
        return got < 0 ? (int)got : -ECONNRESET;
    tls->early = malloc((size_t)got);
    if (tls->early == NULL)
        return -ENOMEM;
    memcpy(tls->early, first, (size_t)got);
    tls->early_size = (size_t)got;
    return 0;
}

/* 0: a step may be made; -EAGAIN: it has to wait for its turn. */
static int take_turn(struct wok__tls *tls, wok_cx *cx)
{
    int code;

    if (tls->has_turn)
        return 0;
    if (tls->turn.vtable == NULL)
        tls->turn = wok_semaphore_acquire_op(tls->turns, 1);
    code = wok_op_poll(&tls->turn, cx);
    if (code == WOK_PENDING)
        return -EAGAIN;
    wok_op_drop(&tls->turn);
    tls->turn = (wok_op){.vtable = NULL};
    tls->has_turn = code == 0;
    return code;
}

/* OpenSSL tells the first four of these from noise, and sends an alert to none: so can we, the others too. */
bool wok__tls_asks_in_clear(const struct wok__tls *tls)
{
    static const char methods[][sizeof tls->first + 1] = {
        "GET ", "HEAD ", "POST ", "PUT ", "DELET", "OPTIO", "PATCH", "CONNE", "TRACE"};

    for (size_t i = 0; i < WOK_COUNT(methods); i++) {
        size_t size = strlen(methods[i]);
        if (tls->first_size >= size && memcmp(tls->first, methods[i], size) == 0)
            return true;
    }
    return false;
}

static int step(struct wok__tls *tls, wok_cx *cx)
{
    int code;

    if (tls->ssl == NULL && (code = begin_session(tls)) < 0)
        return code;
    begin_call(tls, cx);
    code = SSL_do_handshake(tls->ssl);
    if (code == 1) {
        tls->cx = NULL;
        tls->state = WOK__TLS_ESTABLISHED;
        SSL_set_tlsext_status_ocsp_resp(tls->ssl, NULL, 0); /* sent; OpenSSL would keep its copy */
        wok_http_tls_unref(WOK_TAKE(tls->context));
        return 0;
    }
    code = end_call(tls, code);
    return code == 0 ? -EPROTO : code;
}

int wok__tls_handshake(struct wok__tls *tls, wok_cx *cx)
{
    int code;

    if (tls->has_stepped) /* a round of the queue ago */
        give_turn_back(tls);
    if (tls->state == WOK__TLS_FAILED)
        return -EPROTO;
    if ((code = have_bytes(tls, cx)) < 0 || (code = take_turn(tls, cx)) < 0)
        return code;
    code = step(tls, cx);
    if (code == -EAGAIN) {
        tls->has_stepped = true;
        wok_cx_yield(cx); /* to give the turn back behind those who are in the queue now */
    } else {
        give_turn_back(tls); /* the last step signs nothing */
    }
    return code;
}

/* ---- bytes ----------------------------------------------------------------------------------------- */

ssize_t wok__tls_recv(struct wok__tls *tls, wok_cx *cx, void *buffer, size_t size)
{
    size_t got = 0;
    int code;

    if (tls->state != WOK__TLS_ESTABLISHED)
        return -EPROTO;
    if (size == 0) /* what has been read from the stream already raises no event */
        return SSL_has_pending(tls->ssl) ? 0 : wok_stream_recv_poll(tls->stream, cx, buffer, 0);
    begin_call(tls, cx);
    code = SSL_read_ex(tls->ssl, buffer, size, &got);
    if (code != 1)
        return end_call(tls, code);
    tls->cx = NULL;
    return (ssize_t)got;
}

ssize_t wok__tls_send(struct wok__tls *tls, wok_cx *cx, const struct iovec *pieces, int count)
{
    size_t sent = 0;
    int code;

    if (tls->state != WOK__TLS_ESTABLISHED)
        return -EPROTO;
    while (count > 0 && pieces->iov_len == 0)
        pieces++, count--;
    if (count == 0)
        return 0;
    begin_call(tls, cx);
    code = SSL_write_ex(tls->ssl, pieces->iov_base, pieces->iov_len, &sent);
    if (code != 1) {
        code = end_call(tls, code);
        return code == 0 ? -EPIPE : code;
    }
    tls->cx = NULL;
    return (ssize_t)sent;
}

int wok__tls_say_goodbye(struct wok__tls *tls, wok_cx *cx)
{
    int code;

    if (tls->state != WOK__TLS_ESTABLISHED || tls->said_goodbye)
        return 0;
    begin_call(tls, cx);
    code = SSL_shutdown(tls->ssl);
    if (code < 0 && end_call(tls, code) == -EAGAIN)
        return -EAGAIN;
    tls->cx = NULL;
    tls->said_goodbye = true;
    return 0;
}
