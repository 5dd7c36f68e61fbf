/*
 * 08_select.c - waiting for the first of several operations.
 *
 * Every wait is an operation: to join a task, to sleep, to receive, to be cancelled.  A select waits
 * until one of them is ready, does that one, and leaves no trace of the others: a task that lost is
 * still there to be joined, and nothing was received that nobody looks at.
 */
#include <stdio.h>

#include <wok/wok.h>

WOK_TASK(deliver, wok_duration, int);

static int deliver(wok_duration *takes, int *result)
{
    *result = 1;
    return wok_sleep(*takes);
}

static int program(void)
{
    deliver_join parcel = wok_spawn(deliver, wok_ms(45));
    wok_token *alarm = NULL;
    int looks = 0, code;

    if (wok_token_new(&alarm) < 0)
        return -1;
    for (bool waiting = true; waiting;) {
        int arrived = 0;
        wok_op branches[] = {
            wok_join_op(&parcel.join, &arrived, NULL), wok_token_op(alarm),
            wok_sleep_op(wok_ms(10)), /* a new timer each time; the one that lost is gone */
        };
        switch (wok_select(branches, WOK_COUNT(branches), WOK_SELECT_FAIR, &code)) {
        case 0:
            printf("the parcel is here, after %s looks\n", looks >= 2 ? "several" : "few");
            waiting = false;
            break;
        case 1:
            printf("the house is on fire\n");
            waiting = false;
            break;
        case 2:
            looks++;
            break;
        default:
            return -1;
        }
    }

    /* Ready together, in the order of writing. */
    wok_token_cancel(alarm);
    wok_op branches[] = {wok_sleep_op(wok_seconds(3600)), wok_token_op(alarm)};
    int first = wok_select(branches, WOK_COUNT(branches), WOK_SELECT_BIASED, &code);
    printf("branch %d of 2 won\n", first + 1);
    wok_token_drop(alarm);
    return 0;
}

int main(void)
{
    return wok_main(program);
}
