/*
 * spawn.c - making tasks.
 *
 * A spawn never fails at the call.  Where no task can be made the arguments are dropped at once,
 * and the handle points to one of a few static blocks that are complete from the start.
 */
#include <errno.h>
#include <string.h>

#include <wok/runtime.h>

#include "task/context.h"
#include "task/fiber.h"
#include "task/group.h"
#include "task/task.h"

#define ROUND16(size) (((size) + 15) & ~(size_t)15)

_Static_assert(sizeof(struct wok_task) == 80, "the header's size is part of what a task costs");

struct wok_task *wok__task_new(struct wok_runtime *runtime, enum wok__task_kind kind,
                               const void *vtable_or_pool, const wok_spawn_site *site,
                               const void *moved, struct wok__group *group)
{
    const wok_future_vtable *vtable = kind == WOK__TASK_STACKLESS ? vtable_or_pool : NULL;
    size_t moved_size = kind == WOK__TASK_STACKLESS ? vtable->size : site->args_size;
    size_t result_size = kind == WOK__TASK_STACKLESS ? vtable->result_size : site->result_size;
    size_t before = kind == WOK__TASK_STACKFUL ? ROUND16(sizeof(struct wok__fiber)) : 0;
    size_t result_offset = ROUND16(sizeof(struct wok_task)) + before + ROUND16(moved_size);
    struct wok_task *task;
    uint8_t class;

    if (result_offset / 16 > UINT16_MAX)
        return NULL; /* a megabyte of arguments: pass a pointer */
    task = wok__task_memory_take(runtime, result_offset + result_size, &class);
    if (task == NULL)
        return NULL;
    task->home = WOK__HOME_NONE;
    task->kind = (uint8_t)kind;
    task->class = class;
    task->next = NULL;
    task->vtable = vtable_or_pool; /* or the pool, in the same place */
    task->site = site;
    task->runtime = runtime;
    task->join_waiter = NULL;
    task->group = group;
    task->sibling = NULL;
    task->id = wok__task_next_id(runtime);
    task->code = 0;
    task->outcome = WOK_RETURNED;
    task->result_offset = (uint16_t)(result_offset / 16);
    if (kind == WOK__TASK_STACKFUL)
        memset(wok__task_future(task), 0, sizeof(struct wok__fiber));
    if (moved_size != 0)
        memcpy((char *)wok__task_future(task) + before, moved, moved_size);
    wok__count_spawned(runtime);
    /* A child of a scope has one reference, the scope's; any other one its own and its handle's. */
    bool is_child = group != NULL && group->kind == WOK__GROUP_SCOPE;
    wok__state_init(&task->state, WOK__NOTIFIED | (is_child ? 0 : WOK__JOIN_INTEREST),
                    is_child ? 1 : 2);
    return task;
}

/* ---- handles that were born finished --------------------------------------------------------- */

static struct wok_task unborn[] = {
    {.code = -ENOMEM, .outcome = WOK_NOT_STARTED},
    {.code = -EINVAL, .outcome = WOK_NOT_STARTED},
    {.code = -EAGAIN, .outcome = WOK_NOT_STARTED},
    {.code = -ENOTRECOVERABLE, .outcome = WOK_NOT_STARTED},
    {.code = -ECANCELED, .outcome = WOK_CANCELLED},
};

bool wok__task_is_unborn(const struct wok_task *task)
{
    return task >= unborn && task < unborn + WOK_COUNT(unborn);
}

wok_join wok__join_not_started(const wok_spawn_site *site, const wok_future_vtable *vtable,
                               void *moved, int code)
{
    size_t i = 0;

    while (i + 1 < WOK_COUNT(unborn) && unborn[i].code != code)
        i++;
    if (vtable != NULL)
        wok__destroy(vtable->drop, moved);
    else
        wok__destroy(site->args_drop, moved);
    return (wok_join){&unborn[i]};
}

/* The runtime to spawn on, or NULL and why not. */
static struct wok_runtime *runtime_for(struct wok_runtime *runtime, int *ret_code)
{
    if (runtime == NULL)
        runtime = wok__here()->runtime;
    *ret_code = -EINVAL;
    if (runtime == NULL)
        return NULL;
    *ret_code = wok__is_forked() ? -ENOTRECOVERABLE : -ECANCELED;
    if (wok__runtime_is_closed(runtime))
        return NULL;
    *ret_code = -ENOMEM;
    return runtime;
}

/* ---- the public spawns ----------------------------------------------------------------------- */

/* With a vtable a stackless task, else a stackful one. */
static wok_join spawn(wok_runtime *runtime, const wok_future_vtable *vtable,
                      const wok_spawn_site *site, void *moved, struct wok__group *group)
{
    struct wok_task *task = NULL;
    int code;

    runtime = runtime_for(runtime, &code);
    if (runtime != NULL)
        task = wok__task_new(runtime, vtable != NULL ? WOK__TASK_STACKLESS : WOK__TASK_STACKFUL,
                             vtable, site, moved, group);
    if (task == NULL)
        return wok__join_not_started(site, vtable, moved, code);
    wok__schedule(task, WOK__REASON_SPAWN);
    return (wok_join){task};
}

wok_join wok_spawn_raw(wok_runtime *runtime, const wok_spawn_site *site, void *args_moved)
{
    return spawn(runtime, NULL, site, args_moved, NULL);
}

wok_join wok_spawn_future_raw(wok_runtime *runtime, const wok_future_vtable *vtable,
                              void *self_moved, const wok_spawn_site *site)
{
    return spawn(runtime, vtable, site, self_moved, NULL);
}

wok_join wok__spawn_grouped(struct wok__group *group, const wok_future_vtable *vtable,
                            const wok_spawn_site *site, void *moved)
{
    return spawn(NULL, vtable, site, moved, group);
}

wok_join wok_spawn_inline_raw(const wok_spawn_site *site, void *args_moved)
{
    struct wok__here *here = wok__here();
    struct wok_task *task = NULL;
    int code;

    if (here->worker == NULL || here->task == NULL || here->fiber != NULL)
        return wok_spawn_raw(NULL, site, args_moved);
    if (runtime_for(here->runtime, &code) != NULL)
        task = wok__task_new(here->runtime, WOK__TASK_STACKFUL, NULL, site, args_moved, NULL);
    if (task == NULL)
        return wok__join_not_started(site, NULL, args_moved, code);
    wok__task_run_in_place(task); /* the handle's reference keeps the block */
    return (wok_join){task};
}

/* ---- children of a scope --------------------------------------------------------------------- */

static int call_borrowing(void *args, void *result)
{
    struct wok__child_args *child = args;

    (void)result;
    return child->function(child->borrowed);
}

/* One site for all: a child is shown by its own name and place, which its arguments carry. */
static const wok_spawn_site child_site = {
    .name = "scope child",
    .file = __FILE__,
    .line = __LINE__,
    .function = call_borrowing,
    .args_size = sizeof(struct wok__child_args),
};

const wok_spawn_site *wok__task_site(const struct wok_task *task)
{
    if (task->site != &child_site)
        return task->site;
    return ((struct wok__child_args *)wok__fiber_args((struct wok_task *)task))->site;
}

const char *wok__task_name(const struct wok_task *task)
{
    if (task->kind == WOK__TASK_STACKLESS && task->vtable->name != NULL)
        return task->vtable->name;
    return wok__task_site(task)->name;
}

struct wok_task *wok__spawn_child(struct wok__group *group, int (*function)(void *borrowed),
                                  void *borrowed, const wok_spawn_site *site, int *ret_code)
{
    struct wok__child_args args = {function, borrowed, site};
    struct wok_runtime *runtime = runtime_for(NULL, ret_code);

    if (runtime == NULL)
        return NULL;
    return wok__task_new(runtime, WOK__TASK_STACKFUL, NULL, &child_site, &args, group);
}

struct wok_task *wok__spawn_child_future(struct wok__group *group, const wok_future_vtable *vtable,
                                         void *moved, const wok_spawn_site *site, int *ret_code)
{
    struct wok_runtime *runtime = runtime_for(NULL, ret_code);
    struct wok_task *task = NULL;

    if (runtime != NULL)
        task = wok__task_new(runtime, WOK__TASK_STACKLESS, vtable, site, moved, group);
    if (task == NULL)
        wok__destroy(vtable->drop, moved);
    return task;
}
