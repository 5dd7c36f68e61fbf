/*
 * bench_sync.c - what do locks, permits, notifications and tokens cost?
 *
 * One line for each primitive and pattern:
 *   free         one task, and nobody waits
 *   hand_over    two tasks on one worker; every operation finds a waiter, and ends in a change of tasks
 *   two_workers  two tasks on two workers, as fast as they can (left out where the machine or the first
 *                argument gives only one)
 * One operation is a lock and its unlock, an acquire and its release, a notification and its wait, an
 * arrival.  No wait allocates, and the program fails if one does.
 */
#include "bench.h"

enum { FREE_COUNT = 100000, HAND_OVER_COUNT = 50000, CONTENDED_COUNT = 50000 };

/* ---- where the other task runs ---------------------------------------------------------------- */

/* The other task is a child of the bench. */
struct other {
    size_t count;
    int (*run)(size_t count);
    int started; /* atomic */
};

static int run_other(struct other *other)
{
    __atomic_store_n(&other->started, 1, __ATOMIC_RELEASE);
    return other->run(other->count);
}

/* Runs `run(count / 2)` in the bench and in a child.  On one worker the child starts when the bench
 * waits for the first time; on two, before the bench begins: a task that has started stays on its
 * worker, so only another one can start the child while we spin. */
static void run_two(size_t count, int (*run)(size_t count), bool apart)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    struct other other = {count / 2, run, 0};

    wok_scope_spawn(&scope, run_other, &other);
    while (apart && __atomic_load_n(&other.started, __ATOMIC_ACQUIRE) == 0)
        ;
    BENCH_CHECK(run(count / 2) == 0);
    BENCH_CHECK(wok_scope_wait(&scope) == 0);
}

/* ---- locks and permits -------------------------------------------------------------------------- */

static wok_mutex mutex = WOK_MUTEX_INIT;
static wok_rwlock rwlock = WOK_RWLOCK_INIT;
static wok_semaphore semaphore = WOK_SEMAPHORE_INIT(1);
static size_t counter; /* under the lock that is measured */

/*
 * The rounds of a lock.  To hand over from the first operation on, the bench yields once with the lock
 * held, so that the other task asks for it; from then on whoever unlocks and locks again is behind.
 */
#define LOCK_ROUNDS(name_, take_, give_)                                                           \
    static void name_##_free(size_t count)                                                         \
    {                                                                                              \
        for (size_t i = 0; i < count; i++) {                                                       \
            BENCH_CHECK((take_) == 0);                                                             \
            give_;                                                                                 \
        }                                                                                          \
    }                                                                                              \
    static int name_##_counts(size_t count)                                                        \
    {                                                                                              \
        for (size_t i = 0; i < count; i++) {                                                       \
            BENCH_CHECK((take_) == 0);                                                             \
            if (counter++ == 0)                                                                    \
                BENCH_CHECK(wok_yield() == 0);                                                     \
            give_;                                                                                 \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
    static void name_##_hand_over(size_t count)                                                    \
    {                                                                                              \
        counter = 0;                                                                               \
        run_two(count, name_##_counts, false);                                                     \
        BENCH_CHECK(counter == count);                                                             \
    }                                                                                              \
    static void name_##_two_workers(size_t count)                                                  \
    {                                                                                              \
        counter = 0;                                                                               \
        run_two(count, name_##_counts, true);                                                      \
        BENCH_CHECK(counter == count);                                                             \
    }

LOCK_ROUNDS(mutex, wok_mutex_lock(&mutex), wok_mutex_unlock(&mutex))
LOCK_ROUNDS(semaphore, wok_semaphore_acquire(&semaphore, 1), wok_semaphore_release(&semaphore, 1))
LOCK_ROUNDS(rwlock_write, wok_rwlock_write_lock(&rwlock), wok_rwlock_write_unlock(&rwlock))

static void mutex_try(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        BENCH_CHECK(wok_mutex_try_lock(&mutex) == 0);
        wok_mutex_unlock(&mutex);
    }
}

static int reads(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        BENCH_CHECK(wok_rwlock_read_lock(&rwlock) == 0);
        wok_rwlock_read_unlock(&rwlock);
    }
    return 0;
}

static void rwlock_read_free(size_t count)
{
    BENCH_CHECK(reads(count) == 0);
}

/* Readers share the lock, and the word of its permits. */
static void rwlock_read_two_workers(size_t count)
{
    run_two(count, reads, true);
}

/* ---- notifications -------------------------------------------------------------------------------- */

static wok_notify ping = WOK_NOTIFY_INIT, pong = WOK_NOTIFY_INIT;
static wok_condition condition = WOK_CONDITION_INIT;
static wok_barrier barrier = WOK_BARRIER_INIT(2);
static size_t turn; /* the mutex */

static void notify_free(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wok_notify_one(&ping);
        BENCH_CHECK(wok_notify_wait(&ping) == 0);
    }
}

/* The two sides take turns at being the one that begins. */
static int notify_ping_pong(size_t count)
{
    static int sides; /* atomic */
    bool begins = __atomic_fetch_add(&sides, 1, __ATOMIC_RELAXED) % 2 == 0;
    wok_notify *mine = begins ? &ping : &pong, *others = begins ? &pong : &ping;

    for (size_t i = 0; i < count; i++) {
        if (begins)
            wok_notify_one(others);
        BENCH_CHECK(wok_notify_wait(mine) == 0);
        if (!begins)
            wok_notify_one(others);
    }
    return 0;
}

static void notify_hand_over(size_t count)
{
    run_two(count, notify_ping_pong, false);
}

static void notify_two_workers(size_t count)
{
    run_two(count, notify_ping_pong, true);
}

static int arrives(size_t count)
{
    for (size_t i = 0; i < count; i++)
        BENCH_CHECK(wok_barrier_wait(&barrier, NULL) == 0);
    return 0;
}

static void barrier_hand_over(size_t count)
{
    run_two(count, arrives, false);
}

static void barrier_two_workers(size_t count)
{
    run_two(count, arrives, true);
}

/* Waits, under the mutex, until the turn is its own, and gives it to the other. */
static int takes_turns(size_t count)
{
    static size_t sides; /* atomic */
    size_t mine = __atomic_fetch_add(&sides, 1, __ATOMIC_RELAXED) % 2;

    for (size_t i = 0; i < count; i++) {
        BENCH_CHECK(wok_mutex_lock(&mutex) == 0);
        while (turn != mine)
            BENCH_CHECK(wok_condition_wait(&condition, &mutex) == 0);
        turn = 1 - mine;
        wok_condition_notify(&condition);
        wok_mutex_unlock(&mutex);
    }
    return 0;
}

static void condition_hand_over(size_t count)
{
    run_two(count, takes_turns, false);
}

static void condition_two_workers(size_t count)
{
    run_two(count, takes_turns, true);
}

/* ---- once and tokens --------------------------------------------------------------------------------- */

static wok_once once = WOK_ONCE_INIT;
static wok_token *root, **children;

static int make_nothing(int *unused)
{
    (void)unused;
    return 0;
}

static void once_done(size_t count)
{
    int unused = 0;

    for (size_t i = 0; i < count; i++)
        BENCH_CHECK(wok_once_call(&once, make_nothing, &unused) == 0);
}

static void token_look(size_t count)
{
    size_t cancelled = 0;

    for (size_t i = 0; i < count; i++)
        cancelled += wok_token_is_cancelled(root);
    BENCH_CHECK(cancelled == 0);
}

/* Allocates the token and nothing else. */
static void token_child_and_drop(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wok_token *child = NULL;
        BENCH_CHECK(wok_token_child(root, &child) == 0);
        wok_token_drop(child);
    }
}

/* A tree of `count` children, and one cancel of its root: the cancel alone is what is timed. */
static void measure_cancel(size_t count)
{
    wok_instant start;
    double ns;

    children = malloc(count * sizeof *children);
    BENCH_CHECK(children != NULL);
    for (size_t i = 0; i < count; i++)
        BENCH_CHECK(wok_token_child(root, &children[i]) == 0);
    start = wok_now();
    wok_token_cancel(root);
    ns = (double)wok_elapsed(start).ns / (double)count;
    for (size_t i = 0; i < count; i++) {
        BENCH_CHECK(wok_token_is_cancelled(children[i]));
        wok_token_drop(children[i]);
    }
    free(children);
    printf("{\"bench\": \"token_cancel_child\", \"count\": %zu, \"ns_per_op\": %.1f}\n", count, ns);
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

static void measure_free(void)
{
    bench_no_malloc("mutex_free", FREE_COUNT, mutex_free);
    bench_no_malloc("mutex_try", FREE_COUNT, mutex_try);
    bench_no_malloc("semaphore_free", FREE_COUNT, semaphore_free);
    bench_no_malloc("rwlock_read_free", FREE_COUNT, rwlock_read_free);
    bench_no_malloc("rwlock_write_free", FREE_COUNT, rwlock_write_free);
    bench_no_malloc("notify_free", FREE_COUNT, notify_free);
    bench_no_malloc("once_done", FREE_COUNT, once_done);
    BENCH_CHECK(wok_token_new(&root) == 0);
    bench_no_malloc("token_look", FREE_COUNT, token_look);
    bench_report("token_child_and_drop", FREE_COUNT, token_child_and_drop);
    measure_cancel(bench_count(FREE_COUNT));
    wok_token_drop(root);
}

static void measure_hand_over(void)
{
    bench_no_malloc("mutex_hand_over", HAND_OVER_COUNT, mutex_hand_over);
    bench_no_malloc("semaphore_hand_over", HAND_OVER_COUNT, semaphore_hand_over);
    bench_no_malloc("rwlock_write_hand_over", HAND_OVER_COUNT, rwlock_write_hand_over);
    bench_no_malloc("notify_hand_over", HAND_OVER_COUNT, notify_hand_over);
    bench_no_malloc("barrier_hand_over", HAND_OVER_COUNT, barrier_hand_over);
    bench_no_malloc("condition_hand_over", HAND_OVER_COUNT, condition_hand_over);
}

static void measure_two_workers(void)
{
    bench_no_malloc("mutex_two_workers", CONTENDED_COUNT, mutex_two_workers);
    bench_no_malloc("semaphore_two_workers", CONTENDED_COUNT, semaphore_two_workers);
    bench_no_malloc("rwlock_write_two_workers", CONTENDED_COUNT, rwlock_write_two_workers);
    bench_no_malloc("rwlock_read_two_workers", CONTENDED_COUNT, rwlock_read_two_workers);
    bench_no_malloc("notify_two_workers", CONTENDED_COUNT, notify_two_workers);
    bench_no_malloc("barrier_two_workers", CONTENDED_COUNT, barrier_two_workers);
    bench_no_malloc("condition_two_workers", CONTENDED_COUNT, condition_two_workers);
}

WOK_TASK(bench, bench_unit, bench_unit);
static int bench(bench_unit *args, bench_unit *result)
{
    (void)args;
    *result = 0;
    measure_free();
    measure_hand_over();
    if (wok_runtime_workers(wok_runtime_current()) >= 2)
        measure_two_workers();
    BENCH_BYTES(wok_mutex);
    BENCH_BYTES(wok_rwlock);
    BENCH_BYTES(wok_semaphore);
    BENCH_BYTES(wok_notify);
    BENCH_BYTES(wok_condition);
    BENCH_BYTES(wok_barrier);
    BENCH_BYTES(wok_once);
    BENCH_BYTES(wok_op); /* a wait: in the caller's frame */
    return 0;
}

BENCH_MAIN(bench)
