/*
 * notify.h - telling a service manager how the service is: sd_notify(3).
 */
#ifndef WOK_SERVER_SERVE_NOTIFY_H
#define WOK_SERVER_SERVE_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <wok/base.h>
#include <wok/time.h>

/* Where the messages go; zero: nowhere. */
struct wok__notifier {
    struct sockaddr_un address;
    socklen_t address_size;
    int fd;
    wok_duration watchdog; /* the longest time between two pings; 0: none are wanted */
};

/*
 * Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of an environment (an array as `environ`).  Without the
 * first nobody is told anything, and no error is made.
 *
 * 0; -EINVAL for an address that is neither a path nor an abstract name, or a time that is none; as socket(2).
 */
int wok__notifier_init(struct wok__notifier *notifier, char *const *environment, pid_t self);
void wok__notifier_done(struct wok__notifier *notifier);

/* Sends lines of NAME=value; never waits.  -EAGAIN where the manager is behind, or as sendto(2). */
__attribute__((format(printf, 2, 3))) int wok__notify(const struct wok__notifier *notifier,
                                                      const char *format, ...);

/* As wok__notify(), of what must arrive: waits up to a second while the manager is behind. */
WOK_CP
int wok__notify_surely(const struct wok__notifier *notifier, const char *lines);

/* A reload begins; READY=1 ends it. */
WOK_CP
int wok__notify_reloading(const struct wok__notifier *notifier);

#endif
