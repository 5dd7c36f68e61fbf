/*
 * group.h - what tasks may belong to: a scope, or a tracker.
 */
#ifndef WOK_TASK_GROUP_H
#define WOK_TASK_GROUP_H

#include <wok/scope.h>
#include <wok/spawn.h>

/* What a group is part of; zero is a scope, so that a zeroed one is valid. */
enum wok__group_kind { WOK__GROUP_SCOPE, WOK__GROUP_TRACKER };

/* Spawns a task that has a handle and belongs to a group as well; with a vtable a stackless one. */
wok_join wok__spawn_grouped(struct wok__group *group, const wok_future_vtable *vtable,
                            const wok_spawn_site *site, void *moved);

/* tracker.c: a task of the tracker is gone; so may the tracker be afterwards. */
void wok__tracker_task_done(struct wok__group *group);

/* A child of a scope has ended, its outcome is stored, its block is the scope's.  Heeds the scope's
 * options, and wakes the parent if that waits for it.  The scope may be gone afterwards. */
void wok__scope_child_done(struct wok_task *task);

/* scope_options.c: what an end means by the options of the scope, before the child is counted out. */
void wok__scope_heed(wok_scope *scope, struct wok_task *task);
/* Aborts the children that have not ended, and those that are spawned from now on; true: nobody had
 * done so before.  The caller is the owner, or a child that is not counted out yet. */
bool wok__scope_abort_children(wok_scope *scope);
/* Schedules a new child, or queues it if enough are running. */
void wok__scope_start(wok_scope *scope, struct wok_task *task);
/* For the check of invariants, between two polls: the child waits for its turn. */
bool wok__scope_holds(wok_scope *scope, const struct wok_task *task);
/* The next child that ended, for the owner; NULL: none has, or all were told of. */
struct wok_task *wok__scope_take_ended(wok_scope *scope);

/* The bits of a scope's counter. */
enum {
    WOK__SCOPE_ALL = 1,      /* the parent waits until no child lives */
    WOK__SCOPE_ANY = 2,      /* the parent waits for the next end */
    WOK__SCOPE_CLAIMING = 4, /* a child is about to wake the parent */
    WOK__SCOPE_ABORTED = 8,  /* children are born aborted */
    WOK__SCOPE_LIVE = 16,    /* one live child */
};

/* What a stackful child is given. */
struct wok__child_args {
    int (*function)(void *borrowed);
    void *borrowed;
    const wok_spawn_site *site;
};

/* Make a child that is not scheduled yet; NULL, and what is behind the handle of one that was never made,
 * if there is none, and what was moved is dropped. */
struct wok_task *wok__spawn_child(struct wok__group *group, int (*function)(void *borrowed),
                                  void *borrowed, const wok_spawn_site *site,
                                  const wok_spawn_options *options, struct wok_task **ret_refused);
struct wok_task *wok__spawn_child_future(struct wok__group *group, const wok_future_vtable *vtable,
                                         void *moved, const wok_spawn_site *site,
                                         const wok_spawn_options *options,
                                         struct wok_task **ret_refused);

#endif
