/*
 * wheel.h - a hierarchical timer wheel: many deadlines, few of which are ever reached.
 *
 * Pure: no lock, no clock, no allocation; the caller says what time it is, and guards the wheel.
 * A timer is the struct wok__timer inside its wok_sleep_future.
 */
#ifndef WOK_TIME_WHEEL_H
#define WOK_TIME_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wok/time.h>

/*
 * A tick is 2^16 ns = 65.536 us: the width of a slot in the lowest level, not the precision of a
 * deadline, which is kept in nanoseconds.  Eight levels of 64 slots span 2^48 ticks, which is every
 * deadline that 64 bits can say: the two topmost levels cost a kilobyte and spare the list of
 * deadlines that are too far away, which six levels (2^52 ns, 52 days) would need.
 */
enum {
    WOK__WHEEL_TICK_BITS = 16,
    WOK__WHEEL_SLOT_BITS = 6,
    WOK__WHEEL_SLOTS = 1 << WOK__WHEEL_SLOT_BITS,
    WOK__WHEEL_LEVELS = 8,
    WOK__WHEEL_DUE = WOK__WHEEL_LEVELS, /* the "level" of timers that wait to be handed out */
};

/* Everything here is under the caller's lock. */
struct wok__wheel {
    uint64_t occupied[WOK__WHEEL_LEVELS]; /* per level, a bit for each slot that is not empty */
    uint64_t now_ns;                      /* the latest time that was told */
    size_t count;                         /* timers in the wheel, those that are due included */
    /* The first timer of each slot, and of the list of those that are due; the links are a circle. */
    struct wok__timer *first[WOK__WHEEL_LEVELS * WOK__WHEEL_SLOTS + 1];
};

void wok__wheel_init(struct wok__wheel *wheel, uint64_t now_ns);

/* Puts a timer in, whose deadline_ns is set and whose links are NULL.  A deadline that has passed
 * is due at the next wok__wheel_expire.  Writes next, prev, level and slot. */
void wok__wheel_insert(struct wok__wheel *wheel, struct wok__timer *timer);

/* Takes out a timer that is in the wheel; its links are NULL after that. */
void wok__wheel_remove(struct wok__wheel *wheel, struct wok__timer *timer);

/*
 * When to call wok__wheel_expire again: never later than the earliest deadline.
 *
 * The earliest deadline itself if it lies in the lowest level (at most 64 ticks, 4.2 ms, ahead, and
 * often less), else the time at which its slot is to be spread over the levels below.  0 if a timer
 * is due, UINT64_MAX if there is none.
 */
uint64_t wok__wheel_next(const struct wok__wheel *wheel);

/*
 * Takes out one timer whose deadline is `now_ns` or earlier; NULL if there is none (any more).
 *
 * The caller repeats it with the same time until it is NULL: that is one pass, and it hands out
 * all that is due: tick by tick, and those of the same deadline in the order of their insertion.
 * A time before the latest one that was told counts as that one.
 */
struct wok__timer *wok__wheel_expire(struct wok__wheel *wheel, uint64_t now_ns);

/* A timer in the wheel that suits, or NULL; it looks at all of them. */
struct wok__timer *wok__wheel_find(const struct wok__wheel *wheel,
                                   bool (*suits)(const struct wok__timer *timer));

/* Brings the wheel to `now_ns` and takes nothing out: wok__wheel_next is exact for what is due. */
void wok__wheel_advance(struct wok__wheel *wheel, uint64_t now_ns);

static inline size_t wok__wheel_count(const struct wok__wheel *wheel)
{
    return wheel->count;
}

#endif
