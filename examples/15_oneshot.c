/*
 * 15_oneshot.c - one answer to one question.
 *
 * A task that owns something answers requests for it, so nobody else needs a lock.  Each request carries
 * the sender of a oneshot channel, through which its answer goes back.  A sender that is dropped without an
 * answer says so to whoever waits.
 */
#include <errno.h>
#include <stdio.h>

#include <wok/wok.h>

WOK_ONESHOT(reply, int, NULL);

struct request {
    const char *item;
    reply_sender reply;
};

static void request_drop(struct request *request)
{
    reply_sender_drop(&request->reply);
}

WOK_CHANNEL(requests, struct request, request_drop);

static int keep_store(requests_receiver *requests)
{
    int apples = 10; /* nobody else's */
    struct request request;

    while (requests_recv(requests, &request) == 0) {
        if (strcmp(request.item, "apple") == 0)
            (void)reply_send(&request.reply, --apples); /* never waits */
        else
            request_drop(&request); /* no answer is an answer, too */
    }
    return 0;
}

/* What is left of the item; -EPIPE if there is no such thing. */
static int buy(requests_sender *store, const char *item, int *ret_left)
{
    struct request request = {.item = item};
    reply_receiver receiver;
    int error = reply_new(&request.reply, &receiver);

    if (error < 0)
        return error;
    error = requests_send(store, request);
    if (error < 0)
        request_drop(&request); /* it was not sent, and is still ours */
    error = error < 0 ? error : reply_recv(&receiver, ret_left);
    reply_receiver_drop(&receiver);
    return error;
}

static int program(void)
{
    requests_sender sender;
    requests_receiver receiver;
    int left;

    if (requests_new(8, &sender, &receiver) < 0)
        return -1;
    WOK_SCOPE(scope)
    {
        wok_scope_spawn(scope, keep_store, &receiver);
        if (buy(&sender, "apple", &left) == 0)
            printf("%d apples are left\n", left);
        printf("a unicorn: %s\n", strerror(-buy(&sender, "unicorn", &left)));
        requests_sender_drop(&sender); /* the store closes */
    }
    requests_receiver_drop(&receiver);
    return 0;
}

int main(void)
{
    return wok_main(program);
}
