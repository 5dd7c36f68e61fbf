/*
 * state.h - the state word of a task, and its transitions.
 *
 * Everything that several threads decide about a task is decided by one atomic word: six flags and
 * a reference count above them.  A transition computes the next word and says what its caller has
 * to do; the caller does it.  Nothing else in the runtime writes the word.
 */
#ifndef WOK_TASK_STATE_H
#define WOK_TASK_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include <wok/base.h>

#include "platform/atomic.h"

enum {
    WOK__RUNNING = 1u << 0,       /* a worker is inside the task's poll */
    WOK__NOTIFIED = 1u << 1,      /* in exactly one queue, or woken while it runs */
    WOK__COMPLETE = 1u << 2,      /* the future is dropped and the outcome stored */
    WOK__JOIN_INTEREST = 1u << 3, /* a join handle exists */
    WOK__JOIN_WAITER = 1u << 4,   /* the field join_waiter is set; see join.c for who owns it */
    WOK__CANCELLED = 1u << 5,     /* an abort was asked for */
    WOK__REF = 1u << 6,           /* one reference */
};

struct wok__state {
    atomic_u32 word;
};

/* Published: what was written to the task before is visible to whoever takes a reference. */
void wok__state_init(struct wok__state *state, uint32_t flags, uint32_t refs);

/* Somebody has news for the task.  True: the caller has claimed it and must push it to a queue. */
bool wok__state_wake(struct wok__state *state);

/* As wake, and marks the task as cancelled. */
bool wok__state_abort(struct wok__state *state);

/* A worker took the task from a queue and is about to poll it; returns the word before. */
uint32_t wok__state_run(struct wok__state *state);

/* The poll said pending.  True: it was woken meanwhile, and the caller must push it again. */
bool wok__state_suspend(struct wok__state *state);

enum wok__completed {
    WOK__COMPLETED_JOINABLE,    /* the handle will find the result; the task's reference is gone */
    WOK__COMPLETED_WAKE_JOINER, /* claim and wake join_waiter, then wok__state_joiner_claimed */
    WOK__COMPLETED_DETACHED,    /* destroy the result, then drop the task's reference */
    WOK__COMPLETED_FREE,        /* nobody is left: destroy the result and free the block */
};
/* The future has ended, its outcome is stored. */
enum wok__completed wok__state_complete(struct wok__state *state);

/* After COMPLETED_WAKE_JOINER: the waiter is claimed, the completer touches it no more.  Drops the
 * task's reference, which is never the last: until now the handle could not go away. */
void wok__state_joiner_claimed(struct wok__state *state);

enum wok__join_ready {
    WOK__JOIN_PENDING,   /* registered; a wake will come */
    WOK__JOIN_READY,     /* complete, and the result is the caller's */
    WOK__JOIN_IN_FLIGHT, /* complete, but the completer is still waking the caller: look again soon */
};
/* The handle's owner looks without registering; `registered`: it has set join_waiter before. */
enum wok__join_ready wok__state_join_look(struct wok__state *state);
/* The handle's owner has written join_waiter and announces it. */
enum wok__join_ready wok__state_join_register(struct wok__state *state);
/* True if the handle's owner has announced itself; its own question. */
bool wok__state_join_is_registered(const struct wok__state *state);
/* The handle's owner no longer waits.  False: the completer is waking it, call again soon. */
bool wok__state_join_unregister(struct wok__state *state);

enum wok__handle_dropped {
    WOK__HANDLE_DETACHED, /* the task runs on and will destroy its result */
    WOK__HANDLE_LAST,     /* it had ended: destroy the result, then drop the handle's reference */
};
/* The handle is dropped; it is not registered. */
enum wok__handle_dropped wok__state_handle_drop(struct wok__state *state);

/* One reference more; the caller holds one already. */
void wok__state_ref(struct wok__state *state);
/* One reference more of a task that is not complete and not free; false: it is. */
bool wok__state_try_ref(struct wok__state *state);
/* One reference less; true: it was the last one, free the block. */
WOK_MUST_USE
bool wok__state_unref(struct wok__state *state);

bool wok__state_is_complete(const struct wok__state *state);
bool wok__state_is_running(const struct wok__state *state);
bool wok__state_is_notified(const struct wok__state *state);
bool wok__state_is_cancelled(const struct wok__state *state);

#endif
