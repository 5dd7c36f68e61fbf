/*
 * list.h - doubly linked lists whose links lie inside their elements.
 *
 * A list is a circle through its own head, so that no operation has a special case: the head is a
 * link like any other, and an empty list, or an element that is in none, is a circle of one.
 *
 *     struct job { struct wok__list link; ... };
 *     wok__list_push_back(&jobs, &job->link);
 *     struct job *first = WOK__LIST_ENTRY(wok__list_first(&jobs), struct job, link);
 *
 * The lists know no lock: whoever guards the head guards the links of all elements.
 */
#ifndef WOK_UTIL_LIST_H
#define WOK_UTIL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct wok__list {
    struct wok__list *next, *prev;
};

/* The element of type `type` whose field `member` is at `link`. */
#define WOK__LIST_ENTRY(link, type, member)                                                        \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Visits every link from the first to the last; the body must not remove the one it is at. */
#define WOK__LIST_EACH(it, list)                                                                   \
    for (struct wok__list *it = (list)->next; it != (list); it = it->next)

/* As above; the body may remove the link it is at, and free its element. */
#define WOK__LIST_EACH_SAFE(it, list)                                                              \
    for (struct wok__list *it = (list)->next, *it##_next_ = it->next; it != (list);                \
         it = it##_next_, it##_next_ = it->next)

/* Makes a head, or an element that is in no list. */
static inline void wok__list_init(struct wok__list *list)
{
    list->next = list->prev = list;
}

/* True for a head without elements, and for an element that is in no list. */
static inline bool wok__list_is_empty(const struct wok__list *list)
{
    return list->next == list;
}

/* Puts `link`, which is in no list, before `at`. */
static inline void wok__list_insert_before(struct wok__list *at, struct wok__list *link)
{
    link->next = at;
    link->prev = at->prev;
    at->prev->next = link;
    at->prev = link;
}

static inline void wok__list_push_back(struct wok__list *list, struct wok__list *link)
{
    wok__list_insert_before(list, link);
}

static inline void wok__list_push_front(struct wok__list *list, struct wok__list *link)
{
    wok__list_insert_before(list->next, link);
}

/* Takes `link` out of its list; does nothing if it is in none. */
static inline void wok__list_remove(struct wok__list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    wok__list_init(link);
}

/* The first and the last link, or NULL if there is none. */
static inline struct wok__list *wok__list_first(const struct wok__list *list)
{
    return wok__list_is_empty(list) ? NULL : list->next;
}

static inline struct wok__list *wok__list_last(const struct wok__list *list)
{
    return wok__list_is_empty(list) ? NULL : list->prev;
}

/* Removes the first, or the last, link and gives it; NULL if there is none. */
static inline struct wok__list *wok__list_pop_front(struct wok__list *list)
{
    struct wok__list *link = wok__list_first(list);

    if (link != NULL)
        wok__list_remove(link);
    return link;
}

static inline struct wok__list *wok__list_pop_back(struct wok__list *list)
{
    struct wok__list *link = wok__list_last(list);

    if (link != NULL)
        wok__list_remove(link);
    return link;
}

/* Moves all of `source` behind the last link of `target`; `source` is empty after that. */
static inline void wok__list_move_all(struct wok__list *target, struct wok__list *source)
{
    if (wok__list_is_empty(source))
        return;
    source->next->prev = target->prev;
    target->prev->next = source->next;
    source->prev->next = target;
    target->prev = source->prev;
    wok__list_init(source);
}

#endif
