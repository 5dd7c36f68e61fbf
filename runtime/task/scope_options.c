/*
 * scope_options.c - what a scope's options make of the end of a child.
 *
 * A scope without options comes here only to start and to abort children.  With options, each child
 * that ends does what they ask for before it is counted out: until then neither the scope nor the block
 * of a sibling can go away (scope.c G1, G3).  The lock guards two lists: the children that wait for their
 * turn, and those that ended and were not told of yet.
 */
#include "platform/lock.h"
#include "task/group.h"
#include "task/task.h"

static struct wok__lock *lock_of(wok_scope *scope)
{
    _Static_assert(sizeof scope->group.lock == sizeof(struct wok__lock),
                   "the header shows its shape");
    return (struct wok__lock *)&scope->group.lock;
}

static void schedule(struct wok_task *task)
{
    wok__task_push(task, task->kind == WOK__TASK_STACKLESS ? WOK__REASON_CHILD : WOK__REASON_SPAWN);
}

/* ---- at most so many at a time ------------------------------------------------------------------- */

void wok__scope_start(wok_scope *scope, struct wok_task *task)
{
    bool starts = true;

    if (scope->options.max_running != 0) {
        wok__lock_take(lock_of(scope));
        starts = scope->running < scope->options.max_running;
        if (starts) {
            scope->running++;
        } else {
            task->next = NULL;
            if (scope->queued_last != NULL)
                scope->queued_last->next = task;
            else
                scope->queued_first = task;
            scope->queued_last = task;
        }
        wok__lock_give(lock_of(scope));
    }
    if (starts)
        schedule(task);
}

/* The place of a child that ended goes to the next in the queue; the lock is held. */
static struct wok_task *pass_place(wok_scope *scope)
{
    struct wok_task *next = scope->queued_first;

    if (next == NULL) {
        scope->running--;
        return NULL;
    }
    scope->queued_first = next->next;
    if (next->next == NULL)
        scope->queued_last = NULL;
    return next;
}

bool wok__scope_holds(wok_scope *scope, const struct wok_task *task)
{
    const struct wok_task *at;

    wok__lock_take(lock_of(scope));
    for (at = scope->queued_first; at != NULL && at != task;)
        at = at->next;
    wok__lock_give(lock_of(scope));
    return at != NULL;
}

/* ---- in the order of their ends -------------------------------------------------------------------- */

/* The lock is held. */
static void append_ended(wok_scope *scope, struct wok_task *task)
{
    task->ended_next = NULL; /* its group is known to the caller, and to nobody else of use */
    if (scope->ended_last != NULL)
        scope->ended_last->ended_next = task;
    else
        scope->ended_first = task;
    scope->ended_last = task;
}

struct wok_task *wok__scope_take_ended(wok_scope *scope)
{
    struct wok_task *task;

    wok__lock_take(lock_of(scope));
    task = scope->ended_first;
    if (task != NULL) {
        scope->ended_first = task->ended_next;
        if (task->ended_next == NULL)
            scope->ended_last = NULL;
    }
    wok__lock_give(lock_of(scope));
    return task;
}

/* ---- policies ---------------------------------------------------------------------------------------- */

bool wok__scope_abort_children(wok_scope *scope)
{
    /* [scope.children] acquires the list; a child that is counted later sees the bit */
    uint64_t before = fetch_or_acq_rel(&scope->group.count, WOK__SCOPE_ABORTED);
    struct wok_task *task = load_acquire(&scope->children); /* [scope.children] */

    if (before & WOK__SCOPE_ABORTED)
        return false;
    for (; task != NULL; task = task->sibling) {
        if (!wok__state_is_complete(&task->state))
            wok__task_abort(task);
    }
    return true;
}

/* Does this end decide about the others? */
static bool decides(const wok_scope *scope, const struct wok_task *task)
{
    switch (scope->options.policy) {
    case WOK_SCOPE_ALL:
        break;
    case WOK_SCOPE_FAIL_FAST:
        return task->outcome != WOK_RETURNED;
    case WOK_SCOPE_FIRST_OK:
        return task->outcome == WOK_RETURNED;
    }
    return false;
}

void wok__scope_heed(wok_scope *scope, struct wok_task *task)
{
    struct wok_task *next = NULL;
    bool decisive;

    wok__lock_take(lock_of(scope));
    decisive = scope->decisive == NULL && decides(scope, task);
    if (decisive)
        scope->decisive = task;
    if (scope->options.completion_order)
        append_ended(scope, task);
    if (scope->options.max_running != 0)
        next = pass_place(scope);
    wok__lock_give(lock_of(scope));

    if (decisive)
        (void)wok__scope_abort_children(scope);
    if (next != NULL)
        schedule(next);
}
