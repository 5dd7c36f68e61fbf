/*
 * detached_work.c - what a detached task does, and who watches over it.
 *
 * The work is a task of its own, so that a panic ends it and nothing else: a fetch is a stackless one, a hash
 * is computed in a blocking pool of few threads, 256 rounds at a time.  A second task, stackless as well,
 * holds the join handle and writes the end down; it is the only one to end a record, and does so on every
 * path, since its drop does where its poll could not: at the runtime's shutdown, or where there was no memory
 * for it.  It costs a few hundred bytes for each task that lives; the alternative, to look at the handle when
 * somebody asks, would leave those who wait without a wake.
 */
#include <errno.h>
#include <string.h>

#include "detached_record.h"

enum { ROUNDS_AT_ONCE = 256 }; /* some 0.4 ms: an abort is noticed within that */

/* ---- a fetch ----------------------------------------------------------------------------------------- */

struct fetch {
    struct wok__registry *registry;
    struct wok__detached *record; /* a reference, and one user of its live part */
    struct wok__fetch fetch;
    wok_sleep_future timeout;
    bool begun;
};

static bool fetch_begin(struct fetch *self)
{
    wok__stop_receiver stop;
    wok_instant now = wok_now();

    wok__stop_subscribe(&self->registry->stop, &stop);
    self->begun = wok__detached_begins(self->registry, self->record, &stop);
    wok__stop_receiver_drop(&stop);
    if (!self->begun)
        return false;
    self->fetch = wok__fetch_begin(&self->record->live->source, now);
    self->timeout =
        wok_sleep_future_until(wok_instant_after(now, wok_ms(self->record->timeout_ms)));
    return true;
}

/* An answer that comes at the very end of its time is an answer. */
static wok_poll fetch_poll(void *self_, wok_cx *cx, void *result)
{
    struct fetch *self = self_;
    struct wok__source *source;

    (void)result;
    if (!self->begun && !fetch_begin(self))
        return -ECANCELED;
    if (wok__fetch_poll(&self->fetch, cx) == WOK_READY)
        return WOK_READY;
    if (wok_sleep_future_poll(&self->timeout, cx) == WOK_PENDING)
        return WOK_PENDING;
    source = self->fetch.source;
    source->status = WOK__FETCH_TIMEOUT;
    source->elapsed = wok_elapsed(self->fetch.begin);
    return WOK_READY;
}

static void fetch_drop(void *self_)
{
    struct fetch *self = self_;

    if (self->begun) {
        wok__fetch_drop(&self->fetch);
        wok_sleep_future_drop(&self->timeout);
    }
    wok__detached_leave(self->registry, self->record);
    wok__detached_unref(self->registry, self->record);
}

static const wok_future_vtable fetch_vtable = {
    .name = "fetch",
    .size = sizeof(struct fetch),
    .poll = fetch_poll,
    .drop = fetch_drop,
};

/* ---- a hash ------------------------------------------------------------------------------------------ */

struct hash_args {
    struct wok__registry *registry;
    struct wok__detached *record; /* as a fetch's */
    wok__stop_receiver stop;
};
struct digest {
    unsigned char bytes[WOK__DIGEST_BYTES];
};

static void hash_args_drop(struct hash_args *args)
{
    wok__stop_receiver_drop(&args->stop);
    wok__detached_leave(args->registry, args->record);
    wok__detached_unref(args->registry, args->record);
}

WOK_TASK_WITH_DROP(hash, struct hash_args, struct digest, hash_args_drop, NULL);

/* Aborted, or the server stops before it could be done: then what it would still compute is for nothing. */
static bool is_in_vain(struct hash_args *args, const struct wok__hash *done, wok_instant begin)
{
    wok_duration elapsed = wok_elapsed(begin);
    wok_instant until;

    if (wok__detached_abort_asked(args->registry, args->record))
        return true;
    wok__stop_get(&args->stop, &until);
    if (until.ns == WOK_NEVER.ns)
        return false;
    double left = (double)(args->record->rounds - done->done) / done->done;
    return (double)wok_now().ns + (double)elapsed.ns * left > (double)until.ns;
}

static int hash(struct hash_args *args, struct digest *result)
{
    WOK_CLEANUP(wok__hash_done) struct wok__hash hash = {.mac = NULL};
    wok_instant begin = wok_now();
    uint32_t rounds = args->record->rounds;
    int error;

    if (!wok__detached_begins(args->registry, args->record, &args->stop))
        return -ECANCELED;
    error = wok__hash_begin(&hash);
    while (error == 0 && hash.done < rounds) {
        uint32_t left = rounds - hash.done;
        if (is_in_vain(args, &hash, begin))
            return -ECANCELED;
        error = wok__hash_continue(&hash, left < ROUNDS_AT_ONCE ? left : ROUNDS_AT_ONCE);
    }
    memcpy(result->bytes, hash.digest, sizeof result->bytes);
    return error;
}

/* ---- who watches over it ----------------------------------------------------------------------------- */

struct watcher {
    struct wok__registry *registry;
    struct wok__detached
        *record; /* a reference, and one user of its live part; NULL: it has ended */
    wok_join join;
    struct digest digest;
};

static void end(struct watcher *self, const struct wok__end *end)
{
    struct wok__detached *record = WOK_TAKE(self->record);

    wok__detached_end(self->registry, record, end);
    wok__detached_unref(self->registry, record);
}

static struct wok__end end_without_value(const wok_join_error *error)
{
    struct wok__end end = {WOK__STATE_CANCELLED, NULL, NULL};

    if (error->outcome == WOK_PANICKED) {
        end.state = WOK__STATE_PANICKED;
        end.error = error->message;
    } else if (error->outcome == WOK_NOT_STARTED) {
        end.error = error->message;
    } else if (error->code == -ENOMEM) {
        end.error = "there was no memory for it";
    }
    return end;
}

static wok_poll watcher_poll(void *self_, wok_cx *cx, void *result)
{
    struct watcher *self = self_;
    struct wok__end how = {WOK__STATE_FINISHED, NULL, NULL};
    bool hashes = self->record->kind == WOK__DETACHED_HASH;
    wok_join_error error;
    wok_poll code = wok_join_poll(&self->join, cx, hashes ? &self->digest : NULL, &error);

    (void)result;
    if (code == WOK_PENDING)
        return WOK_PENDING;
    if (code < 0)
        how = end_without_value(&error);
    else if (hashes)
        how.digest = self->digest.bytes;
    end(self, &how);
    return WOK_READY;
}

/* Nobody will know how it ended: it is stopped, too. */
static void watcher_drop(void *self_)
{
    struct watcher *self = self_;

    if (self->record != NULL) {
        wok_join_abort(&self->join);
        wok_join_drop(&self->join);
        end(self, &(struct wok__end){WOK__STATE_CANCELLED, NULL, NULL});
    } else {
        wok_join_drop(&self->join);
    }
}

static const wok_future_vtable watcher_vtable = {
    .name = "detached",
    .size = sizeof(struct watcher),
    .poll = watcher_poll,
    .drop = watcher_drop,
};

/* ---- both ---------------------------------------------------------------------------------------------- */

static wok_join spawn_work(struct wok__registry *registry, struct wok__detached *record)
{
    if (record->kind == WOK__DETACHED_HASH) {
        wok__stop_receiver stop;
        wok__stop_subscribe(&registry->stop, &stop);
        return wok_spawn_blocking_in(registry->pool, hash, {registry, record, stop}).join;
    }
    struct fetch fetch = {.registry = registry, .record = record};
    return wok_spawn_future(&fetch_vtable, &fetch);
}

/* From here on it can be aborted; if somebody wanted that already, it is. */
static void publish(struct wok__registry *registry, struct wok__detached *record,
                    const wok_join *join)
{
    wok_abort_handle handle = wok_join_abort_handle(join);
    bool asked;

    pthread_mutex_lock(&registry->lock);
    record->task = wok_join_id(join);
    record->live->abort = handle;
    asked = record->abort_asked;
    pthread_mutex_unlock(&registry->lock);
    if (asked)
        wok_join_abort(join);
}

int wok__detached_spawn(struct wok__registry *registry, struct wok__detached *record)
{
    struct watcher watcher = {.registry = registry, .record = record};
    bool has_memory;
    wok_join watching;

    watcher.join = spawn_work(registry, record);
    publish(registry, record, &watcher.join);
    has_memory = wok_join_id(&watcher.join) != 0;
    watching = wok_spawn_future(&watcher_vtable, &watcher);
    has_memory = has_memory && wok_join_id(&watching) != 0;
    wok_join_drop(&watching);
    return has_memory ? 0 : -ENOMEM;
}
