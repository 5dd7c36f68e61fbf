/*
 * work.h - what a connection needs only while it has something to do.
 *
 * An idle connection holds none: it is given back when everything received has been answered and
 * sent, and taken again when the kernel says that there are bytes.
 */
#ifndef WOK_SERVER_CONN_WORK_H
#define WOK_SERVER_CONN_WORK_H

#include <wok/task.h>

#include "conn/exchange.h"
#include "http/h1_decoder.h"

enum {
    WOK__INPUT_INLINE = 4096,  /* what one recv asks for */
    WOK__OUTPUT_INLINE = 4096, /* what is gathered without a malloc */
    WOK__PIPELINE_MAX = 64,    /* a power of two; the option lies below */
};

/* One request of the pipeline, in the order of arrival. */
struct wok__slot_of_pipeline {
    struct wok_http_exchange *exchange;
    wok_join join; /* task == NULL: the answer is ready */
    bool keep_alive;
    bool begun;     /* the head of its answer is at the output, and a stream writes the rest */
    bool timed_out; /* it ran past its deadline and is being aborted */
    bool given_up;  /* it ran past the drain's grace, and the log says so */
};

/* What the client has taken while there is no room for more of the output: progress.c. */
struct wok__patience {
    bool waits;         /* the rest is of the wait that goes on */
    uint64_t looked_ns; /* when these were looked at */
    uint64_t handed;    /* what TLS has handed on */
    size_t untaken;     /* what the client has not taken */
};

struct wok__work {
    struct wok__h1_decoder decoder;
    struct wok_http_exchange *incoming; /* being received, or NULL */
    bool in_head;        /* the decoder is before HEAD: its bytes stay at message_begin */
    bool failed;         /* nothing more is parsed: an error was answered */
    bool wants_continue; /* a client waits for "100 Continue" */
    struct wok__bytes input;
    size_t message_begin, parsed; /* of the input: where the message begins, what the decoder had */
    struct wok__bytes output;
    size_t sent;
    struct wok__patience patience;
    uint64_t compressed; /* text of streams, in this poll */
    struct wok__slot_of_pipeline pipeline[WOK__PIPELINE_MAX];
    uint32_t first, last; /* counters that wrap: [first, last) */
    uint8_t peer_size;    /* 0: not asked yet */
    char peer[64];
    char input_inline[WOK__INPUT_INLINE];
    char output_inline[WOK__OUTPUT_INLINE];
};

struct wok__work *wok__work_new(wok_http_server *server);
/* Gives it back; the pipeline is empty. */
void wok__work_free(wok_http_server *server, struct wok__work *work);

static inline uint32_t wok__work_running(const struct wok__work *work)
{
    return work->last - work->first;
}

/* Bytes that wait to be sent. */
static inline size_t wok__work_unsent(const struct wok__work *work)
{
    return work->output.size - work->sent;
}

static inline struct wok__slot_of_pipeline *wok__work_slot(struct wok__work *work, uint32_t at)
{
    return &work->pipeline[at % WOK__PIPELINE_MAX];
}

/* Moves what is unsent to the front of the output, so that more behind it needs no larger block. */
void wok__work_compact_output(struct wok__work *work);

/* Room for the next recv: at least `*ret_size` bytes, which may be a kilobyte or more; NULL: none. */
char *wok__work_input_room(struct wok__work *work, size_t *ret_size);

#endif
