/*
 * test.h - what every test includes: Criterion, or a stand-in for the part of it that we use.
 *
 * Criterion 2.4.1 aborts under ThreadSanitizer (its issue 274), so the tsan preset defines
 * WOK_TEST_STANDIN and compiles the same test sources against standin.h.  Tests therefore keep to the
 * macros that standin.h has.
 */
#ifndef WOK_TESTS_SUPPORT_TEST_H
#define WOK_TESTS_SUPPORT_TEST_H

#ifdef WOK_TEST_STANDIN
#include "support/standin.h"
#else
/* As a system header: Criterion's own code is not held to our warnings. */
#include <criterion/criterion.h>
#endif

#endif
