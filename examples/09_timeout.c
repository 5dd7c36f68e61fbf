/*
 * 09_timeout.c - a deadline for a block, and a shield against it.
 *
 * A deadline covers a block, and every wait in it, however deep in the functions that it calls: none
 * of them has to know.  Once the time is over each wait says so at once, so that the error path runs
 * to its end.  What must be finished all the same goes into a shield.
 */
#include <errno.h>
#include <stdio.h>

#include <wok/wok.h>

/* Knows of no deadline. */
static int read_page(int page)
{
    return wok_sleep(wok_ms(page < 1000 ? 20 : 0));
}

static int read_book(int pages, int *ret_read)
{
    for (*ret_read = 0; *ret_read < pages; ++*ret_read) {
        int error = read_page(*ret_read);
        if (error < 0)
            return error;
    }
    return 0;
}

static int note_where(int page)
{
    int error = wok_sleep(wok_ms(5)); /* a pencil has to be found */

    if (error == 0)
        printf("a note was made at page %d\n", page);
    return error;
}

static int program(void)
{
    int read, error = 0;

    WOK_TIMEOUT(wok_ms(70))
    {
        error = read_book(1000, &read);
        printf("%s, some pages were read: %s\n", strerror(-error), read > 0 ? "yes" : "no");

        error = note_where(read);
        printf("without a shield: %s\n", strerror(-error));
        WOK_SHIELD()
        {
            error = note_where(7);
        }
    }
    printf("after the block: %s\n", strerror(-wok_sleep(wok_ms(1))));

    /* The nearer of two deadlines wins, whichever is outside. */
    wok_instant start = wok_now();
    WOK_TIMEOUT(wok_ms(30))
    {
        WOK_TIMEOUT(wok_seconds(3600))
        {
            error = read_book(1000, &read);
        }
    }
    printf("inner hour, outer 30 ms: %s after %s\n", strerror(-error),
           wok_elapsed(start).ns < wok_seconds(60).ns ? "less than a minute" : "an hour");
    return 0;
}

int main(void)
{
    return wok_main(program);
}
