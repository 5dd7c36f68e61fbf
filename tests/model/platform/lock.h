/*
 * lock.h - stands before the shipped platform/lock.h in checks of what is built on a lock.
 *
 * A lock is one step of the checker here, where the shipped one is several with a spin: a hundredth of
 * the runs.  It orders what a lock promises to order ([lock.hand-over]) and no more.
 */
#if defined(MODEL_SHIPPED_LOCK) && !defined(MODEL_LOCK_SEARCHED) /* check_lock.c */
#define MODEL_LOCK_SEARCHED
#include <platform/lock.h> /* the mutant, if mutants.sh has put one in front; else this file again */
#elif defined(MODEL_SHIPPED_LOCK)
#include "../../../runtime/platform/lock.h"
#elif !defined(WOK_MODEL_PLATFORM_LOCK_H)
#define WOK_MODEL_PLATFORM_LOCK_H

#include <wok/future.h>

#include "model.h"

#define wok__lock_take(lock) model_lock((struct model_mutex *)(lock))
#define wok__lock_give(lock) model_unlock((struct model_mutex *)(lock))

#endif
