/*
 * main.cpp - a C++ program on an installed libwok: every macro of the headers, used from C++17.
 *
 * It prints one line for each claim and ends with 1 if one does not hold.
 */
#include <wok/wok.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace
{

int failures;

WOK_PRINTF(1, 2)
void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    std::vprintf(format, args);
    va_end(args);
}

void claim(bool holds, const char *what)
{
    say("%s %s\n", holds ? "ok  " : "FAIL", what);
    failures += !holds;
}

/* ---- a typed family, and what it owns ------------------------------------------------------- */

struct parcel {
    char *label; /* owned */
    int weight;
};

std::atomic<int> parcels_dropped; /* on both workers */

void parcel_drop(parcel *dropped)
{
    std::free(dropped->label);
    parcels_dropped++;
}

WOK_TASK_WITH_DROP(weigh, parcel, int, parcel_drop, NULL);
int weigh(parcel *args, int *ret_weight)
{
    int error = wok_sleep(wok_ms(1));

    if (error < 0)
        return error;
    *ret_weight = args->weight + static_cast<int>(std::strlen(args->label));
    return 0;
}

/* ---- a panic: destructors and cleanup handlers ---------------------------------------------- */

int handlers, destructors;

struct guard {
    ~guard()
    {
        destructors++;
    }
};

void handler(int *)
{
    handlers++;
}

struct nothing {
    int unused;
};

void deeper()
{
    guard by_the_language;
    WOK_CLEANUP(handler) int by_the_attribute = 0;
    auto owned = std::make_unique<guard>();

    (void)by_the_attribute;
    WOK_ASSERT(owned != nullptr);
    wok_panic("%s", "too hot");
}

WOK_TASK(burn, nothing, nothing);
int burn(nothing *, nothing *)
{
    guard by_the_language;
    WOK_CLEANUP(handler) int by_the_attribute = 0;

    (void)by_the_attribute;
    deeper();
    return 0;
}

/* ---- a scope, whose children borrow; a C++ exception that stays inside its task ------------- */

int square(int *number)
{
    try {
        if (*number == 3)
            throw *number;
    } catch (int thrown) {
        *number = thrown;
    }
    int error = wok_yield();
    *number *= *number;
    return error;
}

/* ---- a stackless task ----------------------------------------------------------------------- */

struct countdown {
    int resume_line, left;
    int *ended; /* borrowed */
    wok_sleep_future sleep;
};

wok_poll countdown_poll(void *self_, wok_cx *cx, void *)
{
    auto *self = static_cast<countdown *>(self_);

    WOK_ASYNC_BEGIN(self);
    while (self->left-- > 0) {
        self->sleep = wok_sleep_future_for(wok_us(100));
        WOK_AWAIT(self, wok_sleep_future_poll(&self->sleep, cx));
    }
    ++*self->ended;
    WOK_ASYNC_END;
}

const wok_future_vtable countdown_vtable = {"countdown", sizeof(countdown), 0,      countdown_poll,
                                            nullptr,     nullptr,           nullptr};

/* ---- blocking work -------------------------------------------------------------------------- */

WOK_TASK(measure, const char *, std::size_t);
int measure(const char **args, std::size_t *ret_size)
{
    *ret_size = std::strlen(*args);
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------------ */

void try_families()
{
    wok_join_error why;
    int weight = 0;
    weigh_join handle = wok_spawn(weigh, {strdup("cake"), 38});
    {
        WOK_CLEANUP(weigh_join_drop) weigh_join dropped = wok_spawn(weigh, {strdup("pie"), 1});
        (void)dropped;
    }

    claim(weigh_await(&handle, &weight, &why) == 0 && weight == 42,
          "a spawned task gives its value");
    while (parcels_dropped < 2)
        (void)wok_yield();
    claim(parcels_dropped == 2, "moved arguments are dropped once each");

    weigh_join other = wok_spawn_on(wok_runtime_current(), weigh, {strdup("bread"), 2});
    claim(weigh_await(&other, &weight, &why) == 0 && weight == 7, "a runtime may be named");
}

void try_blocking()
{
    WOK_CLEANUP(wok_blocking_pool_freep) wok_blocking_pool *pool = nullptr;
    wok_blocking_pool_options options = {};
    std::size_t sizes[] = {0, 0, 0};

    options.name = "measures";
    claim(wok_blocking_pool_new(&pool, nullptr, &options) == 0, "a pool is made");

    measure_join joins[] = {
        wok_spawn_blocking(measure, {"twelve bytes"}),
        wok_spawn_blocking_on(wok_runtime_current(), measure, {"three"}),
        wok_spawn_blocking_in(pool, measure, {"one"}),
    };
    int errors = 0;
    for (std::size_t i = 0; i < WOK_COUNT(joins); i++)
        errors += measure_await(&joins[i], &sizes[i], nullptr) != 0;
    claim(errors == 0 && sizes[0] == 12 && sizes[1] == 5 && sizes[2] == 3,
          "blocking work gives its value");
}

void try_in_place()
{
    uint64_t task = wok_task_id();
    int blocked = 0;

    WOK_BLOCK_IN_PLACE()
    {
        blocked++;
    }
    claim(blocked == 1 && wok_task_id() == task && wok_yield() == 0, "a block may block in place");
}

void try_panic()
{
    wok_join_error why;
    burn_join handle = wok_spawn(burn, {});

    claim(burn_await(&handle, nullptr, &why) == -WOK_EJOIN && why.outcome == WOK_PANICKED &&
              std::strstr(why.message, "too hot") != nullptr,
          "a panic ends its task and no other");
    claim(handlers == 2, "cleanup handlers of C++ frames ran");
    claim(destructors == 3, "destructors of C++ frames ran");
}

void try_scope()
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    int numbers[] = {1, 2, 3, 4}, sum = 0, ended = 0;
    countdown counter = {0, 3, &ended, wok_sleep_future_until(WOK_NEVER)};

    for (int &number : numbers)
        wok_scope_spawn(&scope, square, &number);
    wok_scope_spawn(
        &scope, [](int *number) { return ++*number == 1 ? 0 : -1; }, &sum);
    wok_scope_spawn_future(&scope, &countdown_vtable, &counter);
    claim(wok_scope_wait(&scope) == 0 && sum == 1, "a scope waits for its children");
    for (int number : numbers)
        sum += number;
    claim(sum == 31, "children of a scope borrow the parent's locals");
    claim(ended == 1, "a stackless task reads from top to bottom");

    int code = -1;
    WOK_SCOPE(block, .policy = WOK_SCOPE_FAIL_FAST, .ret_code = &code)
    {
        wok_scope_spawn(block, square, &sum);
    }
    WOK_SCOPE(block)
    {
        wok_scope_spawn(block, square, &sum);
    }
    claim(code == 0 && sum == 31 * 31 * 31 * 31, "a scope is a block");

    wok_join join = wok_spawn_future(&countdown_vtable, &counter);
    claim(wok_join_await(&join, nullptr, nullptr) == 0 && ended == 2, "a future is spawned");
    join = wok_spawn_future_on(wok_runtime_current(), &countdown_vtable, &counter);
    claim(wok_join_await(&join, nullptr, nullptr) == 0 && ended == 3, "on a runtime that is named");
}

void try_sets()
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = nullptr;
    WOK_CLEANUP(wok_task_tracker_freep) wok_task_tracker *tracker = nullptr;
    int sum = 0, weight = 0, ended = 0;
    countdown counter = {0, 1, &ended, wok_sleep_future_until(WOK_NEVER)};
    weigh_join done;

    claim(wok_join_set_new(&set) == 0 && wok_task_tracker_new(&tracker) == 0, "sets are made");
    claim(wok_join_set_spawn(set, weigh, {strdup("ham"), 10}) == 0 &&
              wok_join_set_spawn(set, weigh, {strdup("egg"), 20}) == 0,
          "a set spawns");
    while (wok_join_set_next(set, &done.join) == 0 && weigh_await(&done, &weight, nullptr) == 0)
        sum += weight;
    claim(sum == 36, "and gives what has ended");
    claim(wok_join_set_spawn_future(set, &countdown_vtable, &counter) == 0 &&
              wok_join_set_join_all(set, nullptr) == 0 && ended == 1,
          "also futures");

    weigh_join tracked = wok_task_tracker_spawn(tracker, weigh, {strdup("tea"), 1});
    wok_join future = wok_task_tracker_spawn_future(tracker, &countdown_vtable, &counter);
    wok_task_tracker_enter(tracker);
    wok_task_tracker_leave(tracker);
    wok_task_tracker_close(tracker);
    claim(wok_task_tracker_wait(tracker) == 0 && ended == 2, "a tracker waits");
    weigh_join_drop(&tracked);
    wok_join_drop(&future);
}

void try_options()
{
    wok_spawn_options first = {}, named = WOK_SPAWN_OPTIONS(.name = "named");
    wok_join_error why = {};
    int weight = 0, ended = 0, number = 3;
    countdown counter = {0, 3, &ended, wok_sleep_future_until(WOK_NEVER)};

    first.name = "first";
    first.worker = WOK_THIS_WORKER;
    weigh_join handle = wok_spawn_with(first, weigh, {strdup("cake"), 38});
    claim(weigh_await(&handle, &weight, &why) == 0 && weight == 42, "a task has options");
    wok_join join = wok_spawn_future_with(named, &countdown_vtable, &counter);
    claim(wok_join_await(&join, nullptr, &why) == 0 && ended == 1, "a future has options");
    handle = wok_spawn_blocking_with(named, weigh, {strdup("pie"), 1});
    claim(weigh_await(&handle, &weight, &why) == 0 && weight == 4, "blocking work has options");

    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    named.worker = WOK_WORKER(1);
    wok_scope_spawn_with(&scope, named, square, &number);
    wok_scope_spawn_future_with(&scope, named, &countdown_vtable, &counter);
    claim(wok_scope_wait(&scope) == 0 && number == 9 && ended == 2, "children have options");
}

void try_values()
{
    char text[] = "moved", *owner = text;
    int descriptor = 7;

    claim(WOK_TAKE(owner) == text && owner == nullptr, "WOK_TAKE moves a pointer");
    claim(WOK_TAKE_FD(descriptor) == 7 && descriptor == -9, "WOK_TAKE_FD moves a descriptor");
    claim(wok_slice_equal(WOK_SLICE("cake"), wok_slice_of("cake")), "slices compare");
    claim(wok_instant_after(wok_now(), WOK_FOREVER).ns == WOK_NEVER.ns, "instants saturate");
}

wok_local key;

void try_blocks_and_operations()
{
    int error = 0, code = -1;

    WOK_TIMEOUT(wok_ms(1))
    {
        WOK_SHIELD()
        {
            claim(wok_sleep(wok_ms(2)) == 0, "a shield hides a deadline");
        }
        WOK_UNCONSTRAINED()
        {
            claim(wok_checkpoint() == 0, "a block without a budget lets nobody else run");
        }
        error = wok_sleep(wok_seconds(60));
    }
    claim(error == -ETIMEDOUT, "a deadline covers a block");
    WOK_DEADLINE(wok_now())
    {
        error = wok_sleep_until(WOK_NEVER);
    }
    claim(error == -ETIMEDOUT, "also one that has passed");

    int value = 7;
    WOK_LOCAL(&key, &value)
    {
        claim(wok_local_get(&key) == &value, "a block gives a value");
    }
    claim(wok_local_get(&key) == nullptr, "and takes it back");

    wok_op branches[] = {wok_sleep_op(WOK_FOREVER), wok_sleep_op(wok_ms(1))};
    int winner = wok_select(branches, WOK_COUNT(branches), WOK_SELECT_FAIR, &code);
    claim(winner == 1 && code == 0, "the first of several operations wins");
}

/* ---- locks, notifications, tokens ----------------------------------------------------------- */

wok_mutex mutex = WOK_MUTEX_INIT;
wok_rwlock rwlock = WOK_RWLOCK_INIT;
wok_semaphore semaphore = WOK_SEMAPHORE_INIT(3);

wok_notify changed = WOK_NOTIFY_INIT;
wok_condition filled = WOK_CONDITION_INIT;
wok_barrier barrier = WOK_BARRIER_INIT(1);
wok_once made = WOK_ONCE_INIT;

void try_notifications()
{
    int counter = 0;
    bool leader = false;
    auto count_up = [](int *up) { return ++*up > 0 ? 0 : -1; };

    wok_notify_one(&changed);
    wok_condition_notify_all(&filled);
    claim(wok_notify_wait(&changed) == 0, "a notification is stored");
    claim(wok_barrier_wait(&barrier, &leader) == 0 && leader, "one of one leads");
    for (int i = 0; i < 2; i++)
        claim(wok_once_call(&made, count_up, &counter) == 0 && counter == 1, "once is once");

    WOK_CLEANUP(wok_token_dropp) wok_token *token = nullptr;
    claim(wok_token_new(&token) == 0 && !wok_token_is_cancelled(token), "a token is made");
    {
        WOK_CLEANUP(wok_token_cancelp) wok_token *guard = wok_token_ref(token);
        (void)guard;
    }
    claim(wok_token_wait(token) == 0, "and cancelled by its guard");
}

void try_locks()
{
    int error = -1, blocks = 0;

    WOK_LOCK(&mutex, &error)
    {
        blocks += wok_mutex_try_lock(&mutex) == -EAGAIN;
    }
    WOK_READ_LOCK(&rwlock)
    {
        blocks += wok_rwlock_try_write_lock(&rwlock) == -EAGAIN;
    }
    WOK_WRITE_LOCK(&rwlock, &error)
    {
        blocks += wok_rwlock_try_read_lock(&rwlock) == -EAGAIN;
    }
    WOK_ACQUIRE(&semaphore, 2, &error)
    {
        blocks += wok_semaphore_available(&semaphore) == 1;
    }
    claim(error == 0 && blocks == 4, "locks cover blocks");
    claim(!wok_mutex_is_locked(&mutex) && wok_semaphore_available(&semaphore) == 3,
          "and are given back after them");

    error = wok_semaphore_acquire(&semaphore, 3);
    if (error == 0)
        wok_semaphore_release(&semaphore, 3);
    claim(error == 0 && wok_semaphore_available(&semaphore) == 3, "permits come and go by hand");
    error = wok_mutex_lock(&mutex);
    if (error == 0)
        wok_mutex_unlock(&mutex);
    claim(error == 0 && !wok_mutex_is_locked(&mutex), "a mutex is locked and unlocked by hand");
    error = wok_rwlock_write_lock(&rwlock);
    if (error == 0)
        wok_rwlock_write_unlock(&rwlock);
    claim(error == 0 && wok_rwlock_write_lock(&rwlock) == 0, "as is a read-write lock");
    wok_rwlock_downgrade(&rwlock);
    claim(wok_rwlock_try_read_lock(&rwlock) == 0, "whose writer becomes a reader");
    wok_rwlock_read_unlock(&rwlock);
    wok_rwlock_read_unlock(&rwlock);
    claim(wok_rwlock_try_write_lock(&rwlock) == 0, "and goes");
    wok_rwlock_write_unlock(&rwlock);
}

/* ---- channels ------------------------------------------------------------------------------- */

WOK_CHANNEL(parcels, parcel, parcel_drop);
WOK_ONESHOT(answer, int, NULL);
WOK_WATCH(level, int, NULL);
WOK_BROADCAST(news, int, NULL, NULL);

void try_channels()
{
    parcels_sender parcel_sender;
    parcels_receiver parcel_receiver;
    parcel received;
    int dropped = parcels_dropped;

    claim(parcels_new(2, &parcel_sender, &parcel_receiver) == 0 &&
              parcels_send(&parcel_sender, {strdup("nuts"), 3}) == 0 &&
              parcels_send(&parcel_sender, {strdup("figs"), 4}) == 0 &&
              parcels_recv(&parcel_receiver, &received) == 0 && received.weight == 3,
          "a value is moved through a channel");
    parcel_drop(&received);
    parcels_sender_drop(&parcel_sender);
    parcels_receiver_drop(&parcel_receiver);
    claim(parcels_dropped == dropped + 2, "and destroyed in it if nobody receives it");

    answer_sender answer_tx;
    answer_receiver answer_rx;
    int value = 0;
    claim(answer_new(&answer_tx, &answer_rx) == 0 && answer_send(&answer_tx, 7) == 0 &&
              answer_recv(&answer_rx, &value) == 0 && value == 7,
          "one value is sent once");
    answer_receiver_drop(&answer_rx);

    level_sender level_tx;
    level_receiver level_rx;
    wok_watch_ref ref;
    claim(level_new(1, &level_tx) == 0, "a watch is made");
    level_subscribe(&level_tx, &level_rx);
    claim(level_send(&level_tx, 2) == 0 && level_changed(&level_rx) == 0 &&
              *level_borrow(&level_rx, &ref) == 2,
          "and its latest value read in place");
    wok_watch_ref_drop(&ref);
    level_receiver_drop(&level_rx);
    level_sender_drop(&level_tx);

    news_sender news_tx;
    news_receiver news_rx;
    uint64_t missed = 0;
    claim(news_new(1, &news_tx) == 0, "a broadcast is made");
    news_subscribe(&news_tx, &news_rx);
    claim(news_send(&news_tx, 1) == 0 && news_send(&news_tx, 2) == 0 &&
              news_recv(&news_rx, &value, &missed) == -EOVERFLOW && missed == 1 &&
              news_recv(&news_rx, &value, &missed) == 0 && value == 2,
          "and who is slow is told");
    news_receiver_drop(&news_rx);
    news_sender_drop(&news_tx);
}

#define Test(suite_, name_) void suite_##_##name_()

int bodies;

WOK_TEST(cxx, begins_a_test, .workers = 2, .seeds = 3)
{
    wok_instant start = wok_now();

    bodies++;
    claim(std::strcmp(wok_task_name(), "begins_a_test") == 0, "a test's task has its name");
    claim(wok_sleep(wok_seconds(3600)) == 0 && wok_elapsed(start).ns == wok_seconds(3600).ns,
          "a test's clock is its own");
}

int run_body(void *)
{
    return std::strcmp(wok_task_name(), "test");
}

int whole_program()
{
    return std::strcmp(wok_task_name(), "main");
}

WOK_TASK(program, nothing, int);
int program(nothing *, int *ret_answer)
{
    try_values();
    try_families();
    try_options();
    try_blocking();
    try_in_place();
    try_panic();
    try_scope();
    try_sets();
    try_blocks_and_operations();
    try_locks();
    try_channels();
    try_notifications();
    *ret_answer = 42;
    return 0;
}

} // namespace

int main()
{
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = nullptr;
    wok_runtime_options options = {};
    wok_join_error why = {};
    int answer = 0;

    std::setvbuf(stdout, nullptr, _IOLBF, 0); /* what held is seen also if this has to be ended */
    options.workers = 2;
    if (wok_runtime_new(&runtime, &options) < 0)
        return 1;
    int error = wok_block_on(runtime, program, {0}, &answer, &why);
    claim(error == 0 && answer == 42, "a plain thread runs the first task");
    cxx_begins_a_test();
    claim(bodies == 3, "a test runs once for each seed");
    wok_test_options test_options = {};
    claim(wok_test_run(&test_options, run_body, nullptr) == 0, "a test's task has a name");
    claim(wok_main(whole_program) == 0, "so has a program's");
    return failures != 0;
}
