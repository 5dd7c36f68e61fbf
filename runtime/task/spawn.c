/*
 * spawn.c - making tasks.
 *
 * A spawn never fails at the call.  Where no task can be made the arguments are dropped at once, and the
 * handle points to a block that is complete from the start (unborn.c).
 */
#include <errno.h>
#include <string.h>

#include <wok/runtime.h>

#include "task/context.h"
#include "task/fiber.h"
#include "task/group.h"
#include "task/task.h"

#define ROUND16(size) (((size) + 15) & ~(size_t)15)

struct wok_task *wok__task_new(const struct wok__task_plan *plan)
{
    enum wok__task_kind kind = plan->kind;
    const wok_spawn_site *site = plan->site;
    const wok_future_vtable *vtable = kind == WOK__TASK_STACKLESS ? plan->vtable_or_pool : NULL;
    size_t moved_size = kind == WOK__TASK_STACKLESS ? vtable->size : site->args_size;
    size_t result_size = kind == WOK__TASK_STACKLESS ? vtable->result_size : site->result_size;
    size_t before = kind == WOK__TASK_STACKFUL ? ROUND16(sizeof(struct wok__fiber)) : 0;
    size_t result_offset = ROUND16(sizeof(struct wok_task)) + before + ROUND16(moved_size);
    size_t end = result_offset + result_size, size = end;
    struct wok_task *task;
    uint8_t class;

    if (result_offset / 16 > UINT16_MAX)
        return NULL; /* a megabyte of arguments: pass a pointer */
    if (plan->options != NULL)
        size = ROUND16(end) + wok__spawn_options_size(plan->options);
    task = wok__task_memory_take(plan->runtime, size, &class);
    if (task == NULL)
        return NULL;
    task->home = WOK__HOME_NONE;
    task->kind = (uint8_t)kind;
    task->class = class;
    task->next = NULL;
    task->vtable = plan->vtable_or_pool; /* or the pool, in the same place */
    task->site = site;
    task->runtime = plan->runtime;
    task->join_waiter = NULL;
    task->group = plan->group;
    task->sibling = NULL;
    task->id = wok__task_next_id(plan->runtime);
    task->code = 0;
    task->outcome = WOK_RETURNED;
    task->priority = plan->priority;
    task->result_offset = (uint16_t)(result_offset / 16);
    if (plan->options != NULL)
        wok__spawn_options_keep(task, plan, (char *)task + ROUND16(end));
    if (kind == WOK__TASK_STACKFUL)
        memset(wok__task_future(task), 0, sizeof(struct wok__fiber));
    if (moved_size != 0)
        memcpy((char *)wok__task_future(task) + before, plan->moved, moved_size);
    wok__count_spawned(plan->runtime);
    /* A child of a scope has one reference, the scope's; any other one its own and its handle's. */
    bool is_child = plan->group != NULL && plan->group->kind == WOK__GROUP_SCOPE;
    wok__state_init(&task->state, WOK__NOTIFIED | (is_child ? 0 : WOK__JOIN_INTEREST),
                    is_child ? 1 : 2);
    return task;
}

/* ---- where to spawn ------------------------------------------------------------------------------ */

/* Inline, for the spawns here. */
static inline struct wok_runtime *runtime_for(struct wok_runtime *runtime, int *ret_code)
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

struct wok_runtime *wok__spawn_runtime(struct wok_runtime *runtime, int *ret_code)
{
    return runtime_for(runtime, ret_code);
}

/* ---- the public spawns ----------------------------------------------------------------------- */

/* The planned task, or NULL and why there is none. */
static struct wok_task *new_with(struct wok__task_plan plan, const wok_spawn_options *options,
                                 int *ret_code)
{
    wok_spawn_options resolved = *options;

    *ret_code = wok__spawn_options_resolve(&resolved, plan.kind);
    if (*ret_code < 0)
        return NULL;
    *ret_code = -ENOMEM;
    plan.runtime = resolved.runtime;
    plan.options = &resolved;
    return wok__task_new(&plan);
}

/* The same, also without options. */
static inline __attribute__((always_inline)) struct wok_task *new_task(
    struct wok__task_plan *plan, const wok_spawn_options *options, int *ret_code)
{
    if (options != NULL)
        return new_with(*plan, options, ret_code);
    plan->runtime = runtime_for(plan->runtime, ret_code);
    return plan->runtime != NULL ? wok__task_new(plan) : NULL;
}

/* With a vtable a stackless task, else a stackful one. */
static inline __attribute__((always_inline)) wok_join spawn(wok_runtime *runtime,
                                                            const wok_spawn_options *options,
                                                            const wok_future_vtable *vtable,
                                                            const wok_spawn_site *site, void *moved,
                                                            struct wok__group *group)
{
    struct wok__task_plan plan = {
        .runtime = runtime,
        .kind = vtable != NULL ? WOK__TASK_STACKLESS : WOK__TASK_STACKFUL,
        .vtable_or_pool = vtable,
        .site = site,
        .moved = moved,
        .group = group,
    };
    int code;
    struct wok_task *task = new_task(&plan, options, &code);

    if (task == NULL)
        return wok__join_not_started(&plan, options, code, NULL);
    wok__schedule(task, WOK__REASON_SPAWN);
    return (wok_join){task};
}

wok_join wok_spawn_raw(wok_runtime *runtime, const wok_spawn_site *site, void *args_moved)
{
    return spawn(runtime, NULL, NULL, site, args_moved, NULL);
}

wok_join wok_spawn_future_raw(wok_runtime *runtime, const wok_future_vtable *vtable,
                              void *self_moved, const wok_spawn_site *site)
{
    return spawn(runtime, NULL, vtable, site, self_moved, NULL);
}

wok_join wok__spawn_grouped(struct wok__group *group, const wok_future_vtable *vtable,
                            const wok_spawn_site *site, void *moved)
{
    return spawn(NULL, NULL, vtable, site, moved, group);
}

wok_join wok_spawn_with_raw(const wok_spawn_options *options, const wok_spawn_site *site,
                            void *args_moved)
{
    return spawn(NULL, options, NULL, site, args_moved, NULL);
}

wok_join wok_spawn_future_with_raw(const wok_spawn_options *options,
                                   const wok_future_vtable *vtable, void *self_moved,
                                   const wok_spawn_site *site)
{
    return spawn(NULL, options, vtable, site, self_moved, NULL);
}

wok_join wok_spawn_inline_raw(const wok_spawn_site *site, void *args_moved)
{
    struct wok__here *here = wok__here();
    struct wok__task_plan plan = {.kind = WOK__TASK_STACKFUL, .site = site, .moved = args_moved};
    struct wok_task *task;
    int code;

    if (here->worker == NULL || here->task == NULL || here->fiber != NULL)
        return wok_spawn_raw(NULL, site, args_moved);
    task = new_task(&plan, NULL, &code);
    if (task == NULL)
        return wok__join_not_started(&plan, NULL, code, NULL);
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

/* A child of a task runs with its parent's priority: the parent is going to wait for it. */
static uint8_t parents_priority(void)
{
    const struct wok_task *parent = wok__here()->task;

    return parent != NULL ? parent->priority : WOK__NORMAL;
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
    const char *name = wok__task_own_name(task);

    if (name == NULL && task->kind == WOK__TASK_STACKLESS)
        name = task->vtable->name;
    return name != NULL ? name : wok__task_site(task)->name;
}

void wok__task_name_copy(char *ret_name, const struct wok_task *task)
{
    const char *name = wok__task_name(task);
    size_t length = name != NULL ? strnlen(name, WOK_TASK_NAME_SIZE - 1) : 0;

    if (length > 0)
        memcpy(ret_name, name, length);
    ret_name[length] = '\0';
}

struct wok_task *wok__spawn_child(struct wok__group *group, int (*function)(void *borrowed),
                                  void *borrowed, const wok_spawn_site *site,
                                  const wok_spawn_options *options, struct wok_task **ret_refused)
{
    struct wok__child_args args = {function, borrowed, site};
    struct wok__task_plan plan = {.kind = WOK__TASK_STACKFUL,
                                  .site = &child_site,
                                  .moved = &args,
                                  .group = group,
                                  .priority = parents_priority(),
                                  .shown = site};
    int code;
    struct wok_task *task = new_task(&plan, options, &code);

    if (task == NULL)
        *ret_refused = wok__join_not_started(&plan, options, code, NULL).task;
    return task;
}

struct wok_task *wok__spawn_child_future(struct wok__group *group, const wok_future_vtable *vtable,
                                         void *moved, const wok_spawn_site *site,
                                         const wok_spawn_options *options,
                                         struct wok_task **ret_refused)
{
    struct wok__task_plan plan = {.kind = WOK__TASK_STACKLESS,
                                  .vtable_or_pool = vtable,
                                  .site = site,
                                  .moved = moved,
                                  .group = group,
                                  .priority = parents_priority()};
    int code;
    struct wok_task *task = new_task(&plan, options, &code);

    if (task == NULL)
        *ret_refused = wok__join_not_started(&plan, options, code, NULL).task;
    return task;
}
