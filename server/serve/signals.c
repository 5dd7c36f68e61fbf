/*
 * signals.c - what the server is told by signals: to stop, to stop at once, to read its files again.
 */
#include "serve/signals.h"

#include <signal.h>
#include <unistd.h>

/* How often one was asked to stop, and the runtime's own handlers of the two signals; constant once the
 * handler below is installed. */
static volatile sig_atomic_t stops;
static struct sigaction runtime_term, runtime_interrupt;

/* The first signal goes to the task that waits for it.  The second ends the process from here, since
 * no worker may be free to do it. */
static void on_stop(int number)
{
    if (stops++ != 0)
        _exit(128 + number);
    (number == SIGTERM ? &runtime_term : &runtime_interrupt)->sa_handler(number);
}

static void count_stops(void)
{
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};

    sigaction(SIGTERM, NULL, &runtime_term);
    sigaction(SIGINT, NULL, &runtime_interrupt);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

int wok__signals_init(struct wok__signals *signals)
{
    int error = wok_signal_init(&signals->term, SIGTERM);

    if (error == 0)
        error = wok_signal_init(&signals->interrupt, SIGINT);
    if (error == 0)
        error = wok_signal_init(&signals->hangup, SIGHUP);
    if (error == 0)
        count_stops();
    return error;
}

void wok__signals_done(struct wok__signals *signals)
{
    wok_signal_done(&signals->hangup);
    wok_signal_done(&signals->interrupt);
    wok_signal_done(&signals->term);
}
