/*
 * select.c - waiting for the first of several operations.
 *
 * The branches are polled in turn; the first that is ready is completed, and the others are told
 * that nobody waits any more: a join handle is forgotten, a timer leaves its wheel.  A losing future
 * of the user's own is left exactly where its last poll left it.
 */
#include <errno.h>
#include <stdlib.h>

#include "task/task.h"

enum { TIMERS_INLINE = 8 };

struct selection {
    wok_branch *branches;
    size_t count, start, winner;
    wok_sleep_future *timers; /* one for each branch */
    int code;
};

static wok_poll poll_branch(struct selection *selection, size_t at, wok_cx *cx)
{
    wok_branch *branch = &selection->branches[at];

    switch (branch->kind) {
    case WOK_BRANCH_OFF:
        return WOK_PENDING;
    case WOK_BRANCH_JOIN:
        return wok_join_poll(branch->join, cx, branch->ret_result, branch->ret_error);
    case WOK_BRANCH_TIMER:
        return wok_sleep_future_poll(&selection->timers[at], cx);
    case WOK_BRANCH_FUTURE:
        return wok_future_poll(branch->future, cx, branch->ret_result);
    }
    return WOK_PENDING;
}

static wok_poll selection_poll(void *self, wok_cx *cx, void *result)
{
    struct selection *selection = self;

    (void)result;
    for (size_t i = 0; i < selection->count; i++) {
        size_t at = (selection->start + i) % selection->count;
        wok_poll code = poll_branch(selection, at, cx);
        if (code != WOK_PENDING) {
            selection->winner = at;
            selection->code = code;
            return WOK_READY;
        }
    }
    return WOK_PENDING;
}

/* Nobody waits any more, whatever came out. */
static void selection_drop(void *self)
{
    struct selection *selection = self;

    for (size_t i = 0; i < selection->count; i++) {
        if (selection->branches[i].kind == WOK_BRANCH_JOIN)
            wok__join_forget(selection->branches[i].join);
        wok_sleep_future_drop(&selection->timers[i]);
    }
}

static const wok_future_vtable selection_vtable = {
    .name = "select",
    .size = sizeof(struct selection),
    .poll = selection_poll,
    .drop = selection_drop,
};

static void free_timers(wok_sleep_future **timers)
{
    free(*timers);
}

static bool any_on(const wok_branch *branches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (branches[i].kind != WOK_BRANCH_OFF)
            return true;
    }
    return false;
}

int wok_select(wok_branch *branches, size_t count, wok_select_order order, int *ret_code)
{
    wok_sleep_future inline_timers[TIMERS_INLINE];
    WOK_CLEANUP(free_timers) wok_sleep_future *heap_timers = NULL;
    struct selection selection = {.branches = branches, .count = count, .timers = inline_timers};
    int code;

    if (!any_on(branches, count))
        return -EINVAL;
    if (count > TIMERS_INLINE) {
        heap_timers = calloc(count, sizeof *heap_timers);
        if (heap_timers == NULL)
            return -ENOMEM;
        selection.timers = heap_timers;
    }
    for (size_t i = 0; i < count; i++)
        selection.timers[i] = wok_sleep_future_until(branches[i].deadline);
    if (order == WOK_SELECT_FAIR)
        selection.start = wok__random_below((uint32_t)count);
    code = wok__await_drop((wok_future){&selection_vtable, &selection}, WOK_NEVER, NULL, false);
    if (code < 0)
        return code;
    if (ret_code != NULL)
        *ret_code = selection.code;
    return (int)selection.winner;
}
