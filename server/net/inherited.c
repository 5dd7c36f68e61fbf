/*
 * inherited.c - the sockets that the process was started with, as the environment tells of them.
 *
 * The protocol is three variables, sd_listen_fds(3); docs/decisions/0050-operators-protocols.md says why it is
 * read here and not by a library.
 */
#include "net/inherited.h"

#include <errno.h>
#include <string.h>

#include <wok/base.h>

#include "net/environment.h"

int wok__inherited_read(char *const *environment, pid_t self, struct wok__inherited *ret_inherited)
{
    struct wok__inherited inherited = {0};
    const char *process = wok__environment_find(environment, "LISTEN_PID");
    const char *count = wok__environment_find(environment, "LISTEN_FDS");
    const char *names = wok__environment_find(environment, "LISTEN_FDNAMES");
    unsigned long long number;

    *ret_inherited = inherited;
    if (process == NULL || count == NULL)
        return 0;
    if (!wok__environment_number(process, &number))
        return -EINVAL;
    if (number != (unsigned long long)self)
        return 0;
    if (!wok__environment_number(count, &number))
        return -EINVAL;
    if (number > WOK__INHERITED_MAX)
        return -E2BIG;
    inherited.count = (unsigned)number;
    for (unsigned i = 0; names != NULL && i < inherited.count; i++) {
        size_t size = strcspn(names, ":");
        if (size < WOK__INHERITED_NAME_MAX)
            memcpy(inherited.names[i], names, size);
        names = names[size] == ':' ? names + size + 1 : NULL;
    }
    *ret_inherited = inherited;
    return 0;
}
