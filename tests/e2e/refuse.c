/*
 * refuse.c - a kernel that refuses one call, for one process: preloaded into it, this fails what
 * WOK_TEST_REFUSE="CALL ARGUMENT ERROR" says, a name and two numbers, each time its first argument is that.
 *
 * CALL is socket, prctl, or syscall.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static char refused[16];
static long refused_argument;
static int refused_error;

__attribute__((constructor)) static void read_what(void)
{
    const char *what = getenv("WOK_TEST_REFUSE");

    if (what == NULL ||
        sscanf(what, "%15s %ld %d", refused, &refused_argument, &refused_error) != 3)
        abort();
    unsetenv("WOK_TEST_REFUSE"); /* the server warns of names that it does not know */
}

static int refuses(const char *call, long argument)
{
    if (strcmp(call, refused) != 0 || argument != refused_argument)
        return 0;
    errno = refused_error;
    return 1;
}

int socket(int domain, int type, int protocol)
{
    static int (*next)(int, int, int);

    if (next == NULL)
        next = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
    return refuses("socket", domain) ? -1 : next(domain, type, protocol);
}

int prctl(int option, ...)
{
    static int (*next)(int, ...);
    unsigned long arguments[4];
    va_list args;

    va_start(args, option);
    for (int i = 0; i < 4; i++)
        arguments[i] = va_arg(args, unsigned long);
    va_end(args);
    if (next == NULL)
        next = (int (*)(int, ...))dlsym(RTLD_NEXT, "prctl");
    return refuses("prctl", option)
               ? -1
               : next(option, arguments[0], arguments[1], arguments[2], arguments[3]);
}

long syscall(long number, ...)
{
    static long (*next)(long, ...);
    long arguments[6];
    va_list args;

    va_start(args, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(args, long);
    va_end(args);
    if (next == NULL)
        next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    return refuses("syscall", number) ? -1
                                      : next(number, arguments[0], arguments[1], arguments[2],
                                             arguments[3], arguments[4], arguments[5]);
}
