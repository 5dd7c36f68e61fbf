/*
 * group.h - the children of a scope: how they are made, and the counter that they share.
 */
#ifndef WOK_TASK_GROUP_H
#define WOK_TASK_GROUP_H

#include <wok/scope.h>

/* A child of the group has ended and its block is the scope's; wakes the parent if that waits for
 * it.  The group may be gone afterwards. */
void wok__group_child_done(struct wok__group *group);

/* What a stackful child is given. */
struct wok__child_args {
    int (*function)(void *borrowed);
    void *borrowed;
    const wok_spawn_site *site;
};

/* Make a child that is not scheduled yet; NULL and a code if there is none, and what was moved is
 * dropped. */
struct wok_task *wok__spawn_child(struct wok__group *group, int (*function)(void *borrowed),
                                  void *borrowed, const wok_spawn_site *site, int *ret_code);
struct wok_task *wok__spawn_child_future(struct wok__group *group, const wok_future_vtable *vtable,
                                         void *moved, const wok_spawn_site *site, int *ret_code);

#endif
