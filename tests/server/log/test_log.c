/*
 * test_log.c - the log's queue: nothing that stderr does holds up who logs, and no line is lost unseen.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/test.h"

#include "log/log.h"

static struct wok__log_site plain = WOK__LOG_SITE_UNLIMITED(WOK__LOG_INFO, "plain");

/* ---- a pipe as stderr ----------------------------------------------------------------------------- */

/* What is read from a pipe until its end, by a thread. */
struct reader {
    int fd;
    pthread_t thread;
    char *text;
    size_t size;
};

static void *read_all(void *argument)
{
    struct reader *reader = argument;
    size_t capacity = 16 << 20;
    ssize_t got;

    reader->text = malloc(capacity);
    while ((got = read(reader->fd, reader->text + reader->size, capacity - 1 - reader->size)) > 0)
        reader->size += (size_t)got;
    reader->text[reader->size] = '\0';
    return NULL;
}

static void reader_start(struct reader *reader, int fd)
{
    *reader = (struct reader){.fd = fd};
    cr_assert_eq(pthread_create(&reader->thread, NULL, read_all, reader), 0);
}

static void reader_end(struct reader *reader)
{
    pthread_join(reader->thread, NULL);
    close(reader->fd);
}

static void start(int fd)
{
    struct wok__log_options options = {WOK__LOG_TEXT, WOK__LOG_INFO, fd};

    cr_assert_eq(wok__log_start(&options), 0);
}

static uint64_t count(const char *text, const char *part)
{
    uint64_t seen = 0;

    for (; (text = strstr(text, part)) != NULL; text++)
        seen++;
    return seen;
}

static uint64_t told_lost(const char *text)
{
    uint64_t lost = 0;

    while ((text = strstr(text, "lines of this log were lost")) != NULL) {
        text = strstr(text, "count=");
        lost += strtoull(text + 6, NULL, 10);
    }
    return lost;
}

/* ---- the tests ------------------------------------------------------------------------------------ */

Test(log, writes_lines_in_their_order_and_all_at_the_stop, .timeout = 30)
{
    struct reader reader;
    int ends[2];
    char *at;

    cr_assert_eq(pipe(ends), 0);
    start(ends[1]);
    reader_start(&reader, ends[0]);
    for (int i = 0; i < 1000; i++)
        wok__log_printf(&plain, "line %d.", i);
    cr_assert(wok__log_stop(wok_seconds(10)));
    close(ends[1]);
    reader_end(&reader);
    at = reader.text;
    for (int i = 0; i < 1000; i++) {
        char want[32];
        snprintf(want, sizeof want, " line %d.\n", i);
        at = strstr(at, want);
        cr_assert_not_null(at, "%s", want);
    }
    cr_assert_eq(count(reader.text, "\n"), 1000u);
    free(reader.text);
}

Test(log, leaves_out_levels_below_its_own, .timeout = 30)
{
    static struct wok__log_site debug = WOK__LOG_SITE_UNLIMITED(WOK__LOG_DEBUG, "debug");
    static struct wok__log_site bad = WOK__LOG_SITE_UNLIMITED(WOK__LOG_ERROR, "bad");
    struct wok__log_line line;
    struct reader reader;
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    start(ends[1]);
    reader_start(&reader, ends[0]);
    cr_assert(!wok__log_begin(&line, &debug));
    wok__log_printf(&debug, "debug");
    cr_assert(wok__log_begin(&line, &bad));
    wok__log_end(&line, &bad);
    cr_assert(wok__log_stop(wok_seconds(10)));
    close(ends[1]);
    reader_end(&reader);
    cr_assert_eq(count(reader.text, "\n"), 1u);
    cr_assert_eq(count(reader.text, "error bad\n"), 1u);
    free(reader.text);
}

Test(log, loses_what_a_full_pipe_does_not_take_and_tells_how_much, .timeout = 30)
{
    struct wok__log_figures before, figures;
    struct reader reader;
    int ends[2];
    uint64_t there;

    cr_assert_eq(pipe(ends), 0);
    wok__log_figures_get(&before);
    start(ends[1]);
    /* Some two megabytes, of which pipe and buffers take half of one; nobody reads yet. */
    for (int i = 0; i < 20000; i++)
        wok__log_printf(&plain,
                        "line %d of many, of which every one has its hundred bytes ....... .", i);
    wok__log_figures_get(&figures);
    cr_assert_gt(figures.lost - before.lost, 1000u);
    reader_start(&reader, ends[0]);
    cr_assert(wok__log_stop(wok_seconds(10)));
    close(ends[1]);
    reader_end(&reader);
    wok__log_figures_get(&figures);
    there = count(reader.text, " of many");
    cr_assert_gt(there, 0u);
    cr_assert_eq(there + told_lost(reader.text), 20000u);
    cr_assert_eq(figures.lost - before.lost, told_lost(reader.text));
    cr_assert_eq(figures.written - before.written, there);
    free(reader.text);
}

Test(log, a_closed_pipe_kills_nobody, .timeout = 30)
{
    struct wok__log_figures before, figures;
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    close(ends[0]);
    wok__log_figures_get(&before);
    start(ends[1]);
    for (int i = 0; i < 100; i++)
        wok__log_printf(&plain, "line %d", i);
    cr_assert(wok__log_stop(wok_seconds(10)));
    close(ends[1]);
    wok__log_figures_get(&figures);
    cr_assert_eq(figures.lost - before.lost, 100u);
    cr_assert_eq(figures.written, before.written);
}

Test(log, a_full_disk_loses_the_lines_and_nothing_else, .timeout = 30)
{
    struct wok__log_figures before, figures;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    if (full < 0)
        return; /* a machine without it; tests/e2e/test_logs.sh says that it skips */
    wok__log_figures_get(&before);
    start(full);
    for (int i = 0; i < 100; i++)
        wok__log_printf(&plain, "line %d", i);
    cr_assert(wok__log_stop(wok_seconds(10)));
    close(full);
    wok__log_figures_get(&figures);
    cr_assert_eq(figures.lost - before.lost, 100u);
}

Test(log, tells_what_a_full_disk_lost_once_there_is_room, .timeout = 30)
{
    struct wok__log_figures before, figures;
    struct reader reader;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC), ends[2];

    if (full < 0)
        return;
    cr_assert_eq(pipe(ends), 0);
    wok__log_figures_get(&before);
    start(full);
    for (int i = 0; i < 100; i++)
        wok__log_printf(&plain, "line %d", i);
    do
        wok__log_figures_get(&figures);
    while (figures.lost - before.lost < 100);
    reader_start(&reader, ends[0]);
    cr_assert_eq(dup2(ends[1], full), full); /* there is room now */
    wok__log_printf(&plain, "the next line");
    cr_assert(wok__log_stop(wok_seconds(10)));
    close(ends[1]);
    close(full);
    reader_end(&reader);
    cr_assert_eq(count(reader.text, "info  the next line\n"), 1u);
    cr_assert_eq(told_lost(reader.text), 100u, "%s", reader.text);
    free(reader.text);
}

Test(log, a_pipe_that_does_not_block_gets_every_line, .timeout = 30)
{
    struct reader reader;
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    start(ends[1]);
    for (int i = 0; i < 2000; i++) /* more than a pipe takes, less than pipe and buffer do */
        wok__log_printf(&plain, "line %d of many, of which every one has its hundred bytes", i);
    reader_start(&reader, ends[0]);
    cr_assert(wok__log_stop(wok_seconds(10)));
    close(ends[1]);
    reader_end(&reader);
    cr_assert_eq(count(reader.text, " of many"), 2000u);
    free(reader.text);
}

Test(log, a_site_says_only_so_much_in_a_second_and_how_much_more_there_was, .timeout = 30)
{
    static struct wok__log_site noisy = WOK__LOG_SITE(WOK__LOG_WARN, "noisy");
    struct reader reader;
    struct wok__log_line line;
    uint64_t passed = 0;
    const char *told;
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    start(ends[1]);
    reader_start(&reader, ends[0]);
    for (int i = 0; i < 1000; i++) {
        if (!wok__log_begin(&line, &noisy))
            continue;
        wok__log_end(&line, &noisy);
        passed++;
    }
    cr_assert(wok__log_stop(wok_seconds(10)));
    close(ends[1]);
    reader_end(&reader);
    cr_assert_geq(passed, 10u);
    cr_assert_lt(passed, 1000u);
    cr_assert_eq(count(reader.text, "warn  noisy\n"), passed);
    uint64_t suppressed = 0;
    for (told = reader.text; (told = strstr(told, "were suppressed of=noisy count=")) != NULL;) {
        told = strstr(told, "count=") + 6;
        suppressed += strtoull(told, NULL, 10);
    }
    cr_assert_eq(passed + suppressed, 1000u, "%s", reader.text);
    free(reader.text);
}

/* ---- several at once ------------------------------------------------------------------------------ */

enum { THREADS = 4, LINES = 3000 };

static void *log_many(void *argument)
{
    static struct wok__log_site lazy = {.level = WOK__LOG_INFO, .lazy = true, .message = "lazy"};
    int thread = *(int *)argument;

    for (int i = 0; i < LINES; i++) {
        struct wok__log_line line;
        if (!wok__log_begin(&line, &lazy))
            abort();
        wok__log_number(&line, "thread", (uint64_t)thread);
        wok__log_number(&line, "line", (uint64_t)i);
        wok__log_end(&line, &lazy);
    }
    return NULL;
}

Test(log, lines_of_several_threads_stay_whole_and_each_in_its_order, .timeout = 60)
{
    int next[THREADS] = {0}, numbers[THREADS], ends[2];
    struct wok__log_figures before, figures;
    pthread_t threads[THREADS];
    struct reader reader;
    uint64_t seen = 0;

    cr_assert_eq(pipe(ends), 0);
    wok__log_figures_get(&before);
    start(ends[1]);
    reader_start(&reader, ends[0]);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, log_many, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert(wok__log_stop(wok_seconds(30)));
    close(ends[1]);
    reader_end(&reader);
    wok__log_figures_get(&figures);
    for (char *at = reader.text, *stop; *at != '\0'; at = stop + 1) {
        int thread, line;
        stop = strchr(at, '\n');
        cr_assert_not_null(stop);
        *stop = '\0';
        if (strstr(at, "were lost") != NULL)
            continue;
        at = strstr(at, "info  lazy thread=");
        cr_assert_not_null(at);
        cr_assert_eq(sscanf(at, "info  lazy thread=%d line=%d", &thread, &line), 2);
        cr_assert_geq(line, next[thread]);
        next[thread] = line + 1;
        seen++;
    }
    cr_assert_eq(seen + figures.lost - before.lost, (uint64_t)THREADS * LINES);
    free(reader.text);
}
