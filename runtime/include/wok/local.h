/*
 * local.h - values that go with a task: what a thread-local would be, for the length of a block.
 *
 * A key is a static variable of which only the address counts.  A block gives it a value, and all that
 * the block calls, however deep, finds it without being handed it:
 *
 *     static wok_local request_id;
 *
 *     WOK_LOCAL(&request_id, id) {
 *         error = handle(request);
 *     }
 *     ...
 *     log_line("%s: no such cake", (const char *)wok_local_get(&request_id));
 *
 * The value goes with the task over its waits, and is there as well in the cleanup handlers of the block
 * when an abort or a panic unwinds it.  A task does not inherit: what it spawns begins with no values,
 * because the block may be over before the new task is.  A child of a scope that needs one borrows it
 * from its parent, and gives it to a block of its own.
 *
 * A stackless task has no block that spans its waits: its values last for a poll at most.  Its poll, and
 * its drop, wrap what they do:
 *
 *     static wok_poll poll(void *self_, wok_cx *cx, void *result)
 *     {
 *         struct session *self = self_;
 *         wok_poll code = WOK_PENDING;
 *
 *         WOK_LOCAL(&request_id, self->id) {
 *             code = poll_session(self, cx, result);
 *         }
 *         return code;
 *     }
 */
#ifndef WOK_LOCAL_H
#define WOK_LOCAL_H

#include <wok/base.h>

WOK_BEGIN_DECLS

/** A key: a static variable of this type, which is neither read nor written. */
typedef struct wok_local {
    char unused;
} wok_local;

/** One value of one key; lies in the frame of the block that gives it. */
typedef struct wok_local_frame {
    const wok_local *key; /* NULL: it is over */
    void *value;
    struct wok_local_frame *outer;
} wok_local_frame;

/**
 * Gives the key at `key_` a value for the block that follows, and for all that is called in it.
 *
 * Blocks nest; the innermost wins.  The block may be left in any way: by break, return, goto, or a
 * panic.
 *
 * Ownership:  borrows what the value points to until the block is left; allocates nothing.
 * Threads:    tasks of any kind, in a stackless one within a poll, and plain threads.
 * Cancel:     not a cancellation point.
 */
#define WOK_LOCAL(key_, value_)                                                                    \
    WOK_LOCAL_(WOK_UNIQUE_(wok_local_), WOK_UNIQUE_(wok_local_frame_), key_, value_)

#define WOK_LOCAL_(local_, frame_, key_, value_)                                                   \
    for (wok_local_frame frame_,                                                                   \
         *WOK_CLEANUP(wok_local_leave_) local_ = wok_local_enter_(&frame_, (key_), (value_));      \
         local_ != NULL; wok_local_leave_(&local_))

/**
 * The value of the key here; NULL if no block gives it one.
 *
 * It looks through the blocks that surround the caller, the innermost first.
 *
 * Ownership:  borrowed from whoever gave it.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void *wok_local_get(const wok_local *key);

/**
 * Gives the key a value until the matching wok_local_pop(): the function behind WOK_LOCAL(), for
 * bindings to other languages.
 *
 * Ownership:  borrows the frame, which must not move, and what the value points to.
 * Threads:    as WOK_LOCAL(); push and pop nest like brackets.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_local_push(wok_local_frame *frame, const wok_local *key, void *value);

/**
 * Takes the value of a wok_local_push() back; a second time it does nothing.  Fit for WOK_CLEANUP, which
 * a frame needs that a panic may find.
 *
 * Threads:    where it was pushed.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_local_pop(wok_local_frame *frame);

/* The parts of WOK_LOCAL(): it begins, it is left in whatever way. */
static inline wok_local_frame *wok_local_enter_(wok_local_frame *frame, const wok_local *key,
                                                void *value)
{
    wok_local_push(frame, key, value);
    return frame;
}

static inline void wok_local_leave_(wok_local_frame **frame)
{
    if (*frame != NULL)
        wok_local_pop(*frame);
    *frame = NULL;
}

WOK_END_DECLS

#endif
