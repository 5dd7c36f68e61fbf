/*
 * cacheline.h - the unit that two processors fight over.
 */
#ifndef WOK_UTIL_CACHELINE_H
#define WOK_UTIL_CACHELINE_H

#include <stdalign.h>

/* 64 bytes on the machines we run on; adjacent-line prefetch is not worth doubling every queue. */
#define WOK__CACHE_LINE 64

#endif
