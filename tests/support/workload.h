/*
 * workload.h - a program that uses every primitive of wok at random, to be run for many seeds.
 *
 * A run has a few actors, tasks that take one act after another: spawn and await, abort, scope, select,
 * lock, send.  What an act does, whom it aborts and how long it sleeps comes from the seed, as the order
 * of everything does; so a run that fails is repeated by its number.  Each act asserts what it can see,
 * and the end that everything made was destroyed exactly once.
 *
 * It uses the public headers only, so that tests/support/test_mutants.sh can link it with a library
 * whose scheduler is broken on purpose.
 */
#ifndef WOK_TESTS_SUPPORT_WORKLOAD_H
#define WOK_TESTS_SUPPORT_WORKLOAD_H

#include <wok/wok.h>

struct workload {
    unsigned workers;     /* 0: one to four, by the seed */
    unsigned actors;      /* 0: 10 */
    unsigned check_every; /* turns between two looks at the invariants; 0: each turn */
    uint64_t seed, seeds; /* the first, and how many */
};

/* Runs the workload until a seed fails; as wok_test_run(). */
int workload_run(const struct workload *workload, wok_test_report *ret_report);

/* ---- for the acts: workload_*.c -------------------------------------------------------------------- */

/* A broken promise ends the process: wok_test_run() says with which seed. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            workload_broken(__FILE__, __LINE__, #condition);                                       \
    } while (0)
WOK_NORETURN void workload_broken(const char *file, int line, const char *condition);

/* Something that is made once and has to be destroyed once, wherever it was moved to meanwhile. */
struct thing {
    uint32_t number;
};
struct thing thing_make(void);
void thing_drop(struct thing *thing);

/* A task that acts. */
struct actor {
    uint64_t dice;
    unsigned depth; /* of actors that were spawned by actors */
};

/* A number below `sides`, from 0 on. */
uint32_t roll(struct actor *actor, uint32_t sides);
/* A short time; often 0. */
wok_duration roll_time(struct actor *actor);
/* An actor of its own dice, one level deeper. */
struct actor actor_child(struct actor *actor);

/* What a wait gave that had no reason of its own to fail: 0, or a code with which the caller ends, since
 * it is aborted or its time is over. */
int expected(int code);

/* A few acts of the actor's choice: 0, or why it was stopped. */
int actor_live(struct actor *actor, unsigned acts);

/* An act: 0, or why it was stopped. */
typedef int act(struct actor *actor);

/* Acts, by file; how often each file is chosen goes by how many it has. */
extern act *const task_acts[], *const wait_acts[], *const sync_acts[], *const channel_acts[],
                                                                           *const net_acts[];
extern const unsigned task_act_count, wait_act_count, sync_act_count, channel_act_count,
    net_act_count;

/* What the acts of a file share: made at the beginning of a run, in its first task, and looked at when
 * everything has ended. */
void wait_acts_begin(void);
void wait_acts_end(void);
void sync_acts_begin(void);
void sync_acts_end(void);
void net_acts_begin(struct actor *actor);
void net_acts_end(void);

#endif
