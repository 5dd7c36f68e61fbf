/*
 * 20_blocking_pool.c - a pool of one's own for one kind of blocking work.
 *
 * All of a runtime's blocking calls share one pool with many threads.  Work that must not take all of them, or
 * a library that only stands so many callers, gets a pool with a name and limits of its own: what does not
 * fit into its threads waits in its queue, and what does not fit there is refused at once.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <wok/wok.h>

enum { THREADS = 2, QUEUE = 4, CALLS = 10 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* these threads may block */
static int running, running_most;                        /* the mutex */
static int gate[2]; /* a pipe: what the calls wait for, as for a slow disk */

static void note_running(int more)
{
    pthread_mutex_lock(&lock);
    running += more;
    running_most = running > running_most ? running : running_most;
    pthread_mutex_unlock(&lock);
}

/* A call into an old library that blocks its thread. */
WOK_TASK(decode, int, int);

static int decode(int *number, int *result)
{
    char byte;

    note_running(1);
    ssize_t got = read(gate[0], &byte, 1);
    note_running(-1);
    *result = *number * *number;
    return got == 1 ? 0 : -EIO;
}

static int program(void)
{
    WOK_CLEANUP(wok_blocking_pool_freep) wok_blocking_pool *images = NULL;
    wok_blocking_pool_options options = {
        .name = "images", .threads_max = THREADS, .queue_max = QUEUE, .keep_alive = wok_ms(100)};
    decode_join calls[CALLS];
    wok_join_error why;
    int done = 0, refused = 0, sum = 0, square;

    if (pipe(gate) < 0 || wok_blocking_pool_new(&images, NULL, &options) < 0)
        return -1;
    for (int i = 0; i < CALLS; i++)
        calls[i] = wok_spawn_blocking_in(images, decode, i); /* never waits */

    /* The workers are free meanwhile: this task sleeps, and the calls block. */
    if (wok_sleep(wok_ms(20)) < 0)
        return -1;
    if (write(gate[1], "open the gate", CALLS) < 0)
        return -1;
    for (int i = 0; i < CALLS; i++) {
        if (decode_await(&calls[i], &square, &why) == 0) {
            done++;
            sum += square;
        } else if (why.outcome == WOK_NOT_STARTED && why.code == -EAGAIN) {
            refused++;
        }
    }
    printf("%s at a time, %d calls done, %d refused\n",
           running_most <= THREADS ? "never more than 2" : "too many", done, refused);
    printf("the squares of 0 to 5 add up to %d\n", sum);
    return 0;
}

int main(void)
{
    return wok_main(program);
}
