/*
 * notify.c - telling a service manager how the service is: sd_notify(3).
 *
 * A datagram of lines to a Unix socket.  The address is used anew for each, so that a manager may open its
 * socket again; nothing waits in the kernel, since a worker sends.
 */
#include "serve/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/environment.h"
#include "net/socket.h"

/* How often, and how far apart, what must arrive is tried. */
enum { TRIES = 100 };
#define TRY_PAUSE wok_ms(10)

/* The watchdog's time; its variables may be meant for another process. */
static int read_watchdog(struct wok__notifier *notifier, char *const *environment, pid_t self)
{
    const char *time = wok__environment_find(environment, "WATCHDOG_USEC");
    const char *process = wok__environment_find(environment, "WATCHDOG_PID");
    unsigned long long number;

    if (time == NULL)
        return 0;
    if (process != NULL &&
        (!wok__environment_number(process, &number) || number != (unsigned long long)self))
        return 0;
    if (!wok__environment_number(time, &number) || number == 0 || number > UINT64_MAX / 1000)
        return -EINVAL;
    notifier->watchdog = wok_us(number);
    return 0;
}

int wok__notifier_init(struct wok__notifier *notifier, char *const *environment, pid_t self)
{
    const char *where = wok__environment_find(environment, "NOTIFY_SOCKET");
    int error;

    *notifier = (struct wok__notifier){.fd = -1};
    if (where == NULL || *where == '\0')
        return 0;
    if (*where != '/' && *where != '@')
        return -EINVAL;
    notifier->address_size = wok__socket_unix_address(where, &notifier->address);
    if (notifier->address_size == 0)
        return -EINVAL;
    error = read_watchdog(notifier, environment, self);
    if (error < 0)
        return error;
    notifier->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return notifier->fd < 0 ? -errno : 0;
}

void wok__notifier_done(struct wok__notifier *notifier)
{
    if (notifier->address_size != 0 && notifier->fd >= 0)
        close(notifier->fd);
    notifier->address_size = 0;
}

static int send_lines(const struct wok__notifier *notifier, const char *lines, size_t size)
{
    if (sendto(notifier->fd, lines, size, MSG_NOSIGNAL | MSG_DONTWAIT,
               (const struct sockaddr *)&notifier->address, notifier->address_size) < 0)
        return -errno;
    return 0;
}

int wok__notify(const struct wok__notifier *notifier, const char *format, ...)
{
    char lines[512];
    va_list args;
    int size;

    if (notifier->address_size == 0)
        return 0;
    va_start(args, format);
    size = vsnprintf(lines, sizeof lines, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof lines)
        return -EMSGSIZE;
    return send_lines(notifier, lines, (size_t)size);
}

int wok__notify_surely(const struct wok__notifier *notifier, const char *lines)
{
    int error = wok__notify(notifier, "%s", lines);

    for (int tries = 1; (error == -EAGAIN || error == -ENOBUFS) && tries < TRIES; tries++) {
        int code = wok_sleep(TRY_PAUSE);
        if (code < 0)
            return code;
        error = wok__notify(notifier, "%s", lines);
    }
    return error;
}

int wok__notify_reloading(const struct wok__notifier *notifier)
{
    char lines[96];
    struct timespec now;

    /* The manager tells by the time which of its reloads this is: its own clock, and no paused one. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
    return wok__notify_surely(notifier, lines);
}
