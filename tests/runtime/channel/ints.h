/*
 * ints.h - a channel of ints, three pollers, and a record of what was destroyed: for tests that go poll
 * by poll.
 */
#ifndef WOK_TESTS_CHANNEL_INTS_H
#define WOK_TESTS_CHANNEL_INTS_H

#include <wok/wok.h>

#include "support/poller.h"
#include "support/test.h"

static struct poller a = POLLER, b = POLLER;

static unsigned drops;
static int dropped[64];

static void drop_number(int *value)
{
    cr_assert_lt(drops, WOK_COUNT(dropped));
    dropped[drops++] = *value;
}

WOK_CHANNEL(ints, int, drop_number);

static ints_sender sender;
static ints_receiver receiver;

static inline void make(size_t capacity)
{
    cr_assert_eq(ints_new(capacity, &sender, &receiver), 0);
}

static inline void finish(void)
{
    ints_sender_drop(&sender);
    ints_receiver_drop(&receiver);
}

static inline int received(void)
{
    int value = -1;

    cr_assert_eq(ints_try_recv(&receiver, &value), 0);
    return value;
}

static inline void fill(int from, int to)
{
    for (int i = from; i <= to; i++)
        cr_assert_eq(ints_try_send(&sender, i), 0);
}

#endif
