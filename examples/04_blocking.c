/*
 * 04_blocking.c - what a blocking call does to a worker, and how the blocking pool cures it.
 *
 * Tasks share a few worker threads.  A task that waits by wok_sleep() gives its thread to the
 * others; one that calls nanosleep(2), reads a file or computes for long keeps it, and every task
 * of that worker stands still.  wok_spawn_blocking() runs such a call on a thread of a pool whose
 * threads may block.
 *
 * This program has one worker, so that it shows.  A ticker wants to run every 10 ms and measures
 * for how long it could not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <wok/wok.h>

struct nothing {
    char unused;
};

/* Blocks its thread for 200 ms, as a library or a slow disk would. */
WOK_TASK(slow_call, struct nothing, int);

static int slow_call(struct nothing *args, int *answer)
{
    (void)args;
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    *answer = 42;
    return 0;
}

/* Runs every 10 ms, ten times; its result is the longest time between two turns. */
WOK_TASK(ticker, struct nothing, wok_duration);

static int ticker(struct nothing *args, wok_duration *longest)
{
    (void)args;
    *longest = wok_ms(0);
    for (int i = 0; i < 10; i++) {
        wok_instant before = wok_now();
        int error = wok_sleep(wok_ms(10));
        if (error < 0)
            return error;
        if (wok_elapsed(before).ns > longest->ns)
            *longest = wok_elapsed(before);
    }
    return 0;
}

static void report(const char *where, wok_duration longest)
{
    if (longest.ns < wok_ms(100).ns)
        printf("%s the ticker ticked on\n", where);
    else
        printf("%s the ticker stood still for %u ms\n", where,
               (unsigned)(longest.ns / 100000000 * 100));
}

WOK_TASK(program, struct nothing, int);

static int program(struct nothing *args, int *ret)
{
    wok_duration longest;
    int answer;

    (void)args;
    (void)ret;

    /* Wrong: a task that blocks.  The worker cannot run the ticker meanwhile. */
    ticker_join ticks = wok_spawn(ticker, {0});
    wok_yield(); /* lets the ticker begin */
    slow_call_join call = wok_spawn(slow_call, {0});
    slow_call_await(&call, &answer, NULL);
    ticker_await(&ticks, &longest, NULL);
    report("on the worker:", longest);

    /* Right: the same function on the blocking pool.  The handle is that of any other task. */
    ticks = wok_spawn(ticker, {0});
    wok_yield();
    call = wok_spawn_blocking(slow_call, {0});
    slow_call_await(&call, &answer, NULL);
    ticker_await(&ticks, &longest, NULL);
    report("on the pool:  ", longest);
    printf("the answer is %d\n", answer);
    return 0;
}

int main(void)
{
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;

    if (wok_runtime_new(&runtime, &(wok_runtime_options){.workers = 1}) < 0)
        return EXIT_FAILURE;
    return wok_block_on(runtime, program, {0}, NULL, NULL) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
