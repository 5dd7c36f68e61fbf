/*
 * unborn.c - what is behind the handle of a task that was never made.
 *
 * A spawn does not fail at the call: its handle is born finished, and tells why at the await.  Behind it is
 * a block in the shape of a task that has ended, which goes through the handle's functions as any other one
 * does.  It is of the C library's memory, as there may be no runtime; where there is no memory at all it is
 * one of a few static blocks that know the code only, have no state word and are never freed.
 *
 * All this happens where something is wrong: nothing here is on the way of a spawn that succeeds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/context.h"
#include "task/panic.h"
#include "task/refuse.h"
#include "task/task.h"

/* The site is a copy, under the name that the spawn's options or the future's type give. */
struct refused {
    struct wok_task task; /* `next` is what follows */
    wok_spawn_site site;
    char name[WOK_TASK_NAME_SIZE];
    char why[112];
};

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

bool wok__task_is_refused(const struct wok_task *task)
{
    return wok__task_is_unborn(task) || task->kind == WOK__TASK_REFUSED;
}

static struct wok_task *unborn_for(int code)
{
    size_t i = 0;

    while (i + 1 < WOK_COUNT(unborn) && unborn[i].code != code)
        i++;
    return &unborn[i];
}

/* ---- why -------------------------------------------------------------------------------------- */

/* What a code of wok__spawn_runtime() or of a lack of memory means. */
static void explain_code(int code, size_t moved_size, char *why, size_t size)
{
    if (code == -EINVAL)
        snprintf(why, size, "the calling thread has no runtime, and none was named");
    else if (code == -ECANCELED)
        snprintf(why, size, "its runtime is shutting down");
    else if (code == -ENOTRECOVERABLE)
        snprintf(why, size, "the process is a forked child, which has no runtime");
    else if (code == -ENOMEM)
        snprintf(why, size, "no memory, or more than 1 MiB of arguments, which take %zu bytes",
                 moved_size);
    else
        snprintf(why, size, "%s", strerrordesc_np(-code));
}

const char *wok__not_started_why(const struct wok_task *task)
{
    if (task->kind == WOK__TASK_REFUSED)
        return (const char *)task->next;
    if (task->kind == WOK__TASK_BLOCKING && task->code == -EAGAIN)
        return "its pool's queue is full, or there is no thread for it";
    return strerrordesc_np(-task->code);
}

/* ---- the handle ------------------------------------------------------------------------------- */

static const char *name_of(const struct wok__task_plan *plan, const wok_spawn_options *options)
{
    if (options != NULL && options->name != NULL)
        return options->name;
    if (plan->kind == WOK__TASK_STACKLESS)
        return ((const wok_future_vtable *)plan->vtable_or_pool)->name;
    return NULL;
}

/* The block; a static one if there is no memory. */
static struct wok_task *make(const struct wok__task_plan *plan, const wok_spawn_options *options,
                             int code, size_t moved_size, const char *why)
{
    struct refused *refused = calloc(1, sizeof *refused);
    const char *name = name_of(plan, options);

    if (refused == NULL)
        return unborn_for(code);
    refused->site = plan->shown != NULL ? *plan->shown : *plan->site;
    if (name == NULL)
        name = refused->site.name;
    snprintf(refused->name, sizeof refused->name, "%s", name != NULL ? name : "");
    refused->site.name = refused->name;
    if (why != NULL)
        snprintf(refused->why, sizeof refused->why, "%s", why);
    else if (code != -EINVAL || options == NULL ||
             !wok__spawn_options_explain(options, plan->kind, refused->why, sizeof refused->why))
        explain_code(code, moved_size, refused->why, sizeof refused->why);
    refused->task.kind = WOK__TASK_REFUSED;
    refused->task.site = &refused->site;
    refused->task.next = (struct wok_task *)refused->why;
    refused->task.code = code;
    refused->task.outcome = (uint8_t)unborn_for(code)->outcome;
    wok__state_init(&refused->task.state, WOK__COMPLETE | WOK__JOIN_INTEREST, 1);
    return &refused->task;
}

wok_join wok__join_not_started(const struct wok__task_plan *plan, const wok_spawn_options *options,
                               int code, const char *why)
{
    const wok_future_vtable *vtable =
        plan->kind == WOK__TASK_STACKLESS ? plan->vtable_or_pool : NULL;
    size_t moved_size = vtable != NULL ? vtable->size : plan->site->args_size;
    wok_join join = {make(plan, options, code, moved_size, why)};

    wok__destroy(vtable != NULL ? vtable->drop : plan->site->args_drop, (void *)plan->moved);
    return join;
}
