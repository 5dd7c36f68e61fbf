/*
 * thread.c - a thread of the server's own, beside those of the runtime.
 */
#include "log/thread.h"

#include <signal.h>

int wok__thread_begin(pthread_t *ret_thread, const char *name, size_t stack_bytes,
                      void *(*run)(void *argument), void *argument)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t blocked, before;
    pthread_attr_t attributes;
    int error;

    sigfillset(&blocked);
    for (size_t i = 0; i < WOK_COUNT(own); i++)
        sigdelset(&blocked, own[i]);
    pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, stack_bytes);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    error = pthread_create(ret_thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error == 0)
        (void)pthread_setname_np(*ret_thread, name);
    return -error;
}
