/*
 * slab.h - memory for task blocks and buffers: size classes, per-worker magazines, and a burst's
 * memory given back to the kernel.
 *
 * One slab per runtime, one cache per worker.  A cache holds up to two magazines of free objects
 * per size class, so that most takes and gives touch nothing that is shared; the slab's lock of the
 * class is taken once per magazine.  Giving on another thread than the one that took is normal:
 * tasks are stolen, and an object goes into the giver's magazine.
 *
 * An object's first word (4 bytes, for a task its state word) is zero while the object is free, and
 * that is kept with atomic accesses: wok__slab_for_each looks at all objects, free or not, while
 * other threads take and give, and the first word tells its visitor which they are.
 */
#ifndef WOK_UTIL_SLAB_H
#define WOK_UTIL_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include <wok/base.h>

#include "platform/atomic.h"
#include "platform/lock.h"
#include "util/list.h"
#include "util/slab_arena.h"

enum {
    /* 16, 32, ... 256, then eight steps per doubling (at most 12.5 % of waste) up to 16 KiB. */
    WOK__SLAB_CLASSES = 64,
    WOK__SLAB_OBJECT_MAX = 16 * 1024,
    WOK__SLAB_LARGE = 255, /* the class of what is larger: malloc, and a list under a lock */
};

/* The shared part of one size class. */
struct wok__slab_class {
    struct wok__lock lock;    /* guards all but the constants, and the chunks in the lists */
    uint32_t bytes;           /* constant: the size of an object, a multiple of 16 */
    uint32_t batch;           /* constant: objects in a full magazine */
    uint32_t capacity;        /* constant: objects in a chunk */
    struct wok__list full;    /* chunks without a free object */
    struct wok__list partial; /* chunks with some; the first is used up first */
    struct wok__list empty;   /* chunks with nothing in use, kept for the next take */
    size_t chunks;            /* in all three lists */
    size_t empty_chunks;      /* in `empty` */
    size_t out;               /* objects in use or in a cache */
    char pad[40];             /* to two cache lines: workers contend for each class alone */
};

_Static_assert(sizeof(struct wok__slab_class) == 128, "a class fills two cache lines");

struct wok__slab {
    struct wok__slab_class classes[WOK__SLAB_CLASSES];
    struct wok__slab_arena arena;
    struct wok__lock caches_lock; /* guards the list of caches */
    struct wok__list caches;
    struct wok__lock large_lock; /* guards the next three */
    struct wok__list large;
    size_t large_count, large_bytes;
};

/* Free objects of one class, chained through their second word. */
struct wok__slab_magazine {
    void *first;
    atomic_u32 count; /* the owner writes; wok__slab_figures reads */
    uint32_t low;     /* fewest there were since the last trim: so many were not needed */
};

/* A worker's magazines.  Owner thread only, but where a field says otherwise. */
struct wok__slab_cache {
    struct wok__slab *slab;           /* constant */
    struct wok__list link;            /* in slab->caches; under its lock */
    uint8_t batch[WOK__SLAB_CLASSES]; /* constant: as in the classes, away from their locks */
    struct wok__slab_bin {
        struct wok__slab_magazine current; /* takes and gives come here */
        struct wok__slab_magazine spare;   /* full or empty; swapped in when current is the other */
    } bins[WOK__SLAB_CLASSES];
};

/* Exact when no other thread takes or gives. */
struct wok__slab_figures {
    size_t mapped_bytes; /* address space; memory only where it was touched */
    size_t chunk_bytes;  /* of that, chunks that belong to a class, and large objects */
    size_t in_use;       /* objects taken and not given, large ones included */
    size_t cached;       /* free objects in the workers' magazines */
};

/* Prepares an empty slab; maps nothing yet.  0. */
WOK_MUST_USE
int wok__slab_init(struct wok__slab *slab);

/* Frees everything, objects in use included; every cache is done already. */
void wok__slab_done(struct wok__slab *slab);

void wok__slab_cache_init(struct wok__slab_cache *cache, struct wok__slab *slab);

/* Gives all its objects back to the slab. */
void wok__slab_cache_done(struct wok__slab_cache *cache);

/*
 * Takes an object of at least `bytes`, aligned to 16; NULL if there is no memory.
 *
 * Its first 4 bytes are zero, the rest is undefined.  `cache` is the calling worker's; NULL on
 * other threads, which then take the class's lock.  `ret_class` is for wok__slab_give.
 */
WOK_MUST_USE
void *wok__slab_take(struct wok__slab *slab, struct wok__slab_cache *cache, size_t bytes,
                     uint8_t *ret_class);

/* Gives an object back: stores zero to its first word, and keeps it in `cache` if there is one. */
void wok__slab_give(struct wok__slab *slab, struct wok__slab_cache *cache, void *object,
                    uint8_t class);

/* Called about once a second by the owner: what was not needed since the last call goes back. */
void wok__slab_cache_trim(struct wok__slab_cache *cache);

/* Gives the memory of chunks with nothing in use back to the kernel, all but one of each class.
 * Any thread; does nothing while another one is at it. */
void wok__slab_trim(struct wok__slab *slab);

/*
 * Shows the visitor every object that is in use, and some that are not.
 *
 * Runs under a lock of the slab: the visitor must not take or give.  It reads the first word
 * atomically, zero means free; until that word has told it that the object stays (a reference was
 * added to a count that was not zero), the visitor reads nothing else of it.
 */
void wok__slab_for_each(struct wok__slab *slab, void (*visit)(void *object, void *argument),
                        void *argument);

void wok__slab_figures(const struct wok__slab *slab, struct wok__slab_figures *ret);

#endif
