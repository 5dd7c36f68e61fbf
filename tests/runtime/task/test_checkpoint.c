/*
 * test_checkpoint.c - loops that compute, and share their worker all the same.
 */
#include <errno.h>

#include "support/wok_test.h"

static unsigned rounds, rounds_when_others_ran;

/* Runs between two polls of the loop under test. */
WOK_TASK(look, char, int);

static int look(char *unused, int *result)
{
    (void)unused;
    *result = 0;
    rounds_when_others_ran = rounds;
    return 0;
}

WOK_TEST(checkpoint, lets_the_others_run_once_in_128)
{
    look_join other = wok_spawn(look, 0);

    while (rounds_when_others_ran == 0) {
        cr_assert_lt(rounds, 1000);
        cr_assert_eq(wok_checkpoint(), 0);
        rounds++;
    }
    cr_assert_eq(rounds_when_others_ran, 128);
    look_join_drop(&other);
}

static wok_join own_handle;

WOK_TASK(abort_in_a_loop, char, int);

static int abort_in_a_loop(char *unused, int *result)
{
    (void)unused;
    *result = wok_checkpoint();
    wok_join_abort(&own_handle);
    return wok_checkpoint();
}

WOK_TEST(checkpoint, notices_an_abort_at_once)
{
    abort_in_a_loop_join task = wok_spawn(abort_in_a_loop, 0);
    wok_join_error why;

    own_handle = task.join;
    cr_assert_eq(abort_in_a_loop_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
}

WOK_TEST(checkpoint, notices_a_deadline_when_it_would_let_the_others_run)
{
    int code = 0;

    WOK_DEADLINE(wok_now())
    {
        for (rounds = 0; rounds < 1000 && code == 0; rounds++)
            code = wok_checkpoint();
    }
    cr_assert_eq(code, -ETIMEDOUT);
    cr_assert_leq(rounds, 130);
}

struct loop {
    unsigned checkpoints, polls;
};

static wok_poll loop_poll(void *self_, wok_cx *cx, void *result)
{
    struct loop *self = self_;

    self->polls++;
    cr_assert_eq(wok_checkpoint(), -EDEADLK, "it has no stack to leave");
    while (self->checkpoints < 300) {
        if (wok_checkpoint_poll(cx) == WOK_PENDING)
            return WOK_PENDING;
        self->checkpoints++;
    }
    *(unsigned *)result = self->polls;
    return WOK_READY;
}

WOK_TEST(checkpoint, ends_a_poll_of_a_stackless_task_in_time)
{
    static const wok_future_vtable vtable = {
        .name = "loop",
        .size = sizeof(struct loop),
        .result_size = sizeof(unsigned),
        .poll = loop_poll,
    };
    struct loop loop = {0};
    wok_join task = wok_spawn_future(&vtable, &loop);
    unsigned polls = 0;

    cr_assert_eq(wok_join_await(&task, &polls, NULL), 0);
    cr_assert_eq(polls, 3);
}

Test(checkpoint, does_nothing_on_a_plain_thread, .timeout = 20)
{
    for (rounds = 0; rounds < 1000; rounds++)
        cr_assert_eq(wok_checkpoint(), 0);
}
