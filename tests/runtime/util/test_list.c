/*
 * test_list.c - intrusive lists.
 */
#include "util/list.h"

#include "support/test.h"

struct item {
    int number;
    struct wok__list link;
};

static struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};

/* The numbers of the list's items, read as decimal digits, checking both directions. */
static int digits(struct wok__list *list)
{
    int forwards = 0, backwards = 0, place = 1;

    WOK__LIST_EACH(link, list) {
        cr_assert(link->next->prev == link);
        forwards = forwards * 10 + WOK__LIST_ENTRY(link, struct item, link)->number;
    }
    for (struct wok__list *link = list->prev; link != list; link = link->prev, place *= 10)
        backwards += WOK__LIST_ENTRY(link, struct item, link)->number * place;
    cr_assert_eq(forwards, backwards);
    return forwards;
}

static void fill(struct wok__list *list, int begin, int end)
{
    wok__list_init(list);
    for (int i = begin; i < end; i++)
        wok__list_push_back(list, &items[i].link);
}

Test(list, is_empty_when_made)
{
    struct wok__list list;

    wok__list_init(&list);
    cr_assert(wok__list_is_empty(&list));
    cr_assert_null(wok__list_first(&list));
    cr_assert_null(wok__list_last(&list));
    cr_assert_null(wok__list_pop_front(&list));
    cr_assert_null(wok__list_pop_back(&list));
}

Test(list, keeps_the_order_of_both_ends)
{
    struct wok__list list;

    fill(&list, 1, 3);
    wok__list_push_front(&list, &items[3].link);
    cr_assert_eq(digits(&list), 312);
    wok__list_insert_before(&items[2].link, &items[0].link);
    cr_assert_eq(digits(&list), 3102);
    cr_assert(wok__list_first(&list) == &items[3].link);
    cr_assert(wok__list_last(&list) == &items[2].link);
}

Test(list, removes_from_anywhere_and_twice)
{
    struct wok__list list;

    fill(&list, 0, 4);
    wok__list_remove(&items[1].link);
    cr_assert_eq(digits(&list), 23);
    wok__list_remove(&items[1].link);
    cr_assert_eq(digits(&list), 23);
    cr_assert(wok__list_is_empty(&items[1].link));
    cr_assert(wok__list_pop_front(&list) == &items[0].link);
    cr_assert(wok__list_pop_back(&list) == &items[3].link);
    cr_assert_eq(digits(&list), 2);
    wok__list_remove(&items[2].link);
    cr_assert(wok__list_is_empty(&list));
}

Test(list, lets_an_item_leave_while_it_is_visited)
{
    struct wok__list list;

    fill(&list, 0, 4);
    WOK__LIST_EACH_SAFE(link, &list)
        if (WOK__LIST_ENTRY(link, struct item, link)->number % 2 == 0)
            wok__list_remove(link);
    cr_assert_eq(digits(&list), 13);
}

Test(list, moves_all_of_another_behind_its_last)
{
    struct wok__list list, other;

    fill(&list, 1, 2);
    fill(&other, 2, 4);
    wok__list_move_all(&list, &other);
    cr_assert_eq(digits(&list), 123);
    cr_assert(wok__list_is_empty(&other));
    wok__list_move_all(&list, &other);
    cr_assert_eq(digits(&list), 123);
    wok__list_move_all(&other, &list);
    cr_assert_eq(digits(&other), 123);
}
