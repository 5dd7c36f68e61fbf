/*
 * 11_until.c - a deadline for one wait, and what becomes of what was waited for.
 *
 * Each function that waits has a form that ends in `_until`.  When the time is over it says so, and
 * nothing has happened: a task is still there to be awaited, a message is still to come, and a future
 * of the caller's own is where it was.  Where everything in a block has to end in time, a deadline for
 * the block is simpler: 09_timeout.c.
 */
#include <errno.h>
#include <stdio.h>

#include <wok/wok.h>

WOK_ONESHOT(payment, int, NULL);

/* Cooks when somebody has paid, and not before. */
WOK_TASK_WITH_DROP(cook, payment_receiver, int, payment_receiver_drop, NULL);

static int cook(payment_receiver *till, int *portions)
{
    return payment_recv(till, portions);
}

/* A future of our own: counts how often it was looked at, and is never ready. */
static wok_poll pot_poll(void *self, wok_cx *cx, void *result)
{
    (void)cx;
    (void)result;
    ++*(int *)self;
    return WOK_PENDING;
}

static const wok_future_vtable pot_vtable = {.name = "pot", .size = sizeof(int), .poll = pot_poll};

static int program(void)
{
    payment_sender purse;
    payment_receiver till;
    int portions = 0, looks = 0;

    int error = payment_new(&purse, &till);
    if (error < 0)
        return error;
    cook_join dinner = wok_spawn(cook, till);

    error = wok_join_await_until(&dinner.join, wok_after(wok_ms(20)), &portions, NULL);
    printf("without money: %s, finished: %s\n", strerror(-error),
           wok_join_is_finished(&dinner.join) ? "yes" : "no");

    /* The task was not aborted, and its handle is as good as before. */
    error = payment_send(&purse, 2);
    if (error == 0)
        error = wok_join_await_until(&dinner.join, wok_after(wok_seconds(60)), &portions, NULL);
    printf("with money: %s, %d portions\n", strerror(-error), portions);

    error = wok_timeout(wok_ms(20), (wok_future){&pot_vtable, &looks}, NULL);
    printf("a watched pot: %s, looked at %d %s\n", strerror(-error), looks,
           looks == 1 ? "time" : "times");
    return 0;
}

int main(void)
{
    return wok_main(program);
}
