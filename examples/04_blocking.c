/*
 * 04_blocking.c - what a blocking call does to a worker, and how the blocking pool cures it.
 *
 * Tasks share a few worker threads.  A task that waits by wok_sleep() gives its thread to the
 * others; one that calls nanosleep(2), reads a file or computes for long keeps it, and every task
 * of that worker stands still.  wok_spawn_blocking() runs such a call on a thread of a pool whose
 * threads may block.
 *
 * This program has one worker, so that it shows.  A ticker wants to run every 10 ms, and the call
 * looks how often it did meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <wok/wok.h>

struct nothing {
    char unused;
};

/* How often the ticker ran.  The lock is one for tasks and threads alike. */
static wok_mutex lock = WOK_MUTEX_INIT;
static unsigned ticks;

static unsigned ticks_so_far(void)
{
    unsigned count = 0;

    WOK_LOCK(&lock)
    {
        count = ticks;
    }
    return count;
}

/* What the call found out. */
struct answer {
    int number;
    unsigned ticks; /* meanwhile */
};

/* Blocks its thread for 200 ms, as a library or a slow disk would. */
WOK_TASK(slow_call, struct nothing, struct answer);

static int slow_call(struct nothing *args, struct answer *answer)
{
    unsigned before = ticks_so_far();

    (void)args;
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    answer->ticks = ticks_so_far() - before;
    answer->number = 42;
    return 0;
}

/* Runs every 10 ms, until it is aborted. */
WOK_TASK(ticker, struct nothing, int);

static int ticker(struct nothing *args, int *unused)
{
    int error;

    (void)args;
    (void)unused;
    while ((error = wok_sleep(wok_ms(10))) == 0) {
        WOK_LOCK(&lock)
        {
            ticks++;
        }
    }
    return error;
}

static void report(const char *where, const struct answer *answer)
{
    printf("%s the ticker %s\n", where, answer->ticks == 0 ? "stood still" : "ticked on");
}

WOK_TASK(program, struct nothing, int);

static int program(struct nothing *args, int *ret)
{
    struct answer answer;

    (void)args;
    (void)ret;
    ticker_join ticks_on = wok_spawn(ticker, {0});
    wok_yield(); /* lets the ticker begin */

    /* Wrong: a task that blocks.  The worker cannot run the ticker meanwhile. */
    slow_call_join call = wok_spawn(slow_call, {0});
    slow_call_await(&call, &answer, NULL);
    report("on the worker:", &answer);

    /* Right: the same function on the blocking pool.  The handle is that of any other task. */
    call = wok_spawn_blocking(slow_call, {0});
    slow_call_await(&call, &answer, NULL);
    report("on the pool:  ", &answer);
    printf("the answer is %d\n", answer.number);

    wok_join_abort(&ticks_on.join);
    ticker_await(&ticks_on, NULL, NULL);
    return 0;
}

int main(void)
{
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;

    if (wok_runtime_new(&runtime, &(wok_runtime_options){.workers = 1}) < 0)
        return EXIT_FAILURE;
    return wok_block_on(runtime, program, {0}, NULL, NULL) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
