/*
 * main.c - a whole program as one task: what a main() does around it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <wok/runtime.h>

enum { EXIT_PANICKED = 101 }; /* as Rust's programs do, and unlike any errno or small code */

struct main_args {
    int (*body)(void);
};

WOK_TASK(call_body, struct main_args, int);

static int call_body(struct main_args *args, int *result)
{
    int code = args->body();

    *result = code;
    return code < 0 ? code : 0;
}

static int fail(const char *what, int error)
{
    fprintf(stderr, "%s: %s\n", what, strerror(-error));
    return EXIT_FAILURE;
}

int wok_main(int (*body)(void))
{
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;
    wok_join_error why;
    int result = EXIT_SUCCESS;

    int error = body != NULL ? wok_runtime_new(&runtime, NULL) : -EINVAL;
    if (error < 0)
        return fail("cannot build a runtime", error);

    error = wok_block_on(runtime, call_body, {.body = body}, &result, &why);
    if (error == 0)
        return result;
    if (error != -WOK_EJOIN)
        return fail("cannot run on the runtime", error);
    if (why.outcome == WOK_FAILED)
        return fail("the program failed", why.code);
    fprintf(stderr, "%s\n", why.message);
    return why.outcome == WOK_PANICKED ? EXIT_PANICKED : EXIT_FAILURE;
}
