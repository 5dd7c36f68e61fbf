/*
 * test_state.c - the state word: every word through every transition.
 *
 * The oracle is written from the picture in state.c and not from its code: for each word that can
 * exist it says what a transition must give and leave.  tests/model/ explores the interleavings.
 */
#include "support/test.h"

#include "task/state.h"

enum { FLAGS = WOK__REF - 1, REFS_MAX = 4 };

/* The words that can exist (S1 to S4): a running task is not complete, a waiter has a handle, a task
 * that is not complete holds a reference of its own. */
static bool can_exist(uint32_t flags, uint32_t refs)
{
    bool running = flags & WOK__RUNNING, complete = flags & WOK__COMPLETE;
    bool interest = flags & WOK__JOIN_INTEREST, waiter = flags & WOK__JOIN_WAITER;
    uint32_t least = (complete ? 0 : 1) + (interest ? 1 : 0) + (complete && waiter ? 1 : 0);

    return !(running && complete) && !(waiter && !interest) && refs >= least && refs >= 1;
}

static struct wok__state state_of(uint32_t flags, uint32_t refs)
{
    struct wok__state state;

    wok__state_init(&state, flags, refs);
    return state;
}

#define FOR_EACH_WORD(flags, refs)                                                                 \
    for (uint32_t flags = 0; flags <= FLAGS; flags++)                                              \
        for (uint32_t refs = 1; refs <= REFS_MAX; refs++)                                          \
            if (can_exist(flags, refs))

#define ASSERT_WORD(state, flags_, refs_)                                                          \
    cr_assert_eq(load_relaxed(&(state).word), (uint32_t)((flags_) + (refs_)*WOK__REF),             \
                 "flags %#x, refs %u: the word is %#x", flags, refs, load_relaxed(&(state).word))

static bool is_idle(uint32_t flags)
{
    return (flags & (WOK__RUNNING | WOK__NOTIFIED | WOK__COMPLETE)) == 0;
}

Test(state, a_wake_makes_an_idle_task_the_callers_to_push_and_others_only_notified)
{
    FOR_EACH_WORD(flags, refs)
    {
        struct wok__state state = state_of(flags, refs);
        cr_assert_eq(wok__state_wake(&state), is_idle(flags));
        ASSERT_WORD(state, flags | WOK__NOTIFIED, refs);
    }
}

Test(state, an_abort_is_a_wake_that_stays_known)
{
    FOR_EACH_WORD(flags, refs)
    {
        struct wok__state state = state_of(flags, refs);
        cr_assert_eq(wok__state_abort(&state), is_idle(flags));
        ASSERT_WORD(state, flags | WOK__NOTIFIED | WOK__CANCELLED, refs);
        cr_assert_eq(wok__state_is_cancelled(&state), true);
    }
}

Test(state, a_run_takes_the_notification_and_tells_what_was)
{
    FOR_EACH_WORD(flags, refs)
    {
        if ((flags & (WOK__NOTIFIED | WOK__RUNNING | WOK__COMPLETE)) != WOK__NOTIFIED)
            continue;
        struct wok__state state = state_of(flags, refs);
        cr_assert_eq(wok__state_run(&state), flags + refs * WOK__REF);
        ASSERT_WORD(state, (flags & ~(uint32_t)WOK__NOTIFIED) | WOK__RUNNING, refs);
    }
}

Test(state, a_suspended_task_is_parked_or_the_callers_to_push)
{
    FOR_EACH_WORD(flags, refs)
    {
        if ((flags & WOK__RUNNING) == 0)
            continue;
        struct wok__state state = state_of(flags, refs);
        cr_assert_eq(wok__state_suspend(&state), (flags & WOK__NOTIFIED) != 0);
        ASSERT_WORD(state, flags & ~(uint32_t)WOK__RUNNING, refs);
    }
}

Test(state, a_completion_says_who_is_left)
{
    FOR_EACH_WORD(flags, refs)
    {
        if ((flags & WOK__RUNNING) == 0)
            continue;
        struct wok__state state = state_of(flags, refs);
        uint32_t after = (flags & ~(uint32_t)(WOK__RUNNING | WOK__NOTIFIED)) | WOK__COMPLETE;
        enum wok__completed completed = wok__state_complete(&state);
        if ((flags & WOK__JOIN_INTEREST) == 0) {
            cr_assert_eq(completed, refs == 1 ? WOK__COMPLETED_FREE : WOK__COMPLETED_DETACHED);
            ASSERT_WORD(state, after, refs);
        } else if (flags & WOK__JOIN_WAITER) {
            cr_assert_eq(completed, WOK__COMPLETED_WAKE_JOINER);
            ASSERT_WORD(state, after, refs);
        } else {
            cr_assert_eq(completed, WOK__COMPLETED_JOINABLE);
            ASSERT_WORD(state, after, refs - 1);
        }
        cr_assert_eq(wok__state_is_complete(&state), true);
    }
}

Test(state, a_waiter_is_registered_unless_there_is_nothing_to_wait_for)
{
    FOR_EACH_WORD(flags, refs)
    {
        if ((flags & WOK__JOIN_INTEREST) == 0 || (flags & WOK__JOIN_WAITER) != 0)
            continue;
        struct wok__state state = state_of(flags, refs);
        bool complete = (flags & WOK__COMPLETE) != 0;
        cr_assert_eq(wok__state_join_look(&state), complete ? WOK__JOIN_READY : WOK__JOIN_PENDING);
        cr_assert_eq(wok__state_join_register(&state),
                     complete ? WOK__JOIN_READY : WOK__JOIN_PENDING);
        ASSERT_WORD(state, complete ? flags : flags | WOK__JOIN_WAITER, refs);
        cr_assert_eq(wok__state_join_is_registered(&state), !complete);
    }
}

Test(state, a_waiter_whose_wake_is_under_way_looks_again)
{
    FOR_EACH_WORD(flags, refs)
    {
        if ((flags & WOK__JOIN_WAITER) == 0)
            continue;
        struct wok__state state = state_of(flags, refs);
        bool complete = (flags & WOK__COMPLETE) != 0;
        cr_assert_eq(wok__state_join_look(&state),
                     complete ? WOK__JOIN_IN_FLIGHT : WOK__JOIN_PENDING);
        cr_assert_eq(wok__state_join_unregister(&state), !complete);
        ASSERT_WORD(state, complete ? flags : flags & ~(uint32_t)WOK__JOIN_WAITER, refs);
        if (complete && refs >= 2) {
            wok__state_joiner_claimed(&state);
            ASSERT_WORD(state, flags & ~(uint32_t)WOK__JOIN_WAITER, refs - 1);
            cr_assert_eq(wok__state_join_look(&state), WOK__JOIN_READY);
        }
    }
}

Test(state, a_dropped_handle_detaches_or_takes_care_of_the_result)
{
    FOR_EACH_WORD(flags, refs)
    {
        if ((flags & WOK__JOIN_INTEREST) == 0 || (flags & WOK__JOIN_WAITER) != 0)
            continue;
        struct wok__state state = state_of(flags, refs);
        enum wok__handle_dropped dropped = wok__state_handle_drop(&state);
        if (flags & WOK__COMPLETE) {
            cr_assert_eq(dropped, WOK__HANDLE_LAST);
            ASSERT_WORD(state, flags, refs);
        } else {
            cr_assert_eq(dropped, WOK__HANDLE_DETACHED);
            ASSERT_WORD(state, flags & ~(uint32_t)WOK__JOIN_INTEREST, refs - 1);
        }
    }
}

Test(state, references_come_and_go_and_the_last_one_is_told)
{
    FOR_EACH_WORD(flags, refs)
    {
        struct wok__state state = state_of(flags, refs);
        wok__state_ref(&state);
        ASSERT_WORD(state, flags, refs + 1);
        cr_assert_eq(wok__state_unref(&state), false);
        cr_assert_eq(wok__state_try_ref(&state), (flags & WOK__COMPLETE) == 0);
        if ((flags & WOK__COMPLETE) == 0)
            cr_assert_eq(wok__state_unref(&state), false);
        for (uint32_t left = refs; left > 1; left--)
            cr_assert_eq(wok__state_unref(&state), false);
        cr_assert_eq(wok__state_unref(&state), true);
    }
    struct wok__state freed = {.word = {0}};
    cr_assert_eq(wok__state_try_ref(&freed), false);
}
