/*
 * bench_channels.c - what does it cost to pass a value through a channel?
 *
 * One line for each kind of channel and pattern: both ends in one task, which never waits; two tasks on
 * one worker; two tasks on two workers (left out where the machine or the first argument gives only
 * one).  One operation is one value, sent and received.
 */
#include "bench_allocations.h"

enum { COUNT = 100000, CAPACITY = 64 };

/* ---- where the two ends run ------------------------------------------------------------------------ */

/* A producer runs as a child of the bench, which is the consumer. */
struct end {
    size_t count;
    int (*produce)(size_t count);
    int started; /* atomic */
};

static int run_producer(struct end *end)
{
    __atomic_store_n(&end->started, 1, __ATOMIC_RELEASE);
    return end->produce(end->count);
}

/* The producer starts when the consumer waits for the first time: on the same worker. */
static bool apart;

static void with_producer(size_t count, int (*produce)(size_t count), void (*consume)(size_t count))
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    struct end end = {count, produce, 0};

    wok_scope_spawn(&scope, run_producer, &end);
    /* A task that has started stays on its worker: only another one can start it while we spin. */
    while (apart && __atomic_load_n(&end.started, __ATOMIC_ACQUIRE) == 0)
        ;
    consume(count);
    BENCH_CHECK(wok_scope_wait(&scope) == 0);
}

/* ---- mpsc ------------------------------------------------------------------------------------------ */

WOK_CHANNEL(numbers, size_t, NULL);

static numbers_sender sender;
static numbers_receiver receiver;

static int mpsc_produce(size_t count)
{
    int code = 0;

    for (size_t i = 0; i < count && code == 0; i++)
        code = numbers_send(&sender, i);
    return code;
}

static void mpsc_consume(size_t count)
{
    size_t sum = 0, number;

    for (size_t i = 0; i < count; i++) {
        BENCH_CHECK(numbers_recv(&receiver, &number) == 0);
        sum += number;
    }
    BENCH_CHECK(sum == count * (count - 1) / 2);
}

static void mpsc_two(size_t count)
{
    with_producer(count, mpsc_produce, mpsc_consume);
}

static void mpsc_same_task(size_t count)
{
    size_t sum = 0, number;

    for (size_t i = 0; i < count; i++) {
        BENCH_CHECK(numbers_send(&sender, i) == 0);
        BENCH_CHECK(numbers_recv(&receiver, &number) == 0);
        sum += number;
    }
    BENCH_CHECK(sum == count * (count - 1) / 2);
}

static void mpsc_try(size_t count)
{
    size_t sum = 0, number;

    for (size_t i = 0; i < count; i++) {
        BENCH_CHECK(numbers_try_send(&sender, i) == 0);
        BENCH_CHECK(numbers_try_recv(&receiver, &number) == 0);
        sum += number;
    }
    BENCH_CHECK(sum == count * (count - 1) / 2);
}

static void mpsc(size_t capacity)
{
    BENCH_CHECK(numbers_new(capacity, &sender, &receiver) == 0);
    if (capacity == WOK_UNBOUNDED) {
        bench_channel("mpsc_unbounded", "same_task", COUNT, mpsc_same_task);
        bench_channel("mpsc_unbounded", apart ? "two_workers" : "two_tasks", COUNT, mpsc_two);
    } else {
        bench_channel("mpsc_bounded", "try", COUNT, mpsc_try);
        bench_channel("mpsc_bounded", "same_task", COUNT, mpsc_same_task);
        bench_channel("mpsc_bounded", apart ? "two_workers" : "two_tasks", COUNT, mpsc_two);
    }
    numbers_sender_drop(&sender);
    numbers_receiver_drop(&receiver);
}

WOK_TASK(bench, bench_unit, bench_unit);
static int bench(bench_unit *args, bench_unit *result)
{
    (void)args;
    *result = 0;
    for (int round = 0; round < 2; round++) {
        apart = round == 1;
        if (apart && wok_runtime_workers(wok_runtime_current()) < 2)
            break;
        mpsc(CAPACITY);
        mpsc(WOK_UNBOUNDED);
    }
    return 0;
}

BENCH_MAIN(bench)
