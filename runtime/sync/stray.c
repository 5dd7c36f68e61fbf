/*
 * stray.c - the end of whoever unlocks what is not locked.
 *
 * To go on would let two in at the next occasion, far from here.  The word of the permits tells it for
 * nothing, since the unlock changes it anyway; whose lock it is, it does not tell.
 */
#include <wok/task.h>

#include "sync/permits.h"

__attribute__((cold)) void wok__stray_unlock(const char *file, int line, const char *call,
                                             const void *lock)
{
    wok_panic_at(file, line, "%s() of %p, which is not locked", call, lock);
}
