/*
 * detached.c - the registry of detached tasks: one record for each that lives, or has ended not long ago.
 *
 * Records lie in one array, in the order of their ids, which only grow: so an id is found by halving, and a
 * list goes on from an id whatever has come and gone meanwhile, without anything of the registry's in its
 * hands.  What is forgotten leaves an empty slot; the array is closed up when it is full and half of it is
 * empty, else it doubles.  The ended ones are also in a queue, the oldest first.
 *
 * One mutex guards all of it, and is held for a search and a copy, never while something is formatted, waits
 * or is spawned; the longest is closing up the array, 16 bytes for each record once in as many starts.  A
 * record is written by who holds it, so nothing in here is atomic.
 *
 * Invariants (the lock)
 *   D1  a record is SCHEDULED, then RUNNING, then one of the three ends, each at most once, and never back.
 *   D2  `alive` counts the first two, `kept` the others in the registry; alive <= alive_max, kept <= KEPT_MAX.
 *   D3  `entry_bytes` is the sum of those of the records in the registry.  A record's own is what its entry
 *       in a list takes at most: it is set to the most when it comes, and only falls, at the end.
 *   D4  a record is freed with its last reference (the registry's, its task's, its watcher's, and one for
 *       each call that waits), its live part with its last user (the same but for the registry), and not
 *       before the end.
 *
 * Who waits for an end builds the operation under the lock, before it gives it back, and the end is written
 * under it before anybody is notified: so none is missed.  An abort that is asked for before the task was
 * spawned is seen by who spawns it.
 *
 * Ended ones are forgotten by those who come by, not by a timer: what is older than ten minutes is never
 * shown, and what lies there until then is at most as much as may lie there anyway.
 */
#include "detached.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <wok/runtime.h>

#include "detached_record.h"

enum { SLOTS_FIRST = 64, FORGET_AT_ONCE = 64 };

const char *const wok__detached_kinds[] = {"fetch", "hash", NULL};
const char *const wok__detached_states[] = {"scheduled", "running", "finished", "panicked",
                                            "cancelled"};

/* ---- the registry ---------------------------------------------------------------------------------- */

int wok__registry_new(struct wok__registry **ret_registry, size_t alive_max)
{
    /* Hashes have the processor for themselves as long as they run: half the workers' number of threads
     * leaves the workers theirs. */
    wok_blocking_pool_options pool = {
        .name = "hash", .threads_max = (wok_runtime_workers(wok_runtime_current()) + 1) / 2};
    struct wok__registry *registry = calloc(1, sizeof *registry);
    int error;

    if (registry == NULL)
        return -ENOMEM;
    registry->alive_max = alive_max;
    registry->idle = (wok_notify)WOK_NOTIFY_INIT;
    registry->youngest = &registry->oldest;
    pthread_mutex_init(&registry->lock, NULL);
    error = wok__stop_new(WOK_NEVER, &registry->stop);
    if (error == 0)
        error = wok_blocking_pool_new(&registry->pool, NULL, &pool);
    if (error < 0) {
        wok__registry_free(registry);
        return error;
    }
    *ret_registry = registry;
    return 0;
}

static void record_free(struct wok__detached *record)
{
    if (record->state == WOK__STATE_PANICKED || record->state == WOK__STATE_CANCELLED)
        free(record->error);
    free(record->live);
    free(record);
}

void wok__registry_free(struct wok__registry *registry)
{
    if (registry == NULL)
        return;
    for (size_t i = registry->first; i < registry->end; i++)
        if (registry->slots[i].task != NULL)
            record_free(registry->slots[i].task);
    free(registry->slots);
    wok__stop_sender_drop(&registry->stop);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

void wok__registry_figures(struct wok__registry *registry, struct wok__registry_figures *ret)
{
    pthread_mutex_lock(&registry->lock);
    *ret = (struct wok__registry_figures){.alive = registry->alive,
                                          .kept = registry->kept,
                                          .started = registry->last_id,
                                          .refused = registry->refused};
    pthread_mutex_unlock(&registry->lock);
}

/* ---- slots, under the lock -------------------------------------------------------------------------- */

/* The place of the first id that is not below `id`. */
static size_t place_of(const struct wok__registry *registry, uint64_t id)
{
    size_t low = registry->first, high = registry->end;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (registry->slots[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void close_up(struct wok__registry *registry)
{
    size_t to = 0;

    for (size_t from = registry->first; from < registry->end; from++)
        if (registry->slots[from].task != NULL)
            registry->slots[to++] = registry->slots[from];
    registry->first = 0;
    registry->end = to;
}

static bool make_room(struct wok__registry *registry)
{
    size_t capacity = registry->capacity != 0 ? 2 * registry->capacity : SLOTS_FIRST;
    struct wok__slot *slots;

    if (registry->end < registry->capacity)
        return true;
    if (registry->filled < registry->capacity / 2) {
        close_up(registry);
        return true;
    }
    slots = realloc(registry->slots, capacity * sizeof *slots);
    if (slots == NULL)
        return false;
    registry->slots = slots;
    registry->capacity = capacity;
    return true;
}

static bool is_alive(const struct wok__detached *record)
{
    return record->state == WOK__STATE_SCHEDULED || record->state == WOK__STATE_RUNNING;
}

static bool is_past(const struct wok__detached *record, wok_instant now)
{
    wok_instant end = wok_instant_after(record->begin, record->elapsed);

    return !is_alive(record) && now.ns >= wok_instant_after(end, wok_ms(WOK__DETACHED_KEPT_MS)).ns;
}

static struct wok__detached *find(const struct wok__registry *registry, uint64_t id)
{
    size_t place = place_of(registry, id);
    bool found = place < registry->end && registry->slots[place].id == id;

    return found ? registry->slots[place].task : NULL;
}

/* Takes the oldest of the ended ones out; the registry's reference goes to the caller. */
static struct wok__detached *take_oldest(struct wok__registry *registry)
{
    struct wok__detached *record = registry->oldest;

    registry->oldest = record->next_ended;
    if (registry->oldest == NULL)
        registry->youngest = &registry->oldest;
    registry->kept--;
    registry->filled--;
    registry->entry_bytes -= record->entry_bytes;
    registry->slots[place_of(registry, record->id)].task = NULL;
    while (registry->first < registry->end && registry->slots[registry->first].task == NULL)
        registry->first++;
    return record;
}

/* ---- references ------------------------------------------------------------------------------------- */

void wok__detached_unref(struct wok__registry *registry, struct wok__detached *record)
{
    bool last;

    pthread_mutex_lock(&registry->lock);
    last = --record->refs == 0;
    pthread_mutex_unlock(&registry->lock);
    if (last)
        record_free(record);
}

void wok__detached_leave(struct wok__registry *registry, struct wok__detached *record)
{
    struct wok__detached_live *gone = NULL;
    wok_abort_handle abort = {NULL};

    pthread_mutex_lock(&registry->lock);
    if (--record->live->users == 0) {
        gone = WOK_TAKE(record->live);
        abort = gone->abort;
    }
    pthread_mutex_unlock(&registry->lock);
    wok_abort_handle_drop(&abort);
    free(gone);
}

/* Forgets what has been kept for long enough, a few at a time, so that nobody waits for the lock for long. */
static void forget_past(struct wok__registry *registry)
{
    struct wok__detached *past[FORGET_AT_ONCE];
    wok_instant now = wok_now();
    size_t count;

    do {
        count = 0;
        pthread_mutex_lock(&registry->lock);
        while (count < FORGET_AT_ONCE && registry->oldest != NULL && is_past(registry->oldest, now))
            past[count++] = take_oldest(registry);
        pthread_mutex_unlock(&registry->lock);
        for (size_t i = 0; i < count; i++)
            wok__detached_unref(registry, past[i]);
    } while (count == FORGET_AT_ONCE);
}

/* ---- views ------------------------------------------------------------------------------------------ */

static void look(const struct wok__detached *record, struct wok__view *ret_view)
{
    bool failed = record->state == WOK__STATE_PANICKED || record->state == WOK__STATE_CANCELLED;

    ret_view->id = record->id;
    ret_view->task = record->task;
    ret_view->kind = record->kind;
    ret_view->state = record->state;
    ret_view->elapsed = is_alive(record) ? wok_elapsed(record->begin) : record->elapsed;
    ret_view->fetch_elapsed = record->fetch_elapsed;
    ret_view->delay_ms = record->delay_ms;
    ret_view->timeout_ms = record->timeout_ms;
    ret_view->rounds = record->rounds;
    ret_view->outcome = record->outcome;
    ret_view->status = record->status;
    ret_view->given_up = record->given_up;
    ret_view->source_size = record->source_size;
    memcpy(ret_view->source, record->source, record->source_size);
    ret_view->error[0] = '\0';
    if (failed && record->error != NULL)
        memcpy(ret_view->error, record->error, strlen(record->error) + 1);
    if (record->state == WOK__STATE_FINISHED)
        memcpy(ret_view->digest, record->digest, sizeof ret_view->digest);
}

bool wok__detached_next(struct wok__registry *registry, uint64_t first, uint64_t last,
                        struct wok__view *ret_view)
{
    const struct wok__detached *found = NULL;
    wok_instant now = wok_now();

    pthread_mutex_lock(&registry->lock);
    for (size_t at = place_of(registry, first);
         found == NULL && at < registry->end && registry->slots[at].id <= last; at++) {
        found = registry->slots[at].task;
        if (found != NULL && is_past(found, now))
            found = NULL;
    }
    if (found != NULL)
        look(found, ret_view);
    pthread_mutex_unlock(&registry->lock);
    return found != NULL;
}

void wok__registry_extent(struct wok__registry *registry, struct wok__registry_extent *ret_extent)
{
    forget_past(registry);
    pthread_mutex_lock(&registry->lock);
    *ret_extent = (struct wok__registry_extent){.count = registry->filled,
                                                .last_id = registry->last_id,
                                                .entry_bytes = registry->entry_bytes};
    pthread_mutex_unlock(&registry->lock);
}

/* ---- the beginning ---------------------------------------------------------------------------------- */

static struct wok__detached *record_new(const struct wok__order *order)
{
    wok_slice tracestate = order->trace != NULL ? order->trace->tracestate : (wok_slice){NULL, 0};
    struct wok__detached *record = malloc(sizeof *record + order->source.size);
    struct wok__detached_live *live = malloc(sizeof *live + tracestate.size);

    if (record == NULL || live == NULL) {
        free(record);
        free(live);
        return NULL;
    }
    *record = (struct wok__detached){
        .live = live,
        .begin = wok_now(),
        .delay_ms = order->delay_ms,
        .timeout_ms = order->timeout_ms,
        .rounds = order->rounds,
        .kind = (uint8_t)order->kind,
        .outcome = order->outcome,
        .source_size = (uint8_t)order->source.size,
        .refs = 4, /* the registry's, the task's, its watcher's, and whoever starts it */
    };
    *live = (struct wok__detached_live){.ended = WOK_NOTIFY_INIT, .users = 3}; /* as above */
    if (order->source.size > 0)
        memcpy(record->source, order->source.data, order->source.size);
    live->source = (struct wok__source){.name = {record->source, order->source.size},
                                        .delay_ms = order->delay_ms,
                                        .outcome = order->outcome,
                                        .status = WOK__FETCH_PENDING};
    if (order->trace != NULL) {
        live->trace = *order->trace;
        if (tracestate.size > 0)
            memcpy(live->tracestate, tracestate.data, tracestate.size);
        live->trace.tracestate.data = live->tracestate;
        live->source.trace = &live->trace;
    }
    return record;
}

/* The most that its entry in a list takes, whatever it comes to, but for the digits of its id. */
static uint16_t entry_bytes_most(const struct wok__detached *record)
{
    struct wok__view view;

    look(record, &view); /* "scheduled" is as long as any */
    view.elapsed = wok_ns(UINT64_MAX);
    return (uint16_t)(wok__detached_entry_bytes(&view) - 1);
}

static uint16_t digits(uint64_t id)
{
    uint16_t count = 1;

    while ((id /= 10) > 0)
        count++;
    return count;
}

/* Takes a place and a number. */
static int admit(struct wok__registry *registry, struct wok__detached *record)
{
    int error = 0;

    pthread_mutex_lock(&registry->lock);
    if (registry->stopping)
        error = -ESHUTDOWN;
    else if (registry->alive >= registry->alive_max)
        error = -EAGAIN;
    else if (!make_room(registry))
        error = -ENOMEM;
    if (error == 0) {
        record->id = ++registry->last_id;
        record->entry_bytes = (uint16_t)(record->entry_bytes + digits(record->id));
        registry->slots[registry->end++] = (struct wok__slot){record->id, record};
        registry->filled++;
        registry->alive++;
        registry->entry_bytes += record->entry_bytes;
    }
    registry->refused += error == -EAGAIN;
    pthread_mutex_unlock(&registry->lock);
    return error;
}

int wok__detached_start(struct wok__registry *registry, const struct wok__order *order,
                        struct wok__view *ret_view)
{
    struct wok__detached *record;
    int error;

    forget_past(registry);
    record = record_new(order);
    if (record == NULL)
        return -ENOMEM;
    record->entry_bytes = entry_bytes_most(record);
    error = admit(registry, record);
    if (error < 0) {
        record_free(record);
        return error;
    }
    error = wok__detached_spawn(registry, record);
    pthread_mutex_lock(&registry->lock);
    look(record, ret_view);
    pthread_mutex_unlock(&registry->lock);
    wok__detached_leave(registry, record);
    wok__detached_unref(registry, record);
    return error;
}

bool wok__detached_begins(struct wok__registry *registry, struct wok__detached *record,
                          wok__stop_receiver *stop)
{
    wok_instant until;

    wok__stop_get(stop, &until);
    if (until.ns != WOK_NEVER.ns)
        return false;
    pthread_mutex_lock(&registry->lock);
    record->state = WOK__STATE_RUNNING;
    pthread_mutex_unlock(&registry->lock);
    return true;
}

bool wok__detached_abort_asked(struct wok__registry *registry, struct wok__detached *record)
{
    bool asked;

    pthread_mutex_lock(&registry->lock);
    asked = record->abort_asked;
    pthread_mutex_unlock(&registry->lock);
    return asked;
}

/* ---- the end ---------------------------------------------------------------------------------------- */

/* Puts it behind the others that ended; gives the one that is too many, or NULL. */
static struct wok__detached *keep(struct wok__registry *registry, struct wok__detached *record)
{
    *registry->youngest = record;
    registry->youngest = &record->next_ended;
    registry->alive--;
    registry->kept++;
    return registry->kept > WOK__DETACHED_KEPT_MAX ? take_oldest(registry) : NULL;
}

void wok__detached_end(struct wok__registry *registry, struct wok__detached *record,
                       const struct wok__end *end)
{
    const struct wok__source *source = &record->live->source;
    char *error = end->error != NULL ? strdup(end->error) : NULL;
    wok_duration elapsed = wok_elapsed(record->begin);
    struct wok__view view = {.id = record->id, .kind = record->kind, .state = end->state};
    struct wok__detached *forgotten;
    bool idle;

    view.elapsed = elapsed;
    view.rounds = record->rounds;
    view.source_size = record->source_size;
    memcpy(view.source, record->source, record->source_size);
    uint16_t entry_bytes = (uint16_t)wok__detached_entry_bytes(&view);

    pthread_mutex_lock(&registry->lock);
    record->state = (uint8_t)end->state;
    record->elapsed = elapsed;
    record->given_up = registry->stopping && end->state == WOK__STATE_CANCELLED;
    registry->given_up += record->given_up;
    if (end->state == WOK__STATE_FINISHED) { /* else its task may be there still */
        record->status = source->status;
        record->fetch_elapsed = source->elapsed;
    }
    if (end->digest != NULL)
        memcpy(record->digest, end->digest, sizeof record->digest);
    else
        record->error = error;
    registry->entry_bytes -= record->entry_bytes - entry_bytes;
    record->entry_bytes = entry_bytes;
    forgotten = keep(registry, record);
    idle = registry->alive == 0;
    pthread_mutex_unlock(&registry->lock);

    wok_notify_waiters(&record->live->ended);
    if (idle)
        wok_notify_waiters(&registry->idle);
    wok__detached_leave(registry, record);
    if (forgotten != NULL)
        wok__detached_unref(registry, forgotten);
}

/* ---- waiting for it --------------------------------------------------------------------------------- */

/* A wait, and what it holds. */
struct waiting {
    struct wok__registry *registry;
    struct wok__detached *record;
    bool uses_live;
    wok_op ended;
};

static void waiting_done(struct waiting *waiting)
{
    if (waiting->uses_live)
        wok__detached_leave(waiting->registry, waiting->record);
    if (waiting->record != NULL)
        wok__detached_unref(waiting->registry, waiting->record);
}

/* Finds it, and is told of its end from here on.  False: there is none. */
static bool waiting_begin(struct waiting *waiting, uint64_t id)
{
    struct wok__registry *registry = waiting->registry;
    struct wok__detached *record;
    wok_instant now = wok_now();

    pthread_mutex_lock(&registry->lock);
    record = find(registry, id);
    if (record != NULL && !is_past(record, now)) {
        record->refs++;
        waiting->record = record;
        waiting->uses_live = is_alive(record);
    }
    if (waiting->uses_live) {
        record->live->users++;
        waiting->ended = wok_notify_op(&record->live->ended);
    }
    pthread_mutex_unlock(&registry->lock);
    return waiting->record != NULL;
}

static void waiting_look(const struct waiting *waiting, struct wok__view *ret_view)
{
    pthread_mutex_lock(&waiting->registry->lock);
    look(waiting->record, ret_view);
    pthread_mutex_unlock(&waiting->registry->lock);
}

int wok__detached_await(struct wok__registry *registry, uint64_t id, wok_instant deadline,
                        struct wok__view *ret_view)
{
    WOK_CLEANUP(waiting_done) struct waiting waiting = {.registry = registry};

    if (!waiting_begin(&waiting, id))
        return -ENOENT;
    if (waiting.uses_live && deadline.ns > wok_now().ns &&
        wok_op_wait(&waiting.ended, deadline) == -ECANCELED)
        return -ECANCELED;
    waiting_look(&waiting, ret_view);
    return 0;
}

bool wok__detached_ask_abort(struct wok__registry *registry, uint64_t id)
{
    WOK_CLEANUP(wok_abort_handle_drop) wok_abort_handle handle = {NULL};
    struct wok__detached *record;
    bool asked = false;

    pthread_mutex_lock(&registry->lock);
    record = find(registry, id);
    if (record != NULL && is_alive(record)) {
        asked = record->abort_asked = true;
        if (record->live->abort.task != NULL)
            handle = wok_abort_handle_ref(&record->live->abort);
    }
    pthread_mutex_unlock(&registry->lock);
    if (handle.task != NULL)
        wok_abort_handle_abort(&handle);
    return asked;
}

int wok__detached_abort(struct wok__registry *registry, uint64_t id, struct wok__view *ret_view)
{
    WOK_CLEANUP(waiting_done) struct waiting waiting = {.registry = registry};

    if (!waiting_begin(&waiting, id))
        return -ENOENT;
    if (waiting.uses_live) {
        (void)wok__detached_ask_abort(registry, id);
        if (wok_op_wait(&waiting.ended, WOK_NEVER) == -ECANCELED)
            return -ECANCELED;
    }
    waiting_look(&waiting, ret_view);
    return waiting.uses_live ? 0 : -EALREADY;
}
