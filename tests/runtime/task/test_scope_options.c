/*
 * test_scope_options.c - scopes with policies, limits, deadlines and an order; scopes as blocks.
 *
 * Q-numbers are the rules of structured concurrency in docs/semantics.md.
 */
#include <errno.h>

#include "support/wok_test.h"

/* What one child does: sleeps, and ends in the way it is told.  It belongs to the parent's frame. */
struct job {
    wok_duration delay;
    int code;    /* what it returns */
    bool panics; /* instead */
    int seen;    /* what its sleep gave */
    bool began, ended;
    uint64_t deadline;               /* what covered it */
    unsigned *running, *running_max; /* how many run at a time; one worker only */
    size_t *order, place;
};

static void end_job(struct job **job)
{
    (*job)->ended = true;
    if ((*job)->running != NULL)
        --*(*job)->running;
}

static int run_job(struct job *job)
{
    WOK_CLEANUP(end_job) struct job *ending = job;

    ending->began = true;
    ending->deadline = wok_deadline_now().ns;
    if (job->order != NULL)
        job->place = (*job->order)++;
    if (job->running != NULL && ++*job->running > *job->running_max)
        *job->running_max = *job->running;
    job->seen = wok_sleep(job->delay);
    if (job->seen < 0)
        return job->seen;
    if (job->panics)
        wok_panic("job");
    return job->code;
}

/* ---- policies -------------------------------------------------------------------------------------- */

WOK_TEST_WORKERS(scope_policy, fail_fast_aborts_the_others_at_the_first_failure, 3)
{
    struct job jobs[] = {
        {.delay = wok_seconds(100)}, {.delay = wok_ms(20), .code = -EIO}, {.delay = wok_ms(50)}};
    wok_instant start = wok_now();
    int code = 1;

    WOK_SCOPE(scope, .policy = WOK_SCOPE_FAIL_FAST, .ret_code = &code)
    {
        for (size_t i = 0; i < 3; i++)
            wok_scope_spawn(scope, run_job, &jobs[i]);
    }
    cr_assert_eq(code, -EIO, "the failure that decided, not the first in order: %d", code);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(20).ns);
    cr_assert_eq(jobs[0].seen, -ECANCELED);
    cr_assert_eq(jobs[2].seen, -ECANCELED);
}

WOK_TEST(scope_policy, fail_fast_takes_a_panic_for_a_failure)
{
    struct job jobs[] = {{.delay = wok_seconds(100)}, {.delay = wok_ms(20), .panics = true}};
    wok_join_error why = {0};
    wok_scope_options options = {.policy = WOK_SCOPE_FAIL_FAST};
    WOK_CLEANUP(wok_scope_done) wok_scope scope;

    wok_scope_init(&scope, &options);
    for (size_t i = 0; i < 2; i++)
        wok_scope_spawn(&scope, run_job, &jobs[i]);
    cr_assert_eq(wok_scope_wait_error(&scope, WOK_NEVER, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(why.message, "\"job\""));
    cr_assert_eq(jobs[0].seen, -ECANCELED);
}

WOK_TEST(scope_policy, fail_fast_does_not_wait_for_the_parent_to_look)
{
    struct job jobs[] = {{.delay = wok_seconds(100)}, {.delay = wok_ms(20), .code = -EIO}};
    int code = 0;

    WOK_SCOPE(scope, .policy = WOK_SCOPE_FAIL_FAST, .ret_code = &code)
    {
        for (size_t i = 0; i < 2; i++)
            wok_scope_spawn(scope, run_job, &jobs[i]);
        cr_assert_eq(wok_sleep(wok_ms(30)), 0); /* something else than the scope */
        cr_assert(jobs[0].ended);
    }
    cr_assert_eq(code, -EIO);
}

WOK_TEST_WORKERS(scope_policy, first_ok_aborts_the_others_at_the_first_success, 2)
{
    struct job jobs[] = {{.delay = wok_ms(10), .code = -EIO},
                         {.delay = wok_ms(20)},
                         {.delay = wok_seconds(100), .code = -EPERM}};
    wok_instant start = wok_now();
    int code = 1;

    WOK_SCOPE(scope, .policy = WOK_SCOPE_FIRST_OK, .ret_code = &code)
    {
        for (size_t i = 0; i < 3; i++)
            wok_scope_spawn(scope, run_job, &jobs[i]);
    }
    cr_assert_eq(code, 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(20).ns);
    cr_assert_eq(jobs[2].seen, -ECANCELED);
}

WOK_TEST(scope_policy, first_ok_fails_only_if_all_do)
{
    struct job jobs[] = {{.delay = wok_ms(10), .code = -EIO}, {.delay = wok_ms(5), .code = -EPERM}};
    int code = 1;

    WOK_SCOPE(scope, .policy = WOK_SCOPE_FIRST_OK, .ret_code = &code)
    {
        for (size_t i = 0; i < 2; i++)
            wok_scope_spawn(scope, run_job, &jobs[i]);
    }
    cr_assert_eq(code, -EIO, "the first in the order of spawning: %d", code);
}

WOK_TEST(scope_policy, all_lets_every_child_end)
{
    struct job jobs[] = {{.delay = wok_ms(10), .code = -EIO}, {.delay = wok_ms(50)}};
    int code = 1;

    WOK_SCOPE(scope, .ret_code = &code)
    {
        for (size_t i = 0; i < 2; i++)
            wok_scope_spawn(scope, run_job, &jobs[i]);
    }
    cr_assert_eq(code, -EIO);
    cr_assert_eq(jobs[1].seen, 0);
}

WOK_TEST(scope_policy, begins_anew_after_a_wait)
{
    struct job jobs[] = {{.code = -EIO}, {.delay = wok_ms(1)}};
    wok_scope_options options = {.policy = WOK_SCOPE_FAIL_FAST};
    WOK_CLEANUP(wok_scope_done) wok_scope scope;

    wok_scope_init(&scope, &options);
    wok_scope_spawn(&scope, run_job, &jobs[0]);
    cr_assert_eq(wok_scope_wait(&scope), -EIO);
    wok_scope_spawn(&scope, run_job, &jobs[1]);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    cr_assert_eq(jobs[1].seen, 0);
}

WOK_TEST(scope_policy, children_of_a_cancelled_scope_are_born_aborted)
{
    struct job job = {.delay = wok_ms(1)};
    int code = 1;

    WOK_SCOPE(scope, .ret_code = &code)
    {
        wok_scope_cancel(scope);
        wok_scope_spawn(scope, run_job, &job);
    }
    cr_assert_eq(code, -WOK_EJOIN);
    cr_assert_not(job.began);
}

/* ---- limits ------------------------------------------------------------------------------------------ */

WOK_TEST(scope_limit, so_many_run_at_a_time_and_the_others_wait_in_order)
{
    enum { JOBS = 20 };
    struct job jobs[JOBS];
    unsigned running = 0, running_max = 0;
    size_t order = 0;
    wok_instant start = wok_now();
    int code = 1;

    WOK_SCOPE(scope, .max_running = 3, .ret_code = &code)
    {
        for (size_t i = 0; i < JOBS; i++) {
            jobs[i] = (struct job){.delay = wok_ms(10),
                                   .running = &running,
                                   .running_max = &running_max,
                                   .order = &order};
            wok_scope_spawn(scope, run_job, &jobs[i]);
        }
    }
    cr_assert_eq(code, 0);
    cr_assert_eq(running_max, 3);
    for (size_t i = 0; i < JOBS; i++)
        cr_assert_eq(jobs[i].place, i);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(70).ns, "20 jobs, three at a time, 10 ms each");
}

WOK_TEST(scope_limit, children_in_the_queue_never_run_once_the_scope_is_cancelled)
{
    struct job jobs[] = {{.delay = wok_ms(10), .code = -EIO}, {.delay = wok_ms(10)}, {.code = 0}};
    int code = 1;

    WOK_SCOPE(scope, .max_running = 1, .policy = WOK_SCOPE_FAIL_FAST, .ret_code = &code)
    {
        for (size_t i = 0; i < 3; i++)
            wok_scope_spawn(scope, run_job, &jobs[i]);
    }
    cr_assert_eq(code, -EIO);
    cr_assert_not(jobs[1].began);
    cr_assert_not(jobs[2].began);
}

/* ---- deadlines --------------------------------------------------------------------------------------- */

WOK_TEST(scope_timeout, covers_parent_and_children)
{
    struct job jobs[] = {{.delay = wok_ms(10)}, {.delay = wok_seconds(100)}};
    wok_instant start = wok_now();
    int code = 1;

    WOK_SCOPE(scope, .timeout = wok_ms(50), .ret_code = &code)
    {
        for (size_t i = 0; i < 2; i++)
            wok_scope_spawn(scope, run_job, &jobs[i]);
    }
    cr_assert_eq(code, -ETIMEDOUT);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(50).ns);
    cr_assert_eq(jobs[0].seen, 0);
    cr_assert_eq(jobs[1].deadline, start.ns + wok_ms(50).ns);
    /* At the same instant the parent's own wait times out, which aborts the children. */
    cr_assert(jobs[1].seen == -ETIMEDOUT || jobs[1].seen == -ECANCELED, "%d", jobs[1].seen);
    cr_assert_eq(wok_deadline_now().ns, WOK_NEVER.ns);
}

static int nested(struct job *job)
{
    int code = 0;

    WOK_SCOPE(scope, .ret_code = &code)
    wok_scope_spawn(scope, run_job, job);
    return code;
}

/* Q5: a child may open its own scope; the deadline goes down the tree, the error up. */
WOK_TEST(scope_timeout, reaches_grandchildren)
{
    struct job job = {.delay = wok_seconds(100)};
    wok_instant start = wok_now();
    int code = 1;

    WOK_TIMEOUT(wok_ms(50))
    {
        WOK_SCOPE(scope, .ret_code = &code)
        wok_scope_spawn(scope, nested, &job);
    }
    cr_assert_eq(code, -ETIMEDOUT);
    cr_assert_eq(job.deadline, start.ns + wok_ms(50).ns);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(50).ns);
}

WOK_TEST(scope_timeout, of_a_wait_leaves_the_children_running)
{
    struct job job = {.delay = wok_ms(100)};
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;

    wok_scope_spawn(&scope, run_job, &job);
    cr_assert_eq(wok_scope_wait_until(&scope, wok_after(wok_ms(10))), -ETIMEDOUT);
    cr_assert_not(job.ended);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    cr_assert_eq(job.seen, 0);
}

/* ---- order of completion ------------------------------------------------------------------------------ */

WOK_TEST_WORKERS(scope_next, tells_of_the_children_as_they_end, 3)
{
    struct job jobs[] = {{.delay = wok_ms(30)},
                         {.delay = wok_ms(10), .code = -EIO},
                         {.delay = wok_ms(20), .panics = true}};
    size_t want[] = {1, 2, 0};
    wok_outcome outcomes[] = {WOK_FAILED, WOK_PANICKED, WOK_RETURNED};
    wok_scope_child child;
    int code = 1;

    WOK_SCOPE(scope, .completion_order = true, .ret_code = &code)
    {
        for (size_t i = 0; i < 3; i++)
            wok_scope_spawn(scope, run_job, &jobs[i]);
        for (size_t i = 0; i < 3; i++) {
            cr_assert_eq(wok_scope_next(scope, &child), 0);
            cr_assert_eq(child.index, want[i]);
            cr_assert_eq(child.error.outcome, outcomes[i]);
        }
        cr_assert_eq(wok_scope_next(scope, &child), -ENOENT);
    }
    cr_assert_eq(code, -EIO);
}

WOK_TEST(scope_next, loses_a_select_without_skipping_a_child)
{
    struct job job = {.delay = wok_ms(30)};
    wok_scope_child child = {.index = 7};
    int code = 1;

    WOK_SCOPE(scope, .completion_order = true)
    {
        wok_scope_spawn(scope, run_job, &job);
        for (int i = 0; i < 3; i++) {
            wok_op branches[] = {wok_scope_next_op(scope, &child), wok_sleep_op(wok_ms(10))};
            cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), i == 2 ? 0 : 1);
        }
        cr_assert_eq(code, 0);
        cr_assert_eq(child.index, 0);
    }
}

WOK_TEST(scope_next, is_refused_without_its_option)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_scope_child child;

    cr_assert_eq(wok_scope_next(&scope, &child), -EINVAL);
}

/* ---- leaving (Q1, Q2) ------------------------------------------------------------------------------------ */

enum leave { BY_END, BY_BREAK, BY_CONTINUE, BY_RETURN, BY_GOTO, BY_PANIC };

static int leave_scope(enum leave how, struct job *job, int *code)
{
    WOK_SCOPE(scope, .ret_code = code)
    {
        wok_scope_spawn(scope, run_job, job);
        (void)wok_yield();
        switch (how) {
        case BY_END:
            break;
        case BY_BREAK:
            goto breaks;
        case BY_CONTINUE:
            continue;
        case BY_RETURN:
            return 1;
        case BY_GOTO:
            goto out;
        case BY_PANIC:
            wok_panic("left");
        }
        continue;
    breaks:
        break;
    }
out:
    return 0;
}

struct leaving {
    enum leave how;
    struct job *job;
    int *code;
};

WOK_TASK(leave_by_panic, struct leaving, int);
static int leave_by_panic(struct leaving *leaving, int *result)
{
    *result = leave_scope(leaving->how, leaving->job, leaving->code);
    return 0;
}

WOK_TEST(scope_block, waits_for_the_children_on_every_way_out)
{
    for (enum leave how = BY_END; how <= BY_GOTO; how++) {
        bool calmly = how == BY_END || how == BY_CONTINUE;
        struct job job = {.delay = wok_ms(10)};
        int code = 77;

        cr_assert_eq(leave_scope(how, &job, &code), how == BY_RETURN);
        cr_assert(job.began);
        cr_assert(job.ended, "left by %d", (int)how);
        cr_assert_eq(job.seen, calmly ? 0 : -ECANCELED, "left by %d: %d", (int)how, job.seen);
        cr_assert_eq(code, calmly ? 0 : 77);
    }
}

WOK_TEST(scope_block, waits_for_the_children_when_a_panic_leaves_it)
{
    struct job job = {.delay = wok_ms(10)};
    int code = 77;
    leave_by_panic_join join =
        wok_spawn(leave_by_panic, {.how = BY_PANIC, .job = &job, .code = &code});
    wok_join_error why;

    cr_assert_eq(leave_by_panic_await(&join, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert(job.ended);
    cr_assert_eq(job.seen, -ECANCELED);
}

/* ---- cancellation goes down --------------------------------------------------------------------------------- */

struct family {
    struct job job;
    int wait_code;
    bool child_had_ended;
};

WOK_TASK(head_family, struct family *, int);
static int head_family(struct family **family_, int *result)
{
    struct family *family = *family_;
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;

    (void)result;
    wok_scope_spawn(&scope, run_job, &family->job);
    family->wait_code = wok_scope_wait(&scope);
    WOK_SHIELD()
    {
        (void)wok_sleep(wok_ms(1));
        family->child_had_ended = family->job.ended; /* before wok_scope_done() */
    }
    return family->wait_code;
}

WOK_TEST(scope_cancel, an_aborted_parent_takes_its_children_with_it_at_once)
{
    struct family family = {.job = {.delay = wok_seconds(100)}};
    head_family_join join = wok_spawn(head_family, &family);

    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    wok_join_abort(&join.join);
    cr_assert_eq(head_family_await(&join, NULL, NULL), -WOK_EJOIN);
    cr_assert_eq(family.wait_code, -ECANCELED);
    cr_assert_eq(family.job.seen, -ECANCELED);
    cr_assert(family.child_had_ended);
}

/* ---- under real threads ------------------------------------------------------------------------------ */

/* Children that decide on one worker abort siblings on others while the parent spawns more. */
WOK_TEST_ON(scope_many, a_failure_races_with_spawns, 4)
{
    for (int round = 0; round < TEST_SCALE(300); round++) {
        struct job jobs[40];
        int code = 0;

        WOK_SCOPE(scope, .policy = WOK_SCOPE_FAIL_FAST, .max_running = round % 3 ? 0 : 7,
                  .completion_order = round % 2, .ret_code = &code)
        {
            for (size_t i = 0; i < 40; i++) {
                jobs[i] = (struct job){.delay = wok_seconds(1000), .code = 0};
                if (i == (size_t)(round % (round % 3 ? 40 : 7)))
                    jobs[i] = (struct job){.code = -EIO};
                wok_scope_spawn(scope, run_job, &jobs[i]);
                if (round % 5 == 0)
                    (void)wok_yield();
            }
        }
        cr_assert_eq(code, -EIO, "%d", code);
    }
}
