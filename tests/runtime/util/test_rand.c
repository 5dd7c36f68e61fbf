/*
 * test_rand.c - random numbers: known answers, ranges, an even spread.
 */
#include "util/rand.h"

#include "platform/entropy.h"
#include "support/seed.h"
#include "support/test.h"

/* The first numbers of SplitMix64 from 1234567, as published with the reference code. */
Test(rand, splits_as_the_reference_does)
{
    static const uint64_t want[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                    UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
                                    UINT64_C(16408922859458223821)};
    uint64_t state = 1234567;

    for (int i = 0; i < 5; i++)
        cr_assert_eq(wok__rand_split(&state), want[i]);
}

/* xoshiro256** from the state {1, 2, 3, 4}, worked out by hand from its definition: the first is
 * rotate(2 * 5, 7) * 9, and the state after it is {7, 0, 262146, 211106232532992}. */
Test(rand, steps_as_the_definition_says)
{
    struct wok__rand rand = {{1, 2, 3, 4}};

    cr_assert_eq(wok__rand_next(&rand), 11520);
    cr_assert_eq(rand.state[0], 7);
    cr_assert_eq(rand.state[1], 0);
    cr_assert_eq(rand.state[2], 262146);
    cr_assert_eq(rand.state[3], UINT64_C(211106232532992));
    cr_assert_eq(wok__rand_next(&rand), 0);
}

Test(rand, repeats_a_seed)
{
    struct wok__rand a, b, c;

    wok__rand_seed(&a, 42);
    wok__rand_seed(&b, 42);
    wok__rand_seed(&c, 43);
    uint64_t first = wok__rand_next(&a);
    cr_assert_eq(first, wok__rand_next(&b));
    cr_assert_neq(first, wok__rand_next(&c));
}

Test(rand, takes_a_seed_of_zero)
{
    struct wok__rand rand;

    wok__rand_seed(&rand, 0);
    cr_assert((rand.state[0] | rand.state[1] | rand.state[2] | rand.state[3]) != 0);
}

/* Six sides, 60,000 throws: each side 10,000 times, with a deviation of 91; ten of those are
 * allowed, which chance exceeds in one of 10^22 runs. */
Test(rand, throws_each_side_of_a_die_as_often)
{
    struct wok__rand rand = test_rand();
    int sides[6] = {0};

    for (int i = 0; i < 60000; i++) {
        uint64_t side = wok__rand_below(&rand, 6);
        cr_assert_lt(side, 6);
        sides[side]++;
    }
    for (int side = 0; side < 6; side++)
        cr_assert(sides[side] > 9090 && sides[side] < 10910);
}

/* A range of 3 * 2^62: without the rejection a third of the values would come twice as often, and
 * the mean of the draws' quarters would show it. */
Test(rand, is_even_in_a_range_that_does_not_divide)
{
    struct wok__rand rand = test_rand();
    uint64_t third = UINT64_C(1) << 62;
    int counts[3] = {0};
    int odd = 0;

    for (int i = 0; i < 30000; i++) {
        uint64_t value = wok__rand_below(&rand, 3 * third);
        cr_assert_lt(value, 3 * third);
        counts[value / third]++;
        odd += value % 4 == 1 || value % 4 == 2;
    }
    for (int i = 0; i < 3; i++)
        cr_assert(counts[i] > 9000 && counts[i] < 11000);
    cr_assert(odd > 14000 && odd < 16000);
}

Test(rand, has_one_number_below_one)
{
    struct wok__rand rand = test_rand();

    for (int i = 0; i < 100; i++)
        cr_assert_eq(wok__rand_below(&rand, 1), 0);
}

Test(rand, gets_different_numbers_from_the_kernel)
{
    cr_assert_neq(wok__rand_entropy(), wok__rand_entropy());
}
