/*
 * 02_join.c - spawn and join side by side.
 *
 * Spawning makes a new, independent task: it may run on another thread, and goes on if nobody
 * waits.  Joining runs several futures inside the task that is there: nothing is spawned, they
 * take turns, and the call ends when all have.  Both make two waits of 300 and 500 ms cost 500.
 *
 * A future is what a task is made of: a struct with the state, and a function that advances it
 * until it has to wait.  It needs no stack of its own, only the bytes of its struct.
 */
#include <stdio.h>

#include <wok/wok.h>

/* ---- a fetch as a function, for spawn ---- */

struct source {
    const char *name;
    wok_duration delay;
};

WOK_TASK(fetch, struct source, uint64_t);

/* Its result is the number of the task that it ran in. */
static int fetch(struct source *source, uint64_t *task)
{
    *task = wok_task_id();
    return wok_sleep(source->delay);
}

/* ---- the same fetch as a future, for join ---- */

struct fetch_future {
    int resume_line; /* where to go on; WOK_ASYNC_BEGIN and WOK_AWAIT use it */
    wok_sleep_future sleep;
};

static wok_poll fetch_poll(void *self_, wok_cx *cx, void *task)
{
    struct fetch_future *self = self_;

    WOK_ASYNC_BEGIN(self);
    WOK_AWAIT(self, wok_sleep_future_poll(&self->sleep, cx));
    *(uint64_t *)task = wok_task_id();
    WOK_ASYNC_END;
}

static void fetch_drop(void *self_)
{
    struct fetch_future *self = self_;

    wok_sleep_future_drop(&self->sleep);
}

static const wok_future_vtable fetch_vtable = {
    .name = "fetch",
    .size = sizeof(struct fetch_future),
    .result_size = sizeof(uint64_t),
    .poll = fetch_poll,
    .drop = fetch_drop,
};

/* ---- the comparison ---- */

static void report(const char *how, wok_instant start, const uint64_t tasks[2])
{
    int others = (tasks[0] != wok_task_id()) + (tasks[1] != wok_task_id());

    printf("%s %u ms, %d new tasks\n", how, (unsigned)(wok_elapsed(start).ns / 100000000 * 100),
           others);
}

static int program(void)
{
    uint64_t tasks[2];

    /* One after the other: the sum. */
    wok_instant start = wok_now();
    fetch(&(struct source){"Database", wok_ms(300)}, &tasks[0]);
    fetch(&(struct source){"API Server", wok_ms(500)}, &tasks[1]);
    report("one by one:", start, tasks);

    /* Two tasks: the slower one.  They would run on, had we not the time to wait. */
    start = wok_now();
    fetch_join database = wok_spawn(fetch, {"Database", wok_ms(300)});
    fetch_join api_server = wok_spawn(fetch, {"API Server", wok_ms(500)});
    fetch_await(&database, &tasks[0], NULL);
    fetch_await(&api_server, &tasks[1], NULL);
    report("spawn:     ", start, tasks);

    /* Two futures in this task: the slower one again, and no new task. */
    start = wok_now();
    struct fetch_future futures[2] = {
        {.sleep = wok_sleep_future_for(wok_ms(300))},
        {.sleep = wok_sleep_future_for(wok_ms(500))},
    };
    wok_op branches[2] = {
        wok_future_op((wok_future){&fetch_vtable, &futures[0]}, &tasks[0]),
        wok_future_op((wok_future){&fetch_vtable, &futures[1]}, &tasks[1]),
    };
    int error = wok_join_all(branches, 2, NULL);
    fetch_drop(&futures[0]); /* the futures are ours: the join only borrowed them */
    fetch_drop(&futures[1]);
    report("join:      ", start, tasks);
    return error;
}

int main(void)
{
    return wok_main(program);
}
