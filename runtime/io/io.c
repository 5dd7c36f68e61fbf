/*
 * io.c - what the back-ends have in common: slots, readiness, waiters, dispatch.
 *
 * A driver's table maps a slot to the descriptor registered there.  A slot is reused with the next
 * generation, so that an event which was fetched for its former user is recognised; 32 bits of
 * generation are compared in full (four thousand million reuses of one slot while one event is in
 * a worker's hands).
 *
 * The readiness word is claimed without the lock: one direction has one user, and an event can only
 * add bits.  Everything else here is under the driver's lock; driver.h has the invariants.
 */
#include "io/driver.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "task/task.h"

enum {
    FIRST_SLOTS = 64,
    NO_SLOT = INT32_MAX, /* the end of the list of free slots */
};

/* What makes each interest ready. */
static const uint32_t interest_bits[WOK__INTERESTS] = {
    [WOK__READ] = WOK__READABLE | WOK__HALF | WOK__DEAD,
    [WOK__WRITE] = WOK__WRITABLE | WOK__DEAD,
    [WOK__HANGUP] = WOK__HALF | WOK__DEAD,
};

/* What an attempt uses up. */
static const uint32_t claimed_bits[WOK__INTERESTS] = {
    [WOK__READ] = WOK__READABLE,
    [WOK__WRITE] = WOK__WRITABLE,
};

/* ---- the driver ---------------------------------------------------------------------------- */

int wok__driver_init(struct wok__driver *driver, const struct wok__driver_ops *ops,
                     struct wok_runtime *runtime, unsigned worker)
{
    *driver = (struct wok__driver){
        .runtime = runtime,
        .worker = worker,
        .turn_events_max = WOK__TURN_EVENTS,
        .turn_events = WOK__TURN_EVENTS,
        .epoll_fd = -EBADF,
        .wake_fd = -EBADF,
        .first_free = NO_SLOT,
    };

    int error = ops->init(driver);
    if (error < 0)
        return error;
    driver->ops = ops;
    return 0;
}

void wok__driver_done(struct wok__driver *driver)
{
    if (driver->ops == NULL)
        return;
    driver->ops->done(driver);
    driver->ops = NULL;
    free(driver->slots);
    driver->slots = NULL;
}

int wok__driver_turn(struct wok__driver *driver, uint64_t timeout_ns)
{
    return driver->ops->turn(driver, timeout_ns, true);
}

int wok__driver_assist(struct wok__driver *driver)
{
    return driver->ops->turn(driver, 0, false);
}

void wok__driver_wake(struct wok__driver *driver)
{
    driver->ops->wake(driver);
}

uint64_t wok__driver_wait_all(struct wok__driver *const *drivers, unsigned count, int poke_fd,
                              uint64_t timeout_ns)
{
    return drivers[0]->ops->wait_all(drivers, count, count, poke_fd, timeout_ns);
}

void wok__driver_wait_with(struct wok__driver *const *drivers, unsigned count, uint64_t timeout_ns)
{
    (void)drivers[0]->ops->wait_all(drivers, 1, count, -1, timeout_ns);
}

bool wok__driver_is_woken(const struct wok__driver *driver)
{
    return driver->ops->is_woken(driver);
}

void wok__driver_ring_at(struct wok__driver *driver, int bell_fd)
{
    driver->bell_fd = bell_fd;
}

uint32_t wok__driver_load(const struct wok__driver *driver)
{
    return load_relaxed(&driver->load);
}

/* ---- slots --------------------------------------------------------------------------------- */

static wok__token token_of(uint32_t slot, uint32_t generation)
{
    return (wok__token)generation << 32 | slot;
}

/* Doubles the table; what is registered keeps its slot. */
static int grow(struct wok__driver *driver)
{
    uint32_t capacity = driver->capacity == 0 ? FIRST_SLOTS : driver->capacity * 2;
    struct wok__slot *slots;

    if (capacity >= NO_SLOT)
        return -ENOMEM;
    slots = realloc(driver->slots, capacity * sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;

    for (uint32_t i = driver->capacity; i < capacity; i++)
        slots[i] = (struct wok__slot){.next_free = i + 1 < capacity ? i + 1 : NO_SLOT};
    driver->first_free = driver->capacity;
    driver->slots = slots;
    driver->capacity = capacity;
    return 0;
}

static int slot_take(struct wok__driver *driver, void *object, bool is_watch, wok__token *ret_token)
{
    int error = 0;

    wok__lock_take(&driver->lock);
    if (driver->first_free == NO_SLOT)
        error = grow(driver);
    if (error == 0) {
        uint32_t index = driver->first_free;
        struct wok__slot *slot = &driver->slots[index];
        driver->first_free = slot->next_free;
        slot->object = object;
        slot->is_watch = is_watch;
        store_relaxed(&driver->load, load_relaxed(&driver->load) + 1);
        *ret_token = token_of(index, slot->generation);
    }
    wok__lock_give(&driver->lock);
    return error;
}

/* After this nobody finds the object through the table. */
static void slot_give(struct wok__driver *driver, wok__token token)
{
    uint32_t index = (uint32_t)token;

    wok__lock_take(&driver->lock);
    struct wok__slot *slot = &driver->slots[index];
    assert(slot->object != NULL && slot->generation == (uint32_t)(token >> 32));
    *slot = (struct wok__slot){
        .generation = slot->generation + 1,
        .next_free = driver->first_free,
    };
    driver->first_free = index;
    store_relaxed(&driver->load, load_relaxed(&driver->load) - 1);
    wok__lock_give(&driver->lock);
}

/* ---- descriptors --------------------------------------------------------------------------- */

int wok__io_open(struct wok__io *io, struct wok__driver *driver, int fd)
{
    wok__token token;

    *io = (struct wok__io){.driver = driver, .fd = fd};
    store_relaxed(&io->ready, WOK__READABLE | WOK__WRITABLE); /* nobody knows of it yet */

    int error = slot_take(driver, io, false, &token);
    if (error < 0)
        return error;
    io->slot = (uint32_t)token;
    io->generation = (uint32_t)(token >> 32);
    error = driver->ops->attach(driver, fd, token);
    if (error < 0)
        slot_give(driver, token);
    return error;
}

void wok__io_close(struct wok__io *io, bool reset)
{
    slot_give(io->driver, token_of(io->slot, io->generation));
    io->driver->ops->close(io->fd, reset);
    *io = (struct wok__io){.fd = -EBADF};
}

bool wok__io_claim(struct wok__io *io, enum wok__interest interest)
{
    /* [io.ready] what the event announced is there for the system call that follows */
    uint32_t before = fetch_and_acq_rel(&io->ready, ~claimed_bits[interest]);
    return (before & interest_bits[interest]) != 0;
}

void wok__io_restore(struct wok__io *io, enum wok__interest interest)
{
    fetch_or_release(&io->ready, claimed_bits[interest]); /* [io.ready] */
}

static bool wait_for(struct wok__io *io, enum wok__interest interest, uint32_t bits,
                     struct wok_task *task)
{
    wok__lock_take(&io->driver->lock);
    bool waits = (load_acquire(&io->ready) & bits) == 0; /* [io.ready] */
    io->waiters[interest] = waits ? task : NULL;
    wok__lock_give(&io->driver->lock);
    return waits;
}

bool wok__io_wait(struct wok__io *io, enum wok__interest interest, struct wok_task *task)
{
    return wait_for(io, interest, interest_bits[interest], task);
}

bool wok__io_wait_hangup(struct wok__io *io, uint32_t bits, struct wok_task *task)
{
    return wait_for(io, WOK__HANGUP, bits, task);
}

void wok__io_forget(struct wok__io *io, unsigned interests)
{
    wok__lock_take(&io->driver->lock);
    for (unsigned interest = 0; interest < WOK__INTERESTS; interest++)
        if (interests & 1u << interest)
            io->waiters[interest] = NULL;
    wok__lock_give(&io->driver->lock);
}

uint32_t wok__io_ready(const struct wok__io *io, enum wok__interest interest)
{
    return load_acquire(&io->ready) & interest_bits[interest]; /* [io.ready] */
}

/* ---- watches ------------------------------------------------------------------------------- */

typedef int (*attach_function)(struct wok__driver *driver, int fd, wok__token token);

static int watch_with(attach_function attach, struct wok__watch *watch, struct wok__driver *driver,
                      int fd, wok__token *ret_token)
{
    wok__token token;

    int error = slot_take(driver, watch, true, &token);
    if (error < 0)
        return error;
    error = attach(driver, fd, token);
    if (error < 0) {
        slot_give(driver, token);
        return error;
    }
    *ret_token = token;
    return 0;
}

int wok__watch_listener(struct wok__watch *watch, struct wok__driver *driver, int fd,
                        wok__token *ret_token)
{
    return watch_with(driver->ops->attach_listener, watch, driver, fd, ret_token);
}

int wok__watch_descriptor(struct wok__watch *watch, struct wok__driver *driver, int fd,
                          wok__token *ret_token)
{
    return watch_with(driver->ops->attach, watch, driver, fd, ret_token);
}

void wok__unwatch(struct wok__driver *driver, int fd, wok__token token)
{
    slot_give(driver, token);
    driver->ops->detach(driver, fd);
}

int wok__watch_kernel(struct wok__watch *watch, struct wok__driver *driver, int fd)
{
    wok__token token;

    return watch_with(driver->ops->attach_kernel, watch, driver, fd, &token);
}

/* ---- dispatch ------------------------------------------------------------------------------ */

void wok__driver_dispatch(struct wok__driver *driver, wok__token token, uint32_t ready)
{
    uint32_t index = (uint32_t)token;

    if (index >= driver->capacity)
        return;
    struct wok__slot *slot = &driver->slots[index];
    if (slot->object == NULL || slot->generation != (uint32_t)(token >> 32))
        return; /* closed since the event was fetched */
    if (slot->is_watch) {
        struct wok__watch *watch = slot->object;
        watch->event(watch, ready);
        return;
    }

    struct wok__io *io = slot->object;
    uint32_t before = load_relaxed(&io->ready);
    fetch_or_release(&io->ready, ready); /* [io.ready] */
    for (unsigned interest = 0; interest < WOK__INTERESTS; interest++) {
        /* A FIN is part of every later event: who watches for a hangup wants to hear of it once. */
        uint32_t news = interest == WOK__HANGUP ? ready & ~before : ready;
        struct wok_task *task = io->waiters[interest];
        if (task == NULL || (news & interest_bits[interest]) == 0)
            continue;
        io->waiters[interest] = NULL;
        wok__task_wake(task, WOK__REASON_EVENT);
    }
}

void wok__driver_event(struct wok__driver *driver, wok__token token, uint32_t ready)
{
    wok__lock_take(&driver->lock);
    wok__driver_dispatch(driver, token, ready);
    wok__lock_give(&driver->lock);
}
