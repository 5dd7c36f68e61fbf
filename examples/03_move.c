/*
 * 03_move.c - who owns what a task was given.
 *
 * A spawn moves its arguments: the struct is copied into the task's own memory, and the spawner
 * has it no more.  It must be so, because the spawning function may return before the task runs.
 * In exchange the task promises to destroy them exactly once, whatever becomes of it, with the
 * drop function that was declared with it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wok/wok.h>

/* Owns its text. */
struct parcel {
    char *text;
    enum { DELIVER, PANIC, WAIT, KEEP } what;
};

static void parcel_drop(struct parcel *parcel)
{
    if (parcel->text != NULL)
        printf("  dropped '%s'\n", parcel->text);
    free(parcel->text);
}

static void free_text(char **text)
{
    free(*text);
}

WOK_TASK_WITH_DROP(carry, struct parcel, char *, parcel_drop, free_text);

static int carry(struct parcel *parcel, char **result)
{
    switch (parcel->what) {
    case DELIVER:
        *result = strdup("a receipt");
        return *result == NULL ? -ENOMEM : 0; /* returns: the arguments are dropped */
    case PANIC:
        wok_panic("slipped"); /* unwinds: the arguments are dropped */
    case WAIT:
        return wok_sleep(WOK_FOREVER); /* is aborted in here: the arguments are dropped */
    case KEEP:
        *result = WOK_TAKE(parcel->text); /* moved on: the drop function finds NULL */
        return 0;
    }
    return -EINVAL;
}

/* Awaits, and says how it ended. */
static void await_and_report(carry_join *task)
{
    WOK_CLEANUP(free_text) char *result = NULL;
    wok_join_error why;

    if (carry_await(task, &result, &why) == 0)
        printf("  the result is '%s'\n", result);
    else if (why.outcome == WOK_PANICKED)
        printf("  it panicked\n");
    else if (why.outcome == WOK_CANCELLED)
        printf("  it was cancelled\n");
    else
        printf("  it was not started: %s\n", strerror(-why.code));
}

/* The local `text` is gone when this returns; the task has its own copy of the pointer. */
static carry_join spawn_with_a_local(void)
{
    char *text = strdup("some data");

    return wok_spawn(carry, {.text = text, .what = DELIVER});
}

static int program(void)
{
    printf("a task that returns\n");
    carry_join task = spawn_with_a_local();
    await_and_report(&task);

    printf("a task that panics\n");
    task = wok_spawn(carry, {.text = strdup("glass"), .what = PANIC});
    await_and_report(&task);

    printf("a task that is aborted\n");
    task = wok_spawn(carry, {.text = strdup("a letter"), .what = WAIT});
    wok_join_abort(&task.join);
    await_and_report(&task);

    printf("a task that moves its argument into its result\n");
    task = wok_spawn(carry, {.text = strdup("a present"), .what = KEEP});
    await_and_report(&task);
    return 0;
}

int main(void)
{
    /* On a thread without a runtime nothing can run, but the arguments are taken all the same. */
    printf("a spawn outside a runtime\n");
    carry_join task = wok_spawn(carry, {.text = strdup("a stone"), .what = DELIVER});
    await_and_report(&task);

    return wok_main(program);
}
