/*
 * scope.c - a block that cannot be left before its children have ended.
 *
 * The children share one counter word with three bits below it.  A parent that waits sets a bit
 * that says what for: all children (ALL) or the next one that ends (ANY).  The child whose end
 * fulfils the wait takes the bit away and sets CLAIMING in the same step, claims the parent, clears
 * CLAIMING, and pushes the parent.
 *
 * Invariants
 *   G1  live children are counted above the bits; a child's last touch of the group is the step that
 *       takes it off, or, if that step set CLAIMING, the clearing of CLAIMING.
 *   G2  the parent leaves only when no child lives and CLAIMING is clear; so nobody touches the group
 *       or claims the parent after it left.  A parent that finds CLAIMING yields and looks again.
 *   G3  a child's block belongs to the scope's list until the scope lets its children go: its outcome
 *       can be read, and cancelling needs no lock.  Only the owner touches the list.
 */
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "task/context.h"
#include "task/fiber.h"
#include "task/group.h"
#include "task/task.h"

enum { ALL = 1, ANY = 2, CLAIMING = 4, LIVE = 8 };

static uint64_t live_of(uint64_t word)
{
    return word / LIVE;
}

void wok__group_child_done(struct wok__group *group)
{
    uint64_t before = load_relaxed(&group->count);
    uint64_t after;
    bool wakes;

    do {
        after = before - LIVE;
        wakes = (before & ANY) != 0 || ((before & ALL) != 0 && live_of(after) == 0);
        if (wakes)
            after = (after & ~(uint64_t)(ALL | ANY)) | CLAIMING;
        /* [scope.count] the child's writes are visible to the parent that leaves;
         * [scope.parent] acquires the parent's name */
    } while (!cas_acq_rel(&group->count, &before, after));
    if (!wakes)
        return;

    struct wok_task *parent = group->parent;
    bool push = wok__task_claim(parent);
    fetch_and_release(&group->count, ~(uint64_t)CLAIMING); /* [scope.claimed] */
    if (push)
        wok__task_push(parent, WOK__REASON_WAKE);
}

/* ---- spawning --------------------------------------------------------------------------------- */

/* Lets the children of a wait that is over go. */
static void release_children(wok_scope *scope)
{
    struct wok_task *task = scope->children;

    scope->children = NULL;
    scope->spawned = 0;
    scope->waited = false;
    while (task != NULL) {
        struct wok_task *next = task->sibling;
        wok__task_unref(task);
        task = next;
    }
}

static void adopt(wok_scope *scope, struct wok_task *task, int code)
{
    if (scope->waited)
        release_children(scope);
    size_t index = scope->spawned++;
    if (task == NULL) {
        if (scope->spawn_error == 0)
            scope->spawn_error = code;
        return;
    }
    task->child_index = index;
    task->sibling = scope->children;
    scope->children = task;
    fetch_add_relaxed(&scope->group.count, LIVE); /* before the child can end */
    wok__task_push(task, WOK__REASON_SPAWN);
}

void wok_scope_spawn_raw(wok_scope *scope, int (*function)(void *), void *borrowed,
                         const wok_spawn_site *site)
{
    int code = 0;
    struct wok_task *task = wok__spawn_child(&scope->group, function, borrowed, site, &code);

    adopt(scope, task, code);
}

void wok_scope_spawn_future_raw(wok_scope *scope, const wok_future_vtable *vtable, void *self_moved,
                                const wok_spawn_site *site)
{
    int code = 0;
    struct wok_task *task = wok__spawn_child_future(&scope->group, vtable, self_moved, site, &code);

    adopt(scope, task, code);
}

uint64_t wok_scope_last_id(const wok_scope *scope)
{
    return scope->children != NULL ? scope->children->id : 0;
}

/* ---- waiting ---------------------------------------------------------------------------------- */

struct scope_wait {
    wok_scope *scope;
    uint64_t flag;        /* ALL or ANY */
    uint64_t live_before; /* ANY: ready when fewer live */
};

static wok_poll scope_wait_poll(void *self, wok_cx *cx, void *result)
{
    struct scope_wait *wait = self;
    struct wok__group *group = &wait->scope->group;
    uint64_t before = load_acquire(&group->count); /* [scope.count] and [scope.claimed] */

    (void)result;
    do {
        if (before & CLAIMING) {
            wok_cx_yield(cx);
            return WOK_PENDING;
        }
        if (live_of(before) == 0 || (wait->flag == ANY && live_of(before) < wait->live_before))
            return WOK_READY;
        if (before & wait->flag)
            return WOK_PENDING;
        group->parent = cx->task; /* no child reads it while neither flag nor CLAIMING is set */
        /* [scope.parent] publishes the parent's name; on failure [scope.count] is acquired */
    } while (!cas_acq_rel(&group->count, &before, before | wait->flag));
    return WOK_PENDING;
}

/* The parent no longer waits: takes the flag back, or lets the child that is claiming finish. */
static void scope_wait_drop(void *self)
{
    struct scope_wait *wait = self;
    struct wok__group *group = &wait->scope->group;
    uint64_t before = load_acquire(&group->count); /* [scope.claimed] */

    for (;;) {
        if (before & CLAIMING) {
            sched_yield();
            before = load_acquire(&group->count); /* [scope.claimed] */
        } else if ((before & (ALL | ANY)) == 0 ||
                   cas_acquire(&group->count, &before, before & ~(uint64_t)(ALL | ANY))) {
            return;
        }
    }
}

static const wok_future_vtable scope_wait_vtable = {
    .name = "scope",
    .size = sizeof(struct scope_wait),
    .poll = scope_wait_poll,
    .drop = scope_wait_drop,
};

static int wait_all(wok_scope *scope, wok_instant deadline, bool shielded)
{
    struct scope_wait wait = {scope, ALL, 0};

    return wok__await_drop((wok_future){&scope_wait_vtable, &wait}, deadline, NULL, shielded);
}

int wok_scope_wait_some(wok_scope *scope, wok_instant deadline, size_t *seen)
{
    struct scope_wait wait = {scope, ANY, scope->spawned - *seen};
    size_t live;
    int code;

    if (*seen >= scope->spawned)
        return -ENOENT;
    code = wok__await_drop((wok_future){&scope_wait_vtable, &wait}, deadline, NULL, false);
    live = (size_t)live_of(load_acquire(&scope->group.count)); /* [scope.count] */
    *seen = scope->spawned - live;
    return code;
}

/* The first child, in the order of spawning, that did not return. */
static const struct wok_task *first_failure(const wok_scope *scope)
{
    const struct wok_task *first = NULL;

    for (const struct wok_task *task = scope->children; task != NULL; task = task->sibling) {
        if (task->outcome != WOK_RETURNED)
            first = task;
    }
    return first;
}

int wok_scope_wait_error(wok_scope *scope, wok_instant deadline, wok_join_error *ret_error)
{
    const struct wok_task *failed;
    int code = wait_all(scope, deadline, false);

    if (code < 0)
        return code;
    scope->waited = true;
    failed = first_failure(scope);
    if (failed != NULL) {
        if (ret_error != NULL)
            wok__join_error_fill(ret_error, failed);
        return failed->outcome == WOK_FAILED ? failed->code : -WOK_EJOIN;
    }
    code = scope->spawn_error;
    scope->spawn_error = 0;
    return code;
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

    for (const struct wok_task *task = scope->children; task != NULL; task = task->sibling) {
        if (!wok__state_is_complete(&task->state) || task->outcome == WOK_RETURNED)
            continue;
        wok__join_error_fill(&error, task);
        visit(task->child_index, &error, argument);
    }
}

/* ---- ending ----------------------------------------------------------------------------------- */

void wok_scope_cancel(wok_scope *scope)
{
    for (struct wok_task *task = scope->children; task != NULL; task = task->sibling) {
        if (!wok__state_is_complete(&task->state))
            wok__task_abort(task);
    }
}

void wok_scope_done(wok_scope *scope)
{
    uint64_t word = load_acquire(&scope->group.count); /* [scope.count] and [scope.claimed] */

    if (live_of(word) != 0 || (word & CLAIMING) != 0) {
        wok_scope_cancel(scope);
        if (wait_all(scope, WOK_NEVER, true) < 0)
            abort(); /* a stackless task owns a scope with live children: scope.h forbids it */
    }
    for (struct wok_task *task = scope->children; task != NULL && !scope->waited;
         task = task->sibling)
        wok__task_report_unjoined(task);
    release_children(scope);
}
