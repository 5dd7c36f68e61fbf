/*
 * watched.c - a program that AddressSanitizer watches, on a libwok that was built without it.
 *
 *     watched           is correct, and has to run without a report
 *     watched wrong     writes behind an array on a task's stack, and has to be reported
 *
 * Panics and forced unwinds leave frames in the middle, and other tasks use the same stacks afterwards; a
 * parent that waits has its children's frames in between.  Thousands of tasks lie parked meanwhile, so
 * that the stacks in use are far from those of the threads.
 */
#include <stdio.h>
#include <string.h>

#include <wok/wok.h>

enum { PARKED = 3000, ROUNDS = 20, EACH = 8 };

static size_t zero; /* the compiler does not know that it is */
static int argument_count;

/* Keeps the compiler from seeing through `bytes`. */
static void opaque(char *bytes)
{
    __asm__ volatile("" : : "r"(bytes) : "memory");
}

static void nothing(char **frame)
{
    opaque(*frame);
}

__attribute__((noinline)) static int use_stack(int value)
{
    char frame[3000];

    memset(frame, value, sizeof frame);
    opaque(frame);
    return frame[(size_t)value + zero];
}

__attribute__((noinline)) static void descend(int depth, char *above)
{
    char frame[40];
    WOK_CLEANUP(nothing) char *own = frame;

    memset(frame, depth, sizeof frame);
    opaque(above);
    if (depth == 0)
        wok_panic("at the bottom");
    if (depth > 0) /* always; or else gcc warns of a recursion that only a panic ends */
        descend(depth - 1, own);
    opaque(own);
}

WOK_TASK(falls, int, int);
static int falls(int *depth, int *result)
{
    char frame[16] = {0};

    descend(*depth, frame);
    *result = frame[0];
    return 0;
}

WOK_TASK(stands, int, int);
static int stands(int *value, int *result)
{
    *result = 0;
    for (int i = 0; i < 3; i++) {
        *result += use_stack(*value);
        int error = wok_yield();
        if (error < 0)
            return error;
    }
    return 0;
}

/* Does not let itself be cancelled, and is unwound in the end. */
__attribute__((noinline)) static void insist(void)
{
    char frame[100];
    WOK_CLEANUP(nothing) char *own = frame;

    memset(frame, 1, sizeof frame);
    while (wok_yield() != 1)
        opaque(own);
}

WOK_TASK(insists, int, int);
static int insists(int *unused, int *result)
{
    insist();
    *result = *unused;
    return 0;
}

static wok_poll add_poll(void *self, wok_cx *cx, void *result)
{
    int **sum = self;

    (void)cx;
    (void)result;
    **sum += use_stack(1);
    return WOK_READY;
}

static const wok_future_vtable add_vtable = {
    .name = "add", .size = sizeof(int *), .poll = add_poll};

static int child(int *sum)
{
    int error = wok_sleep(wok_ms(1));

    *sum += use_stack(1);
    return error;
}

static int scoped(void)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    int sums[EACH] = {0}, in_place[EACH] = {0}, sum = 0;

    for (int i = 0; i < EACH; i++) {
        int *counter = &in_place[i];
        wok_scope_spawn(&scope, child, &sums[i]);
        wok_scope_spawn_future(&scope, &add_vtable, &counter);
    }
    if (wok_scope_wait(&scope) < 0)
        return -1;
    for (int i = 0; i < EACH; i++)
        sum += sums[i] + in_place[i];
    return sum == 2 * EACH ? 0 : -1;
}

static int one_round(int round)
{
    falls_join falling[EACH];
    stands_join standing[EACH];
    insists_join insisting = wok_spawn(insists, 1);
    int result = 0, wrong = 0;
    wok_join_error why;

    for (int i = 0; i < EACH; i++)
        falling[i] = wok_spawn(falls, i + round);
    for (int i = 0; i < EACH; i++)
        standing[i] = wok_spawn(stands, i + 1);
    wrong += wok_yield() < 0;
    wok_join_abort(&insisting.join);
    for (int i = 0; i < EACH; i++)
        wrong +=
            falls_await(&falling[i], &result, &why) != -WOK_EJOIN || why.outcome != WOK_PANICKED;
    for (int i = 0; i < EACH; i++)
        wrong += stands_await(&standing[i], &result, NULL) != 0 || result != 3 * (i + 1);
    wrong += insists_await(&insisting, &result, &why) != -WOK_EJOIN || why.outcome != WOK_CANCELLED;
    wrong += scoped() < 0;
    return wrong;
}

static wok_token *done;

WOK_TASK(parks, int, int);
static int parks(int *value, int *result)
{
    char frame[40];

    memset(frame, 7, sizeof frame);
    opaque(frame);
    int error = wok_token_wait(done);
    *result = frame[*value];
    return error;
}

static int program(void)
{
    static parks_join parked[PARKED];
    int wrong = 0, result = 0;

    if (wok_token_new(&done) < 0)
        return 1;
    for (int i = 0; i < PARKED; i++)
        parked[i] = wok_spawn(parks, argument_count > 1 && i == 9 ? 40 : 0);
    wrong += wok_sleep(wok_ms(20)) < 0; /* most of them are there */
    for (int round = 0; round < ROUNDS; round++)
        wrong += one_round(round);
    wok_token_cancel(done);
    for (int i = 0; i < PARKED; i++)
        wrong += parks_await(&parked[i], &result, NULL) != 0 || result != 7;
    wok_token_drop(done);
    printf("%d wrong\n", wrong);
    return wrong != 0;
}

int main(int argc, char **argv)
{
    (void)argv;
    argument_count = argc;
    return wok_main(program);
}
