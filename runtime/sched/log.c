/*
 * log.c - the event log of a runtime whose workers run by turns.
 */
#include "sched/log.h"

#include "io/sim_end.h"
#include "sched/sched.h"
#include "task/context.h"

static uint64_t mix(uint64_t hash, uint64_t word)
{
    uint64_t state = hash ^ word;

    return wok__rand_split(&state);
}

void wok__log_add(struct wok__worker *worker, wok_test_event_kind kind, const struct wok_task *task,
                  uint64_t detail)
{
    struct wok__log *log = worker->log;
    wok_test_event *event = &log->last[log->count % WOK__LOG_KEPT];

    *event = (wok_test_event){
        .number = log->count++,
        .kind = kind,
        .worker = worker->index,
        .task_id = task != NULL ? task->id : 0,
        .detail = detail,
        .now = {wok__clock_now(log->clock)},
    };
    if (task != NULL)
        wok__task_name_copy(event->task_name, task);
    log->hash = mix(log->hash, (uint64_t)kind << 32 | worker->index);
    log->hash = mix(log->hash, event->task_id);
    log->hash = mix(log->hash, detail);
    if (log->on_event != NULL)
        log->on_event(event, log->argument);
}

void wok__sim_note(enum wok__sim_call call, int end, int64_t result)
{
    struct wok__worker *worker = wok__here()->worker;

    /* An end's number is its place in the table, which the runs repeat; 24 bits each are plenty. */
    if (worker != NULL && worker->log != NULL)
        wok__log_add(worker, WOK_TEST_NET, NULL,
                     (uint64_t)call << 56 | ((uint64_t)end & 0xffffff) << 32 | (uint32_t)result);
}
