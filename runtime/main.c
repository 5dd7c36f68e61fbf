/*
 * main.c - a whole program as one task: what a main() does around it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wok/runtime.h>

#include "sched/sched.h"

enum { EXIT_PANICKED = 101 }; /* as Rust's programs do, and unlike any errno or small code */

static int call_body(void *args, void *result)
{
    int code = (*(int (**)(void))args)();

    *(int *)result = code;
    return code < 0 ? code : 0;
}

static int fail(const char *what, int error)
{
    fprintf(stderr, "%s: %s\n", what, strerror(-error));
    return EXIT_FAILURE;
}

int wok_main_at(int (*body)(void), const wok_spawn_site *site)
{
    /* It lives for longer than the runtime, and so than the task. */
    const wok_spawn_site main_site = {
        .name = site->name,
        .file = site->file,
        .line = site->line,
        .function = call_body,
        .args_size = sizeof body,
        .result_size = sizeof(int),
    };
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;
    wok_join_error why;
    int result = EXIT_SUCCESS;

    if (body == NULL) {
        fprintf(stderr, "wok_main at %s:%d has no body: it is given NULL\n", site->file,
                site->line);
        return EXIT_FAILURE;
    }
    int error = wok_runtime_new(&runtime, NULL);
    if (error < 0)
        return fail("cannot build a runtime", error);

    error = wok_block_on_raw(runtime, &main_site, &body, &result, &why);
    if (error == 0)
        return result;
    if (error != -WOK_EJOIN)
        return fail("cannot run on the runtime", error);
    if (why.outcome == WOK_FAILED)
        return fail("the program failed", why.code);
    if (why.outcome == WOK_PANICKED) {
        wok__print_panic(&why, "");
        return EXIT_PANICKED;
    }
    fprintf(stderr, "%s\n", why.message);
    return EXIT_FAILURE;
}
