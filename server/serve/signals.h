/*
 * signals.h - what the server is told by signals: to stop, to stop at once, to read its files again.
 */
#ifndef WOK_SERVER_SERVE_SIGNALS_H
#define WOK_SERVER_SERVE_SIGNALS_H

#include <wok/signal.h>

/* They are kept from before it is told that the server listens: whoever has read that may send one. */
struct wok__signals {
    wok_signal term, interrupt, hangup;
};

/* From here on none of the three ends the process, but a second one that asks it to stop.  0, or a negative
 * errno; the done is due in both cases. */
WOK_MUST_USE
int wok__signals_init(struct wok__signals *signals);
void wok__signals_done(struct wok__signals *signals);

#endif
