/*
 * 14_mpsc.c - a queue from many tasks to one, which holds back those who are too fast.
 *
 * A bounded channel is where a fast producer waits for a slow consumer: no list grows, nothing is thrown
 * away.  A value is moved in by a send and out by a receive, and has one owner at any time; the channel
 * destroys what nobody received.  The receiver learns of the end when the last sender is dropped.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <wok/wok.h>

static void plate_drop(char **plate)
{
    printf("a plate of %s is thrown away\n", *plate);
    free(*plate);
}

WOK_CHANNEL(plates, char *, plate_drop);

struct waiter {
    int plates, carried;
    plates_sender sink; /* his own: the channel is open while he has it */
};

static int carry(struct waiter *waiter)
{
    int error = 0;

    while (error == 0 && waiter->carried < waiter->plates) {
        char *plate = strdup("crumbs");
        error = plates_send(&waiter->sink, plate); /* waits while two plates are in the sink */
        if (error < 0)
            free(plate); /* the plate is still the waiter's */
        else
            waiter->carried++;
    }
    plates_sender_drop(&waiter->sink);
    return error;
}

static int program(void)
{
    plates_sender sink;
    plates_receiver washer;
    char *plate;
    int washed = 0, code = 0;

    if (plates_new(2, &sink, &washer) < 0)
        return -1;
    struct waiter waiters[] = {{50, 0, plates_sender_ref(&sink)}, {100, 0, sink}};
    WOK_SCOPE(scope)
    {
        wok_scope_spawn(scope, carry, &waiters[0]);
        wok_scope_spawn(scope, carry, &waiters[1]);
        for (; plates_recv(&washer, &plate) == 0; washed++)
            free(plate);
    }
    printf("%d plates are washed, and nobody is left to send\n", washed);
    plates_receiver_drop(&washer);

    /* The receiver goes: what lies in the queue is destroyed, and a sender keeps what it has. */
    if (plates_new(2, &sink, &washer) < 0)
        return -1;
    struct waiter last = {100, 0, sink};
    WOK_SCOPE(scope, .ret_code = &code)
    {
        wok_scope_spawn(scope, carry, &last);
        while (wok_mpsc_len(&washer.raw) < 2)
            (void)wok_yield();
        plates_receiver_drop(&washer);
    }
    printf("%d plates were carried, the next: %s\n", last.carried, strerror(-code));
    return 0;
}

int main(void)
{
    return wok_main(program);
}
