/*
 * workload_wait.c - acts of the workload: time, futures inside one task, select, watch.
 */
#include <errno.h>

#include "support/workload.h"

WOK_WATCH(board, uint64_t, NULL);

static board_sender board; /* the latest number; it only grows */

void wait_acts_begin(void)
{
    CHECK(board_new(0, &board) == 0);
}

void wait_acts_end(void)
{
    board_sender_drop(&board);
}

/* ---- time -------------------------------------------------------------------------------------------- */

/* The clock stands still while something is ready: a sleep takes exactly its time. */
static int act_sleep(struct actor *actor)
{
    wok_duration time = roll_time(actor);
    wok_instant start = wok_now();
    int code = wok_sleep(time);

    if (code == 0)
        CHECK(wok_elapsed(start).ns == time.ns);
    return code;
}

static int act_yield(struct actor *actor)
{
    wok_instant start = wok_now();
    int code = 0;

    for (uint32_t i = roll(actor, 5); i > 0 && code == 0; i--)
        code = wok_yield();
    CHECK(wok_elapsed(start).ns == 0);
    return code;
}

static int act_timeout(struct actor *actor)
{
    wok_duration time = roll_time(actor);
    wok_instant start = wok_now();
    int code = 0;

    WOK_TIMEOUT(time)
    {
        code = actor->depth < 3 ? actor_live(actor, 1 + roll(actor, 2)) : wok_sleep(wok_ms(1));
    }
    if (code == -ETIMEDOUT && wok_deadline_now().ns > wok_now().ns) {
        CHECK(wok_elapsed(start).ns >= time.ns);
        return 0;
    }
    return code;
}

static int act_shield(struct actor *actor)
{
    wok_duration time = roll_time(actor);
    int code = -EIO;

    WOK_SHIELD()
    {
        code = wok_sleep(time);
    }
    /* Only the end of the runtime reaches into it. */
    CHECK(code == 0 || code == -ECANCELED);
    return code;
}

static int act_interval(struct actor *actor)
{
    static const wok_interval_missed rules[] = {WOK_INTERVAL_BURST, WOK_INTERVAL_DELAY,
                                                WOK_INTERVAL_SKIP};
    wok_interval interval;
    wok_instant last = {0}, scheduled;
    int code = wok_interval_init(&interval, wok_us(1 + roll(actor, 20)), rules[roll(actor, 3)]);

    CHECK(code == 0);
    for (uint32_t i = roll(actor, 4); i > 0 && code == 0; i--) {
        code = wok_interval_tick(&interval, &scheduled);
        if (code < 0)
            break;
        CHECK(scheduled.ns > last.ns && scheduled.ns <= wok_now().ns);
        last = scheduled;
        if (roll(actor, 3) == 0)
            code = wok_sleep(roll_time(actor));
    }
    return code;
}

/* ---- several at once --------------------------------------------------------------------------------- */

static int act_join_all(struct actor *actor)
{
    wok_op branches[4];
    uint32_t count = roll(actor, 5);
    uint64_t longest_ns = 0;
    wok_instant start = wok_now();
    int code;

    for (uint32_t i = 0; i < count; i++) {
        wok_duration time = roll_time(actor);
        branches[i] = wok_sleep_op(time);
        longest_ns = time.ns > longest_ns ? time.ns : longest_ns;
    }
    code = wok_join_all(branches, count, NULL);
    if (code == 0)
        CHECK(wok_elapsed(start).ns == longest_ns);
    return code;
}

WOK_TASK_WITH_DROP(napper, wok_duration, struct thing, NULL, thing_drop);

static int napper(wok_duration *time, struct thing *result)
{
    int code = wok_sleep(*time);

    if (code == 0)
        *result = thing_make();
    return code;
}

/* The losers had no effect: the handle is still good, no value was seen. */
static int act_select(struct actor *actor)
{
    WOK_CLEANUP(board_receiver_drop) board_receiver reader = {{0}};
    wok_duration times[] = {roll_time(actor), roll_time(actor)};
    WOK_CLEANUP(napper_join_drop) napper_join nap = wok_spawn(napper, times[0]);
    wok_select_order order = roll(actor, 2) == 0 ? WOK_SELECT_FAIR : WOK_SELECT_BIASED;
    wok_instant start = wok_now();
    struct thing result;
    int code = 0, winner;

    board_subscribe(&board, &reader);
    wok_op branches[] = {
        wok_op_if(roll(actor, 4) != 0, wok_sleep_op(times[1])),
        wok_join_op(&nap.join, &result, NULL),
        board_changed_op(&reader),
    };
    winner = wok_select(branches, WOK_COUNT(branches), order, &code);
    if (winner < 0)
        return winner;
    CHECK(code == 0);
    if (winner == 0)
        CHECK(wok_elapsed(start).ns == times[1].ns);
    if (winner != 1)
        return napper_await(&nap, &result, NULL) == 0 ? (thing_drop(&result), 0) : wok_yield();
    thing_drop(&result);
    CHECK(wok_elapsed(start).ns == times[0].ns);
    return 0;
}

/* ---- watch ------------------------------------------------------------------------------------------- */

static uint64_t latest(void)
{
    board_receiver reader;
    uint64_t value;

    board_subscribe(&board, &reader);
    board_get(&reader, &value);
    board_receiver_drop(&reader);
    return value;
}

static int act_watch_send(struct actor *actor)
{
    (void)actor;
    CHECK(board_send_replace(&board, latest() + 1) == 0);
    return wok_yield();
}

static int act_watch_wait(struct actor *actor)
{
    WOK_CLEANUP(board_receiver_drop) board_receiver reader = {{0}};
    uint64_t before = latest(), value = 0;
    int code;

    board_subscribe(&board, &reader);
    code = board_changed_until(&reader, wok_after(wok_us(roll(actor, 50))));
    if (code == -ETIMEDOUT)
        return wok_yield();
    if (code < 0)
        return code;
    board_get(&reader, &value);
    CHECK(value > before);
    return 0;
}

act *const wait_acts[] = {
    act_sleep,    act_yield,  act_timeout,    act_shield,     act_interval,
    act_join_all, act_select, act_watch_send, act_watch_wait,
};
const unsigned wait_act_count = WOK_COUNT(wait_acts);
