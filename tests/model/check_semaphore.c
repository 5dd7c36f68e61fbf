/*
 * check_semaphore.c - the promises of permits and their queue (runtime/sync/permits.c).
 *
 * model sources: sync/permits.c sync/permits.h sync/semaphore.c
 * model links: task/state.c
 *
 * Data that a permit protects, or that is handed over with one, is plain: a missing release or acquire
 * is a data race.  A permit that gets lost is a task that sleeps for ever.
 */
#include <errno.h>

#include "tasks.h"

#include "sync/permits.h"

static wok_semaphore semaphore;
static uint32_t guarded, left, right;
static struct model_event queued;
static unsigned served;

static void setup(uint64_t permits)
{
    tasks_setup();
    memset(&semaphore, 0, sizeof semaphore);
    store_relaxed(&semaphore.permits.word, permits * WOK__PERMIT);
    guarded = left = right = served = 0;
}

static void setup_0(void)
{
    setup(0);
}

static void setup_1(void)
{
    setup(1);
}

static void acquire(uint64_t count)
{
    model_assert(wok_semaphore_acquire(&semaphore, count) == 0);
}

static void write_and_release(uint32_t *data, uint64_t count)
{
    model_plain_write(data);
    *data = 1;
    wok_semaphore_release(&semaphore, count);
}

static void read_written(uint32_t *data)
{
    model_plain_read(data);
    model_assert(*data == 1);
}

/* Nobody is in the queue, or believed to be, and this is what the word says. */
static void finish(uint64_t word)
{
    model_assert(load_relaxed(&semaphore.permits.word) == word);
    model_assert(semaphore.permits.waiters.first == NULL);
}

static void finish_0(void)
{
    finish(0);
}

static void finish_1(void)
{
    finish(WOK__PERMIT);
}

static void finish_0_closed(void)
{
    finish(WOK__PERMITS_CLOSED);
}

static void finish_1_closed(void)
{
    finish(WOK__PERMIT | WOK__PERMITS_CLOSED);
}

/* ---- holding -------------------------------------------------------------------------------- */

static void touch_guarded(void)
{
    model_plain_read(&guarded);
    model_plain_write(&guarded);
    guarded++;
}

static void holder(void)
{
    acquire(1);
    touch_guarded();
    wok_semaphore_release(&semaphore, 1);
}

/* The last user frees: no release touches the memory after another could know that it is the last. */
static void user(void)
{
    bool last;

    acquire(1);
    touch_guarded();
    last = guarded == 3;
    wok_semaphore_release(&semaphore, 1);
    if (last)
        model_free(&semaphore, sizeof semaphore);
}

static void trier(void)
{
    if (wok_semaphore_try_acquire(&semaphore, 1) < 0)
        return;
    touch_guarded();
    wok_semaphore_release(&semaphore, 1);
}

/* ---- handing over ----------------------------------------------------------------------------- */

static void release_left(void)
{
    write_and_release(&left, 1);
}

static void release_right(void)
{
    write_and_release(&right, 1);
}

static void release_left_twofold(void)
{
    write_and_release(&left, 2);
}

/* Is polled once more than it is woken, as a branch of a select is. */
static void acquire_both(void)
{
    wok_op op = wok_semaphore_acquire_op(&semaphore, 2);
    wok_poll code = task_poll(&op);

    if (code == WOK_PENDING)
        code = task_poll(&op);
    model_assert(task_await_polled(&op, code) == 0);
    read_written(&left);
    read_written(&right);
}

static void acquire_left(void)
{
    acquire(1);
    read_written(&left);
}

/* Two are never there. */
static void give_up_two(void)
{
    model_assert(task_give_up(wok_semaphore_acquire_op(&semaphore, 2)) == WOK_PENDING);
}

/* May be handed the permit while it leaves. */
static void give_up_one(void)
{
    if (task_give_up(wok_semaphore_acquire_op(&semaphore, 1)) == 0) {
        read_written(&left);
        wok_semaphore_release(&semaphore, 1);
    }
}

/* ---- order -------------------------------------------------------------------------------------- */

static void first_wants_two(void)
{
    wok_op op = wok_semaphore_acquire_op(&semaphore, 2);
    wok_poll code = task_poll(&op);

    model_event_set(&queued);
    model_assert(task_await_polled(&op, code) == 0);
    served++;
}

static void second_wants_one(void)
{
    model_event_wait(&queued);
    acquire(1);
    model_assert(false); /* both permits are the first one's */
}

static void releases_twice(void)
{
    wok_semaphore_release(&semaphore, 1);
    wok_semaphore_release(&semaphore, 1);
}

static void finish_first_served(void)
{
    model_assert(served == 1);
}

/* ---- close and forget ----------------------------------------------------------------------------- */

static void closer(void)
{
    model_plain_write(&left);
    left = 1;
    wok_semaphore_close(&semaphore);
    model_assert(wok_semaphore_try_acquire(&semaphore, 1) == -EPIPE);
}

static void acquire_or_closed(void)
{
    int code = wok_semaphore_acquire(&semaphore, 1);

    if (code == 0) {
        touch_guarded();
        wok_semaphore_release(&semaphore, 1);
        return;
    }
    model_assert(code == -EPIPE);
    read_written(&left);
}

static void acquire_closed(void)
{
    model_assert(wok_semaphore_acquire(&semaphore, 1) == -EPIPE);
    read_written(&left);
}

/* May be told of the close while it leaves. */
static void give_up_closed(void)
{
    wok_poll code = task_give_up(wok_semaphore_acquire_op(&semaphore, 1));

    model_assert(code == WOK_PENDING || code == -EPIPE);
}

static void looks_closed(void)
{
    int code = wok_semaphore_try_acquire(&semaphore, 1);

    if (code == 0)
        wok_semaphore_release(&semaphore, 1);
    else if (code == -EPIPE)
        read_written(&left);
}

static void releases_one(void)
{
    wok_semaphore_release(&semaphore, 1);
}

/* Takes the permit for good, if it is free, and makes it up with a new one. */
static void forgets(void)
{
    uint64_t forgotten = wok_semaphore_forget(&semaphore, 2);

    model_assert(forgotten <= 1);
    wok_semaphore_release(&semaphore, forgotten);
}

static const struct model_check checks[] = {
    {.name = "who takes two permits sees what both holders did",
     .setup = setup_0,
     .threads = {release_left, release_right, acquire_both},
     .finish = finish_0},
    {.name = "one release serves two",
     .setup = setup_0,
     .threads = {release_left_twofold, acquire_left, acquire_left},
     .finish = finish_0},
    {.name = "who gives up at the head lets the others go on",
     .setup = setup_0,
     .threads = {release_left, give_up_two, acquire_left},
     .finish = finish_0},
    {.name = "a permit handed to one who gives up goes to the next",
     .setup = setup_0,
     .threads = {release_left, give_up_one, acquire_left},
     .finish = finish_0},
    {.name = "nobody overtakes",
     .setup = setup_0,
     .threads = {first_wants_two, second_wants_one, releases_twice},
     .finish = finish_first_served,
     .ends_asleep = true},
    {.name = "a close reaches every waiter",
     .setup = setup_0,
     .threads = {closer, acquire_closed, acquire_closed},
     .finish = finish_0_closed},
    {.name = "a close races with one who gives up",
     .setup = setup_0,
     .threads = {closer, give_up_closed, acquire_closed},
     .finish = finish_0_closed},
    {.name = "a close races with a permit",
     .setup = setup_1,
     .threads = {closer, acquire_or_closed, looks_closed},
     .finish = finish_1_closed},
    {.name = "a close races with a release",
     .setup = setup_0,
     .threads = {closer, acquire_or_closed, releases_one},
     .finish = finish_1_closed},
    {.name = "what is forgotten is not handed out",
     .setup = setup_1,
     .threads = {forgets, holder, give_up_two},
     .finish = finish_1},
    {.name = "who tries does not disturb",
     .setup = setup_1,
     .threads = {holder, trier, holder},
     .finish = finish_1},
    {.name = "a permit has one holder at a time, the last of whom may free",
     .setup = setup_1,
     .threads = {user, user, user}},
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
