/*
 * log.c - the log's queue, and the thread that writes it.
 *
 * Whoever logs copies a finished line to the end of one buffer; the thread takes that buffer away whole,
 * leaves an empty one in its place, and writes.  The lock is held for a copy of at most four kilobytes or
 * for an exchange of two pointers, never during a system call but the futex that wakes the thread.
 *
 * Invariants
 *   Q1  `filling` holds whole lines, in the order in which they were queued.
 *   Q2  `writing` is the thread's alone; it becomes `filling` only when all of it was written or lost.
 *   Q3  a line is written, or counted in `lost`; a count of lost lines is told in the log as soon as
 *       something can be written again.
 *   Q4  a site that kept lines back is in the list `quiet` until the log has told how many.
 *
 * What stderr may do: be a full pipe (the thread waits in write, lines are lost once the buffer is full),
 * a closed one or a full disk (the lines are lost, the next ones are tried again), non-blocking (it is
 * polled).  docs/decisions/0048-log-queue.md has the alternatives.
 */
#include "log/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/thread.h"

enum {
    BUFFER_BYTES = 256 << 10, /* some 1,000 lines of access log; there are two */
    STACK_BYTES = 64 << 10,
};

/* Lazy lines are gathered for so long: a write and a wake each, and a thread woken for every request would
 * cost more than the request. */
#define GATHER_NS UINT64_C(5000000)
/* After so long without a line it is looked whether something is to be told of. */
#define LOOK_NS UINT64_C(1000000000)

static struct {
    /* Constant while others log. */
    enum wok__log_format format;
    enum wok__log_level level;
    int fd;
    pthread_t thread;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t wake;  /* the thread's */
    pthread_cond_t done;  /* of whoever stops it */
    enum { DIRECT, RUNNING, STOPPING, ENDED, GIVEN_UP } state;
    bool asleep; /* the thread waits for a line of any kind */
    bool urgent; /* a line that is not lazy is queued */
    char *filling, *writing;
    size_t size; /* of what is in `filling` */
    uint64_t lines;
    struct wok__log_site *quiet;
    struct wok__log_figures figures;
    uint64_t lost_untold;
} the_log = {
    .level = WOK__LOG_INFO,
    .fd = STDERR_FILENO,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

/* ---- writing -------------------------------------------------------------------------------------- */

/* Writes all, however long it takes; 0, or why it cannot be.  `ret_written` in any case. */
static int write_all(int fd, const char *data, size_t size, size_t *ret_written)
{
    size_t written = 0;
    int error = 0;

    while (written < size && error == 0) {
        ssize_t count = write(fd, data + written, size - written);
        if (count >= 0) {
            written += (size_t)count;
        } else if (errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            (void)poll(&wait, 1, 1000);
        } else if (errno != EINTR) {
            error = -errno;
        }
    }
    *ret_written = written;
    return error;
}

/* Where a write has stopped in the middle of a line, the next line begins behind a newline. */
static int write_lines(const char *data, size_t size)
{
    static bool torn; /* the thread's */
    size_t written = 0;
    int error;

    if (torn && write_all(the_log.fd, "\n", 1, &written) < 0)
        return -EIO;
    error = write_all(the_log.fd, data, size, &written);
    torn = written > 0 && data[written - 1] != '\n';
    return error < 0 ? error : 0;
}

/* As write_lines, and counts. */
static int write_counted(const char *data, size_t size, uint64_t lines)
{
    int error = size == 0 ? 0 : write_lines(data, size);

    pthread_mutex_lock(&the_log.lock);
    if (error < 0) {
        the_log.figures.lost += lines;
        the_log.lost_untold += lines;
    } else {
        the_log.figures.written += lines;
    }
    pthread_mutex_unlock(&the_log.lock);
    return error;
}

/* ---- what the log tells of itself ----------------------------------------------------------------- */

static struct timespec wall(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now;
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int tell(const char *message, const char *of, uint64_t count)
{
    struct wok__log_line line;

    wok__log_line_begin(&line, the_log.format, WOK__LOG_WARN, wall(), wok_slice_of(message));
    if (of != NULL)
        wok__log_string(&line, "of", of);
    wok__log_number(&line, "count", count);
    wok__log_line_end(&line);
    return write_lines(line.text, line.size);
}

/* The thread, without the lock.  Lines that were lost are told of until that is not lost itself. */
static void tell_lost(void)
{
    uint64_t lost;

    pthread_mutex_lock(&the_log.lock);
    lost = the_log.lost_untold;
    the_log.lost_untold = 0;
    pthread_mutex_unlock(&the_log.lock);
    if (lost == 0 ||
        tell("lines of this log were lost, since stderr did not take them", NULL, lost) == 0)
        return;
    pthread_mutex_lock(&the_log.lock);
    the_log.lost_untold += lost;
    pthread_mutex_unlock(&the_log.lock);
}

/* The first site whose second is over, or any with `all`; out of the list.  With the lock. */
static struct wok__log_site *take_quiet(bool all, uint64_t *ret_suppressed)
{
    uint64_t second = monotonic_ns() / 1000000000;

    for (struct wok__log_site **at = &the_log.quiet; *at != NULL; at = &(*at)->next) {
        struct wok__log_site *site = *at;
        if (!all && site->second == second)
            continue;
        *at = site->next;
        site->listed = false;
        *ret_suppressed = site->suppressed;
        site->suppressed = 0;
        return site;
    }
    return NULL;
}

static void tell_quiet(bool all)
{
    for (;;) {
        uint64_t suppressed;
        struct wok__log_site *site;
        pthread_mutex_lock(&the_log.lock);
        site = take_quiet(all, &suppressed);
        pthread_mutex_unlock(&the_log.lock);
        if (site == NULL)
            return;
        (void)tell("similar lines were suppressed", site->message, suppressed);
    }
}

/* ---- the thread ----------------------------------------------------------------------------------- */

static void wait_until(pthread_cond_t *condition, uint64_t deadline_ns)
{
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                             .tv_nsec = (long)(deadline_ns % 1000000000)};

    (void)pthread_cond_timedwait(condition, &the_log.lock, &until);
}

/* With the lock.  Until there is a line, or something may have to be told. */
static void wait_for_lines(void)
{
    if (the_log.size == 0 && the_log.state == RUNNING) {
        the_log.asleep = true;
        if (the_log.quiet != NULL || the_log.lost_untold != 0)
            wait_until(&the_log.wake, monotonic_ns() + LOOK_NS);
        else
            pthread_cond_wait(&the_log.wake, &the_log.lock);
        the_log.asleep = false;
    }
    if (the_log.size != 0) {
        uint64_t until_ns = monotonic_ns() + GATHER_NS;
        while (!the_log.urgent && the_log.state == RUNNING && monotonic_ns() < until_ns)
            wait_until(&the_log.wake, until_ns);
    }
}

/* Takes what is queued away and writes it; true: the log is to end, and all was written. */
static bool write_round(void)
{
    size_t size;
    uint64_t lines;
    bool last;

    pthread_mutex_lock(&the_log.lock);
    wait_for_lines();
    char *taken = the_log.filling;
    the_log.filling = the_log.writing;
    the_log.writing = taken;
    size = the_log.size;
    lines = the_log.lines;
    the_log.size = 0;
    the_log.lines = 0;
    the_log.urgent = false;
    last = the_log.state == STOPPING && size == 0;
    pthread_mutex_unlock(&the_log.lock);
    (void)write_counted(taken, size, lines);
    tell_quiet(last);
    tell_lost();
    return last;
}

static void *run(void *unused)
{
    (void)unused;
    while (!write_round())
        continue;
    pthread_mutex_lock(&the_log.lock);
    if (the_log.state == STOPPING)
        the_log.state = ENDED;
    pthread_cond_signal(&the_log.done);
    pthread_mutex_unlock(&the_log.lock);
    return NULL;
}

/* ---- start and stop ------------------------------------------------------------------------------- */

static void free_buffers(void)
{
    free(WOK_TAKE(the_log.filling));
    free(WOK_TAKE(the_log.writing));
}

int wok__log_start(const struct wok__log_options *options)
{
    pthread_condattr_t monotonic;
    int error;

    if (the_log.state != DIRECT)
        return -EALREADY;
    the_log.format = options->format;
    the_log.level = options->level;
    the_log.fd = options->fd;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&the_log.wake, &monotonic);
    pthread_cond_init(&the_log.done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    the_log.filling = malloc(BUFFER_BYTES);
    the_log.writing = malloc(BUFFER_BYTES);
    if (the_log.filling == NULL || the_log.writing == NULL) {
        free_buffers();
        return -ENOMEM;
    }
    the_log.state = RUNNING;
    error = wok__thread_begin(&the_log.thread, "wok-log", STACK_BYTES, run, NULL);
    if (error < 0) {
        the_log.state = DIRECT;
        free_buffers();
    }
    return error;
}

bool wok__log_stop(wok_duration limit)
{
    uint64_t deadline_ns = monotonic_ns() + limit.ns;
    bool ended;

    pthread_mutex_lock(&the_log.lock);
    if (the_log.state != RUNNING) {
        ended = the_log.state == DIRECT;
        pthread_mutex_unlock(&the_log.lock);
        return ended;
    }
    the_log.state = STOPPING;
    pthread_cond_signal(&the_log.wake);
    while (the_log.state == STOPPING && monotonic_ns() < deadline_ns)
        wait_until(&the_log.done, deadline_ns);
    ended = the_log.state == ENDED;
    the_log.state = ended ? DIRECT : GIVEN_UP; /* the thread still has its buffer */
    pthread_mutex_unlock(&the_log.lock);
    if (!ended)
        return false;
    pthread_join(the_log.thread, NULL);
    free_buffers();
    return true;
}

/* ---- logging -------------------------------------------------------------------------------------- */

/* True: the site has not said enough in this second. */
static bool site_may(struct wok__log_site *site)
{
    uint64_t second = monotonic_ns() / 1000000000;
    bool may;

    pthread_mutex_lock(&the_log.lock);
    if (site->second != second) {
        site->second = second;
        site->passed = 0;
    }
    may = site->passed < site->per_second;
    site->passed += may;
    if (!may) {
        site->suppressed++;
        the_log.figures.suppressed++;
    }
    if (!may && !site->listed) {
        site->listed = true;
        site->next = the_log.quiet;
        the_log.quiet = site;
    }
    pthread_mutex_unlock(&the_log.lock);
    return may;
}

bool wok__log_begin(struct wok__log_line *line, struct wok__log_site *site)
{
    if (site->level < the_log.level || (site->per_second != 0 && !site_may(site)))
        return false;
    wok__log_line_begin(line, the_log.format, site->level, wall(), wok_slice_of(site->message));
    return true;
}

/* With the lock. */
static void queue_line(const struct wok__log_line *line, bool lazy)
{
    if (the_log.size + line->size > BUFFER_BYTES || the_log.state == GIVEN_UP) {
        the_log.figures.lost++;
        the_log.lost_untold++;
        return;
    }
    memcpy(the_log.filling + the_log.size, line->text, line->size);
    the_log.size += line->size;
    the_log.lines++;
    if (the_log.asleep || (!the_log.urgent && (!lazy || the_log.size > BUFFER_BYTES / 2)))
        pthread_cond_signal(&the_log.wake);
    the_log.asleep = false; /* woken once */
    if (!lazy || the_log.size > BUFFER_BYTES / 2)
        the_log.urgent = true;
}

void wok__log_end(struct wok__log_line *line, const struct wok__log_site *site)
{
    size_t written;

    wok__log_line_end(line);
    pthread_mutex_lock(&the_log.lock);
    if (the_log.state != DIRECT) {
        queue_line(line, site->lazy);
        pthread_mutex_unlock(&the_log.lock);
        return;
    }
    pthread_mutex_unlock(&the_log.lock);
    (void)write_all(the_log.fd, line->text, line->size, &written);
}

void wok__log_printf(struct wok__log_site *site, const char *format, ...)
{
    struct wok__log_line line;
    char message[1024];
    va_list args;

    if (site->level < the_log.level || (site->per_second != 0 && !site_may(site)))
        return;
    va_start(args, format);
    if (vsnprintf(message, sizeof message, format, args) < 0)
        message[0] = '\0';
    va_end(args);
    wok__log_line_begin(&line, the_log.format, site->level, wall(), wok_slice_of(message));
    wok__log_end(&line, site);
}

void wok__log_figures_get(struct wok__log_figures *ret_figures)
{
    pthread_mutex_lock(&the_log.lock);
    *ret_figures = the_log.figures;
    pthread_mutex_unlock(&the_log.lock);
}
