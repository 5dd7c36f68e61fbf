/*
 * model.h - what a harness for the model checker may use.
 *
 * A check is a small program of two to four threads.  The checker runs it from scratch again and
 * again, once for each way in which the threads can interleave and for each store that a load may
 * read under the memory model, until there is no new way left.  docs/model-checking.md is the guide.
 *
 * Rules for a harness
 *   - `setup` writes all memory that the check uses; nothing is carried from one run to the next.
 *   - Only static memory: a run may be abandoned in the middle, and what it allocated would leak.
 *   - No randomness, no time, no addresses as values: the same decisions give the same run.
 *   - Data that threads share without atomics is announced with model_plain_read/write.
 */
#ifndef WOK_MODEL_H
#define WOK_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_MAX_THREADS = 4 };

/** Where in the source an operation stands; only used to print it. */
struct model_site {
    const char *text;
    const char *file;
    int line;
};

#define MODEL_SITE(name)                                                                           \
    __extension__({                                                                                \
        static const struct model_site model_site_ = {name, __FILE__, __LINE__};                   \
        &model_site_;                                                                              \
    })

/** A program to explore. */
struct model_check {
    const char *name;
    void (*setup)(void);                      /* before the threads, in every run */
    void (*threads[MODEL_MAX_THREADS])(void); /* as many as are not NULL */
    void (*finish)(void);                     /* when the run has ended; sees everything */

    /* Threads may sleep forever: the run ends when nobody can go on, and `finish` judges that. */
    bool ends_asleep;
    /* How many times a run may switch away from a thread that could go on; 0 means no bound. */
    unsigned max_preemptions;
    /* Also explores what follows a state seen before, and lets others run before accesses that do
     * not concern them: much slower, and must change no verdict. */
    bool no_shortcuts;
    /* Takes two stores of one value for the same: far fewer states where threads go round in loops,
     * with model_forget.  Not for checks with plain data, which need to know who wrote it. */
    bool by_value;
};

enum model_verdict {
    MODEL_PASSED,   /* all runs explored, nothing wrong in any */
    MODEL_VIOLATED, /* one run broke a promise: `what` says which */
    MODEL_CUT,      /* a cap ended the exploration early: proves nothing */
};

struct model_result {
    enum model_verdict verdict;
    char what[256];
    uint64_t executions;
    uint64_t states;
    unsigned depth; /* operations in the longest run */
    double seconds;
};

/** Explores one check.  After a violation model_print_trace() shows the run that broke it. */
struct model_result model_explore(const struct model_check *check);
void model_print_trace(void);

/** Explores all checks, prints a line for each; the exit code of the program (see below). */
int model_main(const struct model_check *checks, size_t count, int argc, char **argv);

/* Exit codes of a model program; the mutant script accepts MODEL_EXIT_VIOLATED only. */
enum { MODEL_EXIT_PASSED = 0, MODEL_EXIT_USAGE = 2, MODEL_EXIT_VIOLATED = 3, MODEL_EXIT_CUT = 4 };

/** The calling thread's index in `threads`. */
unsigned model_self(void);

/** Ends the run as a violation unless `condition` holds. */
#define model_assert(condition)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            model__fail(MODEL_SITE(#condition));                                                   \
    } while (0)

/**
 * With by_value, a promise: from here on the thread's behaviour depends on `key` only, and on what it
 * reads from now on; not on what it has read so far.  At the top of a loop, as a rule.  The key says
 * where the thread stands, too, if it forgets in more than one place.
 */
void model_forget(uint64_t key);

/** Explores every value in [0, count). */
unsigned model_choose(unsigned count);

/**
 * Announces a plain access to `*p`, to be written beside the access.  Two accesses of different
 * threads, one a write, that happens-before does not order, are a data race and end the run.
 */
#define model_plain_read(p) model__plain((p), false, MODEL_SITE(#p))
#define model_plain_write(p) model__plain((p), true, MODEL_SITE(#p))

/**
 * Announces that memory is given back.  Every access by another thread must happen before it; an
 * access after it ends the run.
 */
#define model_free(p, size) model__free((p), (size), MODEL_SITE(#p))

/**
 * Says in `setup` that an atomic location is handed from thread to thread like plain memory: two
 * accesses, one a store, that happens-before does not order are then a race here, too.  It finds the
 * store that comes too early for somebody's load, which the memory model cannot show as a value
 * because it has no load buffering.
 */
#define model_exclusive(p) model__exclusive(&(p)->value, sizeof((p)->value), MODEL_SITE(#p))

/** In a loop that waits for another thread: goes on once any thread has stored something. */
#define model_spin() model__spin(MODEL_SITE("spin"))

/**
 * An eventfd in small: `set` leaves a token, and says whether there was one already; `wait` sleeps
 * until there is one and takes it.  It carries no memory ordering of its own, so that what is
 * checked cannot lean on the kernel's.
 */
struct model_event {
    char unused; /* its address is its name; the checker keeps the rest, afresh in every run */
};
#define model_event_set(event) model__event_set((event), MODEL_SITE(#event))
#define model_event_wait(event) model__event_wait((event), MODEL_SITE(#event))

/** The futex calls on an atomic field: `wait` sleeps while the newest value is `expected`. */
#define model_futex_wait(p, expected)                                                              \
    model__futex_wait(&(p)->value, sizeof((p)->value), (uint64_t)(expected), MODEL_SITE(#p))
#define model_futex_wake(p, count) model__futex_wake(&(p)->value, (count), MODEL_SITE(#p))

/** A lock that synchronises like a pthread mutex. */
struct model_mutex {
    char unused; /* as above */
};
#define model_lock(mutex) model__lock((mutex), MODEL_SITE(#mutex))
#define model_unlock(mutex) model__unlock((mutex), MODEL_SITE(#mutex))

__attribute__((noreturn)) void model__fail(const struct model_site *site);
void model__plain(const void *address, bool write, const struct model_site *site);
void model__free(const void *address, size_t size, const struct model_site *site);
void model__exclusive(const void *address, size_t size, const struct model_site *site);
void model__spin(const struct model_site *site);
bool model__event_set(struct model_event *event, const struct model_site *site);
void model__event_wait(struct model_event *event, const struct model_site *site);
void model__futex_wait(void *address, size_t size, uint64_t expected,
                       const struct model_site *site);
unsigned model__futex_wake(void *address, unsigned count, const struct model_site *site);
void model__lock(struct model_mutex *mutex, const struct model_site *site);
void model__unlock(struct model_mutex *mutex, const struct model_site *site);

#endif
