/*
 * workload.c - the workload's runs: its actors, its things, and what must be true at the end.
 *
 * Nothing here is locked: all of it is done by tasks that run by turns, and by calls that have one.
 */
#include "support/workload.h"

#include "util/seed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void workload_broken(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: seed %llu: %s does not hold\n", file, line,
            (unsigned long long)wok_test_seed(), condition);
    abort();
}

/* ---- dice ------------------------------------------------------------------------------------------ */

static uint64_t next(uint64_t *dice)
{
    uint64_t mixed = *dice += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

uint32_t roll(struct actor *actor, uint32_t sides)
{
    return (uint32_t)(next(&actor->dice) % sides);
}

wok_duration roll_time(struct actor *actor)
{
    return roll(actor, 4) == 0 ? wok_ns(0) : wok_us(roll(actor, 40));
}

struct actor actor_child(struct actor *actor)
{
    return (struct actor){.dice = next(&actor->dice), .depth = actor->depth + 1};
}

/* ---- things ---------------------------------------------------------------------------------------- */

enum { THINGS_MAX = 1 << 16 };

static struct {
    uint32_t made, dropped;
    bool dead[THINGS_MAX];
} things;

struct thing thing_make(void)
{
    CHECK(things.made < THINGS_MAX - 1);
    return (struct thing){++things.made};
}

void thing_drop(struct thing *thing)
{
    CHECK(thing->number != 0 && thing->number <= things.made);
    CHECK(!things.dead[thing->number]);
    things.dead[thing->number] = true;
    things.dropped++;
}

/* ---- actors ---------------------------------------------------------------------------------------- */

int expected(int code)
{
    if (code == -ECANCELED)
        CHECK(wok_cancelled());
    else if (code == -ETIMEDOUT)
        CHECK(wok_deadline_now().ns <= wok_now().ns);
    else
        CHECK(code >= 0);
    return code;
}

static int act_once(struct actor *actor)
{
    struct {
        act *const *acts;
        unsigned count;
    } files[] = {
        {task_acts, task_act_count},       {wait_acts, wait_act_count}, {sync_acts, sync_act_count},
        {channel_acts, channel_act_count}, {net_acts, net_act_count},
    };
    unsigned all = 0, which;

    for (size_t i = 0; i < WOK_COUNT(files); i++)
        all += files[i].count;
    which = roll(actor, all);
    for (size_t i = 0;; which -= files[i++].count)
        if (which < files[i].count)
            return files[i].acts[which](actor);
}

int actor_live(struct actor *actor, unsigned acts)
{
    int code = 0;

    for (unsigned i = 0; i < acts && code >= 0; i++)
        code = expected(act_once(actor));
    return code;
}

struct root_args {
    struct actor actor;
    struct thing thing;
};

static void root_args_drop(struct root_args *args)
{
    thing_drop(&args->thing);
}

WOK_TASK_WITH_DROP(root_actor, struct root_args, struct thing, root_args_drop, thing_drop);

static int root_actor(struct root_args *args, struct thing *result)
{
    int code = actor_live(&args->actor, 5 + roll(&args->actor, 8));

    if (code < 0)
        return code;
    *result = thing_make();
    return 0;
}

/* ---- a run ----------------------------------------------------------------------------------------- */

struct run {
    const struct workload *workload;
    bool began;
};

static int live(void *argument)
{
    const struct run *run = argument;
    struct actor self = {.dice = wok_test_seed() * 77 + 1};
    root_actor_join joins[16];
    unsigned count = run->workload->actors != 0 ? run->workload->actors : 10;

    CHECK(count <= WOK_COUNT(joins));
    net_acts_begin(&self);
    for (unsigned i = 0; i < count; i++)
        joins[i] = wok_spawn(root_actor, {.actor = actor_child(&self), .thing = thing_make()});
    for (unsigned i = 0; i < count; i++) {
        struct thing result;
        wok_join_error why;
        if (roll(&self, 8) == 0) {
            CHECK(wok_sleep(roll_time(&self)) == 0);
            wok_join_abort(&joins[i].join);
        }
        if (roll(&self, 8) == 0) {
            root_actor_join_drop(&joins[i]); /* what it does then ends with the runtime */
        } else if (root_actor_await(&joins[i], &result, &why) == 0) {
            thing_drop(&result);
        } else {
            CHECK(why.outcome == WOK_CANCELLED);
        }
    }
    return 0;
}

static int before(void *argument)
{
    struct run *run = argument;

    memset(&things, 0, sizeof things);
    wait_acts_begin();
    sync_acts_begin();
    run->began = true;
    return live(argument);
}

static int after(void *argument)
{
    struct run *run = argument;

    if (!run->began)
        return 0;
    run->began = false;
    wait_acts_end();
    sync_acts_end();
    net_acts_end();
    CHECK(things.made == things.dropped);
    return 0;
}

/* Panics are part of the acts. */
static void ignore_panic(const wok_join_error *error, void *argument)
{
    (void)argument;
    CHECK(error->outcome == WOK_PANICKED);
}

int workload_run(const struct workload *workload, wok_test_report *ret_report)
{
    uint64_t first = workload->seed;
    int given = wok__seed_given(&first);
    uint64_t seeds = given > 0 ? 1 : workload->seeds;
    struct run run = {.workload = workload};
    int error = given < 0 ? given : 0;

    for (uint64_t seed = first; seed < first + seeds && error == 0; seed++) {
        wok_test_options options = {
            .workers = workload->workers != 0 ? workload->workers : 1 + (unsigned)(seed % 4),
            .seed = seed,
            .blocking_by_turns = true,
            .check_every = workload->check_every != 0 ? workload->check_every : 1,
            .after = after,
            .on_unjoined_panic = ignore_panic,
            .argument = &run,
        };
        error = wok_test_run(&options, before, ret_report);
    }
    return error;
}
