/*
 * assert.h - stands before the C library's, so that a failed assert() of the shipped code is a report
 * of the checker, with its trace, and not a crash.
 */
#ifndef WOK_MODEL_ASSERT_H
#define WOK_MODEL_ASSERT_H

#include "model.h"

#define assert(condition) model_assert(condition)
#define static_assert _Static_assert

#endif
