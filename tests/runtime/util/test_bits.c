/*
 * test_bits.c - bit operations at their edges.
 */
#include "util/bits.h"

#include "support/test.h"

Test(bits, finds_the_lowest_and_the_highest)
{
    for (unsigned i = 0; i < 64; i++) {
        uint64_t bit = (uint64_t)1 << i;
        cr_assert_eq(wok__bits_first(bit), i);
        cr_assert_eq(wok__bits_last(bit), i);
        cr_assert_eq(wok__bits_first(bit | UINT64_C(1) << 63), i);
        cr_assert_eq(wok__bits_last(bit | 1), i);
    }
}

Test(bits, counts_and_masks)
{
    for (unsigned i = 0; i <= 64; i++)
        cr_assert_eq(wok__bits_count(wok__bits_below(i)), i);
    cr_assert_eq(wok__bits_below(0), 0);
    cr_assert_eq(wok__bits_below(1), 1);
    cr_assert_eq(wok__bits_below(64), UINT64_MAX);
}

Test(bits, aligns_upwards)
{
    cr_assert_eq(wok__align_up(0, 16), 0);
    cr_assert_eq(wok__align_up(1, 16), 16);
    cr_assert_eq(wok__align_up(16, 16), 16);
    cr_assert_eq(wok__align_up(17, 4096), 4096);
}
