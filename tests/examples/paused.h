/*
 * paused.h - included in front of an example: runs it on a paused clock, so that what it says of time is
 * exact on any machine.  The same program on the real clock is tried beside it.
 */
#ifndef WOK_TESTS_EXAMPLES_PAUSED_H
#define WOK_TESTS_EXAMPLES_PAUSED_H

#include <stdlib.h>

#include <wok/wok.h>

static int (*paused_program)(void);

static int paused_body(void *unused)
{
    (void)unused;
    return paused_program();
}

static inline int paused_main(int (*body)(void))
{
    paused_program = body;
    return wok_test_run(&(wok_test_options){0}, paused_body, NULL) < 0 ? EXIT_FAILURE
                                                                       : EXIT_SUCCESS;
}

#undef wok_main
#define wok_main paused_main

#endif
