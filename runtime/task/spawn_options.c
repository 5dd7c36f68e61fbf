/*
 * spawn_options.c - what a spawn may ask for, and what its task keeps of it.
 *
 * A name, and a stack of another size, make a copy of the spawn site in the task's own block, behind
 * its result: everything that asks for a task's site finds them there, and nothing else has to be freed.
 * Tasks without options neither have the copy nor a field for it.
 */
#include <errno.h>
#include <stdio.h>

#include <wok/runtime.h>

#include "task/context.h"
#include "task/task.h"

struct own_site {
    wok_spawn_site site;
    char name[WOK_TASK_NAME_SIZE];
};

/* ---- before the spawn --------------------------------------------------------------------------- */

/* Makes WOK_THIS_WORKER an index; 0 or -EINVAL.  A spare worker may be named by itself alone: it would
 * have to be there until the task ends, and who else could know that it is there now? */
static int resolve_worker(wok_spawn_options *options)
{
    struct wok__here *here = wok__here();
    bool is_ours = here->worker != NULL && here->runtime == options->runtime;

    if (options->worker == WOK_THIS_WORKER && is_ours)
        options->worker = WOK_WORKER(wok_worker_index());
    if (options->worker < 0)
        return -EINVAL;
    if (options->worker <= (int)wok_runtime_workers(options->runtime))
        return 0;
    if (!is_ours || options->worker != WOK_WORKER(wok_worker_index()))
        return -EINVAL;
    wok__worker_keep(here->worker);
    return 0;
}

static uint8_t priority_of(const wok_spawn_options *options)
{
    return options->priority == WOK_PRIORITY_LATENCY      ? WOK__LATENCY
           : options->priority == WOK_PRIORITY_BACKGROUND ? WOK__BACKGROUND
                                                          : WOK__NORMAL;
}

int wok__spawn_options_resolve(wok_spawn_options *options, enum wok__task_kind kind)
{
    int code;

    options->runtime = wok__spawn_runtime(options->runtime, &code);
    if (options->runtime == NULL)
        return code;
    if (options->stack_bytes != 0 &&
        (kind != WOK__TASK_STACKFUL || options->stack_bytes < WOK__STACK_BYTES_MIN))
        return -EINVAL;
    if (kind == WOK__TASK_BLOCKING
            ? options->worker != 0 || options->priority != WOK_PRIORITY_DEFAULT
            : options->pool != NULL)
        return -EINVAL;
    if ((unsigned)options->priority > WOK_PRIORITY_BACKGROUND)
        return -EINVAL;
    if (priority_of(options) != WOK__NORMAL)
        wok__priorities_use(options->runtime);
    return options->worker != 0 ? resolve_worker(options) : 0;
}

/* ---- in the task -------------------------------------------------------------------------------- */

static bool needs_site(const wok_spawn_options *options)
{
    return options->name != NULL || options->stack_bytes != 0;
}

size_t wok__spawn_options_size(const wok_spawn_options *options)
{
    return needs_site(options) ? sizeof(struct own_site) : 0;
}

void wok__spawn_options_keep(struct wok_task *task, const struct wok__task_plan *plan, void *place)
{
    const wok_spawn_options *options = plan->options;
    struct own_site *own = place;

    if (options->worker != 0)
        task->home = (uint16_t)(options->worker - 1);
    if (options->priority != WOK_PRIORITY_DEFAULT)
        task->priority = priority_of(options);
    if (!needs_site(options))
        return;
    own->site = *plan->site;
    if (plan->shown != NULL) {
        own->site.name = plan->shown->name;
        own->site.file = plan->shown->file;
        own->site.line = plan->shown->line;
    }
    if (options->name != NULL) {
        snprintf(own->name, sizeof own->name, "%s", options->name);
        own->site.name = own->name;
    }
    if (options->stack_bytes != 0)
        own->site.stack_bytes = options->stack_bytes;
    task->site = &own->site;
}

const char *wok__task_own_name(const struct wok_task *task)
{
    const wok_spawn_site *site = task->site;

    /* Nobody else has a name that lies just behind its site. */
    return site != NULL && site->name == (const char *)site + offsetof(struct own_site, name)
               ? site->name
               : NULL;
}
