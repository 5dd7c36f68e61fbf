/*
 * spawn_options.c - what a spawn may ask for, and what its task keeps of it.
 *
 * A name, and a stack of another size, make a copy of the spawn site in the task's own block, behind
 * its result: everything that asks for a task's site finds them there, and nothing else has to be freed.
 * Tasks without options neither have the copy nor a field for it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include <wok/runtime.h>

#include "task/context.h"
#include "task/task.h"

struct own_site {
    wok_spawn_site site;
    char name[WOK_TASK_NAME_SIZE];
};

/* ---- before the spawn --------------------------------------------------------------------------- */

/* True, and `why` says what for; the buffer may be NULL of 0 bytes. */
WOK_PRINTF(3, 4)
static bool is_refused(char *why, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, size, format, args);
    va_end(args);
    return true;
}

/* True if the caller runs on a worker of that runtime. */
static bool is_worker_of(const wok_runtime *runtime)
{
    const struct wok__here *here = wok__here();

    return here->worker != NULL && here->runtime == runtime;
}

/* A spare worker may be named by itself alone: it would have to be there until the task ends, and who else
 * could know that it is there now? */
static bool is_bad_worker(const wok_spawn_options *options, char *why, size_t size)
{
    unsigned workers = wok_runtime_workers(options->runtime);
    bool is_ours = is_worker_of(options->runtime);

    if (options->worker == WOK_THIS_WORKER && !is_ours)
        return is_refused(why, size, "its worker is WOK_THIS_WORKER, and the caller runs on none");
    if (options->worker < WOK_THIS_WORKER)
        return is_refused(why, size, "its worker is %d, which is none", options->worker);
    if (options->worker > (int)workers &&
        (!is_ours || options->worker != WOK_WORKER(wok_worker_index())))
        return is_refused(why, size, "its worker is WOK_WORKER(%d), and the runtime has %u",
                          options->worker - 1, workers);
    return false;
}

/* What is wrong with options whose runtime is definite. */
static bool are_bad(const wok_spawn_options *options, enum wok__task_kind kind, char *why,
                    size_t size)
{
    bool is_call = kind == WOK__TASK_BLOCKING;

    if (options->stack_bytes != 0 && kind != WOK__TASK_STACKFUL)
        return is_refused(why, size, "its stack_bytes are %zu, and %s has no stack of its own",
                          options->stack_bytes, is_call ? "a blocking call" : "a stackless task");
    if (options->stack_bytes != 0 && options->stack_bytes < WOK__STACK_BYTES_MIN)
        return is_refused(why, size, "its stack_bytes are %zu, less than %d", options->stack_bytes,
                          WOK__STACK_BYTES_MIN);
    if (is_call && options->worker != 0)
        return is_refused(why, size, "its worker is %d, and a blocking call has none",
                          options->worker);
    if (is_call && options->priority != WOK_PRIORITY_DEFAULT)
        return is_refused(why, size, "its priority is %d, and a blocking call has none",
                          (int)options->priority);
    if (!is_call && options->pool != NULL)
        return is_refused(why, size, "it has a pool, and is no blocking call");
    if ((unsigned)options->priority > WOK_PRIORITY_BACKGROUND)
        return is_refused(why, size, "its priority is %d, which is none", (int)options->priority);
    return options->worker != 0 && is_bad_worker(options, why, size);
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
    if (are_bad(options, kind, NULL, 0))
        return -EINVAL;
    if (priority_of(options) != WOK__NORMAL)
        wok__priorities_use(options->runtime);
    if (options->worker == WOK_THIS_WORKER)
        options->worker = WOK_WORKER(wok_worker_index());
    if (options->worker > (int)wok_runtime_workers(options->runtime))
        wok__worker_keep(wok__here()->worker);
    return 0;
}

bool wok__spawn_options_explain(const wok_spawn_options *options, enum wok__task_kind kind,
                                char *why, size_t size)
{
    wok_spawn_options resolved = *options;

    if (resolved.runtime == NULL)
        resolved.runtime = wok__here()->runtime;
    return resolved.runtime != NULL && are_bad(&resolved, kind, why, size);
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
