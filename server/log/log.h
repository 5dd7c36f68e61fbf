/*
 * log.h - the log of the process, on stderr: who logs never waits for whoever reads it.
 *
 *     static struct wok__log_site gave_up = WOK__LOG_SITE(WOK__LOG_WARN, "gave up a request");
 *     struct wok__log_line line;
 *
 *     if (wok__log_begin(&line, &gave_up)) {
 *         wok__log_slice(&line, "target", request->target);
 *         wok__log_end(&line, &gave_up);
 *     }
 *
 * There is one log because there is one stderr.  Before wok__log_start() a line is written at once, by
 * its own thread, as text: so tests, and what fails before there are options, need nothing.
 */
#ifndef WOK_SERVER_LOG_LOG_H
#define WOK_SERVER_LOG_LOG_H

#include "log/line.h"

/* A place in the source that logs: its level, its message, and how much of it is too much. */
struct wok__log_site {
    enum wok__log_level level;
    uint32_t per_second; /* lines in each second; 0: no limit */
    bool lazy;           /* may wait some milliseconds to be written together with others */
    const char *message;
    /* Under the log's lock from here on. */
    uint64_t second; /* the one that counts */
    uint32_t passed; /* in it */
    uint64_t suppressed;
    bool listed; /* among those whose suppressed lines are still to be told of */
    struct wok__log_site *next;
};

/* A site of at most so many lines in a second; how many there were beside is told. */
#define WOK__LOG_SITE_OF(level_, per_second_, message_)                                            \
    {                                                                                              \
        .level = (level_), .per_second = (per_second_), .message = (message_)                      \
    }
/* A handler that fails for each request would fill a disk; ten lines show all that a thousand do. */
#define WOK__LOG_SITE(level_, message_) WOK__LOG_SITE_OF(level_, 10, message_)
/* Of things that happen a few times in a process's life, or that are asked for by an option. */
#define WOK__LOG_SITE_UNLIMITED(level_, message_)                                                  \
    {                                                                                              \
        .level = (level_), .message = (message_)                                                   \
    }

struct wok__log_options {
    enum wok__log_format format;
    enum wok__log_level level; /* those below it are not logged */
    int fd;                    /* borrowed until the stop */
};

/* What became of the lines so far. */
struct wok__log_figures {
    uint64_t written, lost, suppressed;
};

/*
 * Starts the thread that writes.  Options count from then on, also if it fails: then lines are written
 * by those who log them.
 *
 * Errors:     0; -ENOMEM; -EAGAIN if there can be no thread; -EALREADY, also
 *             after a stop that gave up.
 * Threads:    one, before others log.
 */
WOK_MUST_USE
int wok__log_start(const struct wok__log_options *options);

/*
 * Writes what is queued and ends the thread, or gives up after `limit`: then nothing is logged any more,
 * because stderr takes nothing.  True: everything was written or told to be lost.
 */
bool wok__log_stop(wok_duration limit);

/* Begins a line; false: there is nothing to do, since its level is off or its site has said enough. */
WOK_MUST_USE
bool wok__log_begin(struct wok__log_line *line, struct wok__log_site *site);

/* Queues it.  Waits for nobody: what does not fit is counted and told of later. */
void wok__log_end(struct wok__log_line *line, const struct wok__log_site *site);

/* A line that is a message alone; longer ones are cut at a kilobyte. */
__attribute__((format(printf, 2, 3))) void wok__log_printf(struct wok__log_site *site,
                                                           const char *format, ...);

void wok__log_figures_get(struct wok__log_figures *ret_figures);

#endif
