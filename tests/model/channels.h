/*
 * channels.h - what the checks of channels share: tasks that may give up, memory, and its end.
 *
 * What the shipped code frees is freed for the checker, and so is a task that has ended: whoever touches
 * it later is reported.  A check that includes this is built with
 *     -Dmalloc=model_malloc -Dfree=model_release
 */
#ifndef WOK_MODEL_CHANNELS_H
#define WOK_MODEL_CHANNELS_H

#include <errno.h>
#include <stdlib.h>

#include "tasks.h"

#include "task/panic.h"

/* ---- memory ----------------------------------------------------------------------------------- */

enum { MEMORY_BLOCKS = 8, MEMORY_BYTES = 1024 };

static _Alignas(16) unsigned char memory[MEMORY_BLOCKS][MEMORY_BYTES];
static size_t memory_sizes[MEMORY_BLOCKS];
static unsigned memory_taken, memory_given;

void *model_malloc(size_t size)
{
    model_assert(memory_taken < MEMORY_BLOCKS && size <= MEMORY_BYTES);
    memory_sizes[memory_taken] = size;
    return memory[memory_taken++];
}

void model_release(void *block)
{
    if (block == NULL)
        return;
    size_t index = (size_t)((unsigned char(*)[MEMORY_BYTES])block - memory);
    model_assert(index < memory_taken && memory_sizes[index] > 0);
    model_free(block, memory_sizes[index]);
    memory_sizes[index] = 0;
    memory_given++;
}

/* ---- what is not in the check ------------------------------------------------------------------- */

void wok__destroy(void (*drop)(void *object), void *object)
{
    if (drop != NULL)
        drop(object);
}

/* ---- tasks that wait ------------------------------------------------------------------------------ */

/* Operations of each task; none is used twice, so that a waiter which is left behind stays what it was. */
enum { OPS = 5 };
static wok_op ops[MODEL_MAX_THREADS][OPS];
static unsigned ops_used[MODEL_MAX_THREADS];
static unsigned tasks_ended;

static inline void channels_setup(void)
{
    tasks_setup();
    memset(ops_used, 0, sizeof ops_used);
    memory_taken = memory_given = tasks_ended = 0;
}

static inline wok_op *op_new(wok_op value)
{
    unsigned self = model_self();

    model_assert(ops_used[self] < OPS);
    ops[self][ops_used[self]] = value;
    return &ops[self][ops_used[self]++];
}

static inline wok_poll await(wok_op value)
{
    return task_await(op_new(value));
}

/* Awaits as a task does that may be cancelled at any time: it gives up before it sleeps, or when it is
 * woken and has not looked yet, or not at all.  WOK_PENDING: it gave up. */
static inline wok_poll await_or_give_up(wok_op value)
{
    enum { BEFORE_SLEEP, AFTER_WAKE, NEVER };
    wok_op *op = op_new(value);
    wok_poll code = task_poll(op);
    unsigned when = code == WOK_PENDING ? model_choose(3) : BEFORE_SLEEP;

    if (when == NEVER)
        return task_await_polled(op, code);
    if (when == AFTER_WAKE)
        task_sleep();
    task_drop(op);
    return code;
}

/* The task ends: nobody may wake it any more. */
static inline void task_end(void)
{
    tasks_ended++;
    model_free(&tasks[model_self()], sizeof tasks[0]);
}

#endif
