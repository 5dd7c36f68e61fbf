/*
 * interval.c - ticks at a fixed period.
 *
 * An interval is an instant and a rule for the next one.  It moves on in the step that makes a tick
 * ready, and only there: a tick that was waited for and given up is the same tick again.
 */
#include <wok/interval.h>

#include <errno.h>

#include <wok/select.h>

#include "task/task.h"
#include "time/timer.h"

/* Who comes later than this has missed ticks.  Less is the jitter of any scheduler, and would have
 * DELAY drift and SKIP leave ticks out of short periods. */
#define TOLERANCE_NS UINT64_C(5000000)

int wok_interval_init_at(wok_interval *interval, wok_instant start, wok_duration period,
                         wok_interval_missed missed)
{
    if (interval == NULL || period.ns == 0 || (unsigned)missed > WOK_INTERVAL_SKIP)
        return -EINVAL;
    *interval = (wok_interval){.period = period, .next = start, .missed = missed};
    return 0;
}

int wok_interval_init(wok_interval *interval, wok_duration period, wok_interval_missed missed)
{
    return wok_interval_init_at(interval, wok_now(), period, missed);
}

/* ---- ticks -------------------------------------------------------------------------------------- */

/* The tick after the one that was scheduled for interval->next and is taken now. */
static wok_instant following(const wok_interval *interval, wok_instant now)
{
    uint64_t late_ns = wok_instant_since(now, interval->next).ns;

    if (late_ns <= TOLERANCE_NS || interval->missed == WOK_INTERVAL_BURST)
        return wok_instant_after(interval->next, interval->period);
    if (interval->missed == WOK_INTERVAL_DELAY)
        return wok_instant_after(now, interval->period);
    return wok_instant_after(now, wok_ns(interval->period.ns - late_ns % interval->period.ns));
}

static wok_poll tick_op_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_interval *interval = op->object;
    wok_instant now = wok_now();

    (void)result;
    if (op->timer.deadline_ns != interval->next.ns) { /* at first, and after a reset */
        wok__timer_drop(&op->timer);
        op->timer.deadline_ns = interval->next.ns;
    }
    if (now.ns < interval->next.ns) {
        wok_poll code = wok__timer_poll(&op->timer, cx);
        if (code != WOK_READY)
            return code;
        now = wok_now(); /* it fired between the two looks at the clock */
    }
    if (!wok__budget_take(cx))
        return WOK_PENDING;
    if (op->value != NULL)
        *(wok_instant *)op->value = interval->next;
    interval->next = following(interval, now);
    return WOK_READY;
}

static void tick_op_drop(void *self)
{
    wok__timer_drop(&((wok_op *)self)->timer);
}

static const wok_future_vtable tick_op_vtable = {
    .name = "interval tick",
    .size = sizeof(wok_op),
    .poll = tick_op_poll,
    .drop = tick_op_drop,
};

wok_op wok_interval_tick_op(wok_interval *interval, wok_instant *ret_scheduled)
{
    return (wok_op){.vtable = &tick_op_vtable, .object = interval, .value = ret_scheduled};
}

int wok_interval_tick_until(wok_interval *interval, wok_instant deadline,
                            wok_instant *ret_scheduled)
{
    return wok_op_await_until(wok_interval_tick_op(interval, ret_scheduled), deadline);
}

int wok_interval_tick(wok_interval *interval, wok_instant *ret_scheduled)
{
    return wok_interval_tick_until(interval, WOK_NEVER, ret_scheduled);
}

/* ---- resets ------------------------------------------------------------------------------------- */

void wok_interval_reset_at(wok_interval *interval, wok_instant instant)
{
    interval->next = instant;
}

void wok_interval_reset_after(wok_interval *interval, wok_duration duration)
{
    wok_interval_reset_at(interval, wok_after(duration));
}

void wok_interval_reset(wok_interval *interval)
{
    wok_interval_reset_after(interval, interval->period);
}

void wok_interval_reset_immediately(wok_interval *interval)
{
    wok_interval_reset_at(interval, wok_now());
}
