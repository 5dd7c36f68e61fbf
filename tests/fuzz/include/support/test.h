/*
 * test.h - in place of tests/support/test.h, for what the fuzz targets share with the tests.
 */
#ifndef WOK_TESTS_FUZZ_SUPPORT_TEST_H
#define WOK_TESTS_FUZZ_SUPPORT_TEST_H

#include "fuzz.h"

#define cr_assert(condition_, ...) FUZZ_CHECK(condition_, "of a test")
#define cr_assert_leq(a_, b_, ...) FUZZ_CHECK((a_) <= (b_), "of a test")
#define cr_assert_geq(a_, b_, ...) FUZZ_CHECK((a_) >= (b_), "of a test")
#define cr_assert_not_null(a_, ...) FUZZ_CHECK((a_) != NULL, "of a test")

#endif
