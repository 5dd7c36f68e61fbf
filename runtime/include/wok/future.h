/*
 * future.h - futures: poll, drop, wakers, and awaiting them inside one task.
 *
 * A future is a value with two operations.  `poll` advances it and says whether it is ready; when
 * it is pending it has arranged for the polling task to be woken.  `drop` ends it in any state and
 * runs exactly once.  Everything that can be awaited is a future: a sleep, a join handle, a socket
 * operation, the user's own state machines, and a stackful task, whose poll switches to its stack.
 */
#ifndef WOK_FUTURE_H
#define WOK_FUTURE_H

#include <wok/base.h>

WOK_BEGIN_DECLS

struct wok_task;

/**
 * What a poll says: WOK_PENDING, or the future's result code: WOK_READY (0), or a negative errno
 * when it ended without a result.  The same codes are what a stackful task's function returns.
 */
typedef int wok_poll;
enum {
    WOK_READY = 0,
    WOK_PENDING = 1,
};

/**
 * What a poll is given: the task that is to be woken when there is progress to make.
 *
 * It is valid during the poll only.  A future of the user's own that is woken by other means than
 * polling futures of wok keeps a wok_waker.
 */
typedef struct wok_cx {
    struct wok_task *task;
} wok_cx;

/** The operations of a type of futures. */
typedef struct wok_future_vtable {
    /** Names the type in dumps and messages. */
    const char *name;
    /** Bytes of the future itself and of its result; alignment is at most 16. */
    size_t size, result_size;
    /**
     * Advances the future.  Writes `*result` when it returns WOK_READY, and only then.  It is not
     * called again after that.  It may panic; it must not block its thread.
     */
    wok_poll (*poll)(void *self, wok_cx *cx, void *result);
    /** Releases what the future holds; runs exactly once, in any state.  NULL: nothing to release. */
    void (*drop)(void *self);
    /** Destroys a result that nobody takes.  NULL: nothing to destroy. */
    void (*result_drop)(void *result);
    /**
     * Of an operation whose waiting is an effect in itself (an arrival at a barrier), and not to be undone
     * once others have gone on because of it.  Takes the effect of a pending one back: true, as if it had
     * not been polled.  False: too late, it is ready with 0 and has written its value.  NULL: dropping
     * it undoes everything.
     */
    bool (*take_back)(void *self);
} wok_future_vtable;

/** A borrowed future of any type. */
typedef struct wok_future {
    const wok_future_vtable *vtable;
    void *self;
} wok_future;

/** Polls a future. */
static inline wok_poll wok_future_poll(wok_future future, wok_cx *cx, void *result)
{
    return future.vtable->poll(future.self, cx, result);
}

/** Drops a future. */
static inline void wok_future_drop(wok_future future)
{
    if (future.vtable->drop != NULL)
        future.vtable->drop(future.self);
}

/**
 * Wakes a task from anywhere: another thread, a callback of a library, a signal-driven loop.
 *
 * Holds a counted reference to the task's memory.  wok's own waits do not use it.
 */
typedef struct wok_waker {
    struct wok_task *task;
} wok_waker;

/**
 * Makes a waker for the task that polls.
 *
 * Ownership:  returns owned: wok_waker_drop().  It keeps the task's memory, not its result.
 * Threads:    the task of `cx`.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_waker wok_waker_new(const wok_cx *cx);

/**
 * Makes the task be polled again.  Wakes coalesce; after the task has ended it does nothing.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_waker_wake(const wok_waker *waker);

/**
 * Gives the waker back; a waker of zero bytes is fine.
 *
 * Threads:    any, while nobody else uses this waker.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_waker_drop(wok_waker *waker);

/**
 * Makes the polling task be polled again after the others that are ready have had their turn; the
 * poll then says WOK_PENDING.
 *
 * Threads:    the task of `cx`.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_cx_yield(wok_cx *cx);

/**
 * WOK_READY while the poll may go on: it costs one of the 128 operations of a poll.  WOK_PENDING when
 * those are used up: the poll then says WOK_PENDING, and is repeated after the other ready tasks.
 *
 * For polls that compute for long; an operation that becomes ready counts in the same way.
 *
 * Errors:     none.
 * Threads:    the task of `cx`.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_poll wok_checkpoint_poll(wok_cx *cx);

/**
 * Waits in the calling task until `future` is ready.
 *
 * Errors:     the future's own code; -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that
 *             covers it passes; -EDEADLK in a stackless task, which polls the future instead; -ENOMEM
 *             on a plain thread's first wait.
 * Ownership:  borrows the future; the owner drops it afterwards, whatever came out.
 * Threads:    a stackful task polls it on its own stack and parks; a plain thread polls it and
 *             blocks.  Sockets need the thread to have entered a runtime.
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_await(wok_future future, void *ret_result);

/* ---- operations --------------------------------------------------------------------------- */

/* What the objects that tasks wait on are made of: a lock of four bytes, ... */
struct wok__lock {
    struct {
        uint32_t value;
    } word;
};

/* ... a place in the queue of such an object, which its lock guards, ... */
struct wok__waiter {
    struct wok__waiter *next, *prev;
    struct wok_task *task;
    uint32_t state, mode;
};

/* ... and that queue.  Zero bytes are a free lock and an empty queue. */
struct wok__waiters {
    struct wok__waiter *first, *last;
};

/* A place in a timer wheel. */
struct wok__timer {
    struct wok__timer *next, *prev; /* the wheel's lock */
    uint64_t deadline_ns;           /* written before the insertion */
    struct wok_task *task;          /* the waiter; the wheel's lock */
    uint16_t worker;                /* which wheel; written before the insertion */
    struct {
        uint8_t value;
    } state;             /* the wheel's lock, or the owner while not inserted */
    uint8_t level, slot; /* where it is in the wheel; the wheel's lock */
    uint8_t yielded;     /* the owner: the one yield of a deadline that has passed */
    uint8_t outside;     /* a plain thread waits, in no call of its runtime; the wheel's lock */
};

/* What an operation of a descriptor moves; its owner's. */
struct wok__span {
    void *bytes;
    size_t size;
    bool waits; /* it has asked to be woken */
};

/**
 * One wait on one object: to receive, send, join, acquire, sleep, ...
 *
 * Each object's header has functions that build them (wok_join_op(), wok_sleep_op(),
 * wok_mpsc_recv_op(), ...).  An operation is a value until its first poll, and may be copied until
 * then; from then on it must not move, and wok_op_drop() ends it.  One that has not become ready had
 * no effect: dropping it gives everything back, nothing is lost.  So any operation may lose a
 * wok_select().  The object and what `value` points to are borrowed until the drop.
 *
 * A stackful task or a plain thread waits with wok_op_await(), wok_select() or the object's own
 * waiting function; a stackless task keeps the operation in its struct and polls it.
 */
typedef struct wok_op {
    const wok_future_vtable *vtable; /* over the operation itself; NULL: off, it is never ready */
    void *object, *value;
    union {
        void *extra;
        uint64_t amount;
    };
    union {
        struct wok__waiter waiter;
        struct wok__timer timer;
        struct wok__span span;
    };
} wok_op;

/**
 * Polls an operation: WOK_PENDING, or its code, after which it is not polled again.
 *
 * Threads:    the task of `cx`.
 * Cancel:     not a cancellation point.
 */
static inline wok_poll wok_op_poll(wok_op *op, wok_cx *cx)
{
    return op->vtable != NULL ? op->vtable->poll(op, cx, NULL) : WOK_PENDING;
}

/**
 * Ends an operation in any state, also one that is off; fit for WOK_CLEANUP.
 *
 * Threads:    any, while nobody polls it.
 * Cancel:     not a cancellation point.
 */
static inline void wok_op_drop(wok_op *op)
{
    if (op->vtable != NULL && op->vtable->drop != NULL)
        op->vtable->drop(op);
}

/**
 * Begins the body of a poll that reads from top to bottom, though it returns at each await.
 *
 * The locals of a stackless task live in its struct, and so does the place to go on from: in a
 * member `resume_line`, which starts at 0.  No switch statement, and in C++ no scope of an
 * initialised local, may span an await.  To keep what a poll gave, assign it inside:
 * WOK_AWAIT(self, self->code = some_poll(cx)); to end early with a code, return it.
 *
 *     static wok_poll poll(void *self_, wok_cx *cx, void *result)
 *     {
 *         struct greeter *self = self_;
 *         WOK_ASYNC_BEGIN(self);
 *         WOK_AWAIT(self, wok_sleep_future_poll(&self->sleep, cx));
 *         puts("hello");
 *         WOK_ASYNC_END;
 *     }
 */
#define WOK_ASYNC_BEGIN(self)                                                                      \
    switch ((self)->resume_line) {                                                                 \
    case 0:

/**
 * Polls here until what `poll` polls is ready, and returns WOK_PENDING from the body meanwhile.
 *
 * Threads:    the poll of a stackless task, between WOK_ASYNC_BEGIN() and WOK_ASYNC_END; once a line.
 * Cancel:     not a cancellation point: an aborted stackless task is dropped in place of its next poll.
 */
#define WOK_AWAIT(self, poll)                                                                      \
    do {                                                                                           \
        (self)->resume_line = __LINE__;                                                            \
        __attribute__((fallthrough));                                                              \
    case __LINE__:                                                                                 \
        if ((poll) == WOK_PENDING)                                                                 \
            return WOK_PENDING;                                                                    \
    } while (0)

/** Ends the body that WOK_ASYNC_BEGIN() began, with WOK_READY. */
#define WOK_ASYNC_END                                                                              \
    }                                                                                              \
    return WOK_READY

WOK_END_DECLS

#endif
