/*
 * check_lock.c - the promises of the lock (runtime/platform/lock.h and lock.c).
 *
 * model sources: platform/lock.c platform/lock.h
 * model defines: -DMODEL_SHIPPED_LOCK
 *
 * What the holders do is plain memory: if two held it at once, or one did not see what the last one did,
 * it would be a data race.  A sleeper that nobody wakes is a deadlock.  The futex carries no ordering.
 */
#include "model.h"

#include "platform/futex.h"
#include "platform/lock.h"

static struct wok__lock lock;
static uint32_t guarded;

void wok__futex_wait(atomic_u32 *word, uint32_t expected)
{
    model_futex_wait(word, expected);
}

void wok__futex_wake(atomic_u32 *word, int count)
{
    model_futex_wake(word, (unsigned)count);
}

static void setup(void)
{
    store_relaxed(&lock.word, WOK__LOCK_FREE);
    guarded = 0;
}

static void use(void)
{
    model_plain_read(&guarded);
    model_plain_write(&guarded);
    guarded++;
}

static void taker(void)
{
    wok__lock_take(&lock);
    use();
    wok__lock_give(&lock);
}

static void taker_twice(void)
{
    taker();
    taker();
}

/* One that does not wait gets it or goes on. */
static void trier(void)
{
    if (!wok__lock_try(&lock))
        return;
    use();
    wok__lock_give(&lock);
}

static void finish(void)
{
    model_assert(load_relaxed(&lock.word) == WOK__LOCK_FREE);
    model_assert(guarded > 0);
}

static void finish_three(void)
{
    finish();
    model_assert(guarded == 3);
}

static const struct model_check checks[] = {
    {.name = "three take it",
     .setup = setup,
     .threads = {taker, taker, taker},
     .finish = finish_three},
    {.name = "one takes it again",
     .setup = setup,
     .threads = {taker_twice, taker},
     .finish = finish_three},
    {.name = "one does not wait",
     .setup = setup,
     .threads = {taker, trier, taker},
     .finish = finish},
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
