/*
 * 01_spawn.c - two fetches at the same time, and a main task that goes on meanwhile.
 *
 * A task is a function with its own stack that the runtime runs beside all others.  Where it waits
 * (wok_sleep here, a socket elsewhere) its thread runs another task: the fetches take 500 ms
 * together, the slower one's time, and not 800.
 *
 * Build it:   cc -fexceptions 01_spawn.c -lwok -lpthread
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wok/wok.h>

/* What a fetch is given.  The struct is moved into the task, like every argument of a spawn. */
struct source {
    const char *name;
    wok_duration delay;
};

static void free_text(char **text)
{
    free(*text);
}

/* Declares fetch_data_from(struct source *, char **) as something that can be spawned.  It makes
 * the types fetch_data_from_join and the function fetch_data_from_await().  free_text destroys a
 * result that nobody takes. */
WOK_TASK_WITH_DROP(fetch_data_from, struct source, char *, NULL, free_text);

/* Simulates a network request. */
static int fetch_data_from(struct source *source, char **data)
{
    printf("Start fetching from %s...\n", source->name);

    /* Puts this task aside; its thread is free for others until the time is over. */
    int error = wok_sleep(source->delay);
    if (error < 0)
        return error; /* the task was aborted */

    size_t size = sizeof "Data from " + strlen(source->name);
    *data = malloc(size);
    if (*data == NULL)
        return -ENOMEM;
    snprintf(*data, size, "Data from %s", source->name);
    printf("Finished fetching from %s.\n", source->name);
    return 0;
}

static int program(void)
{
    WOK_CLEANUP(free_text) char *result_1 = NULL;
    WOK_CLEANUP(free_text) char *result_2 = NULL;

    printf("--- Spawning Concurrent Tasks ---\n");

    /* 1. Spawn a task for the first source: the runtime has it, and we move on immediately. */
    fetch_data_from_join task_1 =
        wok_spawn(fetch_data_from, {.name = "API Server", .delay = wok_ms(500)});

    /* 2. Spawn a task for the second source. */
    fetch_data_from_join task_2 =
        wok_spawn(fetch_data_from, {.name = "Database", .delay = wok_ms(300)});

    /* 3. Do other work while the spawned tasks run in the background. */
    printf("Main task is free to do other work while fetches are running.\n");
    wok_sleep(wok_ms(100));
    printf("Main task has finished its other work.\n");

    /* 4. Wait for the results.  A task that panicked or was aborted has none: then the await
     * returns -WOK_EJOIN, and `why` says what happened. */
    wok_join_error why;
    if (fetch_data_from_await(&task_1, &result_1, &why) < 0)
        wok_panic("%s", why.message);
    if (fetch_data_from_await(&task_2, &result_2, &why) < 0)
        wok_panic("%s", why.message);

    printf("\n--- Results ---\n");
    printf("Result from Task 1: '%s'\n", result_1);
    printf("Result from Task 2: '%s'\n", result_2);
    return 0;
}

int main(void)
{
    return wok_main(program);
}
