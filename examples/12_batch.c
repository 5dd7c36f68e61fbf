/*
 * 12_batch.c - a select over a channel, a timer and a token: work in batches.
 *
 * Records are stored four at a time, since each access to the disk costs the same however many there
 * are.  But none waits for longer than 200 ms for others to come, and when it is time to stop, what has
 * arrived is stored first.  Each wait is an operation, so the loop says just that.
 */
#include <errno.h>
#include <stdio.h>

#include <wok/wok.h>

enum { BATCH = 4 };

WOK_CHANNEL(record, int, NULL);

struct store {
    record_receiver records;
    wok_token *stop;
};

static void store_drop(struct store *store)
{
    record_receiver_drop(&store->records);
    wok_token_drop(store->stop);
}

static wok_semaphore stored; /* a permit for each batch */

static void flush(const int *batch, size_t *count, const char *why)
{
    printf("stores");
    for (size_t i = 0; i < *count; i++)
        printf(" %d", batch[i]);
    printf(": %s\n", why);
    *count = 0;
    wok_semaphore_release(&stored, 1);
}

/* Its result is how many it has stored. */
WOK_TASK_WITH_DROP(keep, struct store, size_t, store_drop, NULL);

static int keep(struct store *store, size_t *total)
{
    enum { RECORD, STOP, LATE };
    int batch[BATCH], code;
    size_t count = 0;
    wok_instant latest = WOK_NEVER;

    for (*total = 0;;) {
        wok_op branches[] = {
            [RECORD] = record_recv_op(&store->records, &batch[count]),
            [STOP] = wok_token_op(store->stop),
            [LATE] = wok_sleep_until_op(latest),
        };
        /* Biased: what has arrived comes before a stop, which comes before the timer. */
        int first = wok_select(branches, WOK_COUNT(branches), WOK_SELECT_BIASED, &code);
        if (first < 0)
            return first;
        if (first == RECORD && code == 0) {
            *total += 1;
            if (++count == 1)
                latest = wok_after(wok_ms(200));
            if (count < BATCH)
                continue;
        }
        if (count > 0)
            flush(batch, &count,
                  first == RECORD ? "the batch is full"
                  : first == LATE ? "they have waited long enough"
                                  : "it is time to stop");
        latest = WOK_NEVER;
        if (first == STOP || code < 0) /* -EPIPE: nobody is left to send */
            return 0;
    }
}

static int send_all(record_sender *sender, int from, int to)
{
    int error = 0;

    for (int i = from; i <= to && error == 0; i++)
        error = record_send(sender, i);
    return error;
}

static int program(void)
{
    WOK_CLEANUP(wok_token_dropp) wok_token *stop = NULL;
    WOK_CLEANUP(record_sender_drop) record_sender sender = {0};
    struct store store = {0};
    size_t total = 0;

    int error = wok_token_new(&stop);
    if (error < 0)
        return error;
    error = record_new(16, &sender, &store.records);
    if (error < 0)
        return error;
    store.stop = wok_token_ref(stop);

    error = send_all(&sender, 1, 10);
    keep_join keeper = wok_spawn(keep, store);
    if (error == 0)
        error = wok_semaphore_acquire(&stored, 3);
    if (error == 0)
        error = send_all(&sender, 11, 12);
    wok_token_cancel(stop);
    if (error == 0)
        error = keep_await(&keeper, &total, NULL);
    printf("%zu are stored\n", total);
    return error;
}

int main(void)
{
    return wok_main(program);
}
