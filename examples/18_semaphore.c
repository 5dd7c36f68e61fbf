/*
 * 18_semaphore.c - so many at a time, and no more.
 *
 * A semaphore has permits.  Who wants to go on takes some, and waits where there are too few: first come,
 * first served, also when somebody at the head wants many.  The block form gives them back however the
 * block is left, by a cancellation as well, so that none is lost.
 */
#include <errno.h>
#include <stdio.h>

#include <wok/wok.h>

enum { BURNERS = 3 };

static wok_semaphore burners = WOK_SEMAPHORE_INIT(BURNERS);
static wok_mutex lock = WOK_MUTEX_INIT;
static int lit, lit_most; /* the mutex */

static void light(int burners_more)
{
    WOK_LOCK(&lock)
    {
        lit += burners_more;
        lit_most = lit > lit_most ? lit : lit_most;
    }
}

/* A dish needs one burner; a goose needs all of them. */
static int cook(int *needs)
{
    int error = 0;

    WOK_ACQUIRE(&burners, (uint64_t)*needs, &error)
    {
        light(*needs);
        error = wok_sleep(wok_ms(2));
        light(-*needs);
    }
    return error;
}

static int program(void)
{
    int dishes[20], code = 0;

    WOK_SCOPE(kitchen, .ret_code = &code)
    {
        for (size_t i = 0; i < WOK_COUNT(dishes); i++) {
            dishes[i] = i == 10 ? BURNERS : 1;
            wok_scope_spawn(kitchen, cook, &dishes[i]);
        }
    }
    printf("20 dishes: %s, at most %d burners at a time\n", strerror(-code), lit_most);

    /* Somebody who gives up takes nothing, and leaves nothing behind. */
    if (wok_semaphore_acquire(&burners, BURNERS) < 0)
        return -1;
    WOK_TIMEOUT(wok_ms(5))
    {
        int one = 1;
        printf("no burner is free: %s\n", strerror(-cook(&one)));
    }
    printf("without waiting: %s\n", strerror(-wok_semaphore_try_acquire(&burners, 1)));
    wok_semaphore_release(&burners, BURNERS);
    printf("%u burners are free again\n", (unsigned)wok_semaphore_available(&burners));

    /* The end of it: whoever waits, or comes later, is told. */
    wok_semaphore_close(&burners);
    printf("the kitchen is closed: %s\n", strerror(-wok_semaphore_acquire(&burners, 1)));
    return 0;
}

int main(void)
{
    return wok_main(program);
}
