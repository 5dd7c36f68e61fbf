/*
 * wait.c - waiting for the end of a channel's receiving side, which is the same for all of them.
 */
#include <errno.h>

#include "channel/wait.h"

static wok_poll closing_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    struct wok__closing *closing = op->object;
    wok_poll code;

    (void)result;
    if (closing == NULL)
        return -EINVAL;
    wok__lock_take(closing->lock);
    code = wok__wait_look(&closing->waiters, op, cx, closing->closed);
    wok__lock_give(closing->lock);
    return code;
}

static void closing_drop(void *self)
{
    wok_op *op = self;
    struct wok__closing *closing = WOK_TAKE(op->object);

    if (closing != NULL)
        wok__wait_end(closing->lock, &closing->waiters, op);
}

static const wok_future_vtable closing_vtable = {
    .name = "channel closed",
    .size = sizeof(wok_op),
    .poll = closing_poll,
    .drop = closing_drop,
};

wok_op wok__closing_op(struct wok__closing *closing)
{
    return (wok_op){.vtable = &closing_vtable, .object = closing};
}
