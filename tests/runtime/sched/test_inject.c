/*
 * test_inject.c - the injection queue keeps the order and takes any number of tasks.
 */
#include <stdlib.h>

#include "support/test.h"

#include <wok/base.h>

#include "sched/inject.h"

#define TASK(number) ((struct wok_task *)(uintptr_t)((number)*16))

Test(inject, is_first_in_first_out_across_its_segments)
{
    static struct wok__inject inject;
    uintptr_t pushed = 0, taken = 0;

    for (int round = 0; round < 200; round++) {
        struct wok_task *batch[100];
        for (size_t i = 0; i < WOK_COUNT(batch); i++)
            batch[i] = TASK(++pushed);
        wok__inject_push(&inject, batch, WOK_COUNT(batch));
        size_t count = wok__inject_take(&inject, batch, (size_t)(round % 97));
        for (size_t i = 0; i < count; i++)
            cr_assert_eq(batch[i], TASK(++taken));
        cr_assert_eq(wok__inject_length(&inject), pushed - taken);
    }
    for (struct wok_task *task; wok__inject_take(&inject, &task, 1) == 1;)
        cr_assert_eq(task, TASK(++taken));
    cr_assert_eq(taken, pushed);
    cr_assert_eq(wok__inject_length(&inject), 0);
    wok__inject_done(&inject);
}

Test(inject, an_empty_queue_gives_nothing)
{
    static struct wok__inject inject;
    struct wok_task *task;

    cr_assert_eq(wok__inject_take(&inject, &task, 1), 0);
    wok__inject_done(&inject);
}
