/*
 * 19_token.c - a cancellation token: telling many that it is over, each where it can stop.
 *
 * An abort ends a task at its next wait, wherever that is.  A token is a flag that is looked at and waited
 * for where the program finds it right to stop.  Tokens form a tree: cancelling one reaches everything below
 * and nothing above, so one part of the work can be given up and the rest goes on.
 */
#include <errno.h>
#include <stdio.h>

#include <wok/wok.h>

struct job {
    const char *name;
    wok_token *stop; /* borrowed */
    const char *end;
};

/* Between two steps it looks whether to stop; a step itself is never cut. */
static int compute(struct job *job)
{
    while (!wok_token_is_cancelled(job->stop))
        if (wok_checkpoint() < 0) /* others run as well */
            return -ECANCELED;
    job->end = "stopped between two steps";
    return 0;
}

/* Waits for work or the token, whichever is first. */
static int serve(struct job *job)
{
    wok_op branches[] = {wok_token_op(job->stop), wok_sleep_op(wok_seconds(3600))};
    int winner = wok_select(branches, WOK_COUNT(branches), WOK_SELECT_BIASED, NULL);

    job->end = winner == 0 ? "stopped while it waited" : "?";
    return winner < 0 ? winner : 0;
}

/* Runs a future of somebody else's until the token says stop. */
static int nap(struct job *job)
{
    wok_sleep_future sleep = wok_sleep_future_for(wok_seconds(3600));
    int code = wok_run_until_cancelled(job->stop, wok_sleep_future_as(&sleep), NULL);

    wok_sleep_future_drop(&sleep); /* it stayed ours */
    job->end = code == -EINTR ? "stopped in the middle of a nap" : "?";
    return code == -EINTR ? 0 : code;
}

static int program(void)
{
    WOK_CLEANUP(wok_token_cancelp) wok_token *house = NULL; /* cancelled however this is left */
    WOK_CLEANUP(wok_token_dropp) wok_token *kitchen = NULL;

    if (wok_token_new(&house) < 0 || wok_token_child(house, &kitchen) < 0)
        return -1;
    struct job jobs[] = {{"oven", kitchen, NULL}, {"cook", kitchen, NULL}, {"cellar", house, NULL}};
    WOK_SCOPE(scope)
    {
        wok_scope_spawn(scope, compute, &jobs[0]);
        wok_scope_spawn(scope, serve, &jobs[1]);
        wok_scope_spawn(scope, nap, &jobs[2]);
        (void)wok_sleep(wok_ms(10));

        wok_token_cancel(kitchen);
        (void)wok_sleep(wok_ms(10));
        printf("the kitchen is %s, the house %s\n",
               wok_token_is_cancelled(kitchen) ? "closed" : "open",
               wok_token_is_cancelled(house) ? "closed" : "open");
        wok_token_cancel(house);
    } /* waits until all of them have stopped */
    for (size_t i = 0; i < WOK_COUNT(jobs); i++)
        printf("%s: %s\n", jobs[i].name, jobs[i].end);
    return 0;
}

int main(void)
{
    return wok_main(program);
}
