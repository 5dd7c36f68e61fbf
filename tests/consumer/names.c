/*
 * names.c - what a program may call its own types and functions: whatever it likes, but for what begins
 * with wok_ or ends with an underscore.
 *
 * tests/support/test_headers.sh compiles it as C and as C++, once with types of these names and, with
 * NAMES_OF_FUNCTIONS, once with functions of them.  The names are those that parameters and locals in the
 * headers have or had.
 */
#include <stdlib.h>

#include <wok/testing.h>
#include <wok/wok.h>

#define NAMES(use)                                                                                 \
    use(args) use(result) use(drop) use(runtime) use(handle) use(join) use(site) use(error)        \
        use(task) use(scope) use(self) use(cx) use(value) use(sender) use(receiver) use(channel)   \
            use(deadline) use(options) use(code) use(capacity) use(copy) use(from) use(count)      \
                use(batch) use(permit) use(ref) use(missed) use(function) use(argument)            \
                    use(borrowed) use(call) use(frame) use(name) use(body) use(raw) use(poll)      \
                        use(condition) use(variable) use(array) use(semaphore) use(lock)           \
                            use(mutex) use(set) use(tracker) use(pool) use(vtable) use(key)        \
                                use(op) use(instant) use(duration) use(first) use(at) use(type)

#define Test(suite_, name_) void suite_##_##name_(void)

typedef struct {
    int x;
} thing;

#ifdef NAMES_OF_FUNCTIONS

#define DECLARE(word)                                                                              \
    void word(thing *dropped_);                                                                    \
    static void word##_copy(thing *copy_, const thing *original_)                                  \
    {                                                                                              \
        *copy_ = *original_;                                                                       \
    }
#define TYPE(word) thing
#define DROP(word) word

#else

#define DECLARE(word)                                                                              \
    typedef struct {                                                                               \
        int x;                                                                                     \
    } word;                                                                                        \
    static void word##_free(word *dropped_)                                                        \
    {                                                                                              \
        dropped_->x = 0;                                                                           \
    }                                                                                              \
    static void word##_copy(word *copy_, const word *original_)                                    \
    {                                                                                              \
        *copy_ = *original_;                                                                       \
    }
#define TYPE(word) word
#define DROP(word) word##_free

#endif

/* Each family of macros once, and each macro that takes what a family or a user declares. */
#define FAMILIES(word)                                                                             \
    WOK_TASK(run_##word, TYPE(word), TYPE(word));                                                  \
    static int run_##word(TYPE(word) * given_, TYPE(word) * ret_)                                  \
    {                                                                                              \
        *ret_ = *given_;                                                                           \
        return 0;                                                                                  \
    }                                                                                              \
    WOK_TASK_WITH_DROP(own_##word, TYPE(word), TYPE(word), DROP(word), DROP(word));                \
    static int own_##word(TYPE(word) * given_, TYPE(word) * ret_)                                  \
    {                                                                                              \
        *ret_ = *given_;                                                                           \
        return 0;                                                                                  \
    }                                                                                              \
    WOK_CHANNEL(mpsc_##word, TYPE(word), DROP(word));                                              \
    WOK_ONESHOT(once_##word, TYPE(word), DROP(word));                                              \
    WOK_WATCH(watch_##word, TYPE(word), DROP(word));                                               \
    WOK_BROADCAST(broadcast_##word, TYPE(word), word##_copy, DROP(word));                          \
    static int child_##word(TYPE(word) * lent_)                                                    \
    {                                                                                              \
        return lent_->x;                                                                           \
    }                                                                                              \
    WOK_TEST(names, word, .workers = 2)                                                            \
    {                                                                                              \
        TYPE(word) here_ = {1}, *taken_ = &here_;                                                  \
        run_##word##_join join_ = wok_spawn(run_##word, {1});                                      \
        wok_join_error why_;                                                                       \
        wok_once made_ = WOK_ONCE_INIT;                                                            \
        wok_local local_;                                                                          \
        int sum_ = run_##word##_await(&join_, &here_, &why_);                                      \
        own_##word##_join own_ = wok_spawn_on(wok_runtime_current(), own_##word, {2});             \
        memset(&local_, 0, sizeof local_);                                                         \
        own_##word##_join_drop(&own_);                                                             \
        own_ = wok_spawn_blocking(own_##word, {3});                                                \
        own_##word##_join_drop(&own_);                                                             \
        own_ = wok_spawn_with(WOK_SPAWN_OPTIONS(.name = #word), own_##word, {4});                  \
        own_##word##_join_drop(&own_);                                                             \
        own_ = wok_spawn_blocking_with(WOK_SPAWN_OPTIONS(.name = #word), own_##word, {5});         \
        own_##word##_join_drop(&own_);                                                             \
        own_ = wok_spawn_blocking_in((wok_blocking_pool *)NULL, own_##word, {6});                  \
        own_##word##_join_drop(&own_);                                                             \
        own_ = wok_task_tracker_spawn((wok_task_tracker *)NULL, own_##word, {7});                  \
        own_##word##_join_drop(&own_);                                                             \
        sum_ += wok_join_set_spawn((wok_join_set *)NULL, own_##word, {8});                         \
        sum_ += wok_block_on(wok_runtime_current(), own_##word, {9}, &here_, &why_);               \
        sum_ += wok_once_call(&made_, child_##word, &here_);                                       \
        WOK_SCOPE(block_)                                                                          \
        {                                                                                          \
            wok_scope_spawn(block_, child_##word, &here_);                                         \
            wok_scope_spawn_with(block_, WOK_SPAWN_OPTIONS(.name = #word), child_##word, &here_);  \
        }                                                                                          \
        WOK_LOCAL(&local_, &here_)                                                                 \
        {                                                                                          \
            sum_ += taken_ == wok_local_get(&local_);                                              \
        }                                                                                          \
        WOK_ASSERT(WOK_TAKE(taken_) == &here_ && sum_ != -1);                                      \
    }

NAMES(DECLARE)
NAMES(FAMILIES)

/* Blocks of one kind inside each other, also on one line, which -Wshadow has nothing to say about. */
int blocks(wok_mutex *a, wok_mutex *b, wok_rwlock *c, wok_rwlock *d, wok_semaphore *e,
           wok_local *f);
int blocks(wok_mutex *a, wok_mutex *b, wok_rwlock *c, wok_rwlock *d, wok_semaphore *e, wok_local *f)
{
    int code_ = 0, reached = 0;

    /* clang-format off */
    WOK_TIMEOUT(wok_ms(2)) WOK_TIMEOUT(wok_ms(1)) { reached++; }
    WOK_DEADLINE(WOK_NEVER) WOK_DEADLINE(wok_now()) { reached++; }
    WOK_LOCK(a) WOK_LOCK(b, &code_) { reached++; }
    WOK_READ_LOCK(c) WOK_READ_LOCK(d, &code_) { reached++; }
    WOK_WRITE_LOCK(c) WOK_WRITE_LOCK(d, &code_) { reached++; }
    WOK_ACQUIRE(e, 1) WOK_ACQUIRE(e, 2, &code_) { reached++; }
    WOK_LOCAL(f, a) WOK_LOCAL(f, b) { reached++; }
    WOK_SHIELD() WOK_SHIELD() { reached++; }
    WOK_UNCONSTRAINED() WOK_UNCONSTRAINED() { reached++; }
    WOK_BLOCK_IN_PLACE() WOK_BLOCK_IN_PLACE() { reached++; }
    WOK_SCOPE(outer) WOK_SCOPE(inner) { reached += outer != inner; }
    /* clang-format on */
    return reached + code_;
}
