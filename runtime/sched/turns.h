/*
 * turns.h - workers that run one at a time, in an order that a seed decides.
 *
 * A runtime with a paused clock has turns; in any other one runtime->turns is NULL, and nothing here
 * is called.
 */
#ifndef WOK_SCHED_TURNS_H
#define WOK_SCHED_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include <wok/base.h>

struct wok_runtime;
struct wok__worker;
struct wok__turns;

/* Makes the turns of a runtime whose workers do not run yet; -ENOMEM. */
WOK_MUST_USE
int wok__turns_new(struct wok__turns **ret_turns, struct wok_runtime *runtime, uint64_t seed);

/* NULL is fine; every worker has ended. */
void wok__turns_free(struct wok__turns *turns);

/* Gives the first turn when all workers' threads have been started, and returns when every worker
 * sleeps: from here on what happens is a function of what the runtime is given. */
void wok__turns_start(struct wok__turns *turns);

/* The runtime is stopping: nobody waits for a turn any more. */
void wok__turns_stop(struct wok__turns *turns);

/* A worker's thread waits for its first turn. */
void wok__turns_enter(struct wok__worker *worker);

/* The worker has made a step: the next turn is drawn, and this worker waits for its own. */
void wok__turns_pass(struct wok__worker *worker);

/* As pass, by a worker that sleeps: it has its next turn when something woke it. */
void wok__turns_sleep(struct wok__worker *worker);

/* A choice by the seed, of the worker that has the turn: true in one of two cases. */
bool wok__turns_coin(struct wok__turns *turns);

#endif
