/*
 * start_error.c - what is said of a start that failed: what, why, and the cure.
 */
#include "serve/start_error.h"

#include <errno.h>
#include <string.h>

#include "log/log.h"
#include "serve/config.h"

static struct wok__log_site failed = WOK__LOG_SITE_UNLIMITED(WOK__LOG_ERROR, "");

const char *wok__cure_for(int error)
{
    switch (error) {
    case -EADDRINUSE:
        return "it is in use already, by another process or listener; end that, or take another one (port 0: any)";
    case -EACCES:
    case -EPERM:
    case -EROFS:
        return "ports below 1024 need a privilege, and a Unix socket a folder that may be written; use "
               "another one";
    case -ENOTSOCK:
        return "a file that is no socket is there; remove it, or give another path";
    case -ENOENT:
    case -ENOTDIR:
        return "make the folder of the Unix socket first";
    case -EBUSY:
        return "another process has locked the folder; end that, or give another folder";
    case -ENXIO:
        return "no socket of this name was passed; name it (FileDescriptorName= of systemd), or say fd:3";
    case -EADDRNOTAVAIL:
        return "this machine has no such address; use one of its own, or 0.0.0.0";
    case -EAFNOSUPPORT:
        return "this machine has no IPv6; use an IPv4 address";
    case -EMFILE:
    case -ENFILE:
        return "let it open more descriptors (ulimit -n, LimitNOFILE=)";
    case -ENOMEM:
    case -EAGAIN:
        return "let it have more memory and threads (ulimit -v, ulimit -u), or give --workers fewer";
    case -EIO:
    case -EBADF:
    case -ENOSPC:
        return "let stdout go where there is room";
    default:
        return "look this error up in errno(3)";
    }
}

int wok__cannot(const char *what, int error)
{
    bool lacks = error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EAGAIN;

    wok__log_printf(&failed, "cannot %s: %s; %s", what, strerror(-error), wok__cure_for(error));
    return lacks ? WOK__EXIT_UNAVAILABLE : WOK__EXIT_INTERNAL;
}

int wok__cannot_listen(const char *where, int error)
{
    wok__log_printf(&failed, "cannot listen on %s: %s; %s", where, strerror(-error),
                    wok__cure_for(error));
    return WOK__EXIT_UNAVAILABLE;
}
