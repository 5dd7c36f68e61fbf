/*
 * work.c - what a connection needs only while it has something to do.
 */
#include "conn/work.h"

#include <string.h>

#include "conn/local.h"

struct wok__work *wok__work_new(wok_http_server *server)
{
    struct wok__work *work = wok__local_take(server, WOK__POOL_WORKS);

    if (work == NULL)
        return NULL;
    /* Not the decoder, which begins with each message, and not the buffers. */
    work->incoming = NULL;
    work->in_head = work->failed = work->wants_continue = false;
    work->message_begin = work->parsed = work->sent = 0;
    work->first = work->last = 0;
    work->peer_size = 0;
    work->patience.waits = false;
    work->compressed = 0;
    work->input = (struct wok__bytes){work->input_inline,        0,
                                      sizeof work->input_inline, work->input_inline,
                                      sizeof work->input_inline, NULL};
    work->output = (struct wok__bytes){work->output_inline,        0,
                                       sizeof work->output_inline, work->output_inline,
                                       sizeof work->output_inline, NULL};
    return work;
}

void wok__work_free(wok_http_server *server, struct wok__work *work)
{
    if (work->incoming != NULL)
        wok__exchange_unref(work->incoming);
    wok__bytes_reset(&work->input);
    wok__bytes_reset(&work->output);
    wok__local_give(server, WOK__POOL_WORKS, work);
}

void wok__work_compact_output(struct wok__work *work)
{
    struct wok__bytes *output = &work->output;

    if (work->sent == 0)
        return;
    memmove(output->data, output->data + work->sent, output->size - work->sent);
    output->size -= work->sent;
    work->sent = 0;
}

char *wok__work_input_room(struct wok__work *work, size_t *ret_size)
{
    struct wok__bytes *input = &work->input;
    size_t keep = work->in_head ? work->message_begin : work->parsed;
    char *room;

    /* What the decoder no longer needs makes room; the head being received stays in one piece. */
    if (keep == input->size) {
        input->size = work->message_begin = work->parsed = 0;
    } else if (keep != 0 && input->capacity - input->size < 1024) {
        memmove(input->data, input->data + keep, input->size - keep);
        input->size -= keep;
        work->parsed -= keep;
        work->message_begin = 0;
    }
    room = wok__bytes_reserve(input, 1024);
    *ret_size = input->capacity - input->size;
    return room;
}
