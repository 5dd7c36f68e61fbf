/*
 * test_wheel.c - the timer wheel against a model that is obviously right: an array that is searched.
 */
#include "time/wheel.h"

#include <stdlib.h>

#include "support/seed.h"
#include "support/test.h"

#define TICK_NS (UINT64_C(1) << WOK__WHEEL_TICK_BITS)
#define START_NS UINT64_C(1000000000)

static struct wok__wheel wheel;

static void insert(struct wok__timer *timer, uint64_t deadline_ns)
{
    *timer = (struct wok__timer){.deadline_ns = deadline_ns};
    wok__wheel_insert(&wheel, timer);
}

/* Follows wok__wheel_next from the time `now_ns` until a timer comes out, checking that the wheel
 * never skips or fires early; gives the time. */
static uint64_t run_to_next(uint64_t now_ns, struct wok__timer **ret_timer)
{
    for (int cascades = 0; cascades <= WOK__WHEEL_LEVELS; cascades++) {
        uint64_t next = wok__wheel_next(&wheel);
        cr_assert_neq(next, UINT64_MAX);
        now_ns = next > now_ns ? next : now_ns;
        *ret_timer = wok__wheel_expire(&wheel, now_ns);
        if (*ret_timer != NULL)
            return now_ns;
    }
    cr_assert_fail("a timer takes at most one step per level");
    return 0;
}

Test(wheel, is_empty_when_made)
{
    wok__wheel_init(&wheel, START_NS);
    cr_assert_eq(wok__wheel_next(&wheel), UINT64_MAX);
    cr_assert_eq(wok__wheel_count(&wheel), 0);
    cr_assert_null(wok__wheel_expire(&wheel, UINT64_MAX));
}

Test(wheel, fires_to_the_nanosecond)
{
    struct wok__timer timer, *fired;

    for (uint64_t distance = 1; distance < UINT64_C(1) << 62; distance = distance * 3 + 1) {
        wok__wheel_init(&wheel, START_NS);
        insert(&timer, START_NS + distance);
        cr_assert_null(wok__wheel_expire(&wheel, START_NS + distance - 1));
        cr_assert(wok__wheel_expire(&wheel, START_NS + distance) == &timer);
        cr_assert_eq(wok__wheel_count(&wheel), 0);

        wok__wheel_init(&wheel, START_NS);
        insert(&timer, START_NS + distance);
        cr_assert_eq(run_to_next(START_NS, &fired), START_NS + distance);
        cr_assert_eq(wok__wheel_next(&wheel), UINT64_MAX);
    }
}

Test(wheel, hands_out_a_deadline_that_has_passed)
{
    struct wok__timer past, present, zero;

    wok__wheel_init(&wheel, START_NS);
    insert(&past, START_NS - 1);
    insert(&present, START_NS);
    insert(&zero, 0);
    cr_assert_eq(wok__wheel_next(&wheel), 0);
    cr_assert(wok__wheel_expire(&wheel, START_NS) == &past);
    cr_assert(wok__wheel_expire(&wheel, START_NS) == &present);
    cr_assert(wok__wheel_expire(&wheel, START_NS) == &zero);
    cr_assert_null(wok__wheel_expire(&wheel, START_NS));
}

Test(wheel, keeps_the_last_deadline_there_is)
{
    struct wok__timer never;

    wok__wheel_init(&wheel, START_NS);
    insert(&never, UINT64_MAX);
    cr_assert_null(wok__wheel_expire(&wheel, UINT64_MAX - 1));
    cr_assert_eq(wok__wheel_next(&wheel), UINT64_MAX);
    cr_assert(wok__wheel_expire(&wheel, UINT64_MAX) == &never);
}

Test(wheel, tells_the_least_of_several_in_one_slot)
{
    struct wok__timer timers[3];
    uint64_t slot = (START_NS & ~(TICK_NS - 1)) + 3 * TICK_NS;

    wok__wheel_init(&wheel, START_NS);
    insert(&timers[0], slot + 500);
    insert(&timers[1], slot + 100);
    insert(&timers[2], slot + 900);
    cr_assert_eq(wok__wheel_next(&wheel), slot + 100);
    cr_assert(wok__wheel_expire(&wheel, slot + 100) == &timers[1]);
    cr_assert_null(wok__wheel_expire(&wheel, slot + 100));
    cr_assert_eq(wok__wheel_next(&wheel), slot + 500);
    wok__wheel_remove(&wheel, &timers[0]);
    cr_assert_eq(wok__wheel_next(&wheel), slot + 900);
}

/* Equal deadlines are equal at every level: also when the first was far away at its insertion and
 * the second near. */
Test(wheel, keeps_the_order_of_insertion_among_equals)
{
    struct wok__timer timers[4];
    uint64_t deadline = START_NS + 10000 * TICK_NS + 77;

    wok__wheel_init(&wheel, START_NS);
    insert(&timers[0], deadline);
    cr_assert_null(wok__wheel_expire(&wheel, deadline - 5000 * TICK_NS));
    insert(&timers[1], deadline);
    cr_assert_null(wok__wheel_expire(&wheel, deadline - 10 * TICK_NS));
    insert(&timers[2], deadline);
    cr_assert_null(wok__wheel_expire(&wheel, deadline - 1));
    insert(&timers[3], deadline);
    for (int i = 0; i < 4; i++)
        cr_assert(wok__wheel_expire(&wheel, deadline + 1) == &timers[i]);
}

Test(wheel, hands_out_ticks_in_order_after_a_jump)
{
    enum { COUNT = 2000 };
    static struct wok__timer timers[COUNT];
    struct wok__rand rand = test_rand();
    uint64_t last = 0;

    wok__wheel_init(&wheel, START_NS);
    for (int i = 0; i < COUNT; i++)
        insert(&timers[i], START_NS + 1 + wok__rand_below(&rand, 1000000 * TICK_NS));
    for (int i = 0; i < COUNT; i++) {
        struct wok__timer *timer = wok__wheel_expire(&wheel, START_NS + 2000000 * TICK_NS);
        cr_assert_not_null(timer);
        cr_assert_geq(timer->deadline_ns >> WOK__WHEEL_TICK_BITS, last);
        last = timer->deadline_ns >> WOK__WHEEL_TICK_BITS;
    }
}

Test(wheel, removes_one_that_is_due)
{
    struct wok__timer timers[3];

    wok__wheel_init(&wheel, START_NS);
    for (int i = 0; i < 3; i++)
        insert(&timers[i], START_NS + 5);
    cr_assert(wok__wheel_expire(&wheel, START_NS + 9) == &timers[0]);
    wok__wheel_remove(&wheel, &timers[1]); /* due already, not handed out yet */
    cr_assert_null(timers[1].next);
    cr_assert(wok__wheel_expire(&wheel, START_NS + 9) == &timers[2]);
    cr_assert_eq(wok__wheel_count(&wheel), 0);
    cr_assert_eq(wok__wheel_next(&wheel), UINT64_MAX);
}

Test(wheel, takes_an_earlier_time_for_the_latest)
{
    struct wok__timer timer;

    wok__wheel_init(&wheel, START_NS);
    cr_assert_null(wok__wheel_expire(&wheel, START_NS + 1000 * TICK_NS));
    for (int i = 0; i < 2; i++) { /* the second time round the wheel has been told START_NS again */
        insert(&timer, START_NS + 500 * TICK_NS);
        cr_assert(wok__wheel_expire(&wheel, START_NS) == &timer);
    }
}

/* ---- the model --------------------------------------------------------------------------------- */

enum { MODEL_MAX = 200 };

struct model {
    struct wok__timer timers[MODEL_MAX];
    bool in_wheel[MODEL_MAX];
    size_t count;
    uint64_t now_ns;
    struct wok__rand rand;
};

static uint64_t model_earliest(const struct model *model)
{
    uint64_t earliest = UINT64_MAX;

    for (int i = 0; i < MODEL_MAX; i++)
        if (model->in_wheel[i] && model->timers[i].deadline_ns < earliest)
            earliest = model->timers[i].deadline_ns;
    return earliest;
}

/* A span whose number of bits is drawn first: as many of nanoseconds as of years. */
static uint64_t any_span(struct model *model)
{
    uint64_t bits = wok__rand_below(&model->rand, 63);

    return wok__rand_next(&model->rand) & ((UINT64_C(1) << bits) - 1);
}

static uint64_t any_deadline(struct model *model)
{
    uint64_t span = any_span(model);

    switch (wok__rand_below(&model->rand, 8)) {
    case 0: /* the past */
        return span > model->now_ns ? 0 : model->now_ns - span;
    case 1: /* the edges of ticks and of levels */
        return (model->now_ns + span) & ~(span >> 1);
    case 2: /* that of another timer */
        return model->timers[wok__rand_below(&model->rand, MODEL_MAX)].deadline_ns;
    default:
        return model->now_ns > UINT64_MAX - span ? UINT64_MAX : model->now_ns + span;
    }
}

/* One pass: all that is due comes out, each once, and nothing else. */
static void model_expire(struct model *model)
{
    struct wok__timer *timer;

    while ((timer = wok__wheel_expire(&wheel, model->now_ns)) != NULL) {
        size_t i = (size_t)(timer - model->timers);
        cr_assert_lt(i, MODEL_MAX);
        cr_assert(model->in_wheel[i]);
        cr_assert_leq(timer->deadline_ns, model->now_ns);
        cr_assert_null(timer->next);
        model->in_wheel[i] = false;
        model->count--;
        if (wok__rand_below(&model->rand, 8) == 0) { /* a pass may insert and remove */
            insert(timer, model->now_ns + 1 + any_span(model) / 2);
            model->in_wheel[i] = true;
            model->count++;
        }
    }
    cr_assert_gt(model_earliest(model), model->now_ns);
}

static void model_step(struct model *model)
{
    size_t i = wok__rand_below(&model->rand, MODEL_MAX);

    switch (wok__rand_below(&model->rand, 8)) {
    case 0: /* time passes: a little, or much */
        model->now_ns += wok__rand_below(&model->rand, 4) == 0 ? any_span(model) >> 12
                                                               : any_span(model) % (8 * TICK_NS);
        model_expire(model);
        break;
    case 1: /* time passes to where the wheel wants to be asked again */
        if (wok__wheel_next(&wheel) != UINT64_MAX && wok__wheel_next(&wheel) >> 62 == 0) {
            if (wok__wheel_next(&wheel) > model->now_ns)
                model->now_ns = wok__wheel_next(&wheel);
            model_expire(model);
        }
        break;
    default:
        if (model->in_wheel[i]) {
            wok__wheel_remove(&wheel, &model->timers[i]);
            model->count--;
        } else {
            insert(&model->timers[i], any_deadline(model));
            model->count++;
        }
        model->in_wheel[i] = !model->in_wheel[i];
    }
}

static void check_next(const struct model *model)
{
    uint64_t next = wok__wheel_next(&wheel), earliest = model_earliest(model);
    uint64_t group = TICK_NS << WOK__WHEEL_SLOT_BITS; /* what the lowest level spans */

    cr_assert_leq(next, earliest);
    cr_assert_eq(next == UINT64_MAX, model->count == 0 || earliest == UINT64_MAX);
    if (earliest > wheel.now_ns && earliest / group == wheel.now_ns / group)
        cr_assert(next == earliest || next == 0); /* 0: one that is due was not handed out yet */
    if (earliest > wheel.now_ns && next != UINT64_MAX)
        cr_assert_gt(next, wheel.now_ns);
}

Test(wheel, agrees_with_a_model_under_random_operations, .timeout = 60)
{
    static struct model model;

    model.rand = test_rand();
    for (int round = 0; round < 60; round++) {
        memset(model.in_wheel, 0, sizeof model.in_wheel);
        model.count = 0;
        model.now_ns = any_span(&model);
        wok__wheel_init(&wheel, model.now_ns);
        for (int step = 0; step < 3000 && model.now_ns >> 62 == 0; step++) {
            model_step(&model);
            cr_assert_eq(wok__wheel_count(&wheel), model.count);
            check_next(&model);
        }
        model.now_ns = UINT64_MAX;
        while (wok__wheel_expire(&wheel, model.now_ns) != NULL)
            model.count--;
        cr_assert_eq(model.count, 0);
    }
}

/* ---- many -------------------------------------------------------------------------------------- */

Test(wheel, holds_a_million, .timeout = 60)
{
    enum { COUNT = 1000000 };
    struct wok__timer *timers = calloc(COUNT, sizeof *timers);
    struct wok__rand rand = test_rand();
    uint64_t now = START_NS, last_tick = 0;
    size_t fired = 0, removed = 0;

    cr_assert_not_null(timers);
    wok__wheel_init(&wheel, now);
    for (size_t i = 0; i < COUNT; i++)
        insert(&timers[i], now + wok__rand_below(&rand, UINT64_C(10000000000)));
    for (size_t i = 0; i < COUNT; i += 3, removed++)
        wok__wheel_remove(&wheel, &timers[i]);
    cr_assert_eq(wok__wheel_count(&wheel), COUNT - removed);
    while (wok__wheel_count(&wheel) > 0) {
        struct wok__timer *timer;
        now += UINT64_C(1000000);
        while ((timer = wok__wheel_expire(&wheel, now)) != NULL) {
            uint64_t tick = timer->deadline_ns >> WOK__WHEEL_TICK_BITS;
            cr_assert_leq(timer->deadline_ns, now);
            cr_assert_gt(timer->deadline_ns + UINT64_C(1000000), now);
            cr_assert_geq(tick, last_tick);
            last_tick = tick;
            fired++;
        }
    }
    cr_assert_eq(fired, COUNT - removed);
    free(timers);
}
