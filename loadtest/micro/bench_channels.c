/*
 * bench_channels.c - what does it cost to pass a value through a channel?
 *
 * One line for each kind of channel and pattern: both ends in one task, which never waits; two tasks on
 * one worker; two tasks on two workers (left out where the machine or the first argument gives only
 * one).  One operation is one value, sent and received.
 *
 * No wait allocates.  An unbounded channel allocates a block for 32 values, a watch channel each value, and a
 * oneshot channel itself: those are not held to none at all.
 */
#include <errno.h>

#include "bench.h"

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
        bench_report("mpsc_unbounded_same_task", COUNT, mpsc_same_task);
        bench_report(apart ? "mpsc_unbounded_two_workers" : "mpsc_unbounded_two_tasks", COUNT,
                     mpsc_two);
    } else {
        bench_no_malloc("mpsc_bounded_try", COUNT, mpsc_try);
        bench_no_malloc("mpsc_bounded_same_task", COUNT, mpsc_same_task);
        bench_no_malloc(apart ? "mpsc_bounded_two_workers" : "mpsc_bounded_two_tasks", COUNT,
                        mpsc_two);
    }
    numbers_sender_drop(&sender);
    numbers_receiver_drop(&receiver);
}

/* ---- oneshot --------------------------------------------------------------------------------------- */

WOK_ONESHOT(answer, size_t, NULL);
WOK_CHANNEL(questions, answer_sender, answer_sender_drop);

static questions_sender ask;
static questions_receiver asked;

static void oneshot_same_task(size_t count)
{
    size_t sum = 0, number;

    for (size_t i = 0; i < count; i++) {
        answer_sender tx;
        answer_receiver rx;
        BENCH_CHECK(answer_new(&tx, &rx) == 0);
        BENCH_CHECK(answer_send(&tx, i) == 0);
        BENCH_CHECK(answer_recv(&rx, &number) == 0);
        answer_receiver_drop(&rx);
        sum += number;
    }
    BENCH_CHECK(sum == count * (count - 1) / 2);
}

static int oneshot_answer(size_t count)
{
    answer_sender tx;
    int code = 0;

    for (size_t i = 0; i < count && code == 0; i++) {
        code = questions_recv(&asked, &tx);
        if (code == 0)
            code = answer_send(&tx, i);
    }
    return code;
}

static void oneshot_ask(size_t count)
{
    size_t sum = 0, number;

    for (size_t i = 0; i < count; i++) {
        answer_sender tx;
        answer_receiver rx;
        BENCH_CHECK(answer_new(&tx, &rx) == 0);
        BENCH_CHECK(questions_send(&ask, tx) == 0);
        BENCH_CHECK(answer_recv(&rx, &number) == 0);
        answer_receiver_drop(&rx);
        sum += number;
    }
    BENCH_CHECK(sum == count * (count - 1) / 2);
}

/* The sender is asked for through a queue, so this is two passages and two changes of tasks. */
static void oneshot_two(size_t count)
{
    with_producer(count, oneshot_answer, oneshot_ask);
}

static void oneshot(void)
{
    BENCH_CHECK(questions_new(CAPACITY, &ask, &asked) == 0);
    bench_report("oneshot_same_task", COUNT, oneshot_same_task);
    bench_report(apart ? "oneshot_question_two_workers" : "oneshot_question_two_tasks", COUNT / 10,
                 oneshot_two);
    questions_sender_drop(&ask);
    questions_receiver_drop(&asked);
}

/* ---- watch ----------------------------------------------------------------------------------------- */

WOK_WATCH(level, size_t, NULL);

static level_sender level_tx;
static level_receiver level_rx;

static void watch_same_task(size_t count)
{
    size_t number;

    for (size_t i = 1; i <= count; i++) {
        BENCH_CHECK(level_send(&level_tx, i) == 0);
        BENCH_CHECK(level_changed(&level_rx) == 0);
        level_get(&level_rx, &number);
        BENCH_CHECK(number == i);
    }
}

static void watch_borrow(size_t count)
{
    size_t sum = 0;

    BENCH_CHECK(level_send(&level_tx, 1) == 0);
    for (size_t i = 0; i < count; i++) {
        wok_watch_ref ref;
        sum += *level_borrow(&level_rx, &ref);
        wok_watch_ref_drop(&ref);
    }
    BENCH_CHECK(sum == count);
}

/* On one worker each value is seen: the sender lets the receiver run. */
static int watch_produce(size_t count)
{
    int code = 0;

    for (size_t i = 1; i <= count && code == 0; i++) {
        code = level_send(&level_tx, i);
        if (code == 0 && !apart)
            code = wok_yield();
    }
    return code;
}

static void watch_consume(size_t count)
{
    size_t number = 0, seen = 0;

    for (; number < count; seen++) {
        BENCH_CHECK(level_changed(&level_rx) == 0);
        level_get(&level_rx, &number);
    }
    BENCH_CHECK(apart || seen == count);
}

static void watch_two(size_t count)
{
    BENCH_CHECK(level_send(&level_tx, 0) == 0 && level_changed(&level_rx) == 0);
    with_producer(count, watch_produce, watch_consume);
}

static void watch(void)
{
    BENCH_CHECK(level_new(0, &level_tx) == 0);
    level_subscribe(&level_tx, &level_rx);
    bench_report("watch_same_task", COUNT, watch_same_task);
    bench_no_malloc("watch_borrow", COUNT, watch_borrow);
    bench_report(apart ? "watch_two_workers" : "watch_two_tasks", COUNT, watch_two);
    level_receiver_drop(&level_rx);
    level_sender_drop(&level_tx);
}

/* ---- broadcast ------------------------------------------------------------------------------------- */

WOK_BROADCAST(news, size_t, NULL, NULL);

static news_sender news_tx;
static news_receiver news_rx;

static void broadcast_same_task(size_t count)
{
    size_t sum = 0, number;

    for (size_t i = 0; i < count; i++) {
        BENCH_CHECK(news_send(&news_tx, i) == 0);
        BENCH_CHECK(news_recv(&news_rx, &number, NULL) == 0);
        sum += number;
    }
    BENCH_CHECK(sum == count * (count - 1) / 2);
}

/* The sender lets the receiver run before that misses any; on two workers it may miss some. */
static int broadcast_produce(size_t count)
{
    int code = 0;

    for (size_t i = 0; i < count && code == 0; i++) {
        code = news_send(&news_tx, i);
        if (code == 0 && i % (CAPACITY / 2) == 0)
            code = wok_yield();
    }
    return code;
}

static void broadcast_consume(size_t count)
{
    size_t number, got = 0;
    uint64_t missed;
    int code;

    while (got < count) {
        code = news_recv(&news_rx, &number, &missed);
        BENCH_CHECK(code == 0 || (apart && code == -EOVERFLOW));
        got += code == 0 ? 1 : missed;
    }
    BENCH_CHECK(got == count);
}

static void broadcast_two(size_t count)
{
    with_producer(count, broadcast_produce, broadcast_consume);
}

static void broadcast(void)
{
    BENCH_CHECK(news_new(CAPACITY, &news_tx) == 0);
    news_subscribe(&news_tx, &news_rx);
    bench_no_malloc("broadcast_same_task", COUNT, broadcast_same_task);
    bench_no_malloc(apart ? "broadcast_two_workers" : "broadcast_two_tasks", COUNT, broadcast_two);
    news_receiver_drop(&news_rx);
    news_sender_drop(&news_tx);
}

WOK_TASK(bench, bench_unit, bench_unit);
static int bench(bench_unit *args, bench_unit *result)
{
    (void)args;
    *result = 0;
    BENCH_BYTES(numbers_sender);
    BENCH_BYTES(level_receiver);
    BENCH_BYTES(news_receiver);
    BENCH_BYTES(wok_op); /* a wait: in the caller's frame */
    for (int round = 0; round < 2; round++) {
        apart = round == 1;
        if (apart && wok_runtime_workers(wok_runtime_current()) < 2)
            break;
        mpsc(CAPACITY);
        mpsc(WOK_UNBOUNDED);
        oneshot();
        watch();
        broadcast();
    }
    return 0;
}

BENCH_MAIN(bench)
