/*
 * test_panic_children.c - a panic while children run: they are cancelled and awaited before it goes on.
 *
 * Each case compares the whole log of what happened, a letter for each event: capital letters for a
 * child's error path, which sees -ECANCELED, small ones for cleanup handlers and destructors.
 */
#include <errno.h>

#include "platform/atomic.h"
#include "support/panic_log.h"

static void drop_int(int *unused)
{
    (void)unused;
    log_event('a');
}

/* What a child borrows from its parent's frame. */
struct borrowed {
    char on_cancel, on_cleanup;
    bool panics; /* in its error path */
};

static void log_borrowed(struct borrowed **borrowed)
{
    log_event((*borrowed)->on_cleanup);
}

static int child(struct borrowed *borrowed)
{
    WOK_CLEANUP(log_borrowed) struct borrowed *mine = borrowed;
    int error = wok_sleep(WOK_FOREVER);

    log_event(error == -ECANCELED ? mine->on_cancel : '?');
    if (mine->panics)
        wok_panic("child %c", mine->on_cleanup);
    return error;
}

/* ---- a scope ------------------------------------------------------------------------------------ */

enum { AS_BLOCK, AS_FUNCTIONS, FORMS };

WOK_TASK_WITH_DROP(parent, int, int, drop_int, drop_int);

static int parent(int *form, int *result)
{
    WOK_CLEANUP(log_cleanup) char outer = 'p';
    struct borrowed x = {'X', 'x', false}, y = {'Y', 'y', false};

    *result = outer;
    if (*form == AS_BLOCK) {
        WOK_SCOPE(scope)
        {
            WOK_CLEANUP(log_cleanup) char inner = 'i';

            wok_scope_spawn(scope, child, &x);
            wok_scope_spawn(scope, child, &y);
            cr_assert_eq(wok_yield(), 0); /* both wait now */
            wok_panic("parent %c", inner);
        }
    } else {
        WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
        WOK_CLEANUP(log_cleanup) char inner = 'i';

        wok_scope_spawn(&scope, child, &x);
        wok_scope_spawn(&scope, child, &y);
        cr_assert_eq(wok_yield(), 0);
        wok_panic("parent %c", inner);
    }
    return 0;
}

WOK_TEST(panic_children, of_a_scope_are_cancelled_and_awaited_before_the_panic_goes_on)
{
    for (int form = 0; form < FORMS; form++) {
        parent_join task = wok_spawn(parent, form);
        assert_panicked(&task.join, "\"parent i\"");
        assert_log("i"    /* inside the block */
                   "YyXx" /* the children, which still find what they borrowed */
                   "pa"); /* around the block, then the task itself */
    }
    cr_assert_eq(test_unjoined().count, 0);
}

WOK_TASK_WITH_DROP(parent_of_one_that_panics, int, int, drop_int, NULL);

static int parent_of_one_that_panics(int *unused, int *result)
{
    WOK_CLEANUP(log_cleanup) char outer = 'p';
    struct borrowed x = {'X', 'x', true}, y = {'Y', 'y', true};

    *result = *unused;
    WOK_SCOPE(scope)
    {
        wok_scope_spawn(scope, child, &x);
        wok_scope_spawn(scope, child, &y);
        cr_assert_eq(wok_yield(), 0);
        wok_panic("parent %c", outer);
    }
    return 0;
}

WOK_TEST(panic_children, that_panic_as_well_are_reported_and_the_parents_panic_is_its_outcome)
{
    parent_of_one_that_panics_join task = wok_spawn(parent_of_one_that_panics, 0);

    assert_panicked(&task.join, "\"parent p\"");
    assert_log("YyXxpa");
    cr_assert_eq(test_unjoined().count, 2, "nobody awaited the children's");
}

/* ---- nested --------------------------------------------------------------------------------------- */

static int middle(struct borrowed *borrowed)
{
    WOK_CLEANUP(log_borrowed) struct borrowed *mine = borrowed;
    struct borrowed grand = {'G', 'g', false};
    int code = 0;

    WOK_SCOPE(scope, .ret_code = &code)
    {
        wok_scope_spawn(scope, child, &grand);
    }
    log_event(code == -ECANCELED ? mine->on_cancel : '?');
    return code;
}

WOK_TASK_WITH_DROP(grandparent, int, int, drop_int, NULL);

static int grandparent(int *unused, int *result)
{
    WOK_CLEANUP(log_cleanup) char outer = 'p';
    struct borrowed x = {'X', 'x', false}, m = {'M', 'm', false};

    *result = *unused;
    WOK_SCOPE(outer_scope)
    {
        wok_scope_spawn(outer_scope, middle, &m);
        WOK_SCOPE(inner_scope)
        {
            WOK_CLEANUP(log_cleanup) char inner = 'i';

            wok_scope_spawn(inner_scope, child, &x);
            cr_assert_eq(wok_yield(), 0);
            cr_assert_eq(wok_yield(), 0); /* the grandchild waits, too */
            wok_panic("parent %c, in %c", outer, inner);
        }
    }
    return 0;
}

WOK_TEST(panic_children, of_nested_scopes_end_from_the_inside_out)
{
    grandparent_join task = wok_spawn(grandparent, 0);

    assert_panicked(&task.join, "\"parent p, in i\"");
    assert_log("i"    /* the panicking frame */
               "Xx"   /* the children of its scope */
               "GgMm" /* those of the scope around it: the grandchild first */
               "pa");
}

static int panic_below(struct borrowed *borrowed)
{
    WOK_CLEANUP(log_borrowed) struct borrowed *mine = borrowed;

    wok_panic("child %c", mine->on_cleanup);
}

/* Its wait says that a child panicked, and it panics in turn. */
static int pass_on(struct borrowed *borrowed)
{
    WOK_CLEANUP(log_borrowed) struct borrowed *mine = borrowed;
    WOK_CLEANUP(wok_scope_done) wok_scope scope;
    struct borrowed sibling = {'S', 's', false}, bad = {'B', 'b', false};
    wok_join_error why;

    wok_scope_init(&scope, &(wok_scope_options){.policy = WOK_SCOPE_FAIL_FAST});
    wok_scope_spawn(&scope, child, &sibling);
    wok_scope_spawn(&scope, panic_below, &bad);
    int error = wok_scope_wait_error(&scope, WOK_NEVER, &why);
    log_event('w');
    if (error == -WOK_EJOIN)
        wok_panic("passed on by %c: %.30s", mine->on_cleanup, why.message);
    return error;
}

WOK_TASK_WITH_DROP(panics_for_its_grandchild, int, int, drop_int, NULL);

static int panics_for_its_grandchild(int *unused, int *result)
{
    WOK_CLEANUP(log_cleanup) char outer = 'p';
    struct borrowed m = {'M', 'm', false};
    int code = 0;

    *result = outer + *unused;
    WOK_SCOPE(scope, .ret_code = &code)
    {
        wok_scope_spawn(scope, pass_on, &m);
    }
    WOK_ASSERT(code != -WOK_EJOIN);
    return 0;
}

WOK_TEST(panic_children, a_panic_goes_up_the_tree_level_by_level)
{
    panics_for_its_grandchild_join task = wok_spawn(panics_for_its_grandchild, 0);

    assert_panicked(&task.join, "assertion failed: code != -WOK_EJOIN");
    assert_log("b"  /* the grandchild */
               "Ss" /* its sibling, which is told to stop */
               "w"  /* then the wait is over */
               "mpa" /* and the levels above it follow */);
}

/* ---- children that have not begun, and stackless ones ----------------------------------------------- */

WOK_TASK_WITH_DROP(panics_at_once, int, int, drop_int, NULL);

static int panics_at_once(int *max_running, int *result)
{
    WOK_CLEANUP(log_cleanup) char outer = 'p';
    struct borrowed x = {'X', 'x', false}, y = {'Y', 'y', false};

    *result = outer;
    WOK_SCOPE(scope, .max_running = (unsigned)*max_running)
    {
        wok_scope_spawn(scope, child, &x);
        wok_scope_spawn(scope, child, &y);
        if (*max_running != 0)
            cr_assert_eq(wok_yield(), 0); /* one has begun */
        wok_panic("parent");
    }
    return 0;
}

WOK_TEST(panic_children, that_have_not_begun_never_do)
{
    panics_at_once_join task = wok_spawn(panics_at_once, 0);

    assert_panicked(&task.join, "\"parent\"");
    assert_log("pa");
    task = wok_spawn(panics_at_once, 1);
    assert_panicked(&task.join, "\"parent\"");
    assert_log("Xxpa");
}

static wok_poll wait_poll(void *self, wok_cx *cx, void *result)
{
    (void)self, (void)cx, (void)result;
    log_event('l');
    return WOK_PENDING; /* for ever: it keeps no waker */
}

static void wait_drop(void *self)
{
    log_event(**(char **)self);
}

static const wok_future_vtable wait_vtable = {
    .name = "wait", .size = sizeof(char *), .poll = wait_poll, .drop = wait_drop};

WOK_TASK_WITH_DROP(parent_of_futures, int, int, drop_int, NULL);

static int parent_of_futures(int *unused, int *result)
{
    WOK_CLEANUP(log_cleanup) char outer = 'p';
    char letter = 'f', *future = &letter;

    *result = *unused;
    WOK_SCOPE(scope)
    {
        WOK_CLEANUP(log_cleanup) char inner = 'i';

        wok_scope_spawn_future(scope, &wait_vtable, &future);
        wok_scope_spawn_future(scope, &wait_vtable, &future);
        cr_assert_eq(wok_yield(), 0);
        wok_panic("parent %c%c", outer, inner);
    }
    return 0;
}

WOK_TEST(panic_children, that_are_stackless_are_dropped_before_the_panic_goes_on)
{
    parent_of_futures_join task = wok_spawn(parent_of_futures, 0);

    assert_panicked(&task.join, "\"parent pi\"");
    assert_log("lliffpa");
}

/* ---- a lock that parent and child want ---------------------------------------------------------------- */

static int want_lock(wok_mutex *mutex)
{
    int error = wok_mutex_lock(mutex);

    if (error == 0)
        wok_mutex_unlock(mutex);
    log_event(error == -ECANCELED ? 'C' : 'L');
    return error;
}

WOK_TASK_WITH_DROP(panics_with_a_lock, wok_mutex *, int, NULL, NULL);

static int panics_with_a_lock(wok_mutex **mutex, int *result)
{
    WOK_CLEANUP(log_cleanup) char outer = 'p';

    *result = outer;
    WOK_SCOPE(scope)
    {
        WOK_LOCK(*mutex)
        {
            WOK_CLEANUP(log_cleanup) char inner = 'i';

            wok_scope_spawn(scope, want_lock, *mutex);
            cr_assert_eq(wok_yield(), 0);
            wok_panic("parent with a lock, %c", inner);
        }
    }
    return 0;
}

WOK_TEST(panic_children, a_lock_inside_the_scope_is_given_back_before_they_are_awaited)
{
    wok_mutex mutex = WOK_MUTEX_INIT;
    panics_with_a_lock_join task = wok_spawn(panics_with_a_lock, &mutex);
    assert_panicked(&task.join, "parent with a lock, i");
    assert_log("iCp"); /* the child was handed the lock, and heard of the abort when it woke up */
    cr_assert_eq(wok_mutex_try_lock(&mutex), 0, "and it gave the lock back");
    wok_mutex_unlock(&mutex);
}

/* ---- join sets and handles ---------------------------------------------------------------------------- */

WOK_TASK_WITH_DROP(member, char, int, log_cleanup, NULL);

static int member(char *letter, int *result)
{
    WOK_CLEANUP(log_cleanup) char mark = 'm';

    *result = mark;
    int error = wok_sleep(wok_seconds(1));
    log_event(error == -ECANCELED ? 'C' : 'E');
    (void)letter;
    return error;
}

enum { BY_SET, BY_HANDLE };

WOK_TASK_WITH_DROP(owner, int, int, drop_int, NULL);

static int owner(int *kind, int *result)
{
    WOK_CLEANUP(log_cleanup) char outer = 'p';
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = NULL;
    WOK_CLEANUP(member_join_drop) member_join handle = {{NULL}};

    *result = outer;
    cr_assert_eq(wok_join_set_new(&set), 0);
    for (char letter = 'x'; letter <= 'y'; letter++) {
        member_join task = wok_spawn(member, letter);
        if (*kind == BY_SET)
            cr_assert_eq(wok_join_set_add(set, &task.join), 0);
        else if (letter == 'x')
            handle = task;
        else
            member_join_drop(&task);
    }
    cr_assert_eq(wok_yield(), 0);
    wok_panic("owner");
}

WOK_TEST(panic_children, of_a_join_set_are_aborted_and_not_awaited)
{
    owner_join task = wok_spawn(owner, BY_SET);

    assert_panicked(&task.join, "\"owner\"");
    cr_assert_eq(wok_yield(), 0);
    assert_log("paCmxCmy");
}

WOK_TEST(panic_children, whose_handles_are_dropped_run_on)
{
    owner_join task = wok_spawn(owner, BY_HANDLE);

    assert_panicked(&task.join, "\"owner\"");
    assert_log("pa");
    cr_assert_eq(wok_sleep(wok_seconds(2)), 0);
    assert_log("EmxEmy");
}

/* ---- on several threads --------------------------------------------------------------------------------- */

enum { CHILDREN = 20 };

struct family {
    atomic_u32 began, ended, left_first;
    uint32_t cleaned[CHILDREN]; /* each child its own */
};

struct one {
    struct family *family;
    uint32_t *cleaned;
    int number;
};

static void clean_one(struct one **one)
{
    (*(*one)->cleaned)++;
    fetch_add_relaxed(&(*one)->family->ended, 1);
}

static int one_of_many(struct one *one)
{
    WOK_CLEANUP(clean_one) struct one *mine = one;

    fetch_add_relaxed(&mine->family->began, 1);
    if (mine->number % 3 == 0)
        (void)wok_yield();
    if (mine->number % 4 == 1)
        wok_panic("child %d", mine->number);
    return wok_sleep(WOK_FOREVER);
}

static void look_at_family(struct family **family)
{
    if (load_relaxed(&(*family)->began) != load_relaxed(&(*family)->ended))
        store_relaxed(&(*family)->left_first, 1);
}

WOK_TASK(parent_of_many, struct family *, int);

static int parent_of_many(struct family **family, int *result)
{
    WOK_CLEANUP(look_at_family) struct family *mine = *family;
    struct one ones[CHILDREN];

    *result = 0;
    WOK_SCOPE(scope)
    {
        for (int i = 0; i < CHILDREN; i++) {
            ones[i] = (struct one){mine, &mine->cleaned[i], i};
            wok_scope_spawn(scope, one_of_many, &ones[i]);
        }
        for (int i = 0; i < 3; i++)
            (void)wok_yield();
        wok_panic("parent");
    }
    return 0;
}

static void rounds_of_families(void)
{
    for (int round = 0; round < TEST_SCALE(1000); round++) {
        struct family family = {.began = {0}};
        parent_of_many_join task = wok_spawn(parent_of_many, &family);
        uint32_t cleaned = 0;

        assert_panicked(&task.join, "\"parent\"");
        cr_assert_eq(load_relaxed(&family.left_first), 0, "no child outlives the block");
        for (int i = 0; i < CHILDREN; i++) {
            cr_assert_leq(family.cleaned[i], 1);
            cleaned += family.cleaned[i];
        }
        cr_assert_eq(cleaned, load_relaxed(&family.began), "each that began was cleaned once");
    }
}

WOK_TEST_ON(panic_children, on_other_threads_end_before_the_panic_goes_on, 4)
{
    rounds_of_families();
}
