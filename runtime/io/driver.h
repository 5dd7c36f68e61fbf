/*
 * driver.h - where a worker waits: descriptors, readiness, and the table of a back-end.
 *
 * Every worker has one driver.  A descriptor that tasks wait on is a wok__io, registered once and
 * edge-triggered with one driver for its whole life.  Tasks on any worker may operate on it: they
 * claim its readiness, try the system call, and register as a waiter only when there is nothing.
 *
 * Invariants
 *   D1  a readiness bit is cleared (claimed) before the system call that uses it up and never after
 *       it, so an event that comes meanwhile is kept.
 *   D2  bits are set and waiters taken out under the driver's lock; a waiter registers under it and
 *       looks at the bits once more.  So it sees the bits or is woken.
 *   D3  a waiter is woken while the lock is held, and leaves (forget, close) by taking that lock: the
 *       memory of the task that is woken lives.
 *   D4  an event names slot and generation; the two are compared in full with the table under the
 *       lock.  An event that was fetched before a close on another thread finds nobody.
 *
 * Order of locks: the simulated network, then a driver, then a watch's own (listener, signals), then
 * the scheduler's.
 *
 * Back-ends.  The table is one of readiness: `turn` reports that something may be done, the operation
 * does it or says -EAGAIN.  A back-end of completions (io_uring) fits in as follows.  Its recv takes
 * the wok__io, not the descriptor, so that it can find what has arrived: received data lies in
 * buffers that the back-end lent to the kernel, a completion sets READABLE, and recv copies out of
 * them.  Nothing of the caller's memory is ever left with the kernel, so an operation that is given
 * up needs no cancellation to be waited for.
 */
#ifndef WOK_IO_DRIVER_H
#define WOK_IO_DRIVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <wok/base.h>

#include "platform/atomic.h"
#include "platform/lock.h"
#include "util/cacheline.h"

struct wok_runtime;
struct wok_task;
struct wok__driver;

/* What an event can report; the bits of wok__io.ready. */
enum {
    WOK__READABLE = 1u << 0, /* claimed by the reader before each recv */
    WOK__WRITABLE = 1u << 1, /* claimed by the writer before each send */
    WOK__HALF = 1u << 2,     /* a FIN came; for ever, and recv no longer waits */
    WOK__DEAD = 1u << 3,     /* both directions ended, or an error; for ever, nothing waits */
};

/* What a task can wait for; the index of its place in wok__io.waiters. */
enum wok__interest { WOK__READ, WOK__WRITE, WOK__HANGUP, WOK__INTERESTS };

/* A descriptor that tasks wait on, in the memory of whoever owns the descriptor; it does not move. */
struct wok__io {
    struct wok__driver *driver;               /* constant while open */
    struct wok_task *waiters[WOK__INTERESTS]; /* the driver's lock */
    atomic_u32 ready;                         /* set under the lock, claimed by anyone */
    uint32_t slot, generation;                /* constant while open */
    int fd;                                   /* constant while open */
};

/*
 * A descriptor registered with several drivers, so that a stuck worker does not keep its events from
 * being seen: a listening socket, the signals' descriptor.  `event` is called under the lock of the
 * driver that saw one, and takes whatever lock guards its waiters.
 */
struct wok__watch {
    void (*event)(struct wok__watch *watch, uint32_t ready);
};

/* Slot and generation, as they travel through the kernel. */
typedef uint64_t wok__token;

/* A numeric address. */
struct wok__address {
    socklen_t size;
    struct sockaddr_storage storage;
};

/* A back-end.  Descriptors are numbers of its own; errors are negative errno values. */
struct wok__driver_ops {
    const char *name;
    int (*init)(struct wok__driver *driver);
    void (*done)(struct wok__driver *driver);

    /* Waits at most `timeout_ns` (0: not at all; UINT64_MAX: for ever) and dispatches what came.
     * The number of events, 0 if the time passed or the wait was interrupted, or an error.
     * `owner`: the call of the driver's worker, which a wake is meant for. */
    int (*turn)(struct wok__driver *driver, uint64_t timeout_ns, bool owner);
    /* Makes a wait of the owner return, or the next one not begin.  Any thread. */
    void (*wake)(struct wok__driver *driver);
    /* Waits in all of these drivers at once, as the owner of the first `owned`, until a turn of one of
     * them would find something, or the kernel's `poke_fd` is readable (-1: none); which drivers, as a
     * bitmap.  Dispatches nothing, and keeps wakes. */
    uint64_t (*wait_all)(struct wok__driver *const *drivers, unsigned owned, unsigned count,
                         int poke_fd, uint64_t timeout_ns);
    /* True if a wake came that no turn of the owner has seen. */
    bool (*is_woken)(const struct wok__driver *driver);

    /* Begins to report events of `fd` under `token`, edge-triggered, in both directions; -ENOTSUP for
     * the kernel's descriptor in a network that is not the kernel's. */
    int (*attach)(struct wok__driver *driver, int fd, wok__token token);
    /* As attach, of a listening socket: one of the drivers that wait is enough. */
    int (*attach_listener)(struct wok__driver *driver, int fd, wok__token token);
    /* Ends either; the descriptor stays open. */
    void (*detach)(struct wok__driver *driver, int fd);
    /* As attach and for reading only; `fd` is the kernel's whatever the back-end is. */
    int (*attach_kernel)(struct wok__driver *driver, int fd, wok__token token);

    /* A listening descriptor; `ret_port` is what it was bound to. */
    int (*listen)(const struct wok__address *address, int backlog, uint16_t *ret_port);
    /* Makes a listening descriptor of somebody else's ready for `accept`; -ENOTSOCK, -EOPNOTSUPP or -EINVAL
     * for what is no stream socket that listens.  `ret_port` is 0 where its family has none. */
    int (*adopt)(int fd, uint16_t *ret_port);
    /* Ends listening, and keeps the descriptor: accept gives -EINVAL from now on. */
    void (*unlisten)(int fd);
    /* Establishes no connection any more; those that are, or are on the way, can be accepted.
     * -EOPNOTSUPP where connections have no handshake. */
    int (*hush)(int fd);
    /* A connected descriptor, or -EAGAIN, or as accept(2). */
    int (*accept)(int fd);
    /* A descriptor that is connected or will be: WRITABLE tells when, `connected` how it went. */
    int (*connect)(const struct wok__address *address);
    /* 0, -EINPROGRESS, or why it failed. */
    int (*connected)(int fd);
    ssize_t (*recv)(const struct wok__io *io, void *buffer, size_t size);
    ssize_t (*send)(const struct wok__io *io, const struct iovec *pieces, int count);
    int (*shutdown_send)(int fd);
    /* Bytes that were sent and that the peer has not taken; 0 also where that cannot be known. */
    size_t (*untaken)(int fd);
    /* Events that were fetched before are harmless (D4). */
    void (*close)(int fd, bool reset);
    int (*peer)(int fd, struct wok__address *ret_address);
};

extern const struct wok__driver_ops wok__epoll_ops; /* the kernel's network */
extern const struct wok__driver_ops wok__sim_ops;   /* a network in memory; io/sim.h */

struct wok__slot {
    void *object;        /* wok__io or wok__watch; NULL: free */
    uint32_t generation; /* of the present user, or of the next one */
    uint32_t next_free : 31, is_watch : 1;
};

/* Events that a turn takes at most: what is usual, and what an option may ask for. */
enum { WOK__TURN_EVENTS = 128, WOK__TURN_EVENTS_MAX = 1024 };

struct wok__driver {
    const struct wok__driver_ops *ops; /* constant */
    struct wok_runtime *runtime;       /* constant */
    unsigned worker;                   /* constant: whose driver it is */
    unsigned turn_events_max;          /* constant */
    unsigned turn_events;              /* that the owner's next turn takes at most; the owner */
    int epoll_fd, wake_fd;             /* constant */
    int bell_fd;                       /* what a wake writes to; constant while workers run */
    bool watches_signals;              /* signal.c's lock */
    atomic_u32 load;                   /* registered descriptors; written under the lock */

    alignas(WOK__CACHE_LINE) struct wok__lock lock;
    struct wok__slot *slots; /* the lock, as all below */
    uint32_t capacity, first_free;

    /* Written by whoever wakes the owner: a line of its own. */
    alignas(WOK__CACHE_LINE) atomic_u32 sleep;
};

/* ---- for the worker ------------------------------------------------------------------------ */

/* Prepares a driver; on failure nothing is left behind. */
WOK_MUST_USE
int wok__driver_init(struct wok__driver *driver, const struct wok__driver_ops *ops,
                     struct wok_runtime *runtime, unsigned worker);

/* Nobody uses the driver any more, and every descriptor that was opened with it is closed.  A driver
 * of zero bytes is fine. */
void wok__driver_done(struct wok__driver *driver);

/* The owner's turn: waits at most `timeout_ns` (0: not at all; UINT64_MAX: for ever) and wakes the
 * tasks that have events.  The number of events; 0 also after wok__driver_wake or a signal. */
int wok__driver_turn(struct wok__driver *driver, uint64_t timeout_ns);

/* A turn without waiting by another worker, while the owner is stuck in a long poll.  May run at the
 * same time as the owner's; a wake that it meets is handed on to the owner. */
int wok__driver_assist(struct wok__driver *driver);

/* Makes the owner's waiting turn return, or its next one not wait.  Any thread.  A system call only
 * if the owner waits and nobody has woken it yet. */
void wok__driver_wake(struct wok__driver *driver);

/* For workers that run by turns (sched/turns.c): one thread waits in the drivers of all of them until
 * a turn of some would find something, which the bitmap tells; they have the same back-end. */
uint64_t wok__driver_wait_all(struct wok__driver *const *drivers, unsigned count, int poke_fd,
                              uint64_t timeout_ns);

/* Waits as the owner of the first driver until any of them has an event to give, or the first is
 * woken; the owners of the others are blocked.  Turns and assists come next. */
void wok__driver_wait_with(struct wok__driver *const *drivers, unsigned count, uint64_t timeout_ns);
bool wok__driver_is_woken(const struct wok__driver *driver);

/* Before the workers run: a wake writes to this eventfd and not to the driver's own, so it is no event of the
 * driver, and wok__driver_is_woken() alone tells of it.  For an owner that never waits in its driver alone. */
void wok__driver_ring_at(struct wok__driver *driver, int bell_fd);

/* The number of registered descriptors, about. */
uint32_t wok__driver_load(const struct wok__driver *driver);

/* ---- from the scheduler -------------------------------------------------------------------- */

/* The driver for a new descriptor: the one with the least load. */
struct wok__driver *wok__driver_pick(struct wok_runtime *runtime);
/* The driver of a worker, and how many there are. */
struct wok__driver *wok__driver_nth(struct wok_runtime *runtime, unsigned worker);
unsigned wok__driver_count(struct wok_runtime *runtime);

/* ---- io.c: descriptors --------------------------------------------------------------------- */

/* Registers `fd`; readable and writable until an operation says otherwise.  On failure the
 * descriptor stays the caller's. */
WOK_MUST_USE
int wok__io_open(struct wok__io *io, struct wok__driver *driver, int fd);

/* Deregisters and closes; waiters are forgotten, not woken.  No operation may be under way. */
void wok__io_close(struct wok__io *io, bool reset);

/* The direction's owner is about to try: true, and the readiness is used up; false: it has to wait. */
bool wok__io_claim(struct wok__io *io, enum wok__interest interest);

/* The attempt did not use up what there was: the next one need not wait. */
void wok__io_restore(struct wok__io *io, enum wok__interest interest);

/* Registers the waiter, in place of one that was registered before.  False: it is ready. */
bool wok__io_wait(struct wok__io *io, enum wok__interest interest, struct wok_task *task);

/* As wait with WOK__HANGUP, for one of `bits` (WOK__HALF, WOK__DEAD). */
bool wok__io_wait_hangup(struct wok__io *io, uint32_t bits, struct wok_task *task);

/* Takes back the waits of a set of interests, a bit `1u << interest` for each. */
void wok__io_forget(struct wok__io *io, unsigned interests);

/* The bits of `interest` that are set now. */
uint32_t wok__io_ready(const struct wok__io *io, enum wok__interest interest);

/* Registers a watch for connections on a listening descriptor, or for any events of another one.  It
 * is called until the unwatch has returned, and not afterwards. */
WOK_MUST_USE
int wok__watch_listener(struct wok__watch *watch, struct wok__driver *driver, int fd,
                        wok__token *ret_token);
WOK_MUST_USE
int wok__watch_descriptor(struct wok__watch *watch, struct wok__driver *driver, int fd,
                          wok__token *ret_token);
void wok__unwatch(struct wok__driver *driver, int fd, wok__token token);

/* Registers a watch for a descriptor of the kernel's, until the driver is done. */
WOK_MUST_USE
int wok__watch_kernel(struct wok__watch *watch, struct wok__driver *driver, int fd);

/* One event of a back-end; takes the lock. */
void wok__driver_event(struct wok__driver *driver, wok__token token, uint32_t ready);
/* The same under the lock. */
void wok__driver_dispatch(struct wok__driver *driver, wok__token token, uint32_t ready);

#endif
