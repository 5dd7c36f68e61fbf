/* Tests of the kinds of tasks that a dump counts. */
#include "serve/task_kinds.h"

#include <stdio.h>

#include "support/test.h"

static struct wok__task_kinds kinds;

static wok_task_info task_of(uint64_t id)
{
    return (wok_task_info){.id = id, .name = "a", .file = "a.c", .line = 1};
}

static void add(const wok_task_info *task)
{
    wok__task_kinds_add(task, &kinds);
}

Test(task_kinds, tasks_that_differ_in_anything_told_are_of_different_kinds)
{
    wok_task_info tasks[7];

    for (size_t i = 0; i < WOK_COUNT(tasks); i++)
        tasks[i] = task_of(i + 1);
    tasks[1].name[0] = 'b';
    tasks[2].file = "b.c";
    tasks[3].line = 2;
    tasks[4].state = WOK_TASK_READY;
    tasks[5].state = WOK_TASK_WAITING;
    tasks[6].cancelled = true;
    for (int times = 0; times < 3; times++)
        for (size_t i = 0; i < WOK_COUNT(tasks); i++)
            add(&tasks[i]);
    cr_assert_eq(kinds.count, WOK_COUNT(tasks));
    for (size_t i = 0; i < kinds.count; i++)
        cr_assert_eq(kinds.kinds[i].tasks, 3);
}

Test(task_kinds, the_one_that_runs_for_longest_is_named_or_the_oldest)
{
    wok_task_info young = task_of(9), old = task_of(3), slow = task_of(7), slower = task_of(8);

    slow.running = wok_ms(5);
    slower.running = wok_ms(6);
    add(&young);
    cr_assert_eq(kinds.kinds[0].example.id, 9);
    add(&old);
    cr_assert_eq(kinds.kinds[0].example.id, 3);
    add(&young);
    cr_assert_eq(kinds.kinds[0].example.id, 3);
    add(&slow);
    cr_assert_eq(kinds.kinds[0].example.id, 7);
    add(&slower);
    add(&slow);
    add(&old);
    cr_assert_eq(kinds.kinds[0].example.id, 8);
    cr_assert_eq(kinds.count, 1);
    cr_assert_eq(kinds.kinds[0].tasks, 7);
}

Test(task_kinds, those_with_more_come_first_then_older_ones)
{
    static const int tasks[] = {1, 3, 1, 5};

    for (int i = 0; i < 4; i++) {
        wok_task_info task = task_of((uint64_t)(10 - i));
        task.line = i;
        for (int n = 0; n < tasks[i]; n++)
            add(&task);
    }
    wok__task_kinds_sort(&kinds);
    cr_assert_eq(kinds.kinds[0].example.line, 3);
    cr_assert_eq(kinds.kinds[1].example.line, 1);
    cr_assert_eq(kinds.kinds[2].example.line, 2, "its task has the lower number");
    cr_assert_eq(kinds.kinds[3].example.line, 0);
}

Test(task_kinds, beyond_sixty_four_they_are_counted_together)
{
    wok_task_info task = task_of(1);

    for (int i = 0; i < WOK__TASK_KINDS_MAX + 3; i++) {
        task.line = i;
        add(&task);
        add(&task);
    }
    cr_assert_eq(kinds.count, WOK__TASK_KINDS_MAX);
    cr_assert_eq(kinds.others, 6);
    for (size_t i = 0; i < kinds.count; i++)
        cr_assert_eq(kinds.kinds[i].tasks, 2);
}
