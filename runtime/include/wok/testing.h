/*
 * testing.h - tests that own time, order and the network.
 *
 * A runtime with a paused clock (wok_runtime_options.paused_clock) runs its workers one at a time, in
 * an order that its seed draws, and its clock stands still while anything can run: a test of an hour
 * takes microseconds and asserts equality, and what failed with a seed fails with it again.
 *
 *     static int body(void *unused)
 *     {
 *         wok_instant start = wok_now();
 *         ...
 *         return wok_elapsed(start).ns == wok_ms(500).ns ? 0 : -ETIME;
 *     }
 *     ...
 *     return wok_test_run(&(wok_test_options){.workers = 4, .seeds = 1000}, body, NULL);
 *
 * What a run depends on is the program and the seed as long as all of it happens in tasks: plain
 * threads and the blocking pool's threads come and go by real time.  A task that blocks its thread
 * blocks all workers.
 */
#ifndef WOK_TESTING_H
#define WOK_TESTING_H

#include <stdlib.h>

#include <wok/base.h>
#include <wok/runtime.h>
#include <wok/task.h>
#include <wok/testing_net.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/* ---- a test --------------------------------------------------------------------------------- */

/** What happened, in the order of the log. */
typedef enum wok_test_event_kind {
    WOK_TEST_POLL,   /* a task was polled; detail: 1 if in place, by a parent that waits */
    WOK_TEST_WAKE,   /* a task was put into a queue; detail: 0 new, 1 new child of a scope, 2
                        woken, 3 by a timer or the network, 4 it yielded */
    WOK_TEST_END,    /* a task ended; detail: its wok_outcome */
    WOK_TEST_SLEEP,  /* the worker had nothing to do */
    WOK_TEST_TIMERS, /* the worker fired timers; detail: how many */
    WOK_TEST_CLOCK,  /* the clock moved; detail: to which nanosecond */
    WOK_TEST_CALL,   /* the turn was lent to a call of a blocking pool */
    WOK_TEST_NET,    /* a call of the simulated network; detail: which, on which end, its result */
} wok_test_event_kind;

/** One event of the log. */
typedef struct wok_test_event {
    /** How many events there were before it. */
    uint64_t number;
    wok_test_event_kind kind;
    /** The worker that had the turn. */
    unsigned worker;
    /** The task it is about, or 0 and "". */
    uint64_t task_id;
    char task_name[WOK_TASK_NAME_SIZE];
    uint64_t detail;
    wok_instant now;
} wok_test_event;

/** How wok_test_run() runs; zero means the default everywhere. */
typedef struct wok_test_options {
    /** Workers (1). */
    unsigned workers WOK_OPTIONAL_;
    /** The first seed (1), and how many there are from it on (1).  WOK_TEST_SEED=NUMBER in the
     *  environment runs that one only; one that is no number, or 0, runs none. */
    uint64_t seed WOK_OPTIONAL_, seeds WOK_OPTIONAL_;
    /** Usable bytes of a task's stack (256 KiB: room for what formats messages). */
    size_t stack_bytes WOK_OPTIONAL_;
    /** The network is the kernel's and not the simulated one. */
    bool real_network WOK_OPTIONAL_;
    /** The simulated network's faults at the beginning of each run; NULL: none. */
    const wok_test_net_faults *faults WOK_OPTIONAL_;
    /** The clock moves by wok_test_advance() only. */
    bool manual_clock WOK_OPTIONAL_;
    /** As wok_test_blocking_by_turns(). */
    bool blocking_by_turns WOK_OPTIONAL_;
    /** As wok_test_check_every(). */
    unsigned check_every WOK_OPTIONAL_;
    /** Called when all of a run has ended, on the thread that called wok_test_run(); a negative code
     *  fails the run. */
    int (*after)(void *argument) WOK_OPTIONAL_;
    /** Called with each event, by the worker that has the turn; it must not wait. */
    void (*on_event)(const wok_test_event *event, void *argument) WOK_OPTIONAL_;
    /** Called with a panic that nobody awaits, which otherwise fails the run. */
    void (*on_unjoined_panic)(const wok_join_error *error, void *argument) WOK_OPTIONAL_;
    /**
     * For how long, in real time, nothing may come from outside when all tasks wait and no timer is due (5 s).
     * Then they wait for each other, or for a thread that forgot them: the run fails.  Where nothing can come,
     * it fails at once; WOK_FOREVER: there only.
     */
    wok_duration deadlock_after WOK_OPTIONAL_;
    /** Handed to the body and to these functions. */
    void *argument WOK_OPTIONAL_;
    char end_ WOK_OPTIONAL_; /* WOK_TEST()'s: so that it may be given no option */
} wok_test_options;

/** What a run came to. */
typedef struct wok_test_report {
    /** How many seeds ran, and the last one, which failed if the code is not 0. */
    uint64_t runs, seed;
    /** What the body of the last run returned, or why it did not. */
    int code;
    wok_join_error error;
    /** The event log of the last run when its body ended: its hash, and how many events. */
    uint64_t log_hash, log_events;
    /** Tasks of the last run that still lived then, and were aborted. */
    size_t aborted;
} wok_test_report;

/**
 * Runs `body` as the first task of a runtime of its own, once for each seed, until one fails.
 *
 * Each runtime has a paused clock and the simulated network.  When the body ends, what still runs is
 * aborted, in an order that the seed decides as well.  A run fails if the body returns a negative
 * code or panics, if a task panics that nobody awaits, or if something cannot be stopped.  Then one
 * line on stderr says with which seed, and how to repeat it, and the last events follow.  If the
 * process is aborted meanwhile (assert() does that), the line is written as well.
 *
 * A run whose tasks all wait, with no timer due and no blocking call under way, can go on only if something
 * comes from outside: from another thread, from a descriptor or a signal.  If there is neither, or if nothing
 * comes for options->deadlock_after, each task is written to stderr, with the place of its spawn; all are
 * aborted, each stackful one tells what it waited in, and the run fails.  If destructors then wait for ever as
 * well, the process is aborted.
 *
 *     int wok_test_run(const wok_test_options *options, int (*body)(void *argument),
 *                      wok_test_report *ret_report);
 *
 * Errors:     0; what the body returned; -WOK_EJOIN for a panic; -EDEADLK if all tasks waited for ever;
 *             -ETIMEDOUT for something that cannot be stopped; -EINVAL and -ENOMEM as wok_runtime_new();
 *             -EINVAL, and nothing runs, without a body, and if WOK_TEST_SEED is no seed, which a line on
 *             stderr says.
 * Ownership:  borrows the options; NULL is the default everywhere.  `ret_report` may be NULL.
 * Threads:    a plain thread; one such call at a time in a process.
 * Cancel:     not a cancellation point.
 */
#define wok_test_run(...) wok_test_run_at(WOK_SITE_("test"), __VA_ARGS__)

/**
 * The form behind wok_test_run(): the first task is called and placed as `site` says.
 *
 * Errors:     as wok_test_run().
 * Ownership:  borrows the options, and the site, of which it uses the name and the place.
 * Threads:    as wok_test_run().
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_test_run_at(const wok_spawn_site *site, const wok_test_options *options,
                    int (*body)(void *argument), wok_test_report *ret_report);

/**
 * Defines a test whose body is a task, by wok_test_run() with the options that follow the name, if any:
 *
 *     #include <criterion/criterion.h>
 *     #include <wok/wok.h>
 *
 *     WOK_TEST(nap, takes_its_time, .workers = 4, .seeds = 100)
 *     {
 *         wok_instant start = wok_now();
 *         cr_assert_eq(wok_sleep(wok_seconds(3600)), 0);
 *         cr_assert_eq(wok_elapsed(start).ns, wok_seconds(3600).ns);
 *     }
 *
 * It is `Test(suite_, name_)` of the framework around it: Criterion's, or a macro of one's own that begins
 * a function.  What the body asserts is the framework's as well; a run that fails otherwise, by a panic,
 * because all wait, or by something that cannot be stopped, aborts the process after the line that says why and with which seed.
 * The body returns nothing.  Its task has the test's name, and was spawned where this stands.
 *
 * Threads:    as wok_test_run().
 * Cancel:     not a cancellation point.
 */
#define WOK_TEST(...) WOK_TEST_(__VA_ARGS__, .end_ = 0)

#define WOK_TEST_(suite_, name_, ...)                                                              \
    static void suite_##_##name_##_body_(void);                                                    \
    static int suite_##_##name_##_run_(void *unused_)                                              \
    {                                                                                              \
        (void)unused_;                                                                             \
        suite_##_##name_##_body_();                                                                \
        return 0;                                                                                  \
    }                                                                                              \
    Test(suite_, name_)                                                                            \
    {                                                                                              \
        wok_test_options options_ = __extension__ WOK_TYPE_(wok_test_options){__VA_ARGS__};        \
        if (wok_test_run_at(WOK_SITE_(#name_), &options_, suite_##_##name_##_run_, NULL) != 0)     \
            abort();                                                                               \
    }                                                                                              \
    static void suite_##_##name_##_body_(void)

/**
 * The seed of the wok_test_run() under way, to be shown in messages; 0: there is none.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
uint64_t wok_test_seed(void);

/* ---- the clock ------------------------------------------------------------------------------ */

/*
 * A `runtime` of NULL, here and below, is the calling thread's.
 */

/**
 * Waits until `duration` has passed on the paused clock and everything has run that was due by then:
 * when it returns, all other tasks wait for something that is not there.
 *
 * The clock goes from deadline to deadline on the way, and runs what each of them wakes, so a timer
 * sees its own instant and not the end of the step.
 *
 * Errors:     0; -EINVAL if the runtime's clock is not paused, or would never get there; -ECANCELED if
 *             the caller is aborted; -EDEADLK in a stackless task.
 * Ownership:  allocates nothing.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_test_advance(wok_runtime *runtime, wok_duration duration);

/**
 * Waits until all other tasks wait for something that is not there; the clock stands still.
 *
 * Errors:     as wok_test_advance().
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_test_settle(wok_runtime *runtime);

/**
 * Says whether the paused clock moves by itself when everything waits (it does, at first) or by
 * wok_test_advance() only; returns what was said before.
 *
 * Threads:    a task of the runtime, or a plain thread, which waits for the poll under way.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_test_auto_advance(wok_runtime *runtime, bool automatic);

/**
 * Has the runtime's own invariants checked after each `turns`-th turn, and whenever all workers sleep: a
 * task is in one place only, nothing is ready while all sleep, the counts match; 0 ends that.
 *
 * It finds bugs of wok's and memory that a test has overwritten.  A violation aborts the process, with
 * a line on stderr that names the task, where it was spawned, and the seed.  A check looks at every
 * task; with more than 1 for `turns`, as many turns more pass between two of them as there are tasks.
 *
 * Threads:    a task of the runtime, or a plain thread, which waits for the poll under way.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_test_check_every(wok_runtime *runtime, unsigned turns);

/**
 * Says whether calls of the blocking pools take turns as well, from now on: then when they run is a
 * matter of the seed, too.
 *
 * A call then keeps all workers from running, and must not wait for a task, unless by one of wok's own
 * functions: from there on it runs beside the workers, and by real time.  Such a wait does not hold the clock.
 *
 * Threads:    a task of the runtime, or a plain thread, which waits for the poll under way.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_test_blocking_by_turns(wok_runtime *runtime, bool by_turns);

/* ---- the event log -------------------------------------------------------------------------- */

/**
 * A hash over all events so far: what polled, woke, ended, slept and fired on which worker, in this
 * order.  Runs of one program with one seed have the same; of two seeds, in general, not.
 *
 * It is a fact at a point of a task's; a plain thread reads it wherever the workers are.  0 if the
 * runtime's clock is not paused.
 *
 * Threads:    a task of the runtime, or a plain thread, which waits for the poll under way.
 * Cancel:     not a cancellation point.
 */
WOK_API
uint64_t wok_test_log_hash(wok_runtime *runtime);

/**
 * Copies the last events, at most `count` and at most 256 of them, the oldest first; how many.
 *
 * Threads:    as wok_test_log_hash().
 * Cancel:     not a cancellation point.
 */
WOK_API
size_t wok_test_log_last(wok_runtime *runtime, wok_test_event *ret_events, size_t count);

/**
 * Has `on_event` called with each event from now on, by the worker that has the turn; NULL ends that.
 * It must not wait, nor call what waits for the poll under way.
 *
 * Threads:    as wok_test_log_hash().
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_test_log_listen(wok_runtime *runtime,
                         void (*on_event)(const wok_test_event *event, void *argument),
                         void *argument);

/**
 * Writes an event as text, without a newline, NUL-terminated and cut to `size`; returns its length.
 * 128 bytes are enough.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
size_t wok_test_event_format(const wok_test_event *event, char *buffer, size_t size);

WOK_END_DECLS

#endif
