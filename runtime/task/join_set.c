/*
 * join_set.c - join handles, given back as their tasks end.
 *
 * An entry of the set waits for its task in the shape of a task (as a plain thread does, await.c): it
 * is the handle's join_waiter, and to push it means to append it to the list of those that ended and to
 * wake the set's user.  So the set works for every kind of task, and the end of a task knows nothing of
 * sets.
 *
 * Invariants
 *   J1  every entry is in the list `all`, which only the user touches, until its handle is taken out.
 *   J2  an entry is claimed once: by the completer of its task, who then pushes it, or by the user, who
 *       gives it up.  The user frees an entry that it claimed itself or found in the list of ended ones;
 *       one that a completer has claimed and not pushed yet is marked as given up, and the push frees it.
 *   J3  the core outlives the entries that were given up: `pending` counts them (the lock).
 */
#include <errno.h>
#include <stdlib.h>

#include <wok/join_set.h>
#include <wok/select.h>

#include "platform/lock.h"
#include "task/waiters.h"
#include "util/list.h"

struct entry {
    struct wok_task task; /* only its state and kind are used */
    struct wok_join_set *set;
    wok_join join;          /* the user's */
    struct wok__list all;   /* the user's */
    struct wok__list ended; /* the lock; in a list exactly when its task has been seen to end */
    struct entry *free;     /* the user's: the next one to use again */
    bool given_up;          /* the lock */
};

struct wok_join_set {
    struct wok__list all; /* the user's, as the next two */
    size_t size;
    struct entry *free; /* entries to use again: a set of steady size allocates nothing */
    struct wok__lock lock;
    struct wok__list ended; /* the lock, as the next ones */
    struct wok__waiters waiters;
    size_t pending;
    bool gone; /* the user has freed the set */
};

int wok_join_set_new(wok_join_set **ret_set)
{
    wok_join_set *set;

    if (ret_set == NULL)
        return -EINVAL;
    set = calloc(1, sizeof *set);
    if (set == NULL)
        return -ENOMEM;
    wok__list_init(&set->all);
    wok__list_init(&set->ended);
    *ret_set = set;
    return 0;
}

/* ---- ends of tasks ------------------------------------------------------------------------------- */

void wok__join_set_push(struct wok_task *task)
{
    struct entry *entry = (struct entry *)task;
    wok_join_set *set = entry->set;
    struct wok__wakes wakes = {0};
    bool last = false, given_up;

    wok__lock_take(&set->lock);
    given_up = entry->given_up;
    if (given_up) {
        set->pending--;
        last = set->gone && set->pending == 0;
    } else {
        wok__list_push_back(&set->ended, &entry->ended);
        if (set->waiters.first != NULL)
            wok__waiters_wake(&set->waiters, set->waiters.first, &wakes);
    }
    wok__lock_give(&set->lock);
    wok__wakes_push(&wakes);
    if (given_up)
        free(entry);
    if (last)
        free(set);
}

/* ---- entries --------------------------------------------------------------------------------------- */

static struct entry *entry_new(wok_join_set *set)
{
    struct entry *entry = set->free;

    if (entry != NULL)
        set->free = entry->free;
    else
        entry = malloc(sizeof *entry);
    if (entry == NULL)
        return NULL;
    *entry = (struct entry){.set = set, .task.kind = WOK__TASK_ENTRY};
    wok__list_init(&entry->ended);
    wok__state_init(&entry->task.state, 0, 1);
    return entry;
}

int wok_join_set_add(wok_join_set *set, wok_join *join)
{
    struct entry *entry;

    if (set == NULL || join == NULL || join->task == NULL)
        return -EINVAL;
    entry = entry_new(set);
    if (entry == NULL)
        return -ENOMEM;
    entry->join.task = WOK_TAKE(join->task);
    wok__list_push_back(&set->all, &entry->all);
    set->size++;
    if (!wok__join_register(&entry->join, &entry->task)) {
        wok__lock_take(&set->lock);
        wok__list_push_back(&set->ended, &entry->ended);
        wok__lock_give(&set->lock);
    }
    return 0;
}

int wok_join_set_add_(wok_join_set *set, wok_join join)
{
    int error = wok_join_set_add(set, &join);

    if (error < 0) {
        wok_join_abort(&join);
        wok_join_drop(&join);
    }
    return error;
}

size_t wok_join_set_size(const wok_join_set *set)
{
    return set->size;
}

/* Takes the handle out of an entry that is in no list of the lock's any more. */
static wok_join release(wok_join_set *set, struct entry *entry)
{
    wok_join join = entry->join;

    wok__list_remove(&entry->all);
    set->size--;
    entry->free = set->free;
    set->free = entry;
    return join;
}

/* The lock is held. */
static struct entry *take_ended(wok_join_set *set)
{
    struct wok__list *first = wok__list_pop_front(&set->ended);

    return first != NULL ? WOK__LIST_ENTRY(first, struct entry, ended) : NULL;
}

/* ---- waiting ------------------------------------------------------------------------------------------ */

static wok_poll next_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_join_set *set = op->object;
    struct entry *entry = NULL;

    (void)result;
    if (set->size == 0)
        return -ENOENT;
    wok__lock_take(&set->lock);
    if (wok__list_is_empty(&set->ended))
        wok__waiters_add(&set->waiters, &op->waiter, cx->task);
    else if (wok__budget_take(cx))
        entry = take_ended(set);
    wok__lock_give(&set->lock);
    if (entry == NULL)
        return WOK_PENDING;
    *(wok_join *)op->value = release(set, entry);
    return WOK_READY;
}

static void next_drop(void *self)
{
    wok_op *op = self;
    wok_join_set *set = op->object;

    wok__lock_take(&set->lock);
    (void)wok__waiters_forget(&set->waiters, &op->waiter);
    wok__lock_give(&set->lock);
}

static const wok_future_vtable next_vtable = {
    .name = "join set",
    .size = sizeof(wok_op),
    .poll = next_poll,
    .drop = next_drop,
};

wok_op wok_join_set_next_op(wok_join_set *set, wok_join *ret_join)
{
    return (wok_op){.vtable = &next_vtable, .object = set, .value = ret_join};
}

int wok_join_set_next_until(wok_join_set *set, wok_instant deadline, wok_join *ret_join)
{
    return wok_op_await_until(wok_join_set_next_op(set, ret_join), deadline);
}

int wok_join_set_next(wok_join_set *set, wok_join *ret_join)
{
    return wok_join_set_next_until(set, WOK_NEVER, ret_join);
}

int wok_join_set_try_next(wok_join_set *set, wok_join *ret_join)
{
    struct entry *entry;

    if (set->size == 0)
        return -ENOENT;
    wok__lock_take(&set->lock);
    entry = take_ended(set);
    wok__lock_give(&set->lock);
    if (entry == NULL)
        return -EAGAIN;
    *ret_join = release(set, entry);
    return 0;
}

/* ---- the whole set ----------------------------------------------------------------------------------- */

void wok_join_set_abort_all(wok_join_set *set)
{
    WOK__LIST_EACH(at, &set->all) {
        wok_join_abort(&WOK__LIST_ENTRY(at, struct entry, all)->join);
    }
}

/* Takes an entry out of the set, whatever its task does; its handle is the caller's. */
static wok_join give_up(wok_join_set *set, struct entry *entry)
{
    wok_join join = entry->join;
    bool unused;

    wok__list_remove(&entry->all);
    set->size--;
    wok__join_forget(&join);
    wok__lock_take(&set->lock);
    unused = !wok__list_is_empty(&entry->ended) || wok__state_wake(&entry->task.state);
    wok__list_remove(&entry->ended);
    if (!unused) { /* claimed, and about to be pushed */
        entry->given_up = true;
        set->pending++;
    }
    wok__lock_give(&set->lock);
    if (unused)
        free(entry);
    return join;
}

void wok_join_set_detach_all(wok_join_set *set)
{
    while (!wok__list_is_empty(&set->all)) {
        wok_join join =
            give_up(set, WOK__LIST_ENTRY(wok__list_first(&set->all), struct entry, all));
        wok_join_drop(&join);
    }
}

void wok_join_set_free(wok_join_set *set)
{
    struct entry *entry;
    bool last;

    if (set == NULL)
        return;
    wok_join_set_abort_all(set);
    wok_join_set_detach_all(set);
    while ((entry = set->free) != NULL) {
        set->free = entry->free;
        free(entry);
    }
    wok__lock_take(&set->lock);
    set->gone = true;
    last = set->pending == 0;
    wok__lock_give(&set->lock);
    if (last)
        free(set);
}

void wok_join_set_freep(wok_join_set **set)
{
    wok_join_set_free(*set);
}

/* Takes every task out, in the order of their ends; 0, or -WOK_EJOIN for the first that did not return.
 * `tells`: whoever called is told of that one, and the rest is aborted; further panics are reported. */
static int drain(wok_join_set *set, wok_join_error *ret_error, bool tells)
{
    wok_join_error error, *first = ret_error;
    int failed = 0, code;
    wok_join join;

    while ((code = wok_join_set_next(set, &join)) == 0) {
        if (tells && failed < 0) {
            wok_join_drop(&join);
            continue;
        }
        code = wok_join_await(&join, NULL, &error);
        if (code != -WOK_EJOIN && code < 0) {
            wok_join_drop(&join); /* the caller was aborted in between */
            return code;
        }
        if (code == 0 || failed < 0)
            continue;
        failed = code;
        if (first != NULL)
            *first = error;
        if (tells)
            wok_join_set_abort_all(set);
    }
    return code == -ENOENT ? failed : code;
}

int wok_join_set_shutdown(wok_join_set *set)
{
    int code;

    wok_join_set_abort_all(set);
    code = drain(set, NULL, false);
    return code == -WOK_EJOIN ? 0 : code;
}

int wok_join_set_join_all(wok_join_set *set, wok_join_error *ret_error)
{
    return drain(set, ret_error, true);
}
