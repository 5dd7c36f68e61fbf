/*
 * workload_tasks.c - acts of the workload: tasks, their ends, and those who wait for them.
 */
#include <errno.h>

#include "support/workload.h"

enum { DEPTH_MAX = 3 };

/* ---- tasks to be waited for ------------------------------------------------------------------------ */

/* How a child ends, if it is not aborted before. */
enum ending { RETURNS, FAILS, PANICS, ENDINGS };

struct child_args {
    struct actor actor;
    struct thing thing;
    enum ending ending;
    unsigned acts;
};

static void child_args_drop(struct child_args *args)
{
    thing_drop(&args->thing);
}

static int end(enum ending ending, struct thing *result)
{
    switch (ending) {
    case RETURNS:
        *result = thing_make();
        return 0;
    case FAILS:
        return -EREMOTEIO;
    case PANICS:
    case ENDINGS:
        break;
    }
    wok_panic("as the dice say");
}

WOK_TASK_WITH_DROP(child, struct child_args, struct thing, child_args_drop, thing_drop);

static int child(struct child_args *args, struct thing *result)
{
    WOK_CLEANUP(thing_drop) struct thing local = thing_make();
    int code = actor_live(&args->actor, args->acts);

    (void)local;
    return code < 0 ? code : end(args->ending, result);
}

static struct child_args child_args(struct actor *actor)
{
    enum ending ending = roll(actor, 4) == 0 ? roll(actor, ENDINGS) : RETURNS;
    unsigned acts = actor->depth < DEPTH_MAX ? roll(actor, 3) : 0;

    return (struct child_args){actor_child(actor), thing_make(), ending, acts};
}

/* The same as a future of one sleep after the other. */
struct drifter {
    int resume_line;
    struct child_args args;
    unsigned naps;
    wok_sleep_future nap;
};

static wok_poll drifter_poll(void *self_, wok_cx *cx, void *result)
{
    struct drifter *self = self_;

    WOK_ASYNC_BEGIN(self);
    for (; self->naps > 0; self->naps--) {
        self->nap = wok_sleep_future_for(roll_time(&self->args.actor));
        WOK_AWAIT(self, wok_sleep_future_poll(&self->nap, cx));
        wok_sleep_future_drop(&self->nap);
    }
    return end(self->args.ending, result);
    WOK_ASYNC_END;
}

static void drifter_drop(void *self_)
{
    struct drifter *self = self_;

    wok_sleep_future_drop(&self->nap);
    thing_drop(&self->args.thing);
}

static void drifter_result_drop(void *result)
{
    thing_drop(result);
}

static const wok_future_vtable drifter_vtable = {
    .name = "drifter",
    .size = sizeof(struct drifter),
    .result_size = sizeof(struct thing),
    .poll = drifter_poll,
    .drop = drifter_drop,
    .result_drop = drifter_result_drop,
};

static struct drifter drifter(struct actor *actor)
{
    return (struct drifter){.args = child_args(actor), .naps = roll(actor, 4)};
}

WOK_TASK_WITH_DROP(errand, struct child_args, struct thing, child_args_drop, thing_drop);

/* On a thread of the blocking pool. */
static int errand(struct child_args *args, struct thing *result)
{
    return end(args->ending, result);
}

/* A task of any kind. */
static wok_join start(struct actor *actor, enum ending *ret_ending)
{
    struct drifter self;
    struct child_args args;

    switch (roll(actor, 5)) {
    case 0:
    case 1:
        self = drifter(actor);
        *ret_ending = self.args.ending;
        return wok_spawn_future(&drifter_vtable, &self);
    case 2:
        args = child_args(actor);
        *ret_ending = args.ending;
        return wok_spawn_blocking(errand, args).join;
    default:
        args = child_args(actor);
        *ret_ending = args.ending;
        return wok_spawn(child, args).join;
    }
}

/* What came out of an await is what the task was to do, or it was aborted by whoever could. */
static void check_outcome(int code, struct thing *result, const wok_join_error *error,
                          enum ending ending, bool aborted)
{
    static const wok_outcome outcomes[] = {WOK_RETURNED, WOK_FAILED, WOK_PANICKED};

    if (code == 0)
        thing_drop(result);
    CHECK(code == 0 || code == -WOK_EJOIN);
    CHECK((code == 0) == (error->outcome == WOK_RETURNED));
    if (error->outcome == WOK_CANCELLED)
        CHECK(aborted);
    else if (error->outcome == WOK_FAILED && error->code == -ETIMEDOUT)
        CHECK(wok_deadline_now().ns <= wok_now().ns || aborted);
    else
        CHECK(error->outcome == outcomes[ending]);
}

/* ---- one task ---------------------------------------------------------------------------------------- */

static int act_await(struct actor *actor)
{
    enum ending ending;
    WOK_CLEANUP(wok_join_drop) wok_join join = start(actor, &ending);
    bool aborts = roll(actor, 3) == 0;
    wok_join_error error;
    struct thing result;
    int code = 0;

    if (roll(actor, 3) == 0)
        code = roll(actor, 2) == 0 ? wok_yield() : wok_sleep(roll_time(actor));
    if (code < 0)
        return code;
    if (aborts)
        wok_join_abort(&join);
    if (roll(actor, 4) == 0)
        return 0; /* it runs on, alone */
    code = wok_join_await(&join, &result, &error);
    if (code == -ECANCELED || code == -ETIMEDOUT)
        return code; /* the handle is still good for its drop */
    check_outcome(code, &result, &error, ending, aborts);
    CHECK(wok_join_await(&join, &result, NULL) == -EINVAL);
    return 0;
}

/* An abort handle races the end, and outlives the task. */
static int act_abort_race(struct actor *actor)
{
    enum ending ending;
    WOK_CLEANUP(wok_join_drop) wok_join join = start(actor, &ending);
    WOK_CLEANUP(wok_abort_handle_drop) wok_abort_handle handle = wok_join_abort_handle(&join);
    wok_join_error error;
    struct thing result;
    int code = wok_sleep(roll_time(actor));

    if (code < 0)
        return code;
    wok_abort_handle_abort(&handle);
    code = wok_join_await(&join, &result, &error);
    if (code == -ECANCELED || code == -ETIMEDOUT)
        return code;
    check_outcome(code, &result, &error, ending, true);
    CHECK(wok_abort_handle_is_finished(&handle));
    wok_abort_handle_abort(&handle);
    return 0;
}

/* A join that runs out of time leaves the handle valid. */
static int act_await_until(struct actor *actor)
{
    enum ending ending;
    WOK_CLEANUP(wok_join_drop) wok_join join = start(actor, &ending);
    wok_instant deadline = wok_after(roll_time(actor));
    wok_join_error error;
    struct thing result;
    int code = wok_join_await_until(&join, deadline, &result, &error);

    if (code == -ETIMEDOUT) {
        CHECK(wok_now().ns >= deadline.ns || wok_deadline_now().ns <= wok_now().ns);
        code = wok_join_await(&join, &result, &error);
    }
    if (code == -ECANCELED || code == -ETIMEDOUT)
        return code;
    check_outcome(code, &result, &error, ending, false);
    return 0;
}

/* ---- scopes ------------------------------------------------------------------------------------------ */

/* What a scope's children count in their parent's frame. */
struct crew {
    struct actor actor;
    unsigned begun, alive, *acts;
    bool fails;
};

struct member {
    struct crew *crew;
    struct actor actor;
    bool fails;
};

static void leave_crew(struct crew **crew)
{
    (*crew)->alive--;
}

static int member_live(struct member *member)
{
    WOK_CLEANUP(leave_crew) struct crew *crew = member->crew;
    int code;

    crew->begun++;
    crew->alive++;
    code =
        actor_live(&member->actor, member->actor.depth < DEPTH_MAX ? roll(&member->actor, 2) : 0);
    if (code == 0)
        code = wok_sleep(roll_time(&member->actor));
    return code < 0 ? code : member->fails ? -EREMOTEIO : 0;
}

static int act_scope(struct actor *actor)
{
    static const wok_scope_policy policies[] = {WOK_SCOPE_ALL, WOK_SCOPE_FAIL_FAST,
                                                WOK_SCOPE_FIRST_OK};
    struct crew crew = {0};
    struct member members[4];
    unsigned count = roll(actor, 5);
    wok_scope_options options = {
        .policy = policies[roll(actor, 3)],
        .max_running = roll(actor, 3) == 0 ? 1 + roll(actor, 2) : 0,
        .timeout = roll(actor, 4) == 0 ? wok_us(1 + roll(actor, 60)) : wok_ns(0),
    };
    int code = 0;

    {
        WOK_CLEANUP(wok_scope_done) wok_scope scope;
        wok_scope_init(&scope, &options);
        for (unsigned i = 0; i < count; i++) {
            members[i] = (struct member){&crew, actor_child(actor), roll(actor, 5) == 0};
            wok_scope_spawn(&scope, member_live, &members[i]);
            if (roll(actor, 3) == 0) {
                struct drifter self = drifter(actor);
                wok_scope_spawn_future(&scope, &drifter_vtable, &self);
            }
        }
        if (roll(actor, 4) == 0)
            code = wok_yield();
        if (code == 0 && roll(actor, 5) == 0)
            wok_scope_cancel(&scope);
        if (code == 0 && roll(actor, 4) != 0)
            code = wok_scope_wait(&scope);
        CHECK(crew.begun <= count);
    }
    CHECK(crew.alive == 0);
    if ((code == -ECANCELED && wok_cancelled()) ||
        (code == -ETIMEDOUT && wok_deadline_now().ns <= wok_now().ns))
        return code;
    return 0; /* what a child came to is its own */
}

/* Stackless children of a scope that the parent waits for one after the other, as they end. */
static int act_completion_order(struct actor *actor)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope;
    unsigned count = roll(actor, 6), seen = 0;
    uint64_t told = 0;
    wok_scope_child ended;
    int code;

    wok_scope_init(&scope, &(wok_scope_options){.completion_order = true});
    for (unsigned i = 0; i < count; i++) {
        struct drifter self = drifter(actor);
        wok_scope_spawn_future(&scope, &drifter_vtable, &self);
    }
    while ((code = wok_scope_next(&scope, &ended)) == 0) {
        CHECK(ended.index < count && (told >> ended.index & 1) == 0);
        told |= UINT64_C(1) << ended.index;
        seen++;
    }
    if (code != -ENOENT)
        return code;
    CHECK(seen == count);
    return 0;
}

/* ---- sets and trackers ------------------------------------------------------------------------------- */

static int act_join_set(struct actor *actor)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = NULL;
    unsigned count = roll(actor, 5), taken = 0;
    child_join done;
    int code;

    if (wok_join_set_new(&set) < 0)
        return 0;
    for (unsigned i = 0; i < count; i++) {
        struct child_args args = child_args(actor);
        if (wok_join_set_spawn(set, child, args) < 0)
            return 0;
    }
    if (roll(actor, 4) == 0)
        wok_join_set_abort_all(set);
    if (roll(actor, 6) == 0)
        return 0; /* those that it holds are aborted by its end */
    if (roll(actor, 6) == 0) {
        wok_join_set_detach_all(set);
        CHECK(wok_join_set_size(set) == 0);
        return 0;
    }
    while ((code = wok_join_set_next(set, &done.join)) == 0) {
        struct thing result;
        CHECK(wok_join_is_finished(&done.join));
        code = child_await(&done, &result, NULL);
        if (code == 0)
            thing_drop(&result);
        if (code == -ECANCELED || code == -ETIMEDOUT) {
            child_join_drop(&done);
            return code;
        }
        taken++;
    }
    if (code != -ENOENT)
        return code;
    CHECK(taken == count);
    return 0;
}

static int act_tracker(struct actor *actor)
{
    WOK_CLEANUP(wok_task_tracker_freep) wok_task_tracker *tracker = NULL;
    unsigned count = roll(actor, 4);
    int code;

    if (wok_task_tracker_new(&tracker) < 0)
        return 0;
    for (unsigned i = 0; i < count; i++) {
        struct child_args args = child_args(actor);
        child_join join = wok_task_tracker_spawn(tracker, child, args);
        child_join_drop(&join);
    }
    (void)wok_task_tracker_close(tracker);
    code = wok_task_tracker_wait(tracker);
    if (code == 0)
        CHECK(wok_task_tracker_size(tracker) == 0);
    return code;
}

/* ---- where and how it runs --------------------------------------------------------------------------- */

static wok_local mark;

struct pinned_args {
    struct actor actor;
    struct thing thing;
    unsigned worker;
};

static void pinned_args_drop(struct pinned_args *args)
{
    CHECK(wok_worker_index() == (int)args->worker || wok_worker_index() < 0);
    thing_drop(&args->thing);
}

WOK_TASK_WITH_DROP(pinned, struct pinned_args, int, pinned_args_drop, NULL);

static int pinned(struct pinned_args *args, int *result)
{
    int code = 0;

    *result = 0;
    WOK_LOCAL(&mark, args)
    {
        for (uint32_t i = roll(&args->actor, 4); i > 0 && code == 0; i--) {
            CHECK(wok_worker_index() == (int)args->worker);
            CHECK(wok_local_get(&mark) == args);
            code = roll(&args->actor, 2) == 0 ? wok_yield() : wok_sleep(roll_time(&args->actor));
        }
    }
    CHECK(wok_local_get(&mark) == NULL);
    return code;
}

static int act_pinned(struct actor *actor)
{
    unsigned worker = roll(actor, wok_runtime_workers(wok_runtime_current()));
    wok_spawn_options options = {.name = "pinned", .worker = WOK_WORKER(worker)};
    struct pinned_args args = {actor_child(actor), thing_make(), worker};
    WOK_CLEANUP(pinned_join_drop) pinned_join join = wok_spawn_with(options, pinned, args);
    int code;

    if (roll(actor, 4) == 0)
        wok_join_abort(&join.join);
    code = pinned_await(&join, NULL, NULL);
    return code == -WOK_EJOIN ? 0 : code;
}

/* On a paused clock it is a block as any other, but that nothing cuts its waits short. */
static int act_in_place(struct actor *actor)
{
    wok_duration time = roll_time(actor);
    wok_instant start = wok_now();
    int code = -EIO;

    WOK_BLOCK_IN_PLACE()
    {
        code = roll(actor, 2) == 0 ? wok_sleep(time) : 0;
    }
    CHECK(code == 0 || code == -ECANCELED || code == -ETIMEDOUT);
    CHECK(wok_elapsed(start).ns <= time.ns);
    return code;
}

act *const task_acts[] = {
    act_pinned, act_in_place,         act_await,    act_await,   act_abort_race, act_await_until,
    act_scope,  act_completion_order, act_join_set, act_tracker,
};
const unsigned task_act_count = WOK_COUNT(task_acts);
