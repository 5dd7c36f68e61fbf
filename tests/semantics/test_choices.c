/*
 * test_choices.c - the rules Z1 to Z9, Z14 and Z15: what C asks for a decision on.
 */
#include <stdlib.h>
#include <string.h>

#include "semantics/kit.h"

/* ---- Z1 to Z3: panics and cleanup ------------------------------------------------------------------- */

static void note_cleanup(int *number)
{
    note(*number);
}

static int line_of_panic;

/* Leaves two frames in the way that is asked for. */
enum way { BY_RETURN, BY_PANIC, BY_FORCE };

static int inner(enum way way)
{
    WOK_CLEANUP(note_cleanup) __attribute__((unused)) int number = 1;

    if (way == BY_PANIC) {
        line_of_panic = __LINE__ + 1;
        wok_panic("no %s", "salt");
    }
    while (way == BY_FORCE)
        (void)wok_sleep(wok_seconds(10));
    return 0;
}

WOK_TASK(outer, enum way, int);

static int outer(enum way *way, int *result)
{
    WOK_CLEANUP(note_cleanup) int number = 2;

    *result = number;
    return inner(*way);
}

WOK_TEST(semantics, Z1_a_panic_keeps_its_message_and_its_place)
{
    outer_join task = wok_spawn(outer, BY_PANIC);
    wok_join_error why = end_of(&task.join);

    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(why.message, "no salt"));
    cr_assert_str_eq(why.file, __FILE__);
    cr_assert_eq(why.line, line_of_panic);
}

WOK_TEST(semantics, Z2_cleanup_handlers_run_once_inner_first_on_every_way_out)
{
    static const wok_outcome outcomes[] = {WOK_RETURNED, WOK_PANICKED, WOK_CANCELLED};

    for (enum way way = BY_RETURN; way <= BY_FORCE; way++) {
        outer_join task = wok_spawn(outer, way);
        cr_assert_eq(wok_yield(), 0);
        if (way == BY_FORCE)
            wok_join_abort(&task.join);
        cr_assert_eq(end_of(&task.join).outcome, outcomes[way]);
    }
    assert_noted(1, 2, 1, 2, 1, 2);
}

static int compare_and_panic(const void *a, const void *b)
{
    WOK_CLEANUP(note_cleanup) int number = 3;

    if (*(const int *)a == 2 || *(const int *)b == 2)
        wok_panic("comparison %d", number);
    return *(const int *)a - *(const int *)b;
}

WOK_TASK(sort, char, int);

static int sort(char *unused, int *result)
{
    WOK_CLEANUP(note_cleanup) int number = 4;
    int numbers[] = {number, 2};

    (void)unused;
    *result = 0;
    qsort(numbers, 2, sizeof(int), compare_and_panic);
    return 0;
}

WOK_TEST(semantics, Z3_a_panic_passes_over_the_frames_of_a_library)
{
    sort_join task = wok_spawn(sort, 0);

    cr_assert_eq(end_of(&task.join).outcome, WOK_PANICKED);
    assert_noted(3, 4);
}

/* ---- Z4 to Z8: cancellation ------------------------------------------------------------------------- */

static struct {
    int waits[3], in_shield;
    unsigned ignored;
} cancel_seen;

WOK_TASK(be_polite, char, int);

static int be_polite(char *unused, int *result)
{
    (void)unused;
    *result = 0;
    cancel_seen.waits[0] = wok_sleep(wok_seconds(10));
    WOK_SHIELD()
    {
        cancel_seen.in_shield = wok_sleep(wok_ms(1));
    }
    cancel_seen.waits[1] = wok_yield();
    cancel_seen.waits[2] = wok_op_await(wok_sleep_op(wok_ms(1)));
    return cancel_seen.waits[2];
}

WOK_TEST(semantics, Z4_an_aborted_tasks_waits_return_ecanceled_but_in_a_shield)
{
    be_polite_join task = wok_spawn(be_polite, 0);

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(end_of(&task.join).outcome, WOK_CANCELLED);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(cancel_seen.waits[i], -ECANCELED);
    cr_assert_eq(cancel_seen.in_shield, 0);
}

/* Ignores that it was aborted, for so long between two waits. */
WOK_TASK(be_rude, wok_duration, int);

static int be_rude(wok_duration *pause, int *result)
{
    WOK_CLEANUP(note_cleanup) int number = 1;

    *result = number;
    for (;;) {
        if (wok_sleep(wok_seconds(10)) == -ECANCELED)
            cancel_seen.ignored++;
        WOK_SHIELD()
        {
            if (pause->ns != 0)
                cr_assert_eq(wok_sleep(*pause), 0);
        }
    }
    return 0;
}

static unsigned ignored_by(wok_duration pause)
{
    be_rude_join task = wok_spawn(be_rude, pause);

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(end_of(&task.join).outcome, WOK_CANCELLED);
    assert_noted(1);
    return cancel_seen.ignored;
}

WOK_TEST(semantics, Z5_a_task_that_ignores_64_of_them_is_unwound)
{
    cr_assert_eq(ignored_by(wok_ms(0)), 64);
}

WOK_TEST(semantics, Z5_a_task_that_ignores_them_for_a_second_is_unwound)
{
    cr_assert_eq(ignored_by(wok_ms(300)), 4, "at 0, 300, 600 and 900 ms");
}

/* Waits, and returns a code of its own whatever came of it. */
WOK_TASK(return_code, int, int);

static int return_code(int *code, int *result)
{
    *result = 5;
    (void)wok_sleep(wok_ms(10));
    return *code;
}

static wok_join_error aborted_returning(int code, bool aborts)
{
    return_code_join task = wok_spawn(return_code, code);

    cr_assert_eq(wok_yield(), 0);
    if (aborts)
        wok_join_abort(&task.join);
    return end_of(&task.join);
}

WOK_TEST(semantics, Z6_what_an_aborted_task_returns_decides_its_outcome)
{
    cr_assert_eq(aborted_returning(-ECANCELED, true).outcome, WOK_CANCELLED);
    cr_assert_eq(aborted_returning(0, true).outcome, WOK_RETURNED);
    cr_assert_eq(aborted_returning(-EIO, true).outcome, WOK_FAILED);
    cr_assert_eq(aborted_returning(-ECANCELED, false).outcome, WOK_FAILED, "nobody aborted it");
}

WOK_TASK(call_what_never_waits, char, int);

/* More of them than are tolerated from a task that ignores -ECANCELED. */
static int call_what_never_waits(char *unused, int *result)
{
    int code = wok_sleep(wok_seconds(10));

    (void)unused;
    *result = 0;
    for (int i = 0; i < 100; i++) {
        work_join task = wok_spawn(work, {.number = i});
        wok_scope scope = WOK_SCOPE_INIT;
        wok_abort_handle handle = wok_join_abort_handle(&task.join);

        (void)wok_now();
        (void)wok_cancelled();
        (void)wok_join_is_finished(&task.join);
        wok_abort_handle_abort(&handle);
        wok_abort_handle_drop(&handle);
        work_join_drop(&task);
        wok_scope_done(&scope);
        note(i);
    }
    return code;
}

WOK_TEST(semantics, Z7_calls_without_the_mark_do_not_notice_an_abort)
{
    call_what_never_waits_join task = wok_spawn(call_what_never_waits, 0);

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(end_of(&task.join).outcome, WOK_CANCELLED);
    cr_assert_eq(noted.count, 100);
}

static int slept_in_drop = 7, slept_in_unwind = 7;

static void sleep_in_drop(bool *unused)
{
    (void)unused;
    slept_in_drop = wok_sleep(wok_ms(30));
}

static void sleep_in_unwind(int *unused)
{
    (void)unused;
    slept_in_unwind = wok_sleep(wok_ms(30));
}

WOK_TASK_WITH_DROP(clean_up_slowly, bool, int, sleep_in_drop, NULL);

static int clean_up_slowly(bool *heeds, int *result)
{
    WOK_CLEANUP(sleep_in_unwind) int owned = 0;

    *result = owned;
    while (wok_sleep(wok_seconds(10)) == 0 || !*heeds)
        ;
    return -ECANCELED;
}

WOK_TEST(semantics, Z7_drop_functions_and_the_handlers_of_an_unwind_do_not_notice_an_abort)
{
    for (int heeds = 0; heeds < 2; heeds++) {
        clean_up_slowly_join task = wok_spawn(clean_up_slowly, heeds != 0);

        cr_assert_eq(wok_yield(), 0);
        wok_join_abort(&task.join);
        cr_assert_eq(end_of(&task.join).outcome, WOK_CANCELLED);
        cr_assert_eq(slept_in_drop, 0);
        cr_assert_eq(slept_in_unwind, heeds != 0 ? -ECANCELED : 0, "a return is no unwind");
    }
}

WOK_TEST(semantics, Z8_ecanceled_is_about_me_and_the_fate_of_others_is_ejoin)
{
    work_join task = wok_spawn(work, {wok_ms(10), 5});
    wok_join_error why;

    wok_join_abort(&task.join);
    cr_assert_eq(work_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
}

/* ---- Z9 ----------------------------------------------------------------------------------------- */

static int entry(void *args, void *result)
{
    return work(args, result);
}

static void drop_args(void *args)
{
    work_args_drop(args);
}

WOK_TEST(semantics, Z9_a_spawn_without_memory_shows_at_the_await)
{
    static const wok_spawn_site site = {
        .name = "huge",
        .file = __FILE__,
        .function = entry,
        .args_size = sizeof(struct work),
        .result_size = sizeof(int),
        .args_drop = drop_args,
        .stack_bytes = SIZE_MAX / 4,
    };
    struct work args = {.number = 5};
    wok_join task = wok_spawn_raw(NULL, &site, &args);
    wok_join_error why = end_of(&task);

    cr_assert_eq(why.outcome, WOK_NOT_STARTED);
    cr_assert_eq(why.code, -ENOMEM);
    cr_assert_eq(work_seen.began, 0);
    cr_assert_eq(work_seen.args_dropped, 1);
}

/* ---- Z14 and Z15 -------------------------------------------------------------------------------- */

static void wait_in_cleanup(int *number)
{
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    note(*number);
}

static int panic_too(int *number)
{
    WOK_CLEANUP(wait_in_cleanup) int owned = *number;

    (void)wok_sleep(wok_ms(1)); /* and is aborted meanwhile, in most rounds */
    wok_panic("child %d", owned);
}

WOK_TASK(panic_in_scope, char, int);

static int panic_in_scope(char *unused, int *result)
{
    WOK_CLEANUP(wait_in_cleanup) int owned = 2;
    int number = 1;

    (void)unused;
    *result = owned;
    WOK_SCOPE(scope)
    {
        wok_scope_spawn(scope, panic_too, &number);
        (void)wok_sleep(wok_ms(1));
        wok_panic("parent %d", owned);
    }
    return 0;
}

WOK_TEST(semantics, Z14_a_scope_is_left_by_a_panic_while_a_child_panics_too)
{
    for (int round = 0; round < 100; round++) {
        panic_in_scope_join task = wok_spawn(panic_in_scope, 0);
        wok_join_error why = end_of(&task.join);
        cr_assert_eq(why.outcome, WOK_PANICKED);
        cr_assert_not_null(strstr(why.message, "parent 2"));
        assert_noted(1, 2);
        noted.count = 0;
    }
}

_Static_assert(sizeof(wok_join) == sizeof(void *) && sizeof(work_join) == sizeof(void *),
               "a handle is one pointer");
_Static_assert(!__builtin_types_compatible_p(work_join, outer_join), "families are types");
_Static_assert(__builtin_types_compatible_p(__typeof__(&work_await),
                                            int (*)(work_join *, int *, wok_join_error *)),
               "an await knows its result");

WOK_TEST(semantics, Z15_a_handle_is_a_value_that_moves_by_copying)
{
    work_join task = wok_spawn(work, {wok_ms(1), 5}), moved = task;
    int result = 0;

    task = (work_join){0};
    cr_assert_eq(work_await(&moved, &result, NULL), 0);
    cr_assert_eq(result, 5);
    cr_assert_eq(work_await(&task, &result, NULL), -EINVAL);
}
