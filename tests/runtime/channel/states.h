/*
 * states.h - a watch channel of ints, three pollers, and a record of what was destroyed: for tests that
 * go poll by poll.
 */
#ifndef WOK_TESTS_CHANNEL_STATES_H
#define WOK_TESTS_CHANNEL_STATES_H

#include <wok/wok.h>

#include "support/poller.h"
#include "support/test.h"

static struct poller a = POLLER;
__attribute__((unused)) static struct poller b = POLLER, c = POLLER;

static unsigned drops;
static int dropped[64];

static inline void drop_number(int *value)
{
    cr_assert_lt(drops, WOK_COUNT(dropped));
    dropped[drops++] = *value;
}

WOK_WATCH(states, int, drop_number);

static states_sender sender;

static inline void make(int initial)
{
    cr_assert_eq(states_new(initial, &sender), 0);
}

static inline int value_of(states_receiver *receiver)
{
    int value = -1;

    states_get(receiver, &value);
    return value;
}

#endif
