/*
 * poller.h - polling operations by hand, without a runtime.
 *
 *     static struct poller a = POLLER;
 *     wok_op op = wok_mpsc_recv_op(&receiver, &value);
 *     cr_assert_eq(poller_poll(&a, &op), WOK_PENDING);
 *     ...
 *     cr_assert(poller_woken(&a));
 *
 * A poller is a task that is being polled all the time: who wakes it leaves a note in its state word and
 * pushes it nowhere.
 */
#ifndef WOK_TESTS_SUPPORT_POLLER_H
#define WOK_TESTS_SUPPORT_POLLER_H

#include "task/task.h"

struct poller {
    struct wok_task task;
};

#define POLLER                                                                                     \
    {                                                                                              \
        .task = {.state = {{WOK__RUNNING | WOK__REF}}, .home = WOK__HOME_NONE }                    \
    }

static inline wok_poll poller_poll(struct poller *poller, wok_op *op)
{
    wok_cx cx = {&poller->task};

    return wok_op_poll(op, &cx);
}

/* True if somebody has woken the poller since the last time. */
static inline bool poller_woken(struct poller *poller)
{
    return (fetch_and_relaxed(&poller->task.state.word, ~(uint32_t)WOK__NOTIFIED) &
            WOK__NOTIFIED) != 0;
}

#endif
