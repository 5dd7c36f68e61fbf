/*
 * engine.h - what the parts of the model checker share.
 *
 *   memory.c   the memory model: which stores a load may read, and what a thread knows
 *   hash.c     the hash of a state, for recognising it
 *   sync.c     sleeping, locks, and the race checks on plain memory
 *   explore.c  the threads, the decisions, the walk through all of them
 *   trace.c    printing a run
 *
 * The checker itself is single-threaded: model threads are coroutines, and one runs at a time.
 */
#ifndef WOK_MODEL_ENGINE_H
#define WOK_MODEL_ENGINE_H

#include "model.h"

enum {
    MAIN = MODEL_MAX_THREADS, /* setup and finish run as this thread */
    ACTORS = MODEL_MAX_THREADS + 1,
    MAX_LOCATIONS = 64,
    MAX_MESSAGES = 96, /* stores to one location in one run */
    MAX_STEPS = 4000,  /* operations in one run: more is reported as a livelock */
};

/* What a thread, a store or a fence knows: for every location the oldest store that may still be
 * read, and for every thread how many of its operations happened before. */
struct view {
    uint16_t store[MAX_LOCATIONS]; /* index into location.stores */
    uint16_t clock[ACTORS];
};

struct store {
    uint64_t value;
    uint32_t name;     /* writer and its clock: the same store in all runs that agree so far */
    uint16_t position; /* in the location's modification order */
    bool claimed;      /* a read-modify-write read it: nothing may come between the two */
    struct view view;  /* what an acquiring reader learns */
};

struct location {
    const char *address;
    size_t size;
    const struct model_site *site; /* the first access: gives it a name */
    uint8_t readers, writers;      /* threads that ever did so, in any run: bits */
    uint64_t run;                  /* the run that everything below belongs to */
    uint64_t order_hash;
    bool exclusive; /* see model_exclusive */
    unsigned count;
    uint16_t order[MAX_MESSAGES]; /* position -> index into stores */
    struct store stores[MAX_MESSAGES];
    uint16_t last_use[ACTORS]; /* clock of each thread's last access */
};

enum op_kind {
    OP_START,
    OP_LOAD,
    OP_STORE,
    OP_RMW,
    OP_CAS,
    OP_CAS_FAILED,
    OP_FENCE,
    OP_PLAIN_READ,
    OP_PLAIN_WRITE,
    OP_FREE,
    OP_SPIN,
    OP_EVENT_SET,
    OP_EVENT_WAIT,
    OP_FUTEX_WAIT,
    OP_FUTEX_SLEEP,
    OP_FUTEX_WAKE,
    OP_LOCK,
    OP_UNLOCK,
    OP_CHOOSE,
    OP_END,
};

/* One line of a trace. */
struct event {
    enum op_kind kind;
    uint8_t actor;
    int order;
    int location; /* or -1 */
    uint64_t before, after;
    unsigned age; /* how many newer stores the location had when it was read */
    const struct model_site *site;
};

struct actor {
    struct view now;      /* what the thread knows */
    struct view acquired; /* what an acquire fence would add */
    struct view released; /* what a release fence has published */
    uint64_t history;     /* hash of all that it has read: stands for its local state */
    uint32_t place;       /* operations since the history began */
    enum op_kind waiting; /* what it would do next, as far as that may block */
    const void *object;   /* the event, futex word or mutex that it waits for */
    bool finished;
    uint64_t stores_seen; /* engine.stores at its last spin */
};

struct engine {
    const struct model_check *check;
    struct actor actors[ACTORS];
    unsigned threads;
    unsigned current;
    uint64_t run;      /* number of this run, from 1 */
    uint64_t stores;   /* in this run, by anyone */
    bool newly_shared; /* this run showed that an access concerns others: start afresh */
    struct event events[MAX_STEPS];
    unsigned event_count;
    char what[256]; /* the violation, or empty */
};

extern struct engine engine;

struct memory {
    struct location locations[MAX_LOCATIONS]; /* numbered by first use, for the whole check */
    unsigned count;
    struct view fence_view; /* of all seq_cst fences */
    uint64_t fence_hash;
    bool acquire_seen; /* something but a seq_cst fence acquired, in any run of the check */
};

extern struct memory memory;

static inline struct actor *self(void)
{
    return &engine.actors[engine.current];
}

/* memory.c */
void memory_new_check(void);
void memory_new_run(void);
void memory_start_threads(void); /* they know all that MAIN did */
void memory_join_threads(void);  /* MAIN knows all that they did */
int memory_location(const void *address, size_t size, const struct model_site *site);
struct location *memory_at(int location);
uint64_t memory_newest(int location);
uint64_t memory_see_newest(int location);  /* and never reads an older one again */
bool memory_catch_up(struct actor *actor); /* true if there was anything to catch up with */
void memory_learn(struct view *view, const struct view *more);
unsigned memory_position(int location, unsigned store); /* in the modification order */
uint16_t memory_tick(void); /* a new operation of the current thread: its clock */
/* The name of an access in [begin, end) that does not happen before now, or NULL. */
const struct model_site *memory_in_use(const char *begin, const char *end);

/* hash.c */
uint64_t memory_hash(void);
uint64_t memory_hash_stores(const struct view *view);

/* sync.c */
void sync_new_check(void);
void sync_new_run(void);
void sync_check_race(const void *address, bool write, uint16_t clock,
                     const struct model_site *site);
void sync_check_alive(const char *address, const struct model_site *site);
bool sync_may_run(const struct actor *actor);
uint64_t sync_hash(void);

/* explore.c */
void explore_point(enum op_kind waiting, const void *object); /* others may run before we go on */
unsigned explore_decide(unsigned count);                      /* below count */
void explore_remember(uint64_t seen);                         /* becomes part of the history */
__attribute__((format(printf, 1, 2), noreturn)) void explore_violation(const char *format, ...);

/* Ends the program: the harness asks for more than the checker can do, which proves nothing. */
__attribute__((format(printf, 1, 2), noreturn)) void explore_broken(const char *format, ...);

/* trace.c */
struct event *trace_add(enum op_kind kind, int location, const struct model_site *site);

static inline uint64_t mix(uint64_t hash, uint64_t value)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)(hash ^ value ^ 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#endif
