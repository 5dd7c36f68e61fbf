/*
 * busy.c - which part of the last quarter of a minute each worker was busy.
 *
 * A task notes once a second how long each worker has been busy in all; a ratio is the difference between now
 * and the oldest note of the window, over the time between.  So it is the same for all who ask, however often
 * they do.  The runtime counts at the end of a worker's turn: what one poll takes shows when it is over.
 */
#include "busy.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <wok/metrics.h>
#include <wok/runtime.h>

struct note {
    wok_instant at;
    uint64_t *busy_ns; /* of each worker */
};

struct wok__busy {
    unsigned workers;     /* constant */
    pthread_mutex_t lock; /* guards the rest */
    uint64_t count;       /* of notes ever made */
    struct note notes[WOK__BUSY_WINDOW_S];
    uint64_t busy_ns[];
};

static uint64_t busy_ns_of(unsigned worker)
{
    wok_worker_metrics metrics = {0};

    (void)wok_worker_metrics_get(NULL, worker, &metrics);
    return metrics.busy_ns;
}

static void take_note(struct wok__busy *busy)
{
    struct note *note = &busy->notes[busy->count % WOK__BUSY_WINDOW_S];

    pthread_mutex_lock(&busy->lock);
    note->at = wok_now();
    for (unsigned i = 0; i < busy->workers; i++)
        note->busy_ns[i] = busy_ns_of(i);
    busy->count++;
    pthread_mutex_unlock(&busy->lock);
}

typedef struct wok__busy *busy_ref;
WOK_TASK(watch_workers, busy_ref, int);

static int watch_workers(busy_ref *args, int *result)
{
    do
        take_note(*args);
    while ((*result = wok_sleep(wok_seconds(1))) == 0);
    return *result;
}

int wok__busy_start(struct wok__busy **ret_busy, wok_join *ret_task)
{
    unsigned workers = wok_runtime_workers(wok_runtime_current());
    size_t numbers = (size_t)WOK__BUSY_WINDOW_S * workers;
    struct wok__busy *busy = calloc(1, sizeof *busy + numbers * sizeof busy->busy_ns[0]);

    if (busy == NULL)
        return -ENOMEM;
    busy->workers = workers;
    pthread_mutex_init(&busy->lock, NULL);
    for (size_t i = 0; i < WOK__BUSY_WINDOW_S; i++)
        busy->notes[i].busy_ns = &busy->busy_ns[i * workers];
    *ret_busy = busy;
    *ret_task = wok_spawn(watch_workers, busy).join;
    return 0;
}

void wok__busy_free(struct wok__busy *busy)
{
    if (busy == NULL)
        return;
    pthread_mutex_destroy(&busy->lock);
    free(busy);
}

bool wok__busy_ratio(struct wok__busy *busy, unsigned worker, double *ret_ratio)
{
    wok_instant now = wok_now();
    struct note oldest = {.at = now};
    uint64_t before = 0, busy_ns = busy_ns_of(worker);

    if (worker >= busy->workers)
        return false;
    pthread_mutex_lock(&busy->lock);
    if (busy->count > 0) {
        oldest =
            busy->notes[busy->count < WOK__BUSY_WINDOW_S ? 0 : busy->count % WOK__BUSY_WINDOW_S];
        before = oldest.busy_ns[worker];
    }
    pthread_mutex_unlock(&busy->lock);
    if (now.ns <= oldest.at.ns)
        return false;
    double ratio = (double)(busy_ns - before) / (double)(now.ns - oldest.at.ns);
    *ret_ratio = ratio < 1 ? ratio : 1;
    return true;
}
