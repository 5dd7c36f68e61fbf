/*
 * fault.c - which task it was whose code faulted.
 *
 * This runs in a signal handler, on the thread of the fault: it reads that thread's place and the task
 * that runs there, which cannot go away meanwhile, and nothing that another thread may be changing.
 */
#include <pthread.h>

#include "platform/fault.h"
#include "sched/sched.h"
#include "task/context.h"
#include "task/fiber.h"

static void add_task(struct wok__fault_line *line, const struct wok_task *task)
{
    const wok_spawn_site *site = wok__task_site(task);
    const char *name = wok__task_name(task);

    wok__fault_add(line, "task ");
    wok__fault_add_number(line, task->id, 10);
    wok__fault_add(line, " \"");
    wok__fault_add(line, name != NULL ? name : "");
    wok__fault_add(line, "\" (spawned at ");
    wok__fault_add(line, site->file);
    wok__fault_add(line, ":");
    wok__fault_add_number(line, (uint64_t)site->line, 10);
    wok__fault_add(line, ")");
}

/* True if the address lies in the guard of the stack that this task has. */
static bool overflows(const struct wok_task *task, const void *address, size_t *ret_size)
{
    const struct wok__fiber *fiber;

    if (task->kind != WOK__TASK_STACKFUL)
        return false;
    fiber = wok__fiber_of((struct wok_task *)task);
    *ret_size = fiber->stack.size;
    return wok__stack_guard_contains(fiber->stack, address);
}

static void explain(const void *address, bool is_the_end)
{
    const struct wok__here *here = wok__here();
    const struct wok_task *task = here->task != NULL ? here->task : here->calling;
    struct wok__fault_line line = {.length = 0};
    size_t size = 0;

    if (task == NULL)
        return;
    wok__fault_add(&line, "wok: ");
    add_task(&line, task);
    if (overflows(task, address, &size)) {
        wok__fault_add(&line, " has overflowed its stack of ");
    } else if (wok__fault_is_below_thread(address, &size)) {
        wok__fault_add(&line, " has overflowed its thread's stack of ");
    } else if (is_the_end) {
        wok__fault_add(&line, " has touched the address 0x");
        wok__fault_add_number(&line, (uintptr_t)address, 16);
        wok__fault_print(&line);
        return;
    } else {
        return; /* whoever handles it knows more of it */
    }
    wok__fault_add_number(&line, size, 10);
    wok__fault_add(&line, " bytes");
    wok__fault_print(&line);
}

static void watch(void)
{
    wok__fault_watch(explain);
}

void wok__runtime_watch_faults(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, watch);
}
