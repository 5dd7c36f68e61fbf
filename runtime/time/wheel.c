/*
 * wheel.c - the hierarchical timer wheel.
 *
 * A deadline's tick is read as eight digits of six bits.  A timer lies at the level of the highest
 * digit in which its tick differs from the current one, in the slot that this digit names: level 0
 * if only the last digit differs (or none), level 1 if it is the one before, and so on.  When the
 * current tick reaches a slot of a higher level, that slot's timers are spread over the levels
 * below, where they differ now.  So a timer moves at most seven times in its life, and most are
 * cancelled long before they move at all.
 *
 * Invariants, between calls
 *   W1  a timer outside the due list has a deadline after now_ns, and its tick agrees with the
 *       current tick in all digits above its level.
 *   W2  hence a slot of level L > 0 that is not empty lies after the current digit of that level,
 *       one of level 0 lies after or at it; the lowest set bit of the lowest level that has any is
 *       the earliest slot of the wheel.
 *   W3  a bit of occupied[] is set if and only if the slot's list is not empty.
 *   W4  deadlines on the due list are at most now_ns.
 *
 * Source: Varghese and Lauck, "Hashed and hierarchical timing wheels", SOSP 1987.  The level by
 * exclusive or is that of the Linux kernel's first wheel, of Kafka and of Tokio.
 */
#include "time/wheel.h"

#include <assert.h>
#include <stdbool.h>

#include "util/bits.h"

#define DIGIT_MASK (WOK__WHEEL_SLOTS - 1)
#define DUE_INDEX (WOK__WHEEL_LEVELS * WOK__WHEEL_SLOTS)

_Static_assert(WOK__WHEEL_TICK_BITS + WOK__WHEEL_LEVELS * WOK__WHEEL_SLOT_BITS == 64,
               "the levels span every deadline, so none is too far away");

static uint64_t tick_of(uint64_t ns)
{
    return ns >> WOK__WHEEL_TICK_BITS;
}

static unsigned digit(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> level * WOK__WHEEL_SLOT_BITS) & DIGIT_MASK;
}

void wok__wheel_init(struct wok__wheel *wheel, uint64_t now_ns)
{
    *wheel = (struct wok__wheel){.now_ns = now_ns};
}

/* ---- the lists ------------------------------------------------------------------------------- */

static void append(struct wok__timer **first, struct wok__timer *timer)
{
    struct wok__timer *head = *first;

    if (head == NULL) {
        timer->next = timer->prev = timer;
        *first = timer;
        return;
    }
    timer->next = head;
    timer->prev = head->prev;
    head->prev->next = timer;
    head->prev = timer;
}

/* True: the list is empty now. */
static bool unlink_from(struct wok__timer **first, struct wok__timer *timer)
{
    bool last = timer->next == timer;

    if (!last) {
        timer->prev->next = timer->next;
        timer->next->prev = timer->prev;
        if (*first == timer)
            *first = timer->next;
    } else {
        assert(*first == timer);
        *first = NULL;
    }
    timer->next = timer->prev = NULL;
    return last;
}

static void append_due(struct wok__wheel *wheel, struct wok__timer *timer)
{
    timer->level = WOK__WHEEL_DUE;
    timer->slot = 0;
    append(&wheel->first[DUE_INDEX], timer);
}

/* Files a timer, which is in no list, as seen from now_ns. */
static void file(struct wok__wheel *wheel, struct wok__timer *timer)
{
    uint64_t tick = tick_of(timer->deadline_ns);
    uint64_t differs = tick ^ tick_of(wheel->now_ns);

    if (timer->deadline_ns <= wheel->now_ns) {
        append_due(wheel, timer);
        return;
    }
    unsigned level = wok__bits_last(differs | 1) / WOK__WHEEL_SLOT_BITS;
    unsigned slot = digit(tick, level);

    timer->level = (uint8_t)level;
    timer->slot = (uint8_t)slot;
    append(&wheel->first[level * WOK__WHEEL_SLOTS + slot], timer);
    wheel->occupied[level] |= (uint64_t)1 << slot;
}

static void unfile(struct wok__wheel *wheel, struct wok__timer *timer)
{
    unsigned level = timer->level, slot = timer->slot;
    bool emptied = unlink_from(&wheel->first[level * WOK__WHEEL_SLOTS + slot], timer);

    if (emptied && level < WOK__WHEEL_LEVELS)
        wheel->occupied[level] &= ~((uint64_t)1 << slot);
}

void wok__wheel_insert(struct wok__wheel *wheel, struct wok__timer *timer)
{
    assert(timer->next == NULL);
    file(wheel, timer);
    wheel->count++;
}

void wok__wheel_remove(struct wok__wheel *wheel, struct wok__timer *timer)
{
    assert(timer->next != NULL && wheel->count > 0);
    unfile(wheel, timer);
    wheel->count--;
}

static struct wok__timer *find_in(struct wok__timer *first,
                                  bool (*suits)(const struct wok__timer *timer))
{
    struct wok__timer *timer = first;

    if (first == NULL)
        return NULL;
    do {
        if (suits(timer))
            return timer;
        timer = timer->next;
    } while (timer != first);
    return NULL;
}

struct wok__timer *wok__wheel_find(const struct wok__wheel *wheel,
                                   bool (*suits)(const struct wok__timer *timer))
{
    struct wok__timer *found = NULL;

    for (unsigned i = 0; i <= DUE_INDEX && found == NULL; i++)
        found = find_in(wheel->first[i], suits);
    return found;
}

/* ---- the earliest slot ----------------------------------------------------------------------- */

/* Finds the earliest slot (W2); false if all are empty. */
static bool earliest_slot(const struct wok__wheel *wheel, unsigned *ret_level, unsigned *ret_slot)
{
    for (unsigned level = 0; level < WOK__WHEEL_LEVELS; level++) {
        if (wheel->occupied[level] != 0) {
            *ret_level = level;
            *ret_slot = wok__bits_first(wheel->occupied[level]);
            return true;
        }
    }
    return false;
}

/* The time at which a slot begins that lies at or after now_ns. */
static uint64_t slot_begin(const struct wok__wheel *wheel, unsigned level, unsigned slot)
{
    unsigned low_bits = WOK__WHEEL_TICK_BITS + level * WOK__WHEEL_SLOT_BITS;
    uint64_t above = wheel->now_ns >> low_bits & ~(uint64_t)DIGIT_MASK;

    return (above | slot) << low_bits;
}

uint64_t wok__wheel_next(const struct wok__wheel *wheel)
{
    unsigned level, slot;

    if (wheel->first[DUE_INDEX] != NULL)
        return 0;
    if (!earliest_slot(wheel, &level, &slot))
        return UINT64_MAX;
    if (level > 0)
        return slot_begin(wheel, level, slot);

    const struct wok__timer *first = wheel->first[slot];
    uint64_t least = first->deadline_ns;
    for (const struct wok__timer *timer = first->next; timer != first; timer = timer->next)
        if (timer->deadline_ns < least)
            least = timer->deadline_ns;
    return least;
}

/* ---- the passing of time --------------------------------------------------------------------- */

/* Files all timers of a slot anew, in their order, as seen from now_ns; some become due. */
static void spread(struct wok__wheel *wheel, unsigned level, unsigned slot)
{
    struct wok__timer **first = &wheel->first[level * WOK__WHEEL_SLOTS + slot];
    struct wok__timer *timer = *first, *last = timer->prev, *next;

    *first = NULL;
    wheel->occupied[level] &= ~((uint64_t)1 << slot);
    for (bool more = true; more; timer = next) {
        next = timer->next;
        more = timer != last;
        file(wheel, timer);
    }
}

/*
 * Brings the wheel to `now_ns`, slot by slot: each slot that begins at or before it is spread at
 * its own beginning.  That keeps the due list in the order of ticks however far the time jumps,
 * and every timer moves as often as it would have moved in small steps.
 */
static void advance(struct wok__wheel *wheel, uint64_t now_ns)
{
    unsigned level, slot;

    while (earliest_slot(wheel, &level, &slot)) {
        uint64_t begin = slot_begin(wheel, level, slot);
        uint64_t last_ns = begin | wok__bits_below(WOK__WHEEL_TICK_BITS);

        if (begin > now_ns)
            break;
        if (level > 0)
            wheel->now_ns = begin;
        else
            wheel->now_ns = last_ns < now_ns ? last_ns : now_ns;
        spread(wheel, level, slot);
        if (wheel->now_ns == now_ns)
            break; /* what is left in the current slot lies ahead */
    }
    wheel->now_ns = now_ns;
}

void wok__wheel_advance(struct wok__wheel *wheel, uint64_t now_ns)
{
    if (now_ns > wheel->now_ns)
        advance(wheel, now_ns);
}

struct wok__timer *wok__wheel_expire(struct wok__wheel *wheel, uint64_t now_ns)
{
    wok__wheel_advance(wheel, now_ns);

    struct wok__timer *timer = wheel->first[DUE_INDEX];
    if (timer != NULL)
        wok__wheel_remove(wheel, timer);
    return timer;
}
