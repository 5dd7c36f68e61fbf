/*
 * test_pool.c - the blocking pool by itself, without a runtime.
 *
 * The pool's source is compiled in here, with the harness and the start of threads replaced: a
 * task is a struct job whose function the test chose, and starting a thread fails when a test says
 * so.  What the pool is for, with the real harness, is in test_spawn.c.
 */
#include <pthread.h>

int wait_or_time_out(pthread_cond_t *condition, pthread_mutex_t *lock,
                     const struct timespec *deadline);

#define wok__task_run_blocking run_job
#define wok__task_discard_blocking discard_job
#define wok__thread_start start_or_fail
#define pthread_cond_timedwait wait_or_time_out
#include "blocking/pool.c"
#undef wok__thread_start
#undef pthread_cond_timedwait

#include <sched.h>

#include "support/test.h"

int wok__thread_start(pthread_t *ret_thread, const char *name, void (*function)(void *),
                      void *argument);

#define NEVER UINT64_MAX

struct job {
    struct wok_task task; /* first: the pool knows this part only */
    void (*function)(struct job *job);
    struct wok__here seen; /* written by the thread that runs it */
    unsigned order;
    atomic_u32 ran, discarded;
};

static struct wok_blocking_pool *pool;
static int the_runtime; /* its address is all that the pool needs */
#define RUNTIME ((struct wok_runtime *)&the_runtime)

static atomic_u32 threads_allowed; /* starts that succeed from here on */
static atomic_u32 next_order, started;

/* A gate that jobs wait at, and a count of those that do. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static unsigned at_gate;

int start_or_fail(pthread_t *ret_thread, const char *name, void (*function)(void *), void *argument)
{
    if (load_relaxed(&threads_allowed) == 0)
        return -EAGAIN;
    fetch_sub_relaxed(&threads_allowed, 1);
    fetch_add_relaxed(&started, 1);
    return wok__thread_start(ret_thread, name, function, argument);
}

void run_job(struct wok_task *task)
{
    struct job *job = (struct job *)task;

    job->seen = *wok__here();
    job->order = fetch_add_relaxed(&next_order, 1);
    if (job->function != NULL)
        job->function(job);
    fetch_add_release(&job->ran, 1); /* the fields of the job before the count */
}

void discard_job(struct wok_task *task, int code)
{
    cr_assert_eq(code, -ECANCELED);
    fetch_add_relaxed(&((struct job *)task)->discarded, 1);
}

static void (*in_the_moment_of_a_timeout)(void); /* called once, without the lock */

int wait_or_time_out(pthread_cond_t *condition, pthread_mutex_t *lock,
                     const struct timespec *deadline)
{
    void (*moment)(void) = WOK_TAKE(in_the_moment_of_a_timeout);

    if (moment == NULL)
        return pthread_cond_timedwait(condition, lock, deadline);
    pthread_mutex_unlock(lock);
    moment();
    pthread_mutex_lock(lock);
    return ETIMEDOUT;
}

static void wait_at_gate(struct job *job)
{
    (void)job;
    pthread_mutex_lock(&gate_lock);
    at_gate++;
    pthread_cond_broadcast(&gate_moved);
    while (!gate_open)
        pthread_cond_wait(&gate_moved, &gate_lock);
    pthread_mutex_unlock(&gate_lock);
}

static void await_jobs_at_gate(unsigned count)
{
    pthread_mutex_lock(&gate_lock);
    while (at_gate < count)
        pthread_cond_wait(&gate_moved, &gate_lock);
    pthread_mutex_unlock(&gate_lock);
}

static void open_gate(void)
{
    pthread_mutex_lock(&gate_lock);
    gate_open = true;
    pthread_cond_broadcast(&gate_moved);
    pthread_mutex_unlock(&gate_lock);
}

static struct wok__pool_figures figures(void)
{
    struct wok__pool_figures now;

    wok__pool_figures(pool, &now);
    return now;
}

/* The state "n threads are idle" has no event to wait for; the test's timeout is the net. */
static void await_idle(unsigned count)
{
    while (figures().idle != count)
        sched_yield();
}

static void begin_with(const struct wok__pool_settings *settings)
{
    store_relaxed(&threads_allowed, UINT32_MAX / 2);
    cr_assert_eq(wok__pool_new(&pool, RUNTIME, settings), 0);
}

static void begin(unsigned threads_max, uint64_t keep_alive_ns)
{
    begin_with(&(struct wok__pool_settings){
        .threads_max = threads_max,
        .keep_alive_ns = keep_alive_ns != 0 ? keep_alive_ns : 10 * NS_PER_SECOND,
        .name = "test-pool",
    });
}

static void end(void)
{
    wok__pool_close(pool);
    cr_assert(wok__pool_wait(pool, NEVER));
    wok__pool_unref(pool);
}

static void submit(struct job *job)
{
    cr_assert_eq(wok__pool_submit(pool, &job->task), 0);
}

Test(pool, runs_on_a_thread_that_knows_the_runtime_and_may_block, .timeout = 20)
{
    struct job job = {.function = wait_at_gate};

    begin(4, 0);
    submit(&job);
    await_jobs_at_gate(1);
    open_gate();
    end();
    cr_assert_eq(load_acquire(&job.ran), 1);
    cr_assert_eq(job.seen.runtime, RUNTIME);
    cr_assert_eq(job.seen.blocking, 1);
}

/* B1: above the limit the queue is first in, first out. */
Test(pool, starts_threads_up_to_the_bound_and_queues_in_order_beyond, .timeout = 20)
{
    enum { THREADS = 3, QUEUED = 20 };
    struct job blockers[THREADS] = {0}, jobs[QUEUED] = {0};

    begin(THREADS, 0);
    for (int i = 0; i < THREADS; i++) {
        blockers[i].function = wait_at_gate;
        submit(&blockers[i]);
    }
    await_jobs_at_gate(THREADS);
    for (int i = 0; i < QUEUED; i++)
        submit(&jobs[i]);
    cr_assert_eq(figures().threads, THREADS);
    cr_assert_eq(figures().queued, QUEUED);
    cr_assert_eq(figures().idle, 0);
    open_gate();
    await_idle(THREADS);
    cr_assert_eq(figures().completed, THREADS + QUEUED);
    cr_assert_eq(load_relaxed(&started), THREADS);
    end();
}

Test(pool, one_thread_runs_in_the_order_of_submission, .timeout = 20)
{
    enum { JOBS = 50 };
    struct job blocker = {.function = wait_at_gate}, jobs[JOBS] = {0};

    begin(1, 0);
    submit(&blocker);
    await_jobs_at_gate(1);
    for (int i = 0; i < JOBS; i++)
        submit(&jobs[i]);
    open_gate();
    await_idle(1);
    for (unsigned i = 0; i < JOBS; i++)
        cr_assert_eq(jobs[i].order, i + 1);
    end();
}

/* Two submits in a row, before either woken thread has run: a count of idle threads that only
 * the threads themselves lower would wake one of them twice, and the second job would wait. */
Test(pool, wakes_one_idle_thread_for_each_of_two_submits, .timeout = 20)
{
    struct job first[2] = {{.function = wait_at_gate}, {.function = wait_at_gate}};

    begin(2, 0);
    submit(&first[0]);
    submit(&first[1]);
    await_jobs_at_gate(2);
    open_gate();
    await_idle(2);

    for (int round = 0; round < 200; round++) {
        struct job pair[2] = {{.function = wait_at_gate}, {.function = wait_at_gate}};

        gate_open = false; /* both threads are idle: nobody looks */
        at_gate = 0;
        submit(&pair[0]);
        submit(&pair[1]);
        await_jobs_at_gate(2); /* each needs a thread of its own to come this far */
        open_gate();
        await_idle(2);
    }
    cr_assert_eq(load_relaxed(&started), 2);
    end();
}

/* The idle thread is spoken for, although it has not run yet. */
Test(pool, starts_a_thread_for_the_second_submit_when_one_was_idle, .timeout = 20)
{
    struct job pair[2] = {{.function = wait_at_gate}, {.function = wait_at_gate}};
    struct job first = {0};

    begin(2, 0);
    submit(&first);
    await_idle(1);
    submit(&pair[0]);
    submit(&pair[1]);
    await_jobs_at_gate(2);
    open_gate();
    await_idle(2);
    cr_assert_eq(load_relaxed(&started), 2);
    end();
}

static struct job late;

static void submit_late(void)
{
    submit(&late);
}

/* The thread was idle for the submit, so no other is started: it must not leave with the wake. */
Test(pool, a_submit_in_the_moment_a_keep_alive_ends_is_not_lost, .timeout = 20)
{
    struct job first = {0};

    begin(2, 0);
    in_the_moment_of_a_timeout = submit_late;
    submit(&first);
    while (load_acquire(&late.ran) == 0)
        sched_yield();
    await_idle(1);
    cr_assert_eq(load_relaxed(&started), 1);
    cr_assert_eq(figures().threads, 1);
    end();
}

Test(pool, prefers_an_idle_thread_to_a_new_one, .timeout = 20)
{
    begin(8, 0);
    for (int i = 0; i < 100; i++) {
        struct job job = {0};

        submit(&job);
        await_idle(1);
        cr_assert_eq(load_acquire(&job.ran), 1);
    }
    cr_assert_eq(load_relaxed(&started), 1);
    end();
}

Test(pool, ends_a_thread_after_its_keep_alive_and_starts_another, .timeout = 20)
{
    struct job first = {0}, second = {0};

    begin(4, 1000 * 1000);
    submit(&first);
    while (load_acquire(&first.ran) == 0 || figures().threads != 0)
        sched_yield();
    submit(&second);
    while (load_acquire(&second.ran) == 0)
        sched_yield();
    cr_assert_eq(load_relaxed(&started), 2);
    end();
}

/* B2, the half that can be stopped. */
Test(pool, gives_a_queued_task_back_but_not_one_that_runs, .timeout = 20)
{
    struct job blocker = {.function = wait_at_gate}, queued[3] = {0};

    begin(1, 0);
    submit(&blocker);
    await_jobs_at_gate(1);
    for (int i = 0; i < 3; i++)
        submit(&queued[i]);
    cr_assert(wok__pool_cancel(pool, &queued[2].task)); /* the tail, then a new tail */
    cr_assert(wok__pool_cancel(pool, &queued[0].task));
    cr_assert_not(wok__pool_cancel(pool, &queued[0].task), "it was given back already");
    cr_assert_not(wok__pool_cancel(pool, &blocker.task));
    submit(&queued[2]);
    cr_assert_eq(figures().queued, 2);
    open_gate();
    await_idle(1);
    cr_assert_eq(load_acquire(&queued[0].ran), 0);
    cr_assert_eq(load_acquire(&queued[1].ran), 1);
    cr_assert_eq(load_acquire(&queued[2].ran), 1);
    cr_assert_not(wok__pool_cancel(pool, &queued[1].task), "it has run");
    end();
}

static void *shut_down(void *ended)
{
    wok__pool_close(pool);
    *(bool *)ended = wok__pool_wait(pool, NEVER);
    return NULL;
}

/* B3, without a limit. */
Test(pool, an_end_discards_what_is_queued_and_waits_for_what_has_started, .timeout = 20)
{
    struct job blocker = {.function = wait_at_gate}, queued[5] = {0};
    bool ended = false;
    pthread_t thread;

    begin(1, 0);
    submit(&blocker);
    await_jobs_at_gate(1);
    for (int i = 0; i < 5; i++)
        submit(&queued[i]);
    cr_assert_eq(pthread_create(&thread, NULL, shut_down, &ended), 0);
    for (int i = 0; i < 5; i++)
        while (load_relaxed(&queued[i].discarded) == 0)
            sched_yield();
    cr_assert_eq(load_acquire(&blocker.ran), 0);
    cr_assert_eq(wok__pool_submit(pool, &late.task), -ECANCELED);
    open_gate();
    pthread_join(thread, NULL);
    cr_assert(ended);
    cr_assert_eq(load_acquire(&blocker.ran), 1);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(load_acquire(&queued[i].ran), 0);
    wok__pool_unref(pool);
}

/* B3, with a limit: it gives up, the call runs on, and whoever waits again ends it. */
Test(pool, a_deadline_that_has_passed_waits_for_nothing, .timeout = 20)
{
    struct job blocker = {.function = wait_at_gate};

    begin(2, 0);
    submit(&blocker);
    await_jobs_at_gate(1);
    wok__pool_close(pool);
    cr_assert_not(wok__pool_wait(pool, 0));
    cr_assert_not(wok__pool_wait(pool, now_ns() + 5 * 1000 * 1000));
    cr_assert_eq(figures().busy, 1);
    open_gate();
    cr_assert(wok__pool_wait(pool, NEVER), "a second look may wait longer");
    cr_assert_eq(load_acquire(&blocker.ran), 1);
    wok__pool_unref(pool);
}

Test(pool, says_so_when_no_thread_can_be_started_and_none_exists, .timeout = 20)
{
    struct job job = {0};

    begin(4, 0);
    store_relaxed(&threads_allowed, 0);
    cr_assert_eq(wok__pool_submit(pool, &job.task), -EAGAIN);
    cr_assert_eq(figures().queued, 0);
    cr_assert_eq(figures().threads, 0);
    store_relaxed(&threads_allowed, 1);
    submit(&job);
    await_idle(1);
    cr_assert_eq(load_acquire(&job.ran), 1);
    end();
}

Test(pool, keeps_a_task_queued_when_no_further_thread_can_be_started, .timeout = 20)
{
    struct job blocker = {.function = wait_at_gate}, job = {0};

    begin(4, 0);
    store_relaxed(&threads_allowed, 1);
    submit(&blocker);
    await_jobs_at_gate(1);
    submit(&job);
    cr_assert_eq(figures().queued, 1);
    open_gate();
    await_idle(1);
    cr_assert_eq(load_acquire(&job.ran), 1);
    end();
}

Test(pool, a_pool_that_was_never_used_ends_at_once, .timeout = 20)
{
    begin(1, 0);
    cr_assert_eq(figures().threads, 0);
    cr_assert(figures().joined);
    end();
}

/* ---- the bound of the queue ---------------------------------------------------------------------- */

static void begin_bounded(unsigned threads_max, size_t queue_max)
{
    begin_with(&(struct wok__pool_settings){
        .threads_max = threads_max,
        .queue_max = queue_max,
        .keep_alive_ns = NEVER,
        .name = "bounded",
    });
}

Test(pool, refuses_one_call_more_than_may_wait, .timeout = 20)
{
    struct job blocker = {.function = wait_at_gate}, queued[2] = {0}, refused = {0};

    begin_bounded(1, 2);
    submit(&blocker);
    await_jobs_at_gate(1);
    submit(&queued[0]);
    submit(&queued[1]);
    cr_assert_eq(wok__pool_submit(pool, &refused.task), -EAGAIN);
    cr_assert_eq(figures().queued, 2);
    cr_assert_eq(figures().refused, 1);
    cr_assert(wok__pool_cancel(pool, &queued[0].task));
    submit(&queued[0]); /* there is room again */
    open_gate();
    await_idle(1);
    cr_assert_eq(load_acquire(&refused.ran), 0);
    cr_assert_lt(queued[1].order, queued[0].order);
    cr_assert_eq(figures().completed, 3);
    end();
}

/* A call that an idle or a new thread comes for does not wait, whether that thread has looked at the
 * queue yet or not. */
Test(pool, counts_no_call_that_a_thread_is_coming_for, .timeout = 20)
{
    enum { THREADS = 4, ROUNDS = 100 };

    begin_bounded(THREADS, 1);
    for (int round = 0; round < ROUNDS; round++) {
        struct job jobs[THREADS + 1] = {0}, refused = {0};

        gate_open = false; /* all threads are idle, or none is: nobody looks */
        at_gate = 0;
        for (int i = 0; i < THREADS; i++) {
            jobs[i].function = wait_at_gate;
            submit(&jobs[i]);
        }
        submit(&jobs[THREADS]);
        cr_assert_eq(wok__pool_submit(pool, &refused.task), -EAGAIN);
        await_jobs_at_gate(THREADS);
        cr_assert_eq(wok__pool_submit(pool, &refused.task), -EAGAIN);
        open_gate();
        await_idle(THREADS);
    }
    cr_assert_eq(figures().refused, 2 * ROUNDS);
    cr_assert_eq(figures().completed, (THREADS + 1) * ROUNDS);
    end();
}

/* ---- the threads' names and hooks ------------------------------------------------------------------ */

static atomic_u32 threads_begun, threads_ended;

static void note_start(void *argument)
{
    char name[16];

    cr_assert_eq(argument, &threads_begun);
    cr_assert_eq(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    cr_assert_str_eq(name, "a-pool-of-mine");
    fetch_add_release(&threads_begun, 1);
}

static void note_stop(void *argument)
{
    cr_assert_eq(argument, &threads_begun);
    fetch_add_release(&threads_ended, 1);
}

Test(pool, calls_the_hooks_once_on_each_thread, .timeout = 20)
{
    struct job blockers[2] = {{.function = wait_at_gate}, {.function = wait_at_gate}};

    begin_with(&(struct wok__pool_settings){
        .threads_max = 2,
        .keep_alive_ns = NEVER,
        .name = "a-pool-of-mine",
        .on_thread_start = note_start,
        .on_thread_stop = note_stop,
        .argument = &threads_begun,
    });
    submit(&blockers[0]);
    submit(&blockers[1]);
    await_jobs_at_gate(2);
    cr_assert_eq(load_acquire(&threads_begun), 2, "before the first call");
    cr_assert_eq(load_acquire(&threads_ended), 0);
    open_gate();
    end();
    cr_assert_eq(load_acquire(&threads_begun), 2);
    cr_assert_eq(load_acquire(&threads_ended), 2);
}

static void start_late(void *unused)
{
    wait_at_gate(unused);
}

/* The first thread has been started and has not come to the queue: its call waits for it alone. */
Test(pool, counts_no_call_whose_thread_is_starting, .timeout = 20)
{
    struct job jobs[2] = {0}, refused = {0};

    begin_with(&(struct wok__pool_settings){
        .threads_max = 1,
        .queue_max = 1,
        .keep_alive_ns = NEVER,
        .name = "late",
        .on_thread_start = start_late,
    });
    submit(&jobs[0]);
    submit(&jobs[1]);
    cr_assert_eq(wok__pool_submit(pool, &refused.task), -EAGAIN);
    open_gate();
    await_idle(1);
    cr_assert_eq(figures().completed, 2);
    end();
}

enum { SUBMITTERS = 4, EACH = 3000 };
static struct job storm[SUBMITTERS][EACH];

static void *submit_many(void *jobs_)
{
    struct job *jobs = jobs_;

    for (int i = 0; i < EACH; i++) {
        submit(&jobs[i]);
        if (i % 7 == 0 && wok__pool_cancel(pool, &jobs[i].task))
            discard_job(&jobs[i].task, -ECANCELED);
        if (i % 64 == 0)
            sched_yield();
    }
    return NULL;
}

/* A keep-alive of a microsecond makes threads come and go all the time: a wake that is lost
 * between "nothing to do" and "gone" leaves a job behind, and this test does not end. */
Test(pool, runs_each_job_once_while_threads_come_and_go, .timeout = 60)
{
    pthread_t threads[SUBMITTERS];

    begin(3, 1000);
    for (int i = 0; i < SUBMITTERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, submit_many, storm[i]), 0);
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < SUBMITTERS; i++) {
        for (int j = 0; j < EACH; j++) {
            struct job *job = &storm[i][j];

            while (load_acquire(&job->ran) + load_relaxed(&job->discarded) == 0)
                sched_yield();
            cr_assert_eq(load_acquire(&job->ran) + load_relaxed(&job->discarded), 1);
        }
    }
    end();
}
