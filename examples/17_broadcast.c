/*
 * 17_broadcast.c - every value to every receiver, and what becomes of one that is too slow.
 *
 * The sender of a broadcast channel never waits.  So the channel keeps the last so many values; a receiver
 * that falls further behind is told how many it missed, once, and goes on with the oldest that is
 * kept.  Receivers do not hold up the sender, nor each other.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <wok/wok.h>

WOK_BROADCAST(news, int, NULL, NULL);

struct reader {
    news_receiver receiver;
    uint64_t read, missed;
};

/* Reads until the paper closes. */
static int read_all(struct reader *reader)
{
    int item, code;

    do {
        uint64_t missed = 0;
        code = news_recv(&reader->receiver, &item, &missed);
        reader->missed += missed;
        reader->read += code == 0;
    } while (code == 0 || code == -EOVERFLOW);
    return code == -EPIPE ? 0 : code;
}

static int program(void)
{
    struct reader early = {.read = 0}, late = {.read = 0};
    uint64_t missed = 0;
    news_sender paper;
    int item;

    if (news_new(4, &paper) < 0)
        return -1;
    news_subscribe(&paper, &early.receiver);
    for (item = 1; item <= 6; item++)
        (void)news_send(&paper, item);
    news_subscribe(&paper, &late.receiver); /* gets what comes from now on */

    if (news_recv(&early.receiver, &item, &missed) == -EOVERFLOW)
        printf("missed %" PRIu64 "\n", missed);
    for (int i = 0; i < 4 && news_recv(&early.receiver, &item, NULL) == 0; i++)
        printf("got %d\n", item);

    WOK_SCOPE(scope)
    {
        wok_scope_spawn(scope, read_all, &early);
        wok_scope_spawn(scope, read_all, &late);
        for (item = 7; item <= 1006; item++) {
            (void)news_send(&paper, item);
            if (item % 3 == 0)
                (void)wok_yield(); /* time to read, for whoever has some */
        }
        news_sender_drop(&paper);
    }
    printf("early: %" PRIu64 " read or missed\n", early.read + early.missed);
    printf("late:  %" PRIu64 " read or missed\n", late.read + late.missed);
    news_receiver_drop(&early.receiver);
    news_receiver_drop(&late.receiver);
    return 0;
}

int main(void)
{
    return wok_main(program);
}
