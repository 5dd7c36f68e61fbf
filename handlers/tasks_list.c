/*
 * tasks_list.c - GET /tasks: {"alive": N, "kept": N, "tasks": [...]}, of as many as there are.
 *
 * A short list is written at once.  A long one is a stream that goes from id to id through the registry while
 * the client takes it, and holds nothing of it: 150 bytes for each client, however many tasks there are.
 *
 * Its length has to be said before, and meanwhile tasks end and are forgotten.  So it is the most that the
 * entries of the moment can take, which the registry knows as a sum, and what is left over at the end
 * becomes spaces in front of the last brackets, where JSON does not mind them: some bytes for each task that
 * was alive, and the whole entry of one that was forgotten before its turn came.
 *
 * What the list promises: it has each task once that existed when it was asked for and has not been forgotten
 * before its turn, in the order of their ids, as it was when its piece was written; and no younger one.
 */
#include <stdlib.h>

#include "handlers.h"
#include "tasks.h"

enum {
    WHOLE_MAX = 16 << 10, /* of a list that is written at once */
    PIECE = 6000,         /* with the entry that reaches it below 8 KiB */
};

static const char closing[] = "]}\n";

struct list {
    struct wok__registry *registry;
    struct wok__registry_figures figures;
    struct wok__json json; /* it goes on in the next piece */
    uint64_t next_id, last_id;
    uint64_t body_bytes;
    bool opened;
    bool all; /* no entry is left: spaces, and the end */
};

static void put_opening(struct wok__json *json, const struct wok__registry_figures *figures)
{
    wok__json_open(json, '{');
    wok__json_key(json, "alive");
    wok__json_number(json, figures->alive);
    wok__json_key(json, "kept");
    wok__json_number(json, figures->kept);
    wok__json_key(json, "tasks");
    wok__json_open(json, '[');
}

/* Entries until they have `size` bytes; false: there are no more. */
static bool put_entries(struct list *list, uint64_t size)
{
    uint64_t end = wok__json_count(&list->json) + size;
    struct wok__view view;

    while (wok__json_count(&list->json) < end) {
        if (!wok__detached_next(list->registry, list->next_id, list->last_id, &view))
            return false;
        list->next_id = view.id + 1;
        wok__task_put_entry(&list->json, &view);
    }
    return true;
}

static void put_spaces(wok_http_exchange *exchange, size_t size)
{
    char *room = size > 0 ? wok_http_response_reserve(exchange, size) : NULL;

    if (room == NULL)
        return; /* if that was for want of memory, the exchange has noted it */
    memset(room, ' ', size);
    wok_http_response_commit(exchange, size);
}

static bool list_next(void *state, wok_http_exchange *exchange)
{
    struct list *list = state;
    uint64_t end = list->json.counted + PIECE, left;
    size_t spaces;

    list->json.exchange = exchange;
    if (!list->opened)
        put_opening(&list->json, &list->figures);
    list->opened = true;
    if (!list->all)
        list->all = !put_entries(list, PIECE);
    wok__json_pause(&list->json);
    if (!list->all)
        return true;
    left = list->body_bytes - list->json.counted - (sizeof closing - 1);
    spaces = list->json.counted < end ? (size_t)(end - list->json.counted) : 0;
    if (left <= spaces)
        spaces = (size_t)left;
    put_spaces(exchange, spaces);
    list->json.counted += spaces;
    if (left > spaces)
        return true;
    (void)wok_http_response_append(exchange, (wok_slice){closing, sizeof closing - 1});
    return false;
}

static uint64_t list_length(void *state)
{
    return ((const struct list *)state)->body_bytes;
}

static const wok_http_stream_vtable list_vtable = {list_next, list_length, free};

static void answer_bit_by_bit(wok_http_exchange *exchange, const struct list *given)
{
    struct list *list = malloc(sizeof *list);

    if (list == NULL) {
        wok__refuse_memory(exchange);
        return;
    }
    *list = *given;
    wok_http_response_stream(
        exchange,
        &(wok_http_stream){.vtable = &list_vtable, .state = list, .state_bytes = sizeof *list});
}

/* All that it can take: between two entries are two bytes. */
static uint64_t body_bytes_of(const struct list *list, const struct wok__registry_extent *extent)
{
    struct wok__json json = wok__json_begin_count();

    put_opening(&json, &list->figures);
    return wok__json_count(&json) + extent->entry_bytes + 2 * extent->count + sizeof closing - 1;
}

void wok__tasks_answer_list(wok_http_exchange *exchange, struct wok__registry *registry)
{
    struct wok__registry_extent extent;
    struct list list = {.registry = registry, .next_id = 1};

    wok__registry_extent(registry, &extent);
    wok__registry_figures(registry, &list.figures);
    list.last_id = extent.last_id;
    list.body_bytes = body_bytes_of(&list, &extent);
    wok_http_respond(exchange, 200, WOK__JSON_TYPE);
    if (list.body_bytes > WHOLE_MAX) {
        answer_bit_by_bit(exchange, &list);
        return;
    }
    list.json = wok__json_begin(exchange);
    put_opening(&list.json, &list.figures);
    (void)put_entries(&list, WHOLE_MAX);
    wok__json_close(&list.json, ']');
    wok__json_close(&list.json, '}');
    wok__json_end(&list.json);
}
