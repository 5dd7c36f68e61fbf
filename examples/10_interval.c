/*
 * 10_interval.c - something to do again and again, and what becomes of it after a delay.
 *
 * An interval says when its next tick is due, whatever was done since the last one.  Who comes late has
 * missed ticks, and there are three ways to go on: make up for all of them, begin anew, or leave them
 * out and keep to the schedule.
 *
 * The clock is paused here: it stands still while there is work and jumps to the next deadline when
 * there is none, so the figures are the same in each run.  Without that option they are those of the
 * real clock, and a little later.
 */
#include <stdio.h>

#include <wok/wok.h>

static unsigned milliseconds(wok_duration duration)
{
    return (unsigned)(duration.ns / 1000000);
}

/* A tick each 100 ms, with 350 ms of work at the second one. */
static int show(const char *name, wok_interval_missed missed)
{
    wok_instant start = wok_now(), scheduled;
    wok_interval every;

    int error = wok_interval_init(&every, wok_ms(100), missed);
    printf("%-6s", name);
    for (int tick = 0; tick < 7 && error == 0; tick++) {
        error = wok_interval_tick(&every, &scheduled);
        if (error < 0)
            break;
        printf("%5u", milliseconds(wok_elapsed(start)));
        if (scheduled.ns != wok_now().ns)
            printf("(%u)", milliseconds(wok_instant_since(scheduled, start)));
        if (tick == 1)
            error = wok_sleep(wok_ms(350)); /* in place of work that takes as long */
    }
    printf("\n");
    return error;
}

WOK_TASK(program, int, int);

static int program(int *args, int *result)
{
    *result = *args;
    printf("When each tick came, and in parentheses when a late one was due:\n");
    int error = show("burst", WOK_INTERVAL_BURST);
    if (error == 0)
        error = show("delay", WOK_INTERVAL_DELAY);
    if (error == 0)
        error = show("skip", WOK_INTERVAL_SKIP);
    return error;
}

int main(void)
{
    wok_runtime *runtime = NULL;
    wok_runtime_options options = {.workers = 1, .paused_clock = true};

    int error = wok_runtime_new(&runtime, &options);
    if (error == 0)
        error = wok_block_on(runtime, program, 0, NULL, NULL);
    wok_runtime_free(runtime);
    return error == 0 ? 0 : 1;
}
