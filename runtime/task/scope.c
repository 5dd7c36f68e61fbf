/*
 * scope.c - a block that cannot be left before its children have ended.
 *
 * The children share one counter word with a few bits below it.  A parent that waits sets a bit that
 * says what for: all children (ALL) or the next one that ends (ANY).  The child whose end fulfils the
 * wait takes the bit away and sets CLAIMING in the same step, claims the parent, clears CLAIMING, and
 * pushes the parent.  What the scope's options ask for is in scope_options.c.
 *
 * Invariants
 *   G1  live children are counted above the bits; a child's last touch of the scope is the step that
 *       takes it off, or, if that step set CLAIMING, the clearing of CLAIMING.
 *   G2  the parent leaves only when no child lives and CLAIMING is clear; so nobody touches the scope
 *       or claims the parent after it left.  A parent that finds CLAIMING yields and looks again.
 *   G3  a child's block belongs to the scope's list until the scope lets its children go: its outcome
 *       can be read.  Only the owner adds to the list, and only while no child lives does it take
 *       away; a child that is not counted out may walk it.
 *   G4  ABORTED is set before the list is walked, and a new child is in the list before it is counted:
 *       whichever of the two changes of the word comes second sees the other's side, so no child is
 *       missed by an abort.
 */
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include <wok/select.h>

#include "task/context.h"
#include "task/fiber.h"
#include "task/group.h"
#include "task/task.h"

static uint64_t live_of(uint64_t word)
{
    return word / WOK__SCOPE_LIVE;
}

void wok__scope_child_done(struct wok_task *task)
{
    struct wok__group *group = task->group;
    wok_scope *scope = (wok_scope *)group;
    uint64_t before, after;
    bool wakes;

    if (scope->special)
        wok__scope_heed(scope, task);
    before = load_relaxed(&group->count);
    do {
        after = before - WOK__SCOPE_LIVE;
        wakes = (before & WOK__SCOPE_ANY) != 0 ||
                ((before & WOK__SCOPE_ALL) != 0 && live_of(after) == 0);
        if (wakes)
            after = (after & ~(uint64_t)(WOK__SCOPE_ALL | WOK__SCOPE_ANY)) | WOK__SCOPE_CLAIMING;
        /* [scope.count] the child's writes are visible to the parent that leaves;
         * [scope.parent] acquires the parent's name */
    } while (!cas_acq_rel(&group->count, &before, after));
    if (!wakes)
        return;

    struct wok_task *parent = group->parent;
    bool push = wok__task_claim(parent);
    fetch_and_release(&group->count, ~(uint64_t)WOK__SCOPE_CLAIMING); /* [scope.claimed] */
    if (push)
        wok__task_push(parent, WOK__REASON_WAKE);
}

/* ---- opening and spawning ---------------------------------------------------------------------- */

_Static_assert(offsetof(wok_scope, group) == 0, "a scope is found from its group");

void wok_scope_init(wok_scope *scope, const wok_scope_options *options)
{
    *scope = (wok_scope){0};
    if (options == NULL)
        return;
    scope->options = *options;
    scope->special =
        options->policy != WOK_SCOPE_ALL || options->max_running != 0 || options->completion_order;
    if (options->timeout.ns != 0)
        scope->deadline = wok_deadline_push(wok_after(options->timeout));
}

/* Lets the children of a wait that is over go; panics that the owner has not been told of are reported. */
static void release_children(wok_scope *scope)
{
    struct wok_task *task = load_relaxed(&scope->children);

    store_relaxed(&scope->children, NULL); /* no child lives: nobody reads it, as the next ones */
    store_relaxed(&scope->group.count, 0);
    scope->ended_first = scope->ended_last = NULL;
    scope->decisive = NULL;
    scope->spawned = 0;
    if (scope->refused != NULL)
        wok_join_drop(&(wok_join){WOK_TAKE(scope->refused)});
    scope->waited = false;
    while (task != NULL) {
        struct wok_task *next = task->sibling;
        wok__task_report_unjoined(task);
        wok__task_unref(task);
        task = next;
    }
}

/* `refused`: what there is in place of a task, if that is NULL. */
static void adopt(wok_scope *scope, struct wok_task *task, struct wok_task *refused)
{
    uint64_t before;

    if (scope->waited)
        release_children(scope);
    size_t index = scope->spawned++;
    if (task == NULL) {
        if (scope->refused == NULL)
            scope->refused = refused;
        else
            wok_join_drop(&(wok_join){refused});
        return;
    }
    task->child_index = index;
    task->sibling = load_relaxed(&scope->children);
    store_release(&scope->children, task); /* [scope.children] the block and its link */
    /* Before the child can end.  [scope.children] the list is visible to whoever sets ABORTED later;
     * else it is seen here. */
    before = fetch_add_acq_rel(&scope->group.count, WOK__SCOPE_LIVE);
    if (before & WOK__SCOPE_ABORTED)
        (void)wok__state_abort(&task->state); /* it is NOTIFIED, and so only marked */
    wok__scope_start(scope, task);
}

/* What a child inherits; the caller is its parent. */
static void inherit(struct wok_task *task)
{
    const struct wok__here *here = wok__here();

    if (here->guard == NULL || !here->guard->shielded)
        wok__fiber_of(task)->ambient.deadline_ns = here->ambient.deadline_ns;
}

void wok_scope_spawn_with_raw(wok_scope *scope, const wok_spawn_options *options,
                              int (*function)(void *), void *borrowed, const wok_spawn_site *site)
{
    struct wok_task *refused = NULL;
    struct wok_task *task =
        wok__spawn_child(&scope->group, function, borrowed, site, options, &refused);

    if (task != NULL)
        inherit(task);
    adopt(scope, task, refused);
}

void wok_scope_spawn_raw(wok_scope *scope, int (*function)(void *), void *borrowed,
                         const wok_spawn_site *site)
{
    wok_scope_spawn_with_raw(scope, NULL, function, borrowed, site);
}

void wok_scope_spawn_future_with_raw(wok_scope *scope, const wok_spawn_options *options,
                                     const wok_future_vtable *vtable, void *self_moved,
                                     const wok_spawn_site *site)
{
    struct wok_task *refused = NULL;
    struct wok_task *task =
        wok__spawn_child_future(&scope->group, vtable, self_moved, site, options, &refused);

    adopt(scope, task, refused);
}

void wok_scope_spawn_future_raw(wok_scope *scope, const wok_future_vtable *vtable, void *self_moved,
                                const wok_spawn_site *site)
{
    wok_scope_spawn_future_with_raw(scope, NULL, vtable, self_moved, site);
}

uint64_t wok_scope_last_id(const wok_scope *scope)
{
    const struct wok_task *newest = load_relaxed(&scope->children);

    return newest != NULL ? newest->id : 0;
}

/* ---- waiting ---------------------------------------------------------------------------------- */

/* What a wait is for, and when it is over. */
struct scope_wait {
    wok_scope *scope;
    uint64_t flag;        /* ALL or ANY */
    uint64_t live_before; /* ANY: ready when fewer live */
};

/* The parent is going to wait, and no child does what it waits for: asks to be woken.  False: the
 * word has changed, look again. */
static bool register_parent(struct wok__group *group, wok_cx *cx, uint64_t *before, uint64_t flag)
{
    group->parent = cx->task; /* no child reads it while neither flag nor CLAIMING is set */
    /* [scope.parent] publishes the parent's name; on failure [scope.count] is acquired */
    return cas_acq_rel(&group->count, before, *before | flag);
}

static wok_poll scope_wait_poll(void *self, wok_cx *cx, void *result)
{
    struct scope_wait *wait = self;
    struct wok__group *group = &wait->scope->group;
    uint64_t before;

    (void)result;
    if (!wok__run_children_here(cx))
        return WOK_PENDING;
    before = load_acquire(&group->count); /* [scope.count] and [scope.claimed] */
    do {
        if (before & WOK__SCOPE_CLAIMING) {
            wok_cx_yield(cx);
            return WOK_PENDING;
        }
        if (live_of(before) == 0 ||
            (wait->flag == WOK__SCOPE_ANY && live_of(before) < wait->live_before))
            return WOK_READY;
        if (before & wait->flag)
            return WOK_PENDING;
    } while (!register_parent(group, cx, &before, wait->flag));
    return WOK_PENDING;
}

/* The parent no longer waits: takes the flag back, or lets the child that is claiming finish. */
static void forget_parent(struct wok__group *group)
{
    uint64_t flags = WOK__SCOPE_ALL | WOK__SCOPE_ANY;
    uint64_t before = load_acquire(&group->count); /* [scope.claimed] */

    for (;;) {
        if (before & WOK__SCOPE_CLAIMING) {
            sched_yield();
            before = load_acquire(&group->count); /* [scope.claimed] */
        } else if ((before & flags) == 0 || cas_acquire(&group->count, &before, before & ~flags)) {
            return;
        }
    }
}

static void scope_wait_drop(void *self)
{
    forget_parent(&((struct scope_wait *)self)->scope->group);
}

static const wok_future_vtable scope_wait_vtable = {
    .name = "scope",
    .size = sizeof(struct scope_wait),
    .poll = scope_wait_poll,
    .drop = scope_wait_drop,
};

/* A parent that is aborted, or whose time is over, takes its children with it; one that merely looked
 * for a while does not. */
static int cancel_goes_down(wok_scope *scope, int code)
{
    if (code == -ECANCELED || (code == -ETIMEDOUT && wok_deadline_now().ns <= wok_now().ns))
        wok_scope_cancel(scope);
    return code;
}

static int wait_for(wok_scope *scope, uint64_t flag, uint64_t live_before, wok_instant deadline,
                    bool shielded)
{
    struct scope_wait wait = {scope, flag, live_before};

    return wok__await_drop((wok_future){&scope_wait_vtable, &wait}, deadline, NULL, shielded);
}

int wok_scope_wait_some(wok_scope *scope, wok_instant deadline, size_t *seen)
{
    size_t live;
    int code;

    if (*seen >= scope->spawned)
        return -ENOENT;
    code = wait_for(scope, WOK__SCOPE_ANY, scope->spawned - *seen, deadline, false);
    live = (size_t)live_of(load_acquire(&scope->group.count)); /* [scope.count] */
    *seen = scope->spawned - live;
    return cancel_goes_down(scope, code);
}

/* ---- one after the other, as they end ------------------------------------------------------------ */

static void tell(wok_scope_child *ret_child, const struct wok_task *task)
{
    ret_child->index = task->child_index;
    wok__join_error_fill(&ret_child->error, task);
    wok__task_mark_joined(task);
}

static wok_poll next_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_scope *scope = op->object;
    uint64_t before;

    (void)result;
    if (!scope->options.completion_order)
        return -EINVAL;
    if (!wok__run_children_here(cx))
        return WOK_PENDING;
    before = load_acquire(&scope->group.count); /* [scope.count] and [scope.claimed] */
    do {
        if (before & WOK__SCOPE_CLAIMING) {
            wok_cx_yield(cx);
            return WOK_PENDING;
        }
        /* After the load: a child that ends later changes the word. */
        const struct wok_task *task = wok__scope_take_ended(scope);
        if (task != NULL) {
            tell(op->value, task);
            return WOK_READY;
        }
        if (live_of(before) == 0)
            return -ENOENT;
        if (before & WOK__SCOPE_ANY)
            return WOK_PENDING;
    } while (!register_parent(&scope->group, cx, &before, WOK__SCOPE_ANY));
    return WOK_PENDING;
}

static void next_drop(void *self)
{
    wok_scope *scope = ((wok_op *)self)->object;

    forget_parent(&scope->group);
}

static const wok_future_vtable next_vtable = {
    .name = "scope",
    .size = sizeof(wok_op),
    .poll = next_poll,
    .drop = next_drop,
};

wok_op wok_scope_next_op(wok_scope *scope, wok_scope_child *ret_child)
{
    return (wok_op){.vtable = &next_vtable, .object = scope, .value = ret_child};
}

int wok_scope_next(wok_scope *scope, wok_scope_child *ret_child)
{
    return cancel_goes_down(scope, wok_op_await(wok_scope_next_op(scope, ret_child)));
}

/* ---- what came out ------------------------------------------------------------------------------ */

/* The first child, in the order of spawning, that did not return. */
static const struct wok_task *first_failure(const wok_scope *scope)
{
    const struct wok_task *first = NULL;

    for (const struct wok_task *task = load_relaxed(&scope->children); task != NULL;
         task = task->sibling) {
        if (task->outcome != WOK_RETURNED)
            first = task;
    }
    return first;
}

/* The child whose failure the wait reports; NULL: it succeeds. */
static const struct wok_task *reported(const wok_scope *scope)
{
    const struct wok_task *decisive = scope->decisive;

    if (decisive != NULL)
        return decisive->outcome == WOK_RETURNED ? NULL : decisive;
    return first_failure(scope);
}

/* What the wait says of a child that was never made: its code, or 0. */
static int refusal(const wok_scope *scope, wok_join_error *ret_error)
{
    if (scope->refused == NULL)
        return 0;
    if (ret_error != NULL)
        wok__join_error_fill(ret_error, scope->refused);
    return scope->refused->code;
}

/* Waits for all; `tells`: the code and `*ret_error` reach somebody. */
static int wait_for_all(wok_scope *scope, wok_instant deadline, bool tells,
                        wok_join_error *ret_error)
{
    const struct wok_task *failed;
    int code = wait_for(scope, WOK__SCOPE_ALL, 0, deadline, false);

    if (code < 0)
        return cancel_goes_down(scope, code);
    scope->waited = true;
    failed = reported(scope);
    if (failed == NULL)
        return scope->decisive != NULL ? 0 : refusal(scope, ret_error);
    if (ret_error != NULL)
        wok__join_error_fill(ret_error, failed);
    if (tells)
        wok__task_mark_joined(failed);
    return failed->outcome == WOK_FAILED || failed->outcome == WOK_NOT_STARTED ? failed->code
                                                                               : -WOK_EJOIN;
}

int wok_scope_wait_error(wok_scope *scope, wok_instant deadline, wok_join_error *ret_error)
{
    return wait_for_all(scope, deadline, true, ret_error);
}

int wok_scope_wait_until(wok_scope *scope, wok_instant deadline)
{
    return wok_scope_wait_error(scope, deadline, NULL);
}

int wok_scope_wait(wok_scope *scope)
{
    return wok_scope_wait_error(scope, WOK_NEVER, NULL);
}

void wok_scope_visit_failures(const wok_scope *scope, wok_scope_visitor visit, void *argument)
{
    wok_join_error error;

    for (const struct wok_task *task = load_relaxed(&scope->children); task != NULL;
         task = task->sibling) {
        if (!wok__state_is_complete(&task->state) || task->outcome == WOK_RETURNED)
            continue;
        wok__join_error_fill(&error, task);
        wok__task_mark_joined(task);
        visit(task->child_index, &error, argument);
    }
}

/* ---- ending ----------------------------------------------------------------------------------- */

void wok_scope_cancel(wok_scope *scope)
{
    (void)wok__scope_abort_children(scope);
}

void wok_scope_done(wok_scope *scope)
{
    uint64_t word = load_acquire(&scope->group.count); /* [scope.count] and [scope.claimed] */

    if (live_of(word) != 0 || (word & WOK__SCOPE_CLAIMING) != 0) {
        wok_scope_cancel(scope);
        if (wait_for(scope, WOK__SCOPE_ALL, 0, WOK_NEVER, true) < 0)
            abort(); /* a stackless task owns a scope with live children: scope.h forbids it */
    }
    release_children(scope);
    wok_deadline_pop(&scope->deadline);
}

/* ---- as a block --------------------------------------------------------------------------------- */

wok_scope *wok_scope_enter_(wok_scope *scope, wok_scope_options options)
{
    wok_scope_init(scope, &options);
    return scope;
}

void wok_scope_close_(wok_scope **scope)
{
    int *ret_code = (*scope)->options.ret_code;
    int code = wait_for_all(*scope, WOK_NEVER, ret_code != NULL, NULL);

    if (ret_code != NULL)
        *ret_code = code;
    wok_scope_leave_(scope);
}

void wok_scope_leave_(wok_scope **scope)
{
    wok_scope *left = WOK_TAKE(*scope);

    if (left != NULL)
        wok_scope_done(left);
}
