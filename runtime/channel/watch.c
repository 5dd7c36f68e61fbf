/*
 * watch.c - a channel that keeps its latest value only.
 *
 * A value has a version, which grows by one with each send; a receiver remembers the version it
 * saw last, and has news while the two differ.  So a receiver that is slow sees the latest value
 * once, however many it missed, and no sender ever waits.
 *
 * Invariants (the channel's lock)
 *   C1  a receiver is in the list of waiters exactly while its `task` is set.
 *   C2  whoever is in the list has seen the current version, and a sender is left: a send and the
 *       last sender's end empty the list in the step that breaks either.
 *   C3  senders + receivers is the number of references; whoever takes the last one away frees.
 *
 * A waiter is woken while the lock is held, and takes itself out of the list under the same lock
 * before it may go away.  Hence the task that is being woken is alive, and a wait allocates and
 * counts nothing.  User code (drop functions) runs without the lock: it may use the channel, and a
 * panic there leaves the channel whole.
 */
#include <errno.h>
#include <stdlib.h>

#include <wok/channel.h>

#include "platform/lock.h"
#include "task/task.h"

struct wok_watch {
    size_t size;                /* constant */
    void (*value_drop)(void *); /* constant */
    struct wok__lock lock;      /* guards what follows */
    uint64_t version;
    size_t senders, receivers;
    wok_watch_receiver *first, *last; /* the waiters, the one that waits longest first */
    _Alignas(16) unsigned char value[];
};

int wok_watch_new(wok_watch **ret_watch, size_t size, const void *initial,
                  void (*value_drop)(void *value))
{
    if (value_drop != NULL && size > WOK_WATCH_OWNED_MAX)
        return -EINVAL;
    if (size > PTRDIFF_MAX - sizeof(wok_watch))
        return -ENOMEM;

    wok_watch *watch = calloc(1, sizeof *watch + size);
    if (watch == NULL)
        return -ENOMEM;
    watch->size = size;
    watch->value_drop = value_drop;
    watch->senders = 1;
    if (size > 0)
        memcpy(watch->value, initial, size);
    *ret_watch = watch;
    return 0;
}

/* ---- the waiters; the caller holds the lock ------------------------------------------------ */

static void enlist(wok_watch *watch, wok_watch_receiver *receiver, struct wok_task *task)
{
    if (receiver->task == NULL) {
        receiver->prev = watch->last;
        receiver->next = NULL;
        if (watch->last == NULL)
            watch->first = receiver;
        else
            watch->last->next = receiver;
        watch->last = receiver;
    }
    receiver->task = task; /* the latest poll decides who is woken */
}

static void delist(wok_watch *watch, wok_watch_receiver *receiver)
{
    if (receiver->task == NULL)
        return;
    if (receiver->prev == NULL)
        watch->first = receiver->next;
    else
        receiver->prev->next = receiver->next;
    if (receiver->next == NULL)
        watch->last = receiver->prev;
    else
        receiver->next->prev = receiver->prev;
    receiver->next = receiver->prev = NULL;
    receiver->task = NULL;
}

static void wake_all(wok_watch *watch)
{
    while (watch->first != NULL) {
        struct wok_task *task = watch->first->task;
        delist(watch, watch->first);
        wok__task_wake(task, WOK__REASON_WAKE);
    }
}

/* ---- references ---------------------------------------------------------------------------- */

/* Gives the lock back; the caller has just given up its reference. */
static void give_and_free_if_last(wok_watch *watch)
{
    bool last = watch->senders + watch->receivers == 0;

    wok__lock_give(&watch->lock);
    if (!last)
        return;
    if (watch->value_drop != NULL)
        watch->value_drop(watch->value);
    free(watch);
}

wok_watch *wok_watch_sender_ref(wok_watch *watch)
{
    wok__lock_take(&watch->lock);
    watch->senders++;
    wok__lock_give(&watch->lock);
    return watch;
}

void wok_watch_sender_drop(wok_watch *watch)
{
    if (watch == NULL)
        return;
    wok__lock_take(&watch->lock);
    watch->senders--;
    if (watch->senders == 0)
        wake_all(watch);
    give_and_free_if_last(watch);
}

void wok_watch_subscribe(wok_watch_receiver *receiver, wok_watch *watch)
{
    *receiver = (wok_watch_receiver){.watch = watch};
    wok__lock_take(&watch->lock);
    watch->receivers++;
    receiver->seen = watch->version;
    wok__lock_give(&watch->lock);
}

void wok_watch_receiver_done(wok_watch_receiver *receiver)
{
    wok_watch *watch = WOK_TAKE(receiver->watch);

    if (watch == NULL)
        return;
    wok__lock_take(&watch->lock);
    delist(watch, receiver);
    watch->receivers--;
    give_and_free_if_last(watch);
}

/* ---- values -------------------------------------------------------------------------------- */

static int store(wok_watch *watch, const void *value_moved, bool without_receivers)
{
    _Alignas(16) unsigned char old[WOK_WATCH_OWNED_MAX];

    wok__lock_take(&watch->lock);
    if (watch->receivers == 0 && !without_receivers) {
        wok__lock_give(&watch->lock);
        return -EPIPE;
    }
    if (watch->size > 0) {
        if (watch->value_drop != NULL)
            memcpy(old, watch->value, watch->size);
        memcpy(watch->value, value_moved, watch->size);
    }
    watch->version++;
    wake_all(watch);
    wok__lock_give(&watch->lock);

    if (watch->value_drop != NULL) /* constant, and the caller's own reference keeps the channel */
        watch->value_drop(old);
    return 0;
}

int wok_watch_send(wok_watch *watch, const void *value_moved)
{
    return store(watch, value_moved, false);
}

void wok_watch_send_replace(wok_watch *watch, const void *value_moved)
{
    (void)store(watch, value_moved, true); /* the one error is the lack of receivers */
}

void wok_watch_get(wok_watch_receiver *receiver, void *ret_value)
{
    wok_watch *watch = receiver->watch;

    wok__lock_take(&watch->lock);
    if (watch->size > 0)
        memcpy(ret_value, watch->value, watch->size);
    receiver->seen = watch->version;
    wok__lock_give(&watch->lock);
}

int wok_watch_has_changed(const wok_watch_receiver *receiver)
{
    wok_watch *watch = receiver->watch;
    int answer;

    wok__lock_take(&watch->lock);
    if (watch->senders == 0)
        answer = -EPIPE;
    else
        answer = receiver->seen != watch->version;
    wok__lock_give(&watch->lock);
    return answer;
}

/* ---- waiting ------------------------------------------------------------------------------- */

wok_poll wok_watch_changed_poll(wok_watch_receiver *receiver, wok_cx *cx)
{
    wok_watch *watch = receiver->watch;
    wok_poll answer = WOK_PENDING;

    wok__lock_take(&watch->lock);
    if (receiver->seen == watch->version && watch->senders > 0) {
        enlist(watch, receiver, cx->task);
    } else {
        delist(watch, receiver); /* a poll that nobody woke may find news as well */
        if (receiver->seen == watch->version) {
            answer = -EPIPE;
        } else if (wok__budget_take(cx)) {
            receiver->seen = watch->version;
            answer = WOK_READY;
        }
    }
    wok__lock_give(&watch->lock);
    return answer;
}

/* Ends a wait without its news: the waiter will not be touched any more. */
static void forget(wok_watch_receiver *receiver)
{
    wok_watch *watch = receiver->watch;

    if (watch == NULL)
        return;
    wok__lock_take(&watch->lock);
    delist(watch, receiver);
    wok__lock_give(&watch->lock);
}

static wok_poll future_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return wok_watch_changed_poll(self, cx);
}

static void future_drop(void *self)
{
    forget(self);
}

const wok_future_vtable wok_watch_changed_vtable = {
    .name = "wok_watch_changed",
    .size = sizeof(wok_watch_receiver),
    .poll = future_poll,
    .drop = future_drop,
};

static void forgetp(wok_watch_receiver **receiver)
{
    forget(*receiver);
}

int wok_watch_changed(wok_watch_receiver *receiver)
{
    /* Also when the wait is cancelled, and when the caller is unwound inside it. */
    WOK_CLEANUP(forgetp) wok_watch_receiver *waiting = receiver;

    return wok__await(wok_watch_changed_as_future(waiting), WOK_NEVER, NULL, false);
}
