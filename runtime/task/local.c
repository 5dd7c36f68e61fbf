/*
 * local.c - values that go with a task.
 *
 * The frames of the blocks that give values are linked, the innermost first.  The list of a stackful
 * task begins in its fiber, where it stays while the task waits: a switch of stacks does not touch it.
 * That of a stackless task's poll, and of a plain thread, begins in the thread's place; between two
 * polls it is empty, because its frames lie in blocks of the poll.
 *
 * Invariants
 *   L1  a frame lies on the stack whose list it is in, below the frame's outer one; so blocks that are
 *       left by an unwind leave in order.
 *   L2  a task that runs in place, on the stack of another, begins with an empty list (harness.c).
 */
#include <wok/local.h>

#include <assert.h>

#include "task/context.h"
#include "task/fiber.h"

static wok_local_frame **innermost(void)
{
    struct wok__here *here = wok__here();

    return here->fiber != NULL ? &here->fiber->locals : &here->locals;
}

void *wok_local_get(const wok_local *key)
{
    const wok_local_frame *frame = *innermost();

    while (frame != NULL && frame->key != key)
        frame = frame->outer;
    return frame != NULL ? frame->value : NULL;
}

void wok_local_push(wok_local_frame *frame, const wok_local *key, void *value)
{
    wok_local_frame **first = innermost();

    *frame = (wok_local_frame){key, value, *first};
    *first = frame;
}

void wok_local_pop(wok_local_frame *frame)
{
    wok_local_frame **first = innermost();

    if (frame->key == NULL)
        return;
    assert(*first == frame); /* local.h: like brackets */
    *first = frame->outer;
    frame->key = NULL;
}
